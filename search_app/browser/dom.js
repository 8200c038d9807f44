// Small tools for the other files: make an element, turn bytes into a picture, wait for a pause.
// widget.py joins the files of this folder into one module; there is no build step.

/** Return an element; properties that start with "on" listen, others are attributes. */
function h(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value !== null && value !== undefined && value !== false)
      element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return element;
}

/** Return the address of a picture that came as bytes; only ever used as an image. */
function pictureUrl(bytes) {
  return URL.createObjectURL(new Blob([bytes], { type: "image/jpeg" }));
}

/** Free the memory of all pictures below `element`. */
function release(element) {
  for (const image of element.querySelectorAll("img[src^='blob:']")) URL.revokeObjectURL(image.src);
}

/** Return `action`, delayed until it has not been called for `pause` milliseconds. */
function debounced(action, pause = 150) {
  let timer = 0;
  return (...values) => {
    clearTimeout(timer);
    timer = setTimeout(() => action(...values), pause);
  };
}

/** Return a button; `kind` is one of the classes in app.css. */
function button(text, onclick, kind = "", attributes = {}) {
  return h("button", { type: "button", class: `ris-button ${kind}`, onclick, ...attributes }, text);
}

const count = (number) => number.toLocaleString("en-US");
const plural = (number, one, many = `${one}s`) => `${count(number)} ${number === 1 ? one : many}`;
const labelText = (labels) => (labels.length ? labels.join(", ") : "no label");
let lastId = 0;
const newId = (name) => `ris-${name}-${++lastId}`;
