// Both sentences, and the attention of the word that the reader points at.

/** Return a word with its weight. */
const weighted = (label, share) => [make("b", {}, label), ` ${percent(share)}`];

/** Write the largest weights of a row, or of a column, as a sentence. */
function describe(line, subject, verb, labels, shares) {
  const best = shares
    .map((share, index) => ({ share, label: labels[index] }))
    .toSorted((one, other) => other.share - one.share)
    .slice(0, 5)
    .filter(({ share }) => share >= 0.01);
  const parts = best.flatMap(({ label, share }, index) => [
    index ? ", " : " ",
    ...weighted(label, share),
  ]);
  line.replaceChildren(
    `“${subject}” ${verb}`,
    ...(parts.length ? parts : [" nothing in particular"]),
  );
}

/** Return the button of a row or of a column; the start mark has none. */
function buttonOf(side, index) {
  if (side === "read") return index ? buttons.target[index - 1] : undefined;
  return buttons[side][index];
}

/** Highlight the words that a word attends to, or that attend to it; without one, all links. */
function highlight(side, index) {
  for (const button of [...buttons.source, ...buttons.target]) {
    shade(button, 0);
    button.classList.remove("active");
  }
  if (!shown) return;
  const { query, key } = ROLES[state.role];
  const { rows, columns, weights } = shown;
  const top = largest(weights);
  const found = [];
  const link = (i, j) => {
    const [from, to] = [buttonOf(query, i), buttonOf(key, j)];
    if (from && to && from !== to && weights[i][j] > 0.02 * top)
      found.push({ from, to, share: weights[i][j] / top });
  };
  if (index === undefined) {
    rows.forEach((_, i) => columns.forEach((__, j) => weights[i][j] > 0.15 * top && link(i, j)));
    drawLinks(found, true);
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
    describe(
      id("readout"),
      rows[index].label,
      "attends to",
      columns.map(({ label }) => label),
      weights[index],
    );
  } else if (side === key) {
    const column = weights.map((row) => row[index]);
    rows.forEach((_, i) => {
      shade(buttonOf(query, i), column[i] / top);
      link(i, index);
    });
    describe(
      id("readout"),
      columns[index].label,
      "is attended to by",
      rows.map(({ label }) => label),
      column,
    );
  }
  drawLinks(found, false);
}

/** What the signs in labels are. */
const NOTES = [
  {
    about: /^<\/s>$/,
    text: "</s> is the end mark: the model reads it after the source, and writes it when the translation is complete.",
  },
  {
    about: /^▁/,
    text: "A token that begins with ▁, SentencePiece’s sign for a space, begins a word.",
  },
  {
    about: /^<0x[0-9A-F]{2}>$/,
    text: "A token such as <0xE2> is one byte of a character that has no token of its own.",
  },
];

/** Draw both sentences; pointing at a word and pressing it are handled here. */
function drawSentence() {
  const source = units("source", state.unit);
  const target = units("target", state.unit);
  const pointAt = (side, words) => (word) =>
    highlight(side, word ? words.indexOf(word) : undefined);
  buttons = {
    source: writeWords("source", source, { onPress: () => {}, onPoint: pointAt("source", source) }),
    target: writeWords("target", target, {
      probabilityOf: probability,
      onPoint: pointAt("target", target),
      onPress: (word) => {
        state.token = leastProbable(word);
        drawChoices();
      },
    }),
  };
  const labels = [...source, ...target].map(({ label }) => label);
  id("units-note").textContent = NOTES.filter(({ about }) => labels.some((label) => about.test(label)))
    .map(({ text }) => text)
    .join(" ");
  if (shown) arrange();
  highlight();
}
