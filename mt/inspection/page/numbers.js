"use strict";

// The data of the page, and arithmetic on it; nothing here draws.

const explanation = JSON.parse(document.getElementById("explanation").textContent);

const ROLES = {
  cross: { name: "cross-attention: translation → source", query: "target", key: "source" },
  decoder_self: { name: "self-attention: translation → itself", query: "target", key: "read" },
  encoder_self: { name: "self-attention: source → itself", query: "source", key: "source" },
};

/** Return the words or the tokens of an axis, each with the tokens it consists of. */
function units(name, unit) {
  const { tokens, words, sizes } = explanation.axes[name];
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
  const layers = explanation.layers[role];
  const some = layer === "mean" ? layers : [layers[layer]];
  return some.flatMap((each) => (head === "mean" ? each[kind] : [each[kind][head]]));
}

/** Average matrices of whole numbers, and divide by their scale. */
function mean(matrices, scale) {
  return matrices[0].map((row, i) =>
    row.map(
      (_, j) => matrices.reduce((sum, each) => sum + each[i][j], 0) / matrices.length / scale,
    ),
  );
}

/** Merge tokens to words: sum over the tokens of a column's word, average over those of a row's. */
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

/** Return the rows, columns and weights of a choice of role, layer, head and unit. */
function view({ role, layer, head, unit }) {
  const { query, key } = ROLES[role];
  const rows = units(query, unit);
  const columns = units(key, unit);
  const matrix = mean(chosen("weights", role, layer, head), explanation.scale.weights);
  return { rows, columns, weights: merged(matrix, rows, columns) };
}

/** Return the probability of a word: the product of those of its tokens. */
function probability(word) {
  return explanation.choices
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

/** Write a share with two decimals and no leading zero, as there is little room in a cell. */
const twoDigits = (share) => share.toFixed(2).replace(/^0(?=\.)/, "");

/** Write a score with one decimal, and without a sign if that is 0.0. */
const oneDigit = (score) => score.toFixed(1).replace(/^-(?=0\.0$)/, "");

const shape = (...sizes) => `[${sizes.join(" × ")}]`;
