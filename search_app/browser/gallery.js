// The results: cards that stay in place while their content changes, and the times below.

/** Return the panel of results. */
function resultsPanel(app) {
  const title = h("h2", { "aria-live": "polite" }, "Results");
  const grid = h("ol", { class: "ris-grid" });
  const blank = h("div", { class: "ris-blank" });
  const times = h("p", { class: "ris-times" });
  const agree = h("span", { class: "ris-agree" });
  const jump = button("Settings", () => app.showSettings(), "ris-link ris-jump"); // on a phone they're far below
  const marked = marksBar(app, grid);
  const panel = h("section", { class: "ris-results", "aria-label": "Results" }, h("div", { class: "ris-split" }, title, agree, jump), grid, blank, marked, times);
  app.on("results", (results) => showResults(app, results, { title, agree, grid, blank, times }));
  app.on("status", (status) => panel.setAttribute("aria-busy", String(Boolean(status.busy))));
  return panel;
}

/** Draw `results` where the old ones are, reusing the cards of pictures that stay. */
async function showResults(app, results, parts) {
  const started = performance.now();
  const hits = results.hits || [];
  const old = new Map([...parts.grid.children].map((card) => [card.dataset.key, card]));
  const cards = hits.map((hit) => old.get(cardKey(hit)) || resultCard(app, hit));
  for (const [index, hit] of hits.entries()) cards[index].querySelector(".ris-rank").textContent = hit.rank;
  const kept = new Set(cards);
  const gone = [...old.values()].filter((card) => !kept.has(card));
  // Wait for the pictures, so that finished cards replace the old ones and nothing flickers.
  await Promise.all(cards.map((card) => card.querySelector("img")?.decode().catch(() => null)));
  if (app.get("results") !== results) return;
  gone.forEach(release);
  parts.grid.replaceChildren(...cards);
  showMarks(app, parts.grid);
  parts.title.textContent = hits.length ? `${count(hits.length)} most similar of ${count(results.count)}` : "Results";
  parts.agree.replaceChildren(...agreement(hits));
  parts.blank.replaceChildren(...emptyText(results));
  parts.blank.hidden = hits.length > 0;
  const drawn = performance.now() - started;
  parts.times.textContent = results.ms ? timesText(results.ms, drawn) : "";
  parts.grid.dataset.drawn = String(Date.now());
}

const cardKey = (hit) => JSON.stringify([hit.id, hit.score, hit.same]);

/** Return how many hits share a label with the query, where its labels are known. */
function agreement(hits) {
  const same = hits.filter((hit) => hit.same.length).length;
  return same ? [h("b", {}, "✓ "), `${same} of ${hits.length} share a label with your picture`] : [];
}

/** Return the line that says how long each step took. */
function timesText(ms, drawn) {
  const steps = { decode: ms.decode, embed: ms.embed, search: ms.search, draw: ms.draw + drawn };
  return Object.entries(steps).map(([name, value]) => `${name} ${Math.round(value)} ms`).join("  ·  ");
}

/** Return the text that fills an empty gallery: an invitation, or which setting to loosen. */
function emptyText(results) {
  if (!results.ms)
    return [h("p", { class: "ris-blank-title" }, "Search with a picture"),
      h("p", {}, "Choose one, and the most similar pictures appear here, best first.")];
  return [h("p", { class: "ris-blank-title" }, "No picture matches these settings"),
    h("p", {}, "Lower the minimum score, or change the classes.")];
}

/** Return the card of one hit. */
function resultCard(app, hit) {
  const labels = labelText(hit.labels);
  const alt = `Result: ${labels}, score ${hit.score.toFixed(3)}${hit.same.length ? ", same label as the query" : ""}`;
  const picture = hit.thumb.byteLength ? h("img", { src: pictureUrl(hit.thumb), alt }) : h("span", { class: "ris-missing" }, "not available");
  const open = h("button", { type: "button", class: "ris-open", title: hit.path, onclick: () => app.openLarge(hit) }, picture);
  const mark = hit.same.length ? h("span", { class: "ris-same", title: `Shares ${hit.same.join(", ")} with your picture`, "aria-hidden": "true" }, "✓") : null;
  const name = `${labels}, rank ${hit.rank}`;
  return h("li", { class: `ris-card${hit.same.length ? " ris-card-same" : ""}`, "data-key": cardKey(hit), "data-id": hit.id },
    h("div", { class: "ris-frame" }, open, h("span", { class: "ris-rank", "aria-hidden": "true" }, hit.rank), mark,
      h("div", { class: "ris-marks" }, markButton(app, hit, true, name), markButton(app, hit, false, name))),
    h("div", { class: "ris-split" }, h("span", { class: "ris-labels", title: labels }, labels), h("span", { class: "ris-score" }, hit.score.toFixed(3))),
    h("div", { class: "ris-actions" },
      button("Search with this", () => app.send({ do: "pick", id: hit.id }), "ris-link", { "aria-label": `Search with this: ${name}` }),
      button("Why?", () => app.openWhy(hit), "ris-link", { "aria-label": `Why this one: ${name}` })));
}
