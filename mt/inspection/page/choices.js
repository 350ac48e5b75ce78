// The probability of each target token, and the tokens that could have stood in its place.

/** Show the probability of the selected word, its tokens, and the alternatives of one of them. */
function drawChoices() {
  const word = selectedWord();
  const choice = explanation.choices[state.token];
  units("target", state.unit).forEach((each, index) => {
    buttons.target[index].ariaPressed = String(each.first === word.first);
  });
  id("choices-lead").replaceChildren(
    "The model gave ",
    make("b", {}, word.label),
    ` a probability of ${percent(probability(word))}. `,
    word.size > 1 ? `It has ${word.size} tokens, each with alternatives of its own. ` : "",
    choice.rank > 1
      ? `${choice.rank - 1} ${choice.rank > 2 ? "others were" : "other was"} more probable here. `
      : "",
    "Press another token to read the translation with it.",
  );
  drawTokens(word);
  const own = {
    own: true,
    token: explanation.axes.target.tokens[state.token],
    probability: choice.probability,
  };
  const rows = [own, ...choice.alternatives].toSorted(
    (one, other) => other.probability - one.probability,
  );
  id("alternatives").replaceChildren(...rows.map((row, index) => option(row, index, word)));
}

/** Show the tokens of a word as buttons, if it has several. */
function drawTokens({ first, size }) {
  const choices = explanation.choices.slice(first, first + size);
  const tokens = choices.map(({ probability: share }, index) => {
    const token = first + index;
    const label = explanation.axes.target.tokens[token];
    const button = make("button", { type: "button" }, label, make("small", {}, percent(share)));
    button.ariaPressed = String(token === state.token);
    button.onclick = () => {
      state.token = token;
      drawChoices();
      id("tokens").children[index].focus();
    };
    return button;
  });
  id("tokens").replaceChildren(...(size > 1 ? tokens : []));
}

/** Return the word that an alternative token became part of; nothing if it is the end mark. */
function wordAround({ before, forced, after }) {
  const begin = forced.startsWith(" ") ? before.length + 1 : before.lastIndexOf(" ") + 1;
  return forced && (before + forced + after).slice(begin).split(" ")[0];
}

/** Make a row of the list: the token that was written, or a button that shows an alternative. */
function option(row, index, word) {
  const { token } = row;
  const whole = state.unit === "words" && (row.own ? word.label : wordAround(row));
  const label = token === "</s>" ? "end of the sentence" : whole || token;
  const bar = make("i");
  bar.style.setProperty("--probability", row.probability);
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
      make("div", { className: "option written", title: "what the model wrote" }, ...columns),
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
