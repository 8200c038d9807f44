// How many results, which classes, what minimum score: every change searches again after a pause.

/** Return the `options` that the controls show, `choose`, which changes some, and what follows them. */
function settings(model, on, send) {
  const options = { ...model.get("options") };
  const followers = [];
  let waiting = false; // for the answer to a change that was made here: what comes meanwhile is old
  const show = () => followers.forEach((follow) => follow(options));
  const tell = debounced(() => (waiting = send({ do: "choose", options: { ...options } })), 60);
  const choose = (changes) => {
    Object.assign(options, changes);
    waiting = Infinity;
    tell();
    show();
  };
  const onOptions = (follow) => {
    followers.push(follow);
    follow(options);
  };
  on("options", (news) => {
    if (waiting) return;
    Object.assign(options, news);
    show();
  });
  const heard = (answer) => (waiting = answer.heard >= waiting ? false : waiting);
  return { options, choose, onOptions, heard };
}

/** Return the panel of controls; they follow the session's options, as after a reload. */
function controlsPanel(app) {
  const panel = h("section", { class: "ris-controls", "aria-label": "Search settings" }, h("h2", {}, "Settings"));
  const k = slider("How many results", { min: 1, max: 100, step: 1, value: 12 }, String, (value) => app.choose({ k: value }));
  const score = slider("Minimum score", { min: 0, max: 1, step: 0.05, value: 0 },
    (value) => (value ? value.toFixed(2) : "any"), (value) => app.choose({ min_score: value || null }));
  const filter = classFilter(app);
  app.onOptions((options) => {
    k.put(options.k);
    score.put(options.min_score || 0);
  });
  panel.append(k, score, filter);
  return panel;
}

/** Return a labelled slider that shows its value as `text(value)`; `put(value)` moves it. */
function slider(name, range, text, onvalue) {
  const id = newId("slider");
  const output = h("output", { for: id });
  const input = h("input", { id, type: "range", ...range, oninput: () => {
    show();
    onvalue(Number(input.value));
  } });
  const show = () => {
    output.textContent = text(Number(input.value));
    input.setAttribute("aria-valuetext", output.textContent);
  };
  show();
  const field = h("div", { class: "ris-field" }, h("div", { class: "ris-split" }, h("label", { for: id }, name), output), input);
  field.put = (value) => {
    input.value = value;
    show();
  };
  return field;
}

/** Return the class chips of the data set that is searched, with their any, all or none. */
function classFilter(app) {
  const clear = button("Clear", () => app.choose({ labels: [] }), "ris-link");
  const chips = h("div", { class: "ris-chips" });
  const mode = modeChoice(app);
  const group = h("fieldset", { class: "ris-field" }, h("legend", {}, "Only pictures with"), mode, chips, clear);
  const boxes = () => [...chips.querySelectorAll("input")];
  const chip = (name) => h("label", { class: "ris-chip" }, h("input", { type: "checkbox", value: name,
    onchange: () => app.choose({ labels: boxes().filter((box) => box.checked).map((box) => box.value) }) }), h("span", {}, name));
  const show = ({ labels }) => {
    for (const box of boxes()) box.checked = labels.includes(box.value);
    clear.hidden = labels.length === 0;
  };
  let classes = "";
  app.on("facts", (facts) => {
    if (classes === (classes = JSON.stringify(facts.classes))) return;
    chips.replaceChildren(...facts.classes.map(chip));
    group.hidden = !facts.classes.length;
    show(app.options);
  });
  app.onOptions(show);
  return group;
}

/** Return the three ways in which the chosen classes count. */
function modeChoice(app) {
  const name = newId("mode");
  const choice = (value, text) => h("label", {}, h("input", { type: "radio", name, value, onchange: () => app.choose({ mode: value }) }), h("span", {}, text));
  const row = h("div", { class: "ris-segments" }, choice("any", "any of"), choice("all", "all of"), choice("none", "none of"));
  app.onOptions(({ mode }) => {
    for (const radio of row.querySelectorAll("input")) radio.checked = radio.value === mode;
  });
  return row;
}

/** Return the head's right side: how many pictures there are and, of several data sets, which. */
function dataSetChoice(app) {
  const id = newId("data-set");
  const select = h("select", { id, onchange: () => app.searchIn(select.value) });
  const choice = h("div", { class: "ris-choice" }, h("label", { for: id }, "Searching in"), select);
  const total = h("span", { class: "ris-total" });
  let listed = "";
  app.on("facts", ({ count: pictures, engines }) => {
    total.textContent = `${plural(pictures, "picture")} in this data set`;
    choice.hidden = engines.length < 2;
    if (listed === (listed = JSON.stringify(engines))) return; // else it would close while open
    select.replaceChildren(...engines.map((one) => h("option", { value: one.name }, `${one.title} (${count(one.count)})`)));
    select.value = app.options.engine;
  });
  app.onOptions(({ engine }) => (select.value = engine));
  return h("div", { class: "ris-where" }, choice, total);
}
