// The line to Python: every message is acknowledged, so that silence can be told from patience.

const PATIENCE = 10000; // ms; a kernel that loads TensorFlow can be deaf for some seconds
const SLOWEST = 100; // bytes that even a slow line carries in a ms
const PULSE = 5000; // ms between questions while something is being worked on

/** Return `send`, the `notice` that appears when nobody answers, and `leave`, which ends both. */
function lineTo(model) {
  const notice = h("p", { class: "ris-error ris-notice", role: "alert" });
  let [number, timer] = [0, 0];
  const silent = () => {
    notice.textContent = "The program behind this page does not answer. Reload the page; in a notebook, wait for the cells that run, or run this one again.";
  };
  const send = (message, buffers = []) => {
    const size = buffers.reduce((sum, buffer) => sum + buffer.byteLength, 0);
    clearTimeout(timer);
    timer = setTimeout(silent, PATIENCE + size / SLOWEST);
    model.send({ ...message, number: ++number }, undefined, buffers);
  };
  const heard = (answer) => {
    if (answer.heard !== number) return; // a later message is still on its way
    clearTimeout(timer);
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
