// The visitor's session as anywidget's model (get, set, on, off, send), over a WebSocket that may
// break at any time: what wasn't heard is sent again, and a restarted service is told what it lost.

import { encode } from "./frames.js";

const QUERIES = ["upload", "open", "pick", "clear"];
const CHANGES = ["region", "remove", "refine"]; // to a query that is there

export class Model {
  socket = null;
  parts = { samples: [] };
  listeners = {};
  unheard = []; // {message, buffers} that the service hasn't acknowledged yet
  asked = null; // the last of QUERIES that was sent
  lasting = { changes: [] }; // what a service that has lost this session needs: settings, query, changes
  restoring = false; // what was lost; meanwhile the old query and results stay in sight

  get = (name) => (this.parts[name] ??= {}); // always the same object, so that it can be compared
  on = (event, action) => (this.listeners[event] ||= new Set()).add(action);
  off = (event, action) => this.listeners[event]?.delete(action);
  emit = (event, value) => this.listeners[event]?.forEach((action) => action(value));

  set(name, value) {
    this.parts[name] = value;
    this.emit(`change:${name}`, value);
  }

  send(message, _callbacks, buffers = []) {
    const one = { message, buffers };
    if (QUERIES.includes(message.do)) [this.asked, this.restoring] = [one, false];
    if (message.do === "choose") this.lasting.settings = one;
    if (message.do === "mark") this.parts.marks = message.marks; // as the service will say, if it lives to hear it
    if (CHANGES.includes(message.do)) this.lasting.changes = [...this.lasting.changes.filter((other) => !replaces(message, other)), message];
    this.unheard = this.unheard.filter((other) => !replaces(message, other.message));
    this.unheard.push(one);
    this.transmit(one);
  }

  transmit({ message, buffers = [] }) {
    if (this.socket?.readyState === WebSocket.OPEN) this.socket.send(encode(message, buffers));
  }

  /** Take what the service says: parts that changed, or which message it has heard. */
  receive({ parts: { ...parts } = {}, heard }) {
    if (parts.query) this.note(parts.query);
    if (this.restoring) {
      for (const name of ["query", "marks", "results"]) delete parts[name];
    }
    for (const [name, value] of Object.entries(parts)) this.set(name, value);
    if (!heard) return; // 0 answers what `resume` sends
    this.unheard = this.unheard.filter(({ message }) => message.number > heard);
    this.emit("msg:custom", { heard });
  }

  /** Remember which message made the `query` that is shown; restore one change after the other. */
  note(query) {
    if (this.restoring && !query.picture) return; // not yet: a change needs a picture
    if (this.restoring && this.pending.length) return this.again(this.pending.shift());
    if (this.restoring) this.again({ do: "mark", marks: this.get("marks") });
    this.restoring = false;
    const { settings, query: before, changes } = this.lasting;
    this.lasting = { settings, query: query.picture ? this.asked : null, changes: before === this.asked ? changes : [] };
  }

  /** Say something again to a service that has lost it. */
  again(message, buffers = []) {
    this.transmit({ message: { ...message, number: 0 }, buffers });
  }

  /** Take the parts that a new connection begins with, and carry on where the last one broke off. */
  resume({ parts }) {
    const { settings, query, changes } = this.lasting;
    this.restoring = Boolean(query) && !parts.query?.picture; // else the service knows this session
    this.pending = [...changes];
    this.receive({ parts });
    const lost = this.restoring ? [settings, query].filter((one) => one && !this.unheard.includes(one)) : [];
    for (const { message, buffers } of lost) this.again(message, buffers);
    this.unheard.forEach((one) => this.transmit(one));
    this.emit("online");
  }
}

/** Return whether an unheard `other` is pointless now that `message` is sent. */
function replaces(message, other) {
  return ["do", "text", "folder", "at"].every((name) => message[name] === other[name]);
}
