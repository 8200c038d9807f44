// The connection to Python: every message is acknowledged, which tells a dead kernel from a slow one.

const TIMEOUT_MS = 10000; // a kernel that loads TensorFlow may not answer for some seconds
const BYTES_PER_MS = 100; // what even a slow network carries
const PING_MS = 5000; // between pings, while something is being worked on

/** Return `send`, the `notice` that appears when nobody answers, and `leave`, which ends both. */
function connect(model) {
  // A popover is above everything, wherever the page is scrolled to.
  const notice = h("p", { class: "ris-error ris-notice", role: "alert", popover: "manual" });
  let [number, timer] = [0, 0];
  const silent = () => {
    timer = 0;
    notice.textContent = "The program behind this page isn't answering. Reload the page; in a notebook, wait for running cells to finish, or run this cell again.";
    raise(notice);
  };
  const wait = (size) => {
    timer ||= setTimeout(silent, TIMEOUT_MS + size / BYTES_PER_MS); // asking again doesn't buy time
  };
  const send = (message, buffers = []) => {
    wait(buffers.reduce((sum, buffer) => sum + buffer.byteLength, 0));
    model.send({ ...message, number: ++number }, undefined, buffers);
  };
  const heard = (answer) => {
    clearTimeout(timer);
    timer = 0;
    if (answer.heard < number) wait(0); // a later message is still on its way
    if (notice.isConnected) notice.hidePopover();
    notice.textContent = "";
  };
  const parts = ["status", "large", "why", "groups"];
  const working = () => parts.some((part) => model.get(part).busy) || model.get("folder").state === "loading";
  const pings = setInterval(() => working() && !notice.textContent && send({ do: "ping" }), PING_MS);
  model.on("msg:custom", heard);
  const leave = () => {
    model.off("msg:custom", heard);
    clearInterval(pings);
    clearTimeout(timer);
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
