"use strict";

// The explanation, and the arithmetic on it; nothing here knows how it is shown.

const told = JSON.parse(document.getElementById("explanation").textContent);

const ROLES = {
  cross: { name: "translation → source", query: "target", key: "source" },
  decoder_self: { name: "translation → what it had written", query: "target", key: "read" },
  encoder_self: { name: "source → source", query: "source", key: "source" },
};

/** Return the words or the tokens of an axis, each with the tokens it consists of. */
function units(name, unit) {
  const { tokens, words, sizes } = told.axes[name];
  if (unit === "tokens") return tokens.map((label, first) => ({ label, first, size: 1 }));
  let first = 0;
  return words.map((label, index) => {
    const found = { label, first, size: sizes[index] };
    first += found.size;
    return found;
  });
}

/** Return the matrices [tokens, tokens] of the chosen heads; "mean" chooses all. */
function chosen(kind, role, layer, head) {
  const layers = told.layers[role];
  const some = layer === "mean" ? layers : [layers[layer]];
  return some.flatMap((each) => (head === "mean" ? each[kind] : [each[kind][head]]));
}

/** Average matrices of whole numbers, and scale them to what they stand for. */
function mean(matrices, scale) {
  return matrices[0].map((row, i) =>
    row.map(
      (_, j) => matrices.reduce((sum, each) => sum + each[i][j], 0) / matrices.length / scale,
    ),
  );
}

/** Add up over the tokens of each column's word, take the mean over those of each row's. */
function merged(matrix, rows, columns) {
  return rows.map((row) =>
    columns.map((column) => {
      let sum = 0;
      for (let i = row.first; i < row.first + row.size; i++)
        for (let j = column.first; j < column.first + column.size; j++) sum += matrix[i][j];
      return sum / row.size;
    }),
  );
}

/** Return rows, columns and weights for what a reader has chosen. */
function view({ role, layer, head, unit }) {
  const { query, key } = ROLES[role];
  const rows = units(query, unit);
  const columns = units(key, unit);
  const matrix = mean(chosen("weights", role, layer, head), told.scale.weights);
  return { rows, columns, weights: merged(matrix, rows, columns) };
}

/** Return the probability of all tokens of a word together. */
function probability(word) {
  return told.choices
    .slice(word.first, word.first + word.size)
    .reduce((product, choice) => product * choice.probability, 1);
}

const largest = (matrix) => Math.max(...matrix.map((row) => Math.max(...row)), 1e-9);

function percent(share) {
  if (share > 0 && share < 0.001) return "< 0.1 %";
  return `${(100 * share).toFixed(share < 0.0995 || share > 0.9949 ? 1 : 0)} %`.replace(
    ".0 %",
    " %",
  );
}

/** Write a share with two decimals and without its zero, as there is little room in a cell. */
const twoDigits = (share) => share.toFixed(2).replace(/^0(?=\.)/, "");

/** Write a score with one decimal; what rounds to nothing has no sign. */
const oneDigit = (score) => score.toFixed(1).replace(/^-(?=0\.0$)/, "");

const shape = (...sizes) => `[${sizes.join(" × ")}]`;
