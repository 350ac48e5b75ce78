// What follows from a choice, and the first one.

function fitAll() {
  const room = id("map").clientWidth - 48;
  const columns = shown.columns.length;
  const overview = id("overview").hidden ? 0 : id("overview").offsetWidth + 40;
  const beside = room - overview;
  fit(id("weights"), columns, columns * 28 + 150 < beside ? beside : room);
  if (id("learn").open) {
    const tokens = told.axes[ROLES[state.role].key].tokens.length;
    const half = (room - 40) / 2;
    for (const name of ["scores", "softmax"])
      fit(id(name), tokens, tokens * 27 + 110 < half ? half : room, 40);
  }
}

/** Offer the layers and heads there are. */
function offer() {
  const layers = told.layers[state.role];
  const fillSelect = (select, count, nameOf, now) => {
    select.replaceChildren(
      ...["mean", ...Array(count).keys()].map((value) => make("option", { value }, nameOf(value))),
    );
    select.value = String(now);
  };
  fillSelect(id("layer"), layers.length, layerName, state.layer);
  fillSelect(id("head"), layers[0].weights.length, headName, state.head);
}

/** Change what is shown, and draw all that follows from it. */
function choose(change) {
  learnColours();
  Object.assign(state, change);
  if (state.role) {
    const layers = told.layers[state.role];
    if (state.layer >= layers.length) state.layer = "mean";
    if (state.head >= layers[0].weights.length) state.head = "mean";
    offer();
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
    radio.onchange = () => choose({ unit: radio.value });
  id("role").replaceChildren(
    ...roles.map((role) => make("option", { value: role }, ROLES[role].name)),
  );
  id("role").onchange = ({ target }) => choose({ role: target.value });
  id("layer").onchange = ({ target }) => choose({ layer: number(target.value) });
  id("head").onchange = ({ target }) => choose({ head: number(target.value) });
  id("controls").onsubmit = (event) => event.preventDefault();
  id("learn").ontoggle = drawLesson;
  sayWhatIsMissing();
  choose({});
  addEventListener("resize", () => {
    if (!state.role) return;
    fitAll();
    light();
  });
  matchMedia("(prefers-color-scheme: dark)").onchange = () => choose({});
}

/** Tell what this model does not have, and hide what would show it. */
function sayWhatIsMissing() {
  if (!roles.length) {
    id("unseen").hidden = false;
    id("unseen").textContent =
      "This model has no attention, so there is nothing to see of what it looked at; how sure it was of each word stands below.";
    for (const each of [
      ...document.querySelectorAll(".choose"),
      id("map"),
      id("learn"),
      id("readout"),
    ])
      each.hidden = true;
    id("sentence").style.setProperty("--between", "1rem");
  } else if (!told.layers.cross) {
    id("unseen").hidden = false;
    id("unseen").textContent =
      "In this model the translation does not look at the source; what each side sees of itself stands below.";
  }
}

start();
