// The closer looks: one picture enlarged with its boxes, and why two pictures match.

/** Return the one dialog; `app.openLarge(hit)` and `app.openWhy(hit)` fill and open it. */
function dialogs(app) {
  const body = h("div", { class: "ris-dialog-body" });
  const title = h("h2", { id: newId("title") });
  const close = button("Close", () => dialog.close(), "ris-small");
  const dialog = h("dialog", { class: "ris-dialog", "aria-labelledby": title.id, onclick: (event) => {
    if (event.target === dialog) dialog.close(); // beside the content
  } }, h("div", { class: "ris-dialog-head ris-split" }, title, close), body);
  let current = null;
  const open = (hit, text, message) => {
    current = { hit, kind: message.do };
    title.textContent = text;
    fill(body, h("p", { class: "ris-waiting", role: "status" }, "One moment …"));
    if (!dialog.open) dialog.showModal();
    app.send(message);
  };
  app.openLarge = (hit) => open(hit, labelText(hit.labels || []), { do: "large", id: hit.id });
  app.openWhy = (hit) => open(hit, "Why these two match", { do: "why", id: hit.id });
  const draw = (kind, content) => app.on(kind, (view) => {
    if (current?.kind !== kind) return;
    if (view.error) fill(body, h("p", { class: "ris-error", role: "alert" }, view.error));
    else if (view.id === current.hit.id) fill(body, ...content(view));
  });
  draw("large", (view) => largeView(app, view, current.hit, dialog));
  draw("why", whyView);
  return dialog;
}

/** Replace what the dialog shows. */
function fill(body, ...content) {
  release(body);
  body.replaceChildren(...content);
}

/** Return the large picture with a frame and a name on each annotated object. */
function largeView(app, view, hit, dialog) {
  const frame = h("div", { class: "ris-large" }, h("img", { src: pictureUrl(view.picture), alt: labelText(view.labels) }));
  for (const { label, box } of view.boxes) {
    const element = h("div", { class: "ris-object" }, h("span", {}, label));
    place(element, box);
    frame.append(element);
  }
  const about = [view.path, `${view.size[0]} × ${view.size[1]} pixels`, plural(view.boxes.length, "annotated object")];
  if (hit.score !== undefined) about.push(`score ${hit.score.toFixed(3)}`);
  const again = () => {
    dialog.close();
    app.send({ do: "pick", id: view.id });
  };
  return [frame, h("p", { class: "ris-hint" }, about.join("  ·  ")),
    h("div", { class: "ris-actions" }, button("Search with this", again, "ris-primary"), hit.score === undefined ? null : button("Why?", () => app.openWhy(hit)))];
}

/** Return both pictures under their heat maps. */
function whyView(view) {
  const names = ["Your picture", view.name];
  const figures = view.pictures.map((bytes, index) => h("figure", {},
    h("img", { src: pictureUrl(bytes), alt: `${names[index]}, bright where it adds most to the score` }),
    h("figcaption", {}, names[index])));
  return [h("div", { class: "ris-pair" }, figures),
    h("p", { class: "ris-hint" }, "Bright areas add most to the score of this pair; dark, grey areas add little.")];
}
