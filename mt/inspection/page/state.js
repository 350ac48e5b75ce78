// What the reader has chosen, and what is drawn of it.

const id = (name) => document.getElementById(name);
const roles = Object.keys(ROLES).filter((role) => told.layers[role]);
const state = { unit: "words", role: roles[0], layer: "mean", head: "mean", place: leastSure() };
let shown = null; // the view that is drawn: rows, columns, weights
let buttons = null; // the words of both sentences

/** Return the place of the token that the model was least sure of, among all or in a word. */
function leastSure({ first, size } = { first: 0, size: told.choices.length }) {
  const places = [...Array(size).keys()].map((place) => first + place);
  return places.reduce((one, other) =>
    told.choices[other].probability < told.choices[one].probability ? other : one,
  );
}

function selectedWord() {
  return units("target", state.unit).findLast((word) => word.first <= state.place);
}
