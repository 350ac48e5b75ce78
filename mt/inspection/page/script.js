// What the reader has chosen, and everything on the page that follows from it.

const id = (name) => document.getElementById(name);
const roles = Object.keys(ROLES).filter((role) => told.layers[role]);
const state = { unit: "words", role: roles[0], layer: "mean", head: "mean", place: leastSure() };
let shown = null; // the view that is drawn: rows, columns, weights
let buttons = null; // the words of both sentences

/** Return the place of the piece that the model was least sure of, among all or in a word. */
function leastSure({ first, size } = { first: 0, size: told.choices.length }) {
  const places = [...Array(size).keys()].map((place) => first + place);
  return places.reduce((one, other) =>
    (told.choices[other].probability < told.choices[one].probability ? other : one));
}

function selectedWord() {
  return units("target", state.unit).findLast((word) => word.first <= state.place);
}

const weighted = (label, share) => [make("b", {}, label), ` ${percent(share)}`];

/** Say in words where the most weight is: of a row, or of a column. */
function say(line, subject, verb, labels, shares) {
  const best = shares.map((share, index) => ({ share, label: labels[index] }))
    .sort((one, other) => other.share - one.share).slice(0, 5).filter(({ share }) => share >= 0.01);
  const parts = best.flatMap(({ label, share }, index) => [index ? ", " : " ", ...weighted(label, share)]);
  line.replaceChildren(`“${subject}” ${verb}`, ...(parts.length ? parts : [" nothing in particular"]));
}

/** Return the button of a row or of a column; the start mark has none. */
function buttonOf(side, index) {
  if (side === "read") return index ? buttons.target[index - 1] : undefined;
  return buttons[side][index];
}

/** Light up what a word looks at, or who looks at it; without a word, show all links softly. */
function light(side, index) {
  for (const button of [...buttons.source, ...buttons.target]) {
    shade(button, 0);
    button.classList.remove("active");
  }
  if (!shown) return;
  const { query, key } = ROLES[state.role];
  const { rows, columns, weights } = shown;
  const top = largest(weights);
  const wanted = [];
  const link = (i, j) => {
    const [from, to] = [buttonOf(query, i), buttonOf(key, j)];
    if (from && to && from !== to && weights[i][j] > 0.02 * top) wanted.push({ from, to, share: weights[i][j] / top });
  };
  if (index === undefined) {
    rows.forEach((_, i) => columns.forEach((__, j) => weights[i][j] > 0.15 * top && link(i, j)));
    drawLinks(wanted, true);
    id("readout").replaceChildren();
    return;
  }
  buttons[side][index].classList.add("active");
  if (side === query) {
    columns.forEach((_, j) => {
      const button = buttonOf(key, j);
      if (button) shade(button, weights[index][j] / top);
      link(index, j);
    });
    say(id("readout"), rows[index].label, "looked at", columns.map(({ label }) => label), weights[index]);
  } else if (side === key) {
    const column = weights.map((row) => row[index]);
    rows.forEach((_, i) => {
      shade(buttonOf(query, i), column[i] / top);
      link(i, index);
    });
    say(id("readout"), columns[index].label, "was looked at by", rows.map(({ label }) => label), column);
  }
  drawLinks(wanted, false);
}

function drawSentence() {
  const source = units("source", state.unit);
  const target = units("target", state.unit);
  const looker = (side, words) => (word) => light(side, word ? words.indexOf(word) : undefined);
  buttons = {
    source: writeWords("source", source, { press: () => {}, look: looker("source", source) }),
    target: writeWords("target", target, {
      sure: probability,
      look: looker("target", target),
      press: (word) => {
        state.place = leastSure(word);
        drawChoices();
      },
    }),
  };
  id("sentence").classList.toggle("long", target.length > 24 || source.length > 24);
  light();
}

/** Show how sure the model was of the chosen word, piece by piece, and what else there was. */
function drawChoices() {
  const word = selectedWord();
  const choice = told.choices[state.place];
  units("target", state.unit).forEach((each, index) => {
    buttons.target[index].ariaPressed = String(each.first === word.first);
  });
  id("choices-lead").replaceChildren(
    "The model gave ", make("b", {}, word.label), ` a probability of ${percent(probability(word))}. `,
    word.size > 1 ? `It is written in ${word.size} pieces, and every piece was a choice. ` : "",
    choice.rank > 1 ? `${choice.rank - 1} ${choice.rank > 2 ? "others were" : "other was"} more probable here. ` : "",
    "Press another to read what the translation would have become.");
  drawParts(word);
  const own = { own: true, piece: told.axes.target.pieces[state.place], probability: choice.probability };
  const rows = [own, ...choice.alternatives].sort((one, other) => other.probability - one.probability);
  id("alternatives").replaceChildren(...rows.map((row, index) => option(row, index, word)));
}

