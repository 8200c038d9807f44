// The page: waits for the service, connects, and connects again whenever the connection is lost.
// This folder is all that the page has and the widget hasn't. The rest is app.js: the files of the
// folder above, joined into one module just as widget.py joins them.

import app from "./app.js";
import { decode } from "./frames.js";
import { Model } from "./model.js";

const PAUSES_MS = [500, 1000, 2000, 3500, 5000]; // before each further try
const STARTING_MS = 500; // between questions to a service that is starting
const PATIENCE_MS = 5000; // for an answer
const TAKEN_OVER = 4001; // close code: a newer tab has this session, because this one was duplicated
const FORBIDDEN = 4003; // close code: the token is wrong or missing
const FULL = 1013; // close code: no room for another visitor
const GONE = "The search service isn't answering. This page carries on by itself as soon as it's back.";
const NO_ROOM = "The search service has as many visitors as it can take. This page keeps trying by itself.";
const NO_TOKEN = "This address needs a token. Open the link that the service printed when it started.";

const waiting = document.getElementById("waiting");
const model = new Model();

/** Return this tab's session ID, which survives a reload; `renew` takes another one. */
function sessionId(renew = false) {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  const fresh = [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  try {
    if (renew || !sessionStorage.session) sessionStorage.session = fresh;
    return sessionStorage.session;
  } catch {
    return fresh; // a browser that stores nothing: a reload starts from scratch
  }
}

/** Return where the service stands: {ready: true}, or {text, done, total, starting}. */
async function readiness() {
  try {
    const answer = await fetch("readyz", { cache: "no-store", signal: AbortSignal.timeout(PATIENCE_MS) });
    if (answer.ok) return { ready: true };
    const { detail, step, done, total } = await answer.json();
    return { text: detail || step, done, total, starting: true };
  } catch {
    return { text: GONE };
  }
}

/** Say what the page is waiting for: in its place at first, later above what it shows. */
function say({ text, done = 0, total = 0 }) {
  model.emit("offline", text);
  const [status, bar] = waiting.querySelectorAll("[role=status], progress");
  if (status.textContent !== text) status.textContent = text; // read aloud once, not twice a second
  bar.hidden = !total;
  if (total) Object.assign(bar, { max: total, value: done });
}

/** Draw the page when it hears from the service for the first time. */
function show() {
  if (!waiting.isConnected) return;
  const el = document.createElement("div");
  waiting.replaceWith(el);
  app.render({ model, el });
}

/** Talk to the service until the connection ends; return {code, heard}: why, and whether the service ever spoke. */
function converse() {
  const address = new URL(`ws?session=${sessionId()}`, location.href.replace(/^http/, "ws"));
  const socket = new WebSocket(address);
  socket.binaryType = "arraybuffer";
  model.socket = socket;
  let heard = false;
  return new Promise((closed) => {
    socket.onmessage = ({ data }) => {
      const message = decode(data);
      if (heard) return model.receive(message);
      heard = true;
      model.resume(message);
      return show();
    };
    socket.onclose = ({ code }) => closed({ code, heard });
  });
}

/** Connect for as long as the page is open. */
async function run() {
  for (let failures = 0; ; ) {
    const state = await readiness();
    if (state.ready) {
      const { code, heard } = await converse();
      if (heard) failures = 0;
      if (code === FORBIDDEN) return say({ text: NO_TOKEN });
      if (code === TAKEN_OVER) {
        sessionId(true);
        continue;
      }
      say({ text: code === FULL ? NO_ROOM : GONE });
    } else say(state);
    const pause = PAUSES_MS[Math.min(failures++, PAUSES_MS.length - 1)];
    await new Promise((done) => setTimeout(done, state.starting ? STARTING_MS : pause));
  }
}

run();
