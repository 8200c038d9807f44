// The page: three tabs over one model; `app` is what the parts share.

const ONE_COLUMN_PX = 700; // the same as in app.css

/** Return the parts' common tools over anywidget's `model`. */
function shared(model) {
  const listeners = {};
  const on = (name, action) => {
    (listeners[name] ||= []).push(action);
    action(model.get(name));
  };
  const changed = (name) => () => (listeners[name] || []).forEach((action) => action(model.get(name)));
  const watched = ["facts", "options", "query", "marks", "results", "status", "samples", "large", "why", "folder", "completions", "groups"];
  const handlers = watched.map((name) => [`change:${name}`, changed(name)]);
  handlers.forEach(([event, handler]) => model.on(event, handler));
  const connection = connect(model);
  const { heard, ...controls } = settings(model, on, connection.send);
  const { marksHeard, ...marks } = marking(model, on, connection.send);
  for (const action of [heard, marksHeard]) {
    handlers.push(["msg:custom", action]);
    model.on("msg:custom", action);
  }
  return {
    on,
    get: (name) => model.get(name),
    send: connection.send,
    ...controls,
    ...marks,
    notice: connection.notice,
    say: (status) => (listeners.status || []).forEach((action) => action(status)),
    leave: () => {
      handlers.forEach(([event, handler]) => model.off(event, handler));
      connection.leave();
    },
  };
}

/** Return the row of tabs and their panels, with the arrow keys that such a row has. */
function tabs(entries) {
  const buttons = entries.map(([name, panel], index) => {
    panel.id ||= newId("panel");
    const id = newId("tab");
    panel.setAttribute("role", "tabpanel");
    panel.setAttribute("aria-labelledby", id);
    return h("button", { id, type: "button", role: "tab", class: "ris-tab", "aria-controls": panel.id, onclick: () => show(index) }, name);
  });
  const show = (chosen) => entries.forEach(([, panel], index) => {
    panel.hidden = index !== chosen;
    buttons[index].setAttribute("aria-selected", String(index === chosen));
    buttons[index].tabIndex = index === chosen ? 0 : -1;
    if (index === chosen) panel.onshow?.();
  });
  const list = h("div", { class: "ris-tabs", role: "tablist", "aria-label": "Search page", onkeydown: (event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!step) return;
    const next = (buttons.indexOf(event.target) + step + buttons.length) % buttons.length;
    show(next);
    buttons[next].focus();
  } }, buttons);
  show(0);
  list.show = show;
  return list;
}

/** Put the settings after the results where all is one column, as on a phone, else before them.
 *
 * They are moved, not just shown elsewhere, so that the Tab key and screen readers agree with the
 * eye; whichever of the two holds the keyboard's focus stays where it is.
 */
function arrange(search, settings, results) {
  const observer = new ResizeObserver(([{ contentRect }]) => {
    if (!contentRect.width) return; // another tab is shown
    const [first, last] = contentRect.width <= ONE_COLUMN_PX ? [results, settings] : [settings, results];
    if (first.nextElementSibling === last) return;
    if (last.contains(document.activeElement)) last.before(first);
    else first.after(last);
  });
  observer.observe(search);
  return observer;
}

/** Draw the page into `el`; anywidget calls this. */
function render({ model, el }) {
  const app = shared(model);
  const dialog = dialogs(app);
  const [settings, results] = [controlsPanel(app), resultsPanel(app)];
  const search = h("div", { class: "ris-search" }, queryPanel(app), settings, results);
  const arranging = arrange(search, settings, results);
  const panels = [["Search", search], ["Your folder", folderTab(app)], ["Near-duplicates", groupsTab(app)]];
  const bar = h("div", { class: "ris-bar", role: "status", "aria-live": "polite" });
  app.on("status", (status) => {
    bar.classList.toggle("ris-on", Boolean(status.busy));
    bar.textContent = status.busy || "";
  });
  const row = tabs(panels);
  app.showSettings = () => {
    settings.scrollIntoView();
    settings.querySelector("input").focus({ preventScroll: true });
  };
  app.searchIn = (engine) => {
    app.choose({ engine, labels: [] }); // each data set has classes of its own
    row.show(0);
  };
  // JupyterLab's one-letter commands must not fire while somebody types here.
  const page = h("div", { class: "ris", "data-lm-suppress-shortcuts": "true" }, bar,
    h("header", { class: "ris-split" }, row, dataSetChoice(app)), app.notice, panels.map(([, panel]) => panel), dialog);
  el.append(page);
  const stopPasting = acceptPastes(app, page);
  return () => {
    stopPasting();
    app.leave();
    arranging.disconnect();
    release(page);
  };
}

export default { render };