/** Offer the pieces of a word, if it has several. */
function drawParts({ first, size }) {
  const parts = told.choices.slice(first, first + size).map(({ probability: share }, index) => {
    const place = first + index;
    const piece = told.axes.target.pieces[place];
    const button = make("button", { type: "button" }, piece, make("small", {}, percent(share)));
    button.ariaPressed = String(place === state.place);
    button.onclick = () => {
      state.place = place;
      drawChoices();
      id("parts").children[index].focus();
    };
    return button;
  });
  id("parts").replaceChildren(...(size > 1 ? parts : []));
}

/** Return the word that a forced piece became part of, if the piece is text at all. */
function wordAround({ before, forced, after }) {
  const start = forced.startsWith(" ") ? before.length + 1 : before.lastIndexOf(" ") + 1;
  return forced && (before + forced + after).slice(start).split(" ")[0];
}

/** Write one row of the choices: what was written, or a button that shows what would have been. */
function option(row, index, word) {
  const { piece } = row;
  const whole = state.unit === "words" && (row.own ? word.label : wordAround(row));
  const label = piece === "</s>" ? "end of the sentence" : whole || piece;
  const bar = make("i");
  bar.style.setProperty("--sure", row.probability);
  const name = make("span", { className: "label" }, label);
  if (![label, `▁${label}`, "</s>"].includes(piece)) name.append(make("small", {}, piece));
  const columns = [
    make("span", { ariaHidden: "true" }, row.own ? "✓" : "▸"),
    name,
    make("span", { className: "bar", ariaHidden: "true" }, bar),
    make("span", { className: "number" }, percent(row.probability)),
  ];
  if (row.own) return make("li", {}, make("div", { className: "option written", title: "what was written" }, ...columns));
  const button = make("button", { type: "button", className: "option", ariaExpanded: "false" }, ...columns);
  const text = make("p", { className: "instead", id: `instead-${index}`, hidden: true, dir: "auto" },
    make("span", { className: "kept" }, row.before), row.forced.match(/^ */)[0],
    make("mark", {}, row.forced.trimStart()), row.after);
  button.setAttribute("aria-controls", text.id);
  button.onclick = () => {
    text.hidden = !text.hidden;
    button.ariaExpanded = String(!text.hidden);
  };
  return make("li", {}, button, text);
}

function drawMap() {
  const { rows, columns, weights } = shown;
  const { query, key } = ROLES[state.role];
  const labels = [rows, columns].map((units) => units.map(({ label }) => label));
  const table = id("weights");
  id("map-lead").textContent = state.role === "decoder_self"
    ? "Rows are what was being decided, columns what had been written by then, from the start mark <s> on."
    : `Rows look, columns are looked at; the darker, the more. ${query === key ? "Both are the source." : "Rows are the translation, columns the source."}`;
  fill(table, {
    caption: `How much each row looked at each column: ${ROLES[state.role].name}.`,
    rows: labels[0], columns: labels[1], values: weights,
    text: (weight) => twoDigits(weight).replace(/^\.00$/, ""),
    look: (i, j) => {
      if (i === undefined) return light();
      light(query, i);
      id("readout").replaceChildren(`“${labels[0][i]}” looked at `, ...weighted(labels[1][j], weights[i][j]));
    },
  });
  id("largest").textContent = largest(weights).toFixed(2);
  drawHeads();
  fitAll();
}

/** Draw every head as a small picture that chooses it. */
function drawHeads() {
  const layers = told.layers[state.role];
  const heads = layers[0].weights.length;
  const grid = id("heads");
  const cells = [make("span"), ...layers[0].weights.map((_, head) => make("span", {}, `head ${head + 1}`)), make("span", {}, "mean")];
  const picture = (layer, head) => {
    const { weights } = view({ ...state, layer, head });
    const button = make("button", { type: "button", title: `${layerName(layer)}, ${headName(head)}` }, thumbnail(weights));
    button.ariaLabel = button.title;
    button.ariaPressed = String(String(layer) === String(state.layer) && String(head) === String(state.head));
    button.onclick = () => choose({ layer, head });
    return button;
  };
  for (const layer of [...layers.keys(), "mean"]) {
    cells.push(make("span", {}, layer === "mean" ? "mean" : `layer ${layer + 1}`));
    for (const head of [...Array(heads).keys(), "mean"]) cells.push(picture(layer, head));
  }
  grid.style.gridTemplateColumns = `auto repeat(${heads + 1}, auto)`;
  grid.replaceChildren(...cells);
  id("overview").hidden = layers.length * heads === 1;
}

