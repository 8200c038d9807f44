// "More like this" and "less like this": marks on the results, and searching again with them.

/** Return `marks()`, what they can be changed with, and what follows them.
 *
 * A mark is seen at once; what the session says is believed when it has heard of all changes.
 */
function marking(model, on, send) {
  let marks = {};
  let waiting = 0; // the number of the last change that wasn't heard yet
  const followers = [];
  const show = () => followers.forEach((follow) => follow());
  const searched = () => Object.fromEntries((model.get("query").marked || []).map((one) => [one.id, one.wanted]));
  const change = (next) => {
    marks = next;
    waiting = send({ do: "mark", marks });
    show();
  };
  const refine = (next) => (waiting = send({ do: "refine", marks: next }));
  on("marks", (news) => {
    if (!waiting) marks = news;
    show();
  });
  on("query", show);
  return {
    marks: () => marks,
    mark: (id, wanted) => {
      const { [id]: before, ...others } = marks;
      change(before === wanted ? others : { ...others, [id]: wanted });
    },
    unmark: (id) => {
      const without = ({ [id]: _gone, ...others }) => others;
      change(without(marks));
      refine(without(searched()));
    },
    forget: () => {
      change({});
      if (Object.keys(searched()).length) refine({});
    },
    searchAgain: () => refine(marks),
    areSearched: () => isSame(marks, searched()),
    onMarks: (follow) => {
      followers.push(follow);
      follow();
    },
    marksHeard: (answer) => {
      if (answer.heard >= waiting) waiting = 0;
    },
  };
}

/** Return whether two lists of marks say the same. */
function isSame(one, other) {
  const ids = Object.keys(one);
  return ids.length === Object.keys(other).length && ids.every((id) => one[id] === other[id]);
}

/** Return the tick or the cross on a result. */
function markButton(app, hit, wanted, name) {
  const title = wanted ? "More like this" : "Less like this";
  const toggle = () => {
    const most = app.get("facts").max_marks;
    if (hit.id in app.marks() || Object.keys(app.marks()).length < most) app.mark(hit.id, wanted);
    else app.say({ error: `At most ${most} pictures can be marked. Forget some marks.` });
  };
  return h("button", { type: "button", class: `ris-mark ${wanted ? "ris-wanted" : "ris-unwanted"}`, title,
    "aria-label": `${title}: ${name}`, "aria-pressed": "false", onclick: toggle }, wanted ? "✓" : "✕");
}

/** Show on the cards in `grid` which of them are marked. */
function showMarks(app, grid) {
  const marks = app.marks();
  for (const card of grid.children)
    for (const [kind, wanted] of [[".ris-wanted", true], [".ris-unwanted", false]])
      card.querySelector(kind).setAttribute("aria-pressed", String(marks[card.dataset.id] === wanted));
}

/** Return the bar that says how much is marked, and searches again. */
function marksBar(app, grid) {
  const text = h("span", { role: "status" });
  const again = button("Search again with these", () => app.searchAgain(), "ris-small ris-primary");
  const forget = button("Forget the marks", () => {
    app.forget();
    grid.querySelector(".ris-open")?.focus({ preventScroll: true }); // this button is gone now
  }, "ris-link");
  const bar = h("div", { class: "ris-marked ris-split" }, text, h("div", { class: "ris-actions" }, again, forget));
  app.onMarks(() => {
    const all = Object.values(app.marks());
    const wanted = all.filter(Boolean).length;
    text.textContent = all.length ? `${count(wanted)} wanted, ${count(all.length - wanted)} unwanted` : "";
    bar.hidden = !all.length;
    if (app.areSearched() && document.activeElement === again) forget.focus({ preventScroll: true });
    again.hidden = app.areSearched();
    showMarks(app, grid);
  });
  return bar;
}

/** Return what is searched with beside the large picture: other pictures of the query, and marked ones. */
function alsoSearched(app, query) {
  const more = (query.more || []).map((one) => searchedPicture(one.picture, `Also your query: ${one.name}`,
    `Remove ${one.name} from the query`, null, () => app.send({ do: "remove", at: one.number })));
  const marked = [...(query.marked || [])].sort((one, other) => other.wanted - one.wanted).map((one) => {
    const name = `${one.wanted ? "More" : "Less"} like this: ${labelText(one.labels)}`;
    return searchedPicture(one.thumb, name, `Forget this mark. ${name}`, one.wanted, () => app.unmark(one.id));
  });
  const items = [...more, ...marked];
  return items.length ? h("ul", { class: "ris-searched", "aria-label": "Searched with, too" }, items) : null;
}

/** Return one of these small pictures, with its tick or cross, and a button that takes it out. */
function searchedPicture(bytes, text, removing, wanted, remove) {
  const picture = bytes.byteLength ? h("img", { src: pictureUrl(bytes), alt: text, title: text }) : h("span", { class: "ris-missing" }, text);
  const badge = wanted === null ? null
    : h("span", { class: `ris-badge ${wanted ? "ris-wanted" : "ris-unwanted"}`, "aria-hidden": "true" }, wanted ? "✓" : "✕");
  const out = h("button", { type: "button", class: "ris-out", title: "Remove", "aria-label": removing, onclick: remove }, "×");
  return h("li", {}, picture, badge, out);
}
