// Searching with a region: a rectangle on the query picture, by pointer or by keyboard.

const STEP = 0.05; // how far an arrow key moves an edge, as a fraction of the picture
const SMALLEST_DRAG = 0.03; // less than this was a click, not a rectangle

/** Return the query picture with its rectangle. */
function regionPicture(app, query) {
  const frame = h("div", {
    class: "ris-region", tabindex: "0", role: "group",
    "aria-label": "Query picture. Arrow keys move a rectangle; with Shift they resize it. Enter searches with it, Escape goes back to the whole picture.",
  });
  const box = h("div", { class: "ris-box", hidden: !query.region });
  const image = h("img", { src: pictureUrl(query.picture), alt: `Your query: ${query.name}`, draggable: "false" });
  frame.append(image, box);
  const state = { region: query.region || null };
  if (state.region) place(box, state.region);
  byPointer(app, frame, box, state);
  byKeyboard(app, frame, box, state);
  return frame;
}

/** Put the rectangle where `region` (left, top, right, bottom; 0 to 1) says. */
function place(box, [left, top, right, bottom]) {
  box.hidden = false;
  box.style.left = `${left * 100}%`;
  box.style.top = `${top * 100}%`;
  box.style.width = `${(right - left) * 100}%`;
  box.style.height = `${(bottom - top) * 100}%`;
}

/** Draw the rectangle between two corners while the pointer is down. */
function byPointer(app, frame, box, state) {
  let start = null;
  const at = (event) => {
    const area = frame.getBoundingClientRect();
    const fraction = (value) => Math.max(0, Math.min(1, value));
    return [fraction((event.clientX - area.left) / area.width), fraction((event.clientY - area.top) / area.height)];
  };
  const between = ([a, b], [c, d]) => [Math.min(a, c), Math.min(b, d), Math.max(a, c), Math.max(b, d)];
  frame.addEventListener("pointerdown", (event) => {
    start = at(event);
    frame.setPointerCapture(event.pointerId);
  });
  frame.addEventListener("pointermove", (event) => {
    if (start) place(box, between(start, at(event)));
  });
  frame.addEventListener("pointerup", (event) => {
    if (!start) return;
    const region = between(start, at(event));
    start = null;
    if (region[2] - region[0] > SMALLEST_DRAG && region[3] - region[1] > SMALLEST_DRAG)
      app.send({ do: "region", region: (state.region = region) });
    else if (state.region) place(box, state.region);
    else box.hidden = true;
  });
  frame.addEventListener("pointercancel", () => (start = null));
}

/** Move and resize with the arrow keys, for whoever doesn't use a mouse. */
function byKeyboard(app, frame, box, state) {
  const moves = { ArrowLeft: [-STEP, 0], ArrowRight: [STEP, 0], ArrowUp: [0, -STEP], ArrowDown: [0, STEP] };
  frame.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && state.region) return app.send({ do: "region", region: (state.region = null) });
    if (event.key === "Enter" && state.region) return app.send({ do: "region", region: state.region });
    if (!moves[event.key]) return undefined;
    event.preventDefault();
    const [left, top, right, bottom] = state.region || [0.25, 0.25, 0.75, 0.75];
    const [x, y] = moves[event.key];
    state.region = event.shiftKey ? resized(left, top, right + x, bottom + y) : moved(left + x, top + y, right - left, bottom - top);
    return place(box, state.region);
  });
}

const resized = (left, top, right, bottom) => [left, top, Math.max(left + 0.1, Math.min(1, right)), Math.max(top + 0.1, Math.min(1, bottom))];

/** Return the rectangle of this size, kept inside the picture. */
function moved(left, top, width, height) {
  const x = Math.max(0, Math.min(1 - width, left));
  const y = Math.max(0, Math.min(1 - height, top));
  return [x, y, x + width, y + height];
}
