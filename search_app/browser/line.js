// The line to Python: every message is acknowledged, so that silence can be told from patience.

const PATIENCE = 10000; // ms; a kernel that loads TensorFlow can be deaf for some seconds
const SLOWEST = 100; // bytes that even a slow line carries in a ms
const PULSE = 5000; // ms between questions while something is being worked on

/** Return `send`, the `notice` that appears when nobody answers, and `leave`, which ends both. */
function lineTo(model) {
  // A popover lies above everything, wherever the page is scrolled to.
  const notice = h("p", { class: "ris-error ris-notice", role: "alert", popover: "manual" });
  let [number, timer] = [0, 0];
  const silent = () => {
    timer = 0;
    notice.textContent = "The program behind this page does not answer. Reload the page; in a notebook, wait for the cells that run, or run this one again.";
    raise(notice);
  };
  const wait = (size) => {
    timer ||= setTimeout(silent, PATIENCE + size / SLOWEST); // asking again does not buy time
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
  const working = () => model.get("status").busy || model.get("why").busy || model.get("groups").busy || model.get("folder").state === "loading";
  const pulse = setInterval(() => working() && !notice.textContent && send({ do: "ping" }), PULSE);
  model.on("msg:custom", heard);
  const leave = () => {
    model.off("msg:custom", heard);
    clearInterval(pulse);
    clearTimeout(timer);
  };
  return { send, notice, leave };
}

/** Show the notice, inside the dialog if one is open, because what is beside it is not read out. */
function raise(notice) {
  const page = notice.closest(".ris");
  if (!page?.isConnected || !notice.textContent) return;
  const dialog = page.querySelector("dialog[open]");
  (dialog || page).append(notice);
  notice.showPopover();
  dialog?.addEventListener("close", () => raise(notice), { once: true });
}