function thumbnail(weights) {
  const canvas = make("canvas", { width: weights[0].length, height: weights.length });
  const context = canvas.getContext("2d");
  const top = largest(weights);
  context.fillStyle = getComputedStyle(document.documentElement).getPropertyValue("--look");
  weights.forEach((row, i) => row.forEach((weight, j) => {
    context.globalAlpha = 0.05 + 0.95 * weight / top;
    context.fillRect(j, i, 1, 1);
  }));
  return canvas;
}

const layerName = (layer) => (layer === "mean" ? "mean of all layers" : `layer ${Number(layer) + 1}`);
const headName = (head) => (head === "mean" ? "mean of all heads" : `head ${Number(head) + 1}`);

/** Show scores, weights and shapes of one head of one layer; of several the last layer's first. */
function drawLesson() {
  if (!id("learn").open) return;
  const layers = told.layers[state.role];
  const one = {
    layer: state.layer === "mean" ? layers.length - 1 : state.layer,
    head: state.head === "mean" ? 0 : state.head,
  };
  const averaged = state.layer === "mean" || state.head === "mean";
  id("pick").replaceChildren(
    `Shown: ${layerName(one.layer)}, ${headName(one.head)}, ${ROLES[state.role].name}.`,
    averaged ? " (Scores of several heads have no meaningful mean, so one of them is shown; choose another above.)" : "");
  const { query, key } = ROLES[state.role];
  const [rows, columns] = [told.axes[query].pieces, told.axes[key].pieces];
  const { scores, weights, widths } = layers[one.layer];
  drawShapes(rows.length, columns.length, widths);
  drawSoftmax(rows, columns, scores[one.head], weights[one.head]);
  fitAll();
}

/** Write the equation of an attention with the shape of everything in it. */
function drawShapes(rows, columns, widths) {
  const box = (name, ...sizes) => make("span", {}, name, make("code", {}, shape(...sizes)));
  const drawn = (...given) => Object.assign(box(...given), { className: "look" });
  id("equation").replaceChildren(
    box("query", rows, widths.query), "meets", box("key", columns, widths.key), "→",
    drawn("scores", rows, columns), "softmax of each row →", drawn("weights", rows, columns), "×",
    box("value", columns, widths.value), "=", box("context", rows, widths.value));
}

/** Draw scores beside weights, both whole numbers; a cell of either reads out both. */
function drawSoftmax(rows, columns, wholeScores, wholeWeights) {
  const scores = wholeScores.map((row) => row.map((score) => (score === null ? null : score / told.scale.scores)));
  const weights = wholeWeights.map((row, i) =>
    row.map((weight, j) => (scores[i][j] === null ? null : weight / told.scale.weights)));
  const line = id("learn-readout");
  const look = (i, j) => {
    if (i === undefined) return line.replaceChildren();
    const pair = `“${rows[i]}” and “${columns[j]}”: `;
    if (scores[i][j] === null) return line.replaceChildren(pair, "hidden, weight 0");
    const score = scores[i][j].toFixed(2);
    line.replaceChildren(
      pair, "score ", make("b", {}, score), `; exp(${score}) over the sum of its row = weight `,
      make("b", {}, weights[i][j].toFixed(4)));
  };
  fill(id("scores"), { caption: "Scores.", rows, columns, values: scores, text: oneDigit, look });
  fill(id("softmax"), { caption: "Weights.", rows, columns, values: weights, text: twoDigits, look });
}

function fitAll() {
  const room = id("map").clientWidth - 48;
  const columns = shown.columns.length;
  const overview = id("overview").hidden ? 0 : id("overview").offsetWidth + 40;
  const beside = room - overview;
  fit(id("weights"), columns, columns * 28 + 150 < beside ? beside : room);
  if (id("learn").open) {
    const pieces = told.axes[ROLES[state.role].key].pieces.length;
    const half = (room - 40) / 2;
    for (const name of ["scores", "softmax"]) fit(id(name), pieces, pieces * 27 + 110 < half ? half : room, 40);
  }
}

/** Offer the layers and heads there are. */
function offer() {
  const layers = told.layers[state.role];
  const fillSelect = (select, count, nameOf, now) => {
    select.replaceChildren(...["mean", ...Array(count).keys()].map((value) => make("option", { value }, nameOf(value))));
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
  for (const radio of document.querySelectorAll("[name=unit]")) radio.onchange = () => choose({ unit: radio.value });
  id("role").replaceChildren(...roles.map((role) => make("option", { value: role }, ROLES[role].name)));
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
    id("unseen").textContent = "This model has no attention, so there is nothing to see of what it looked at; how sure it was of each word stands below.";
    for (const each of [...document.querySelectorAll(".choose"), id("map"), id("learn"), id("readout")]) each.hidden = true;
    id("sentence").style.setProperty("--between", "1rem");
  } else if (!told.layers.cross) {
    id("unseen").hidden = false;
    id("unseen").textContent = "In this model the translation does not look at the source; what each side sees of itself stands below.";
  }
}

start();
