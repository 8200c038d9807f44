// How many results, which classes, what minimum score: every change searches again after a short pause.

/** Return the panel of controls. */
function controlsPanel(app) {
  const facts = app.get("facts");
  const options = { k: 12, labels: [], mode: "any", min_score: null };
  const choose = debounced(() => app.send({ do: "choose", options }), 60);
  const change = (name, value) => {
    options[name] = value;
    choose();
  };
  const panel = h("section", { class: "ris-controls", "aria-label": "Search settings" }, h("h2", {}, "Settings"));
  panel.append(
    slider("How many results", { min: 1, max: 100, step: 1, value: 12 }, String, (value) => change("k", value)),
    slider("Minimum score", { min: 0, max: 1, step: 0.05, value: 0 },
      (value) => (value ? value.toFixed(2) : "any"), (value) => change("min_score", value || null)),
  );
  if (facts.engines.length > 1) panel.append(engineChoice(facts.engines, change));
  if (facts.classes.length) panel.append(classFilter(facts.classes, change));
  return panel;
}

/** Return a labelled slider that shows its value as `text(value)`. */
function slider(name, range, text, onvalue) {
  const id = newId("slider");
  const output = h("output", { for: id }, text(range.value));
  const input = h("input", { id, type: "range", ...range, oninput: () => {
    output.textContent = text(Number(input.value));
    input.setAttribute("aria-valuetext", output.textContent);
    onvalue(Number(input.value));
  } });
  return h("div", { class: "ris-field" }, h("div", { class: "ris-split" }, h("label", { for: id }, name), output), input);
}

/** Return the choice between embeddings, each with an index of its own. */
function engineChoice(names, change) {
  const id = newId("engine");
  const select = h("select", { id, onchange: () => change("engine", select.value) }, names.map((name) => h("option", { value: name }, name)));
  return h("div", { class: "ris-field" }, h("label", { for: id }, "Embedding"), select);
}

/** Return the class chips with their any, all or none. */
function classFilter(classes, change) {
  const chosen = new Set();
  const clear = button("Clear", () => {
    chosen.clear();
    for (const box of chips.querySelectorAll("input")) box.checked = false;
    update();
  }, "ris-link", { hidden: true });
  const update = () => {
    clear.hidden = chosen.size === 0;
    change("labels", [...chosen]);
  };
  const chip = (name) => h("label", { class: "ris-chip" }, h("input", { type: "checkbox", value: name, onchange: (event) => {
    if (event.target.checked) chosen.add(name);
    else chosen.delete(name);
    update();
  } }), h("span", {}, name));
  const chips = h("div", { class: "ris-chips" }, classes.map(chip));
  const group = h("fieldset", { class: "ris-field" }, h("legend", {}, "Only pictures with"), modeChoice(change), chips, clear);
  return group;
}

/** Return the three ways in which the chosen classes count. */
function modeChoice(change) {
  const name = newId("mode");
  const choice = (value, text) => h("label", {}, h("input", { type: "radio", name, value, checked: value === "any", onchange: () => change("mode", value) }), h("span", {}, text));
  return h("div", { class: "ris-segments" }, choice("any", "any of"), choice("all", "all of"), choice("none", "none of"));
}
