// How sure the model was of each token, and what else it could have written.

/** Show how sure the model was of the chosen word, token by token, and what else there was. */
function drawChoices() {
  const word = selectedWord();
  const choice = told.choices[state.place];
  units("target", state.unit).forEach((each, index) => {
    buttons.target[index].ariaPressed = String(each.first === word.first);
  });
  id("choices-lead").replaceChildren(
    "The model gave ",
    make("b", {}, word.label),
    ` a probability of ${percent(probability(word))}. `,
    word.size > 1 ? `It is written in ${word.size} tokens, and every token was a choice. ` : "",
    choice.rank > 1
      ? `${choice.rank - 1} ${choice.rank > 2 ? "others were" : "other was"} more probable here. `
      : "",
    "Press another to read what the translation would have become.",
  );
  drawParts(word);
  const own = {
    own: true,
    token: told.axes.target.tokens[state.place],
    probability: choice.probability,
  };
  const rows = [own, ...choice.alternatives].toSorted(
    (one, other) => other.probability - one.probability,
  );
  id("alternatives").replaceChildren(...rows.map((row, index) => option(row, index, word)));
}

/** Offer the tokens of a word, if it has several. */
function drawParts({ first, size }) {
  const parts = told.choices.slice(first, first + size).map(({ probability: share }, index) => {
    const place = first + index;
    const token = told.axes.target.tokens[place];
    const button = make("button", { type: "button" }, token, make("small", {}, percent(share)));
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

/** Return the word that a forced token became part of, if the token is text at all. */
function wordAround({ before, forced, after }) {
  const begin = forced.startsWith(" ") ? before.length + 1 : before.lastIndexOf(" ") + 1;
  return forced && (before + forced + after).slice(begin).split(" ")[0];
}

/** Write one row of the choices: what was written, or a button that shows what would have been. */
function option(row, index, word) {
  const { token } = row;
  const whole = state.unit === "words" && (row.own ? word.label : wordAround(row));
  const label = token === "</s>" ? "end of the sentence" : whole || token;
  const bar = make("i");
  bar.style.setProperty("--sure", row.probability);
  const name = make("span", { className: "label" }, label);
  if (![label, `▁${label}`, "</s>"].includes(token)) name.append(make("small", {}, token));
  const columns = [
    make("span", { ariaHidden: "true" }, row.own ? "✓" : "▸"),
    name,
    make("span", { className: "bar", ariaHidden: "true" }, bar),
    make("span", { className: "number" }, percent(row.probability)),
  ];
  if (row.own)
    return make(
      "li",
      {},
      make("div", { className: "option written", title: "what was written" }, ...columns),
    );
  const button = make(
    "button",
    { type: "button", className: "option", ariaExpanded: "false" },
    ...columns,
  );
  const text = make(
    "p",
    { className: "instead", id: `instead-${index}`, hidden: true, dir: "auto" },
    make("span", { className: "kept" }, row.before),
    row.forced.match(/^ */)[0],
    make("mark", {}, row.forced.trimStart()),
    row.after,
  );
  button.setAttribute("aria-controls", text.id);
  button.onclick = () => {
    text.hidden = !text.hidden;
    button.ariaExpanded = String(!text.hidden);
  };
  return make("li", {}, button, text);
}
