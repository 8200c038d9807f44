// Your own folder: load it, watch it, stop it, see what was skipped, remove it again.

/** Return the tab for the visitor's own pictures. */
function folderTab(app) {
  const note = h("p", { class: "ris-hint" }, "Load a folder to add its pictures to the index while you go on searching. Nothing is copied; removing the folder later leaves its files and the data set untouched.");
  const progress = h("div", { class: "ris-progress" });
  const folders = h("div", { class: "ris-folders" });
  const ledger = h("div", { class: "ris-ledger" });
  app.on("folder", (state) => {
    progress.replaceChildren(...progressView(app, state));
    folders.replaceChildren(...folderList(app, state));
    ledger.replaceChildren(...ledgerTable(state));
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
  return h("div", { class: "ris-field ris-narrow" }, h("label", { for: id }, "Folder"), form);
}

/** Return how far loading is, or how it ended. */
function progressView(app, state) {
  if (state.state === "error") return [h("p", { class: "ris-error", role: "alert" }, state.error)];
  if (state.state === "loading") {
    const rate = state.seconds > 0.5 ? state.done / state.seconds : 0; // too early to tell at first
    const left = rate ? `  ·  ${Math.round((state.total - state.done) / rate)} s left` : "";
    return [h("progress", { max: state.total, value: state.done, "aria-label": "Loading the folder" }),
      h("div", { class: "ris-split" }, h("span", { class: "ris-hint" }, `${count(state.done)} of ${count(state.total)}  ·  ${rate.toFixed(1)} pictures/s${left}`),
        button("Stop", () => app.send({ do: "stop" }), "ris-small"))];
  }
  const added = state.added ? `${plural(state.added, "picture")} added` : "nothing new to add";
  const ends = { done: `Done: ${added}.`, stopped: `Stopped: ${added}.`, removed: "Removed from the index." };
  return ends[state.state] ? [h("p", { class: "ris-good", role: "status" }, ends[state.state])] : [];
}

/** Return the folders in the index, each with its count and a button that removes it. */
function folderList(app, state) {
  const folders = state.folders || [];
  const loading = state.state === "loading";
  if (!folders.length) return [];
  const row = ([path, size]) => h("li", { class: "ris-split" },
    h("span", { class: "ris-name" }, h("strong", { title: path }, path.split(/[\\/]/).pop()), h("span", {}, `${plural(size, "picture")}  ·  ${path}`)),
    loading ? null : button("Remove this folder", () => app.send({ do: "unload", folder: path }), "ris-small"));
  return [h("ul", {}, folders.map(row)), loading ? "" : removeAll(app)];
}

/** Return the button that removes every folder, after asking; the keyboard's focus follows. */
function removeAll(app) {
  const change = (parts, focused) => {
    row.replaceChildren(...parts);
    focused.focus();
  };
  const ask = button("Remove all my folders", () => change(sure, keep), "ris-small");
  const keep = button("Keep them", () => change([ask], ask), "ris-small");
  const sure = [h("span", { class: "ris-ask", role: "alert" }, "Remove all your folders from the index? The data set and your files stay untouched."),
    button("Yes, remove them", () => app.send({ do: "unload" }), "ris-small ris-danger"), keep];
  const row = h("div", { class: "ris-actions" }, ask);
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
