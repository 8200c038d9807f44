// The query: uploads, a drop, a paste, a path or address, or an indexed picture; then the picture itself.

const MAX_SIDE = 1600; // pixels; larger photos are scaled down before upload: VGG16 sees 224
const SMALL_FILE_BYTES = 1500000; // smaller files are uploaded as they are

/** Return the bytes to send for `file`: a large photo as a smaller JPEG, anything else as it is. */
async function shrunk(file) {
  if (file.size <= SMALL_FILE_BYTES) return new Uint8Array(await file.arrayBuffer());
  try {
    const bitmap = await createImageBitmap(file, { imageOrientation: "from-image" });
    const scale = Math.min(1, MAX_SIDE / Math.max(bitmap.width, bitmap.height));
    const canvas = h("canvas", {
      width: Math.round(bitmap.width * scale),
      height: Math.round(bitmap.height * scale),
    });
    const context = canvas.getContext("2d");
    context.fillStyle = "white";
    context.fillRect(0, 0, canvas.width, canvas.height);
    context.drawImage(bitmap, 0, 0, canvas.width, canvas.height);
    const blob = await new Promise((done) => canvas.toBlob(done, "image/jpeg", 0.92));
    return new Uint8Array(await blob.arrayBuffer());
  } catch {
    return new Uint8Array(await file.arrayBuffer()); // Python says what is wrong with it
  }
}

/** Return the panel where a query is chosen and, once there is one, stays visible. */
function queryPanel(app) {
  const empty = chooser(app);
  const chosen = h("div", { class: "ris-chosen" });
  const identicalHit = h("p", { class: "ris-good", role: "status" });
  const error = h("p", { class: "ris-error", role: "alert" });
  const panel = h("section", { class: "ris-query", "aria-label": "Query picture" });
  const title = h("h2", {}, "Your picture");
  panel.append(title, chosen, identicalHit, error, empty);
  let [comingNote, note] = ["", ""]; // about files that weren't sent, until another query comes
  app.leaveOut = (sentence) => (comingNote = sentence);
  const showError = () => {
    const status = app.get("status");
    if (status.error) comingNote = "";
    error.textContent = status.error || (status.busy ? "" : note);
  };
  app.on("query", (query) => {
    [note, comingNote] = [comingNote, ""];
    showError();
    const focused = chosen.contains(document.activeElement) ? `.${[...document.activeElement.classList].at(-1)}` : "";
    release(chosen);
    chosen.replaceChildren(...(query.picture ? queryPicture(app, query) : []));
    if (focused) (chosen.querySelector(focused) || chosen.querySelector(".ris-region"))?.focus({ preventScroll: true });
    title.textContent = query.more?.length ? "Your pictures" : "Your picture";
    empty.classList.toggle("ris-compact", Boolean(query.picture));
  });
  app.on("results", (results) => {
    identicalHit.textContent = results.identical_hit ? `This picture is in this data set: ${results.identical_hit}` : "";
  });
  app.on("status", (status) => {
    showError();
    if (status.error) error.textContent = status.error; // the page itself may say something, too
  });
  acceptDrops(app, panel);
  return panel;
}

/** Send files from the computer, which are one query together, or say in place why not. */
async function upload(app, files) {
  const { max_mb: limit, max_pictures: most } = app.get("facts");
  if (files.length > most) return app.say({ error: `At most ${most} pictures make one query. Choose fewer.` });
  app.say({ busy: "Reading the picture" });
  const read = [];
  for (const file of files) read.push({ name: file.name, bytes: await shrunk(file) }); // one after the other: photos are large
  const fits = (...some) => some.reduce((sum, { bytes }) => sum + bytes.length, 0) <= limit * 1e6;
  const fitting = read.filter((one) => fits(one));
  const large = read.find((one) => !fits(one));
  const sentence = large ? `“${large.name}” is larger than ${limit} MB. Use a smaller copy.` : "";
  if (!fitting.length) return app.say({ error: sentence });
  if (!fits(...fitting)) return app.say({ error: `Together, these files are larger than ${limit} MB. Choose fewer, or smaller copies.` });
  app.leaveOut(sentence);
  return app.send({ do: "upload", names: fitting.map((one) => one.name) }, fitting.map((one) => one.bytes));
}

