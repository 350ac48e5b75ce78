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
    word.size > 1
      ? `It has ${word.size} tokens, each with alternatives of its own; ▁ is the space before a word. `
      : "",
    choice.rank > 1
      ? `${choice.rank - 1} ${choice.rank > 2 ? "others were" : "other was"} more probable here. `
      : "",
    "The marked tokens were the most probable ones here, each shown in the word that it begins or goes on with. Press one to read the translation with it.",
  );
  drawTokens(word);
  const rows = [{ own: true, probability: choice.probability }, ...choice.alternatives].toSorted(
    (one, other) => other.probability - one.probability,
  );
  id("alternatives").replaceChildren(...rows.map(option));
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

/** Return the token whose alternatives are shown within its word: what is before it, it, the rest. */
function ownInWord() {
  const word = units("target", "words").findLast(({ first }) => first <= state.token);
  const names = explanation.axes.target.tokens
    .slice(word.first, word.first + word.size)
    .map((name) => name.replace(/^▁(?=.)/, ""));
  const index = state.token - word.first;
  const parts = [names.slice(0, index), names[index], names.slice(index + 1)];
  const whole = names.join("").replace(/^▁/, "");
  // Bytes spell characters only together.
  return whole === word.label ? parts.map((each) => [each].flat().join("")) : ["", word.label, ""];
}

/** Return an alternative token within the word that it would be part of, in the same three parts. */
function otherInWord({ token, before, forced, after }) {
  const space = token === "▁" && state.token === 0;
  if (!forced && !space) return ["", token, ""];
  const kept = forced.startsWith(" ") ? "" : before.slice(before.lastIndexOf(" ") + 1);
  return [kept, forced.trimStart() || "▁", after.split(" ")[0]];
}

/** Write a token, marked, within its word; of what stands around it there is little in a long one. */
function markedWord([before, token, after]) {
  const [head, tail] = [[...before], [...after]];
  return make(
    "span",
    { className: "label", dir: "auto" },
    head.length > 12 ? `…${head.slice(-12).join("")}` : before,
    make("mark", {}, token),
    tail.length > 12 ? `${tail.slice(0, 12).join("")}…` : after,
    token === "</s>" ? make("small", {}, "the end") : "",
  );
}

/** Make a row of the list: the token that was written, or a button that shows an alternative. */
function option(row, index) {
  const bar = make("i");
  bar.style.setProperty("--probability", row.probability);
  const columns = [
    make("span", { ariaHidden: "true" }, row.own ? "✓" : "▸"),
    markedWord(row.own ? ownInWord() : otherInWord(row)),
    make("span", { className: "bar", ariaHidden: "true" }, bar),
    make("span", { className: "number" }, percent(row.probability)),
  ];
  if (row.own)
    return make(
      "li",
      {},
      make("div", { className: "option written", title: "what the translation has" }, ...columns),
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
