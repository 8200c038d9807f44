// One message is one binary frame: the length of its header (uint32, big-endian), the header as
// JSON, then the buffers whose lengths `header.buffers` gives.

/** Return the frame of `message` and its `buffers`. */
export function encode(message, buffers) {
  const lengths = buffers.map((buffer) => buffer.byteLength);
  const header = new TextEncoder().encode(JSON.stringify({ ...message, buffers: lengths }));
  const size = new DataView(new ArrayBuffer(4));
  size.setUint32(0, header.length);
  return new Blob([size, header, ...buffers]);
}

/** Return the message in a `frame`, an ArrayBuffer, with each {"$buffer": i} replaced by bytes. */
export function decode(frame) {
  const size = new DataView(frame).getUint32(0);
  const text = new TextDecoder().decode(new Uint8Array(frame, 4, size));
  const { buffers: lengths = [], ...message } = JSON.parse(text);
  let end = 4 + size;
  const buffers = lengths.map((length) => new Uint8Array(frame, (end += length) - length, length));
  return filled(message, buffers);
}

/** Return `value` with the bytes that it refers to, at any depth. */
function filled(value, buffers) {
  if (value === null || typeof value !== "object") return value;
  if (Array.isArray(value)) return value.map((item) => filled(item, buffers));
  if ("$buffer" in value) return buffers[value.$buffer];
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, filled(item, buffers)]));
}
