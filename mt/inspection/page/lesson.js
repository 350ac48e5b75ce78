// Scores, softmax and shapes, for those who learn.

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
    averaged
      ? " (Scores of several heads have no meaningful mean, so one of them is shown; choose another above.)"
      : "",
  );
  const { query, key } = ROLES[state.role];
  const [rows, columns] = [told.axes[query].tokens, told.axes[key].tokens];
  const { scores, weights, dims } = layers[one.layer];
  drawShapes(rows.length, columns.length, dims);
  drawSoftmax(rows, columns, scores[one.head], weights[one.head]);
  fitAll();
}

/** Write the equation of an attention with the shape of everything in it. */
function drawShapes(rows, columns, dims) {
  const box = (name, ...sizes) => make("span", {}, name, make("code", {}, shape(...sizes)));
  const drawn = (...given) => Object.assign(box(...given), { className: "look" });
  id("equation").replaceChildren(
    box("query", rows, dims.query),
    "meets",
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

/** Draw scores beside weights, both whole numbers; a cell of either reads out both. */
function drawSoftmax(rows, columns, wholeScores, wholeWeights) {
  const scores = wholeScores.map((row) =>
    row.map((score) => (score === null ? null : score / told.scale.scores)),
  );
  const weights = wholeWeights.map((row, i) =>
    row.map((weight, j) => (scores[i][j] === null ? null : weight / told.scale.weights)),
  );
  const line = id("learn-readout");
  const look = (i, j) => {
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
  fill(id("scores"), { caption: "Scores.", rows, columns, values: scores, text: oneDigit, look });
  fill(id("softmax"), {
    caption: "Weights.",
    rows,
    columns,
    values: weights,
    text: twoDigits,
    look,
  });
}
