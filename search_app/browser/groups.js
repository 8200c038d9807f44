// Near-duplicates: groups of pictures that are at least this similar.

/** Return the tab; it asks for its groups the first time it is shown. */
function groupsTab(app) {
  let minScore = 0.95;
  const ask = debounced(() => app.send({ do: "groups", min_score: minScore }), 250);
  const control = slider("Minimum similarity", { min: 0.8, max: 1, step: 0.005, value: minScore }, (value) => value.toFixed(3), (value) => {
    minScore = value;
    ask();
  });
  control.classList.add("ris-narrow");
  const text = h("p", { class: "ris-hint", role: "status" });
  const list = h("div", { class: "ris-groups" });
  app.on("groups", (view) => {
    if (view.busy || view.error) text.textContent = view.error || "Comparing all pairs …";
    if (!view.groups) return;
    text.textContent = view.count ? `${plural(view.count, "group")} with ${plural(view.pictures, "picture")}${view.count > view.groups.length ? `; the closest ${view.groups.length} are shown` : ""}.`
      : "No two pictures are that similar. Move the slider to the left.";
    release(list);
    list.replaceChildren(...view.groups.map((group, index) => groupRow(app, group, index)));
  });
  const tab = h("section", { class: "ris-duplicates" }, h("h2", {}, "Near-duplicates"), control, text, list);
  tab.onshow = () => app.get("groups").groups || ask();
  return tab;
}

/** Return one group as a row of pictures. */
function groupRow(app, group, index) {
  const member = (one) => h("button", { type: "button", class: "ris-thumb", title: one.path, onclick: () => app.openLarge({ id: one.id }) },
    h("img", { src: pictureUrl(one.thumb), alt: `Group ${index + 1}: ${one.id}` }));
  const more = group.count - group.members.length;
  return h("div", { class: "ris-group" },
    h("p", { class: "ris-label" }, `${plural(group.count, "picture")}  ·  closest pair ${group.best.toFixed(3)}`),
    h("div", { class: "ris-strip" }, group.members.map(member), more > 0 ? h("span", { class: "ris-hint" }, `and ${count(more)} more`) : null));
}
