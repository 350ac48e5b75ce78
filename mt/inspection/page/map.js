// The weights of the selected heads as a table, and those of every head as a small picture.

const MAP_LEADS = {
  cross: "Each row is a word of the translation, and shows its weights for the words of the source.",
  decoder_self:
    "Each row is a word of the translation, and shows its weights for what was written before, from the start mark <s> on.",
  encoder_self: "Each row is a word of the source, and shows its weights for all words of the source.",
};

function drawMap() {
  const { rows, columns, weights } = shown;
  const { query } = ROLES[state.role];
  const labels = [rows, columns].map((axis) => axis.map(({ label }) => label));
  const table = id("weights");
  id("map-lead").replaceChildren(
    `${MAP_LEADS[state.role]} The `,
    make("span", { className: "if-light" }, "darker"),
    make("span", { className: "if-dark" }, "brighter"),
    " a cell, the larger the weight.",
  );
  fillTable(table, {
    caption: `Attention weights, ${ROLES[state.role].name}.`,
    rows: labels[0],
    columns: labels[1],
    values: weights,
    text: (weight) => twoDigits(weight).replace(/^\.00$/, ""),
    onActive: (i, j) => {
      if (i === undefined) return highlight();
      highlight(query, i);
      id("readout").replaceChildren(
        `“${labels[0][i]}” attends to `,
        ...weighted(labels[1][j], weights[i][j]),
      );
    },
  });
  id("largest").textContent = largest(weights).toFixed(2);
  drawHeads();
  fitAll();
}

/** Draw every head as a small picture; pressing it selects the head. */
function drawHeads() {
  const layers = explanation.layers[state.role];
  const heads = layers[0].weights.length;
  const grid = id("heads");
  const cells = [
    make("span"),
    ...layers[0].weights.map((_, head) => make("span", {}, `head ${head + 1}`)),
    make("span", {}, "mean"),
  ];
  const picture = (layer, head) => {
    const { weights } = view({ ...state, layer, head });
    const button = make(
      "button",
      { type: "button", title: `${layerName(layer)}, ${headName(head)}` },
      thumbnail(weights),
    );
    button.ariaLabel = button.title;
    button.ariaPressed = String(
      String(layer) === String(state.layer) && String(head) === String(state.head),
    );
    button.onclick = () => update({ layer, head });
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
  context.fillStyle = getComputedStyle(document.documentElement).getPropertyValue("--attention");
  weights.forEach((row, i) =>
    row.forEach((weight, j) => {
      context.globalAlpha = 0.05 + (0.95 * weight) / top;
      context.fillRect(j, i, 1, 1);
    }),
  );
  return canvas;
}

const layerName = (layer) =>
  layer === "mean" ? "mean of all layers" : `layer ${Number(layer) + 1}`;
const headName = (head) => (head === "mean" ? "mean of all heads" : `head ${Number(head) + 1}`);