/** Return the controls for choosing: file, path or address, and a strip of indexed pictures. */
function chooser(app) {
  const input = h("input", {
    type: "file", accept: ".jpg,.jpeg,.png", multiple: true, class: "ris-file", "aria-label": "Choose picture files",
    onchange: () => {
      if (input.files.length) upload(app, [...input.files]);
      input.value = ""; // so that the same file can be chosen again
    },
  });
  const limit = `JPEG or PNG, at most ${app.get("facts").max_mb} MB. Large photos are scaled down before upload. Several at once are one query.`;
  const drop = h("label", { class: "ris-drop" }, input,
    h("span", { class: "ris-drop-title" }, "Choose a picture"),
    h("span", { class: "ris-drop-or" }, "or drop it here"),
    h("span", { class: "ris-hint" }, limit));
  return h("div", { class: "ris-chooser" }, drop, addressBox(app), suggestions(app));
}

/** Return the box for a path on this computer or an address on the web. */
function addressBox(app) {
  const id = newId("address");
  const input = h("input", { id, type: "text", placeholder: "https://… or a path", spellcheck: "false", autocomplete: "off" });
  const form = h("form", { class: "ris-row", onsubmit: (event) => {
    event.preventDefault();
    if (input.value.trim()) app.send({ do: "open", text: input.value });
  } }, input, h("button", { class: "ris-button", type: "submit" }, "Search"));
  return h("div", { class: "ris-field" }, h("label", { for: id }, "Web address or path"), form);
}

/** Return the strip of indexed pictures that can be clicked on. */
function suggestions(app) {
  const strip = h("div", { class: "ris-strip" });
  app.on("samples", (samples) => {
    release(strip);
    strip.replaceChildren(...samples.map((sample) => h("button", {
      type: "button", class: "ris-thumb", title: labelText(sample.labels),
      onclick: () => app.send({ do: "pick", id: sample.id }),
    }, h("img", { src: pictureUrl(sample.thumb), alt: `Search with ${sample.id}: ${labelText(sample.labels)}` }))));
  });
  const head = h("div", { class: "ris-split" }, h("span", { class: "ris-label" }, "Or pick one of these"),
    button("Show others", () => app.send({ do: "suggest" }), "ris-link"));
  return h("div", { class: "ris-field" }, head, strip);
}

/** Return what is shown of the chosen query: picture with region, name, size, remove. */
function queryPicture(app, query) {
  const [width, height] = query.size;
  const about = `${width} × ${height} pixels${query.labels.length ? ` · ${query.labels.join(", ")}` : ""}`;
  const remove = () => app.send(query.more?.length ? { do: "remove", at: query.number } : { do: "clear" });
  const whole = button("Whole picture", () => app.send({ do: "region", region: null }), "ris-link");
  const actions = h("div", { class: "ris-actions" }, button("Remove", remove, "ris-small", { "aria-label": "Remove the query picture" }));
  const hint = query.region ? "Searching with this region." : "Drag a rectangle to search with a region.";
  return [regionPicture(app, query),
    h("div", { class: "ris-split" }, h("div", { class: "ris-name" }, h("strong", { title: query.name }, query.name), h("span", {}, about)), actions),
    h("div", { class: "ris-split" }, h("p", { class: "ris-hint" }, hint), query.region ? whole : null),
    alsoSearched(app, query)].filter(Boolean);
}

/** Let the whole panel take a file that is dropped on it. */
function acceptDrops(app, panel) {
  const mark = (on) => (event) => {
    event.preventDefault();
    event.stopPropagation(); // JupyterLab would take it for a cell or a new file
    panel.classList.toggle("ris-over", on);
  };
  panel.addEventListener("dragenter", mark(true));
  panel.addEventListener("dragover", mark(true));
  panel.addEventListener("dragleave", mark(false));
  panel.addEventListener("drop", (event) => {
    mark(false)(event);
    const files = [...event.dataTransfer.files];
    if (files.length) upload(app, files);
  });
}

/** Take pictures that are pasted while the page, or nothing else, has the focus; return what ends that. */
function acceptPastes(app, page) {
  const paste = (event) => {
    const files = [...event.clipboardData.files].filter((file) => file.type.startsWith("image/"));
    if (!files.length || !(page.contains(event.target) || event.target === document.body)) return;
    event.preventDefault();
    event.stopPropagation(); // JupyterLab would make an attachment of it
    upload(app, files);
  };
  document.addEventListener("paste", paste, true);
  return () => document.removeEventListener("paste", paste, true);
}
