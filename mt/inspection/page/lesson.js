// Scores, weights and the shapes of all matrices, for readers who learn how attention works.

/** Show one head of one layer: the first of the last layer where means are selected. */
function drawLesson() {
  if (!id("learn").open) return;
  const layers = explanation.layers[state.role];
  const one = {
    layer: state.layer === "mean" ? layers.length - 1 : state.layer,
    head: state.head === "mean" ? 0 : state.head,
  };
  const averaged = state.layer === "mean" || state.head === "mean";
  id("pick").replaceChildren(
    `Shown: ${layerName(one.layer)}, ${headName(one.head)}, ${ROLES[state.role].name}.`,
    averaged
      ? " (Scores of several heads have no meaningful mean, so one of them is shown; choose another above.)"
      : "",
  );
  const { query, key } = ROLES[state.role];
  const [rows, columns] = [explanation.axes[query].tokens, explanation.axes[key].tokens];
  const { scores, weights, dims } = layers[one.layer];
  drawShapes(rows.length, columns.length, dims);
  drawSoftmax(rows, columns, scores[one.head], weights[one.head]);
  fitAll();
}

/** Write the equation of attention with the shape of each matrix. */
function drawShapes(rows, columns, dims) {
  const box = (name, ...sizes) => make("span", {}, name, make("code", {}, shape(...sizes)));
  const drawn = (...given) => Object.assign(box(...given), { className: "drawn" });
  id("equation").replaceChildren(
    box("query", rows, dims.query),
    "compared with",
    box("key", columns, dims.key),
    "→",
    drawn("scores", rows, columns),
    "softmax of each row →",
    drawn("weights", rows, columns),
    "×",
    box("value", columns, dims.value),
    "=",
    box("context", rows, dims.value),
  );
}

/** Draw scores beside weights, both given as whole numbers; pointing at a cell shows both. */
function drawSoftmax(rows, columns, wholeScores, wholeWeights) {
  const scores = wholeScores.map((row) =>
    row.map((score) => (score === null ? null : score / explanation.scale.scores)),
  );
  const weights = wholeWeights.map((row, i) =>
    row.map((weight, j) => (scores[i][j] === null ? null : weight / explanation.scale.weights)),
  );
  const line = id("learn-readout");
  const onActive = (i, j) => {
    if (i === undefined) return line.replaceChildren();
    const pair = `“${rows[i]}” and “${columns[j]}”: `;
    if (scores[i][j] === null) return line.replaceChildren(pair, "hidden, weight 0");
    const score = scores[i][j].toFixed(2);
    line.replaceChildren(
      pair,
      "score ",
      make("b", {}, score),
      `; exp(${score}) over the sum of its row = weight `,
      make("b", {}, weights[i][j].toFixed(4)),
    );
  };
  fillTable(id("scores"), {
    caption: "Scores.",
    rows,
    columns,
    values: scores,
    text: oneDigit,
    onActive,
  });
  fillTable(id("softmax"), {
    caption: "Weights.",
    rows,
    columns,
    values: weights,
    text: twoDigits,
    onActive,
  });
}
