// The controls: a change redraws the page. Runs last.

/** Fit the size of all tables' cells to the window. */
function fitAll() {
  const room = id("map").clientWidth - 48;
  const columns = shown.columns.length;
  const overview = id("overview").hidden ? 0 : id("overview").offsetWidth + 40;
  const beside = room - overview;
  fitTable(id("weights"), columns, columns * 28 + 150 < beside ? beside : room);
  if (id("learn").open) {
    const tokens = explanation.axes[ROLES[state.role].key].tokens.length;
    const half = (room - 40) / 2;
    for (const name of ["scores", "softmax"])
      fitTable(id(name), tokens, tokens * 27 + 110 < half ? half : room, 40);
  }
}

/** Fill the lists of layers and heads. */
function fillSelects() {
  const layers = explanation.layers[state.role];
  const fillSelect = (select, count, nameOf, now) => {
    select.replaceChildren(
      ...["mean", ...Array(count).keys()].map((value) => make("option", { value }, nameOf(value))),
    );
    select.value = String(now);
  };
  fillSelect(id("layer"), layers.length, layerName, state.layer);
  fillSelect(id("head"), layers[0].weights.length, headName, state.head);
}

/** Change the state, and draw the page again. */
function update(change) {
  readContrast();
  Object.assign(state, change);
  if (state.role) {
    const layers = explanation.layers[state.role];
    if (state.layer >= layers.length) state.layer = "mean";
    if (state.head >= layers[0].weights.length) state.head = "mean";
    fillSelects();
    shown = view(state);
  }
  drawSentence();
  drawChoices();
  if (!state.role) return;
  drawMap();
  drawLesson();
}

function start() {
  const number = (value) => (value === "mean" ? value : Number(value));
  for (const radio of document.querySelectorAll("[name=unit]"))
    radio.onchange = () => update({ unit: radio.value });
  id("role").replaceChildren(
    ...roles.map((role) => make("option", { value: role }, ROLES[role].name)),
  );
  id("role").onchange = ({ target }) => update({ role: target.value });
  id("layer").onchange = ({ target }) => update({ layer: number(target.value) });
  id("head").onchange = ({ target }) => update({ head: number(target.value) });
  id("controls").onsubmit = (event) => event.preventDefault();
  id("learn").ontoggle = drawLesson;
  id("source-text").textContent = explanation.axes.source.words.slice(0, -1).join(" ");
  id("target-text").textContent = explanation.text;
  noteWhatIsMissing();
  update({});
  addEventListener("resize", () => {
    if (!state.role) return;
    fitAll();
    arrange();
    highlight();
  });
  matchMedia("(prefers-color-scheme: dark)").onchange = () => update({});
}

/** Say which attention this model does not have, and hide what would show it. */
function noteWhatIsMissing() {
  if (!roles.length) {
    id("missing").hidden = false;
    id("missing").textContent =
      "This model has no attention, so that there are no weights to show; the probability of each word is shown below.";
    for (const each of [
      ...document.querySelectorAll(".choose"),
      id("map"),
      id("learn"),
      id("readout"),
      id("heads-note"),
    ])
      each.hidden = true;
  } else if (!explanation.layers.cross) {
    id("missing").hidden = false;
    id("missing").textContent =
      "In this model the translation does not attend to the source; how each side attends to itself is shown below.";
  }
}

start();
