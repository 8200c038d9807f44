// The connection to Python: every message is acknowledged, which tells a dead kernel from a slow one.
// A page of its own also says when its connection is lost ("offline") and when it's back ("online").

const TIMEOUT_MS = 10000; // a kernel that loads TensorFlow may not answer for some seconds
const BYTES_PER_MS = 100; // what even a slow network carries
const PING_MS = 5000; // between pings, while something is being worked on

/** Return `send`, which numbers messages, the `notice` that appears when nobody answers, and `leave`, which ends both. */
function connect(model) {
  // A popover is above everything, wherever the page is scrolled to.
  const notice = h("p", { class: "ris-error ris-notice", role: "alert", popover: "manual" });
  let [number, answered, timer, offline] = [0, 0, 0, false];
  const show = (text) => {
    if (notice.textContent === text) return; // read aloud once
    notice.textContent = text;
    raise(notice);
  };
  const hide = () => {
    if (notice.isConnected) notice.hidePopover();
    notice.textContent = "";
  };
  const stop = () => {
    clearTimeout(timer);
    timer = 0;
  };
  const silent = () => {
    timer = 0;
    show("The program behind this page isn't answering. Reload the page; in a notebook, wait for running cells to finish, or run this cell again.");
  };
  const wait = (size = 0) => {
    if (offline) return; // the notice says so already
    timer ||= setTimeout(silent, TIMEOUT_MS + size / BYTES_PER_MS); // asking again doesn't buy time
  };
  const send = (message, buffers = []) => {
    wait(buffers.reduce((sum, buffer) => sum + buffer.byteLength, 0));
    model.send({ ...message, number: ++number }, undefined, buffers);
    return number;
  };
  const handlers = {
    "msg:custom": (answer) => {
      stop();
      hide();
      answered = answer.heard;
      if (answered < number) wait(); // a later message is still on its way
    },
    offline: (text) => {
      stop();
      offline = true;
      show(text);
    },
    online: () => {
      offline = false;
      hide();
      if (answered < number) wait();
    },
  };
  for (const [event, handler] of Object.entries(handlers)) model.on(event, handler);
  const parts = ["status", "large", "why", "groups"];
  const working = () => parts.some((part) => model.get(part).busy) || model.get("folder").state === "loading";
  const pings = setInterval(() => working() && !notice.textContent && send({ do: "ping" }), PING_MS);
  const leave = () => {
    for (const [event, handler] of Object.entries(handlers)) model.off(event, handler);
    clearInterval(pings);
    stop();
  };
  return { send, notice, leave };
}

/** Show the notice, inside the dialog if one is open: screen readers skip what is outside it. */
function raise(notice) {
  const page = notice.closest(".ris");
  if (!page?.isConnected || !notice.textContent) return;
  const dialog = page.querySelector("dialog[open]");
  (dialog || page).append(notice);
  notice.showPopover();
  dialog?.addEventListener("close", () => raise(notice), { once: true });
}
