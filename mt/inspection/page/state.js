// The choices of the reader, and what is drawn because of them.

const id = (name) => document.getElementById(name);
const roles = Object.keys(ROLES).filter((role) => explanation.layers[role]);
const state = {
  unit: "words",
  role: roles[0],
  layer: "mean",
  head: "mean",
  token: leastProbable(), // the one whose alternatives are shown
};
let shown = null; // the rows, columns and weights that are drawn
let buttons = null; // the words of both sentences, as elements

/** Return the index of the least probable target token, of all or of those of a word. */
function leastProbable({ first, size } = { first: 0, size: explanation.choices.length }) {
  const indices = [...Array(size).keys()].map((index) => first + index);
  return indices.reduce((one, other) =>
    explanation.choices[other].probability < explanation.choices[one].probability ? other : one,
  );
}

/** Return the word, or in tokens the token, that `state.token` belongs to. */
function selectedWord() {
  return units("target", state.unit).findLast((word) => word.first <= state.token);
}
