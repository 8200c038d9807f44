// Your folder: load it as a data set of its own, watch it, stop it, search in it, remove it again.

const STEPS = { waiting: "Waiting for its turn", reading: "Reading", embedding: "Embedding", writing: "Writing to the index" };

/** Return the tab for folders of pictures. */
function folderTab(app) {
  const note = h("p", { class: "ris-hint ris-measure" }, "Load a folder, and it becomes a data set of its own that you, and everybody who uses this page, can search in. Nothing is copied. Load it again to pick up what has changed in it.");
  const progress = h("div", { class: "ris-progress" });
  const folders = h("div", { class: "ris-folders" });
  const ledger = h("div", { class: "ris-ledger" });
  let listed = "";
  app.on("folder", (state) => {
    progress.replaceChildren(...progressView(app, state));
    ledger.replaceChildren(...ledgerTable(state));
    const rows = JSON.stringify(state.folders);
    if (rows === listed) return; // progress must not take away a question that waits for an answer
    listed = rows;
    folders.replaceChildren(...folderList(app, state.folders || []));
  });
  return h("section", { class: "ris-folder" }, h("h2", {}, "Search your own pictures"), note, folderForm(app), progress, folders, ledger);
}

/** Return the path box, which completes folder names, and its button. */
function folderForm(app) {
  const [id, listId] = [newId("folder"), newId("completions")];
  const completions = h("datalist", { id: listId });
  const complete = debounced((text) => app.send({ do: "complete", text }));
  const input = h("input", { id, type: "text", list: listId, autocomplete: "off", spellcheck: "false",
    oninput: () => complete(input.value), onfocus: () => complete(input.value) });
  app.on("completions", (answer) => completions.replaceChildren(...(answer.folders || []).map((value) => h("option", { value }))));
  const form = h("form", { class: "ris-row", onsubmit: (event) => {
    event.preventDefault();
    if (input.value.trim()) app.send({ do: "load", text: input.value });
  } }, input, completions, h("button", { type: "submit", class: "ris-button ris-primary" }, "Load"));
  return h("div", { class: "ris-field ris-narrow" }, h("label", { for: id }, "Folder on the computer that runs the search"), form);
}

/** Return how far loading is, or how it ended. */
function progressView(app, state) {
  if (state.state === "error") return [h("p", { class: "ris-error", role: "alert" }, state.error)];
  if (state.state === "loading") return loadingView(app, state);
  const text = { done: `Done: ${changes(state)}.`, stopped: `Stopped: ${changes(state)}.`, removed: "Removed; the files stay untouched." }[state.state];
  if (!text) return [];
  const search = state.collection ? button("Search in it", () => app.searchIn(state.collection), "ris-small") : null;
  return [h("div", { class: "ris-actions" }, h("p", { class: "ris-good", role: "status" }, text), search)];
}

/** Return the bar, the pace and the time left of the step that is under way, and Stop. */
function loadingView(app, state) {
  const rate = state.seconds > 0.5 ? state.done / state.seconds : 0; // too early to tell at first
  const left = rate ? [`${rate.toFixed(1)} pictures/s`, `${timeText((state.total - state.done) / rate)} left`] : [];
  const text = [STEPS[state.step] || "Loading", state.total ? `${count(state.done)} of ${count(state.total)}` : "", ...left];
  const known = state.total ? { max: state.total, value: state.done } : {};
  return [h("progress", { ...known, "aria-label": `Loading ${state.folder}` }),
    h("div", { class: "ris-split" }, h("span", { class: "ris-hint" }, text.filter(Boolean).join("  ·  ")),
      button("Stop", () => app.send({ do: "stop" }), "ris-small"))];
}

/** Return a time to wait, as words. */
function timeText(seconds) {
  if (seconds < 90) return `${Math.ceil(seconds)} s`;
  return seconds < 5400 ? `${Math.round(seconds / 60)} min` : `${(seconds / 3600).toFixed(1)} h`;
}

/** Return what loading changed, as words. */
function changes(state) {
  const removed = state.deleted ? `, ${count(state.deleted)} removed` : "";
  const kept = state.unchanged ? `, ${count(state.unchanged)} unchanged` : "";
  return state.added || removed ? `${plural(state.added || 0, "picture")} added${removed}${kept}` : "nothing new to add";
}

/** Return the loaded folders, each with its count, a way to search in it and one to remove it. */
function folderList(app, folders) {
  if (!folders.length) return [];
  const mine = folders.filter((folder) => folder[3]);
  const all = mine.length < 2 ? "" : asking(app, "Remove all my folders", "Remove all the folders that you loaded? The files stay untouched.", {});
  return [h("h3", {}, "Loaded folders"), h("ul", {}, folders.map((folder) => folderRow(app, folder))), all];
}

/** Return one folder's row. */
function folderRow(app, [path, size, name, mine]) {
  const short = path.split(/[\\/]/).pop();
  const question = mine ? `Remove “${short}”? Its files stay untouched.`
    : `Remove “${short}” for everybody? Somebody else loaded it. Its files stay untouched.`;
  const about = h("span", { class: "ris-name" }, h("strong", { title: path }, short), h("span", {}, `${plural(size, "picture")}${short === path ? "" : `  ·  ${path}`}`));
  const search = button("Search in it", () => app.searchIn(name), "ris-small", { "aria-label": `Search in ${short}` });
  return h("li", {}, about, asking(app, "Remove", question, { folder: name }, short, search));
}

/** Return a button that sends "unload" after asking; the keyboard's focus follows. */
function asking(app, text, question, message, subject = "", other = null) {
  const change = (parts, focused) => {
    row.replaceChildren(...parts.filter(Boolean));
    focused.focus();
  };
  const ask = button(text, () => change([h("span", { class: "ris-ask", role: "alert" }, question), sure, keep], keep), "ris-small", subject ? { "aria-label": `${text} ${subject}` } : {});
  const keep = button("Keep", () => change([other, ask], ask), "ris-small");
  const sure = button("Yes, remove", () => app.send({ do: "unload", ...message }), "ris-small ris-danger");
  const row = h("div", { class: "ris-actions" }, other, ask);
  return row;
}

/** Return the table of what was skipped and why. */
function ledgerTable(state) {
  if (!state.skipped_count) return [];
  const rows = state.skipped.map(([path, reason]) => h("tr", {}, h("td", {}, path), h("td", {}, reason)));
  const more = state.skipped_count - rows.length;
  return [h("h3", {}, `${plural(state.skipped_count, "file")} skipped`),
    h("table", {}, h("thead", {}, h("tr", {}, h("th", { scope: "col" }, "File"), h("th", { scope: "col" }, "Why"))), h("tbody", {}, rows)),
    more > 0 ? h("p", { class: "ris-hint" }, `… and ${count(more)} more.`) : ""];
}
