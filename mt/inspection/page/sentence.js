// The two sentences as rows or columns of words, and the links between them.

const sides = {
  source: document.getElementById("source"),
  target: document.getElementById("target"),
};
const links = document.getElementById("links");

/** Write a row of words. One of them is in the tab order; arrow keys reach the others. */
function writeWords(side, words, { probabilityOf, onPress, onPoint }) {
  const buttons = words.map((word) => {
    const button = make("button", { type: "button", className: "word", tabIndex: -1 }, word.label);
    if (/^<\/?s>$/.test(word.label)) button.classList.add("mark");
    if (probabilityOf) {
      const share = probabilityOf(word);
      const bar = make("i");
      bar.style.setProperty("--probability", share.toFixed(4));
      button.append(bar);
      button.ariaLabel = `${word.label}, probability ${percent(share)}`;
    }
    button.onpointerenter = () => onPoint(word);
    button.onfocus = () => button.matches(":focus-visible") && onPoint(word);
    button.onblur = () => onPoint(null);
    button.onclick = () => {
      onPoint(word); // a press takes the focus from another word, which shows all links
      onPress(word);
    };
    return button;
  });
  if (buttons.length) buttons[0].tabIndex = 0;
  const row = sides[side];
  row.replaceChildren(...buttons);
  row.onpointerleave = (event) => leaves(event) && onPoint(null);
  row.onkeydown = (event) => {
    const now = buttons.indexOf(document.activeElement);
    const next = { ArrowRight: now + 1, ArrowLeft: now - 1, Home: 0, End: buttons.length - 1 }[
      event.key
    ];
    if (now < 0 || next === undefined || !buttons[next]) return;
    event.preventDefault();
    buttons[now].tabIndex = -1;
    buttons[next].tabIndex = 0;
    buttons[next].focus();
  };
  return buttons;
}

/**
 * Put the sentences into two rows if each fits in one line, in smaller letters if need be, and into
 * two columns if not: then nothing but links lies between them.
 */
function arrange() {
  const { classList } = id("layout");
  classList.remove("columns", "small");
  classList.add("rows");
  const fit = () => Object.values(sides).every((row) => row.scrollWidth <= row.clientWidth);
  if (fit()) return;
  classList.add("small");
  if (!fit()) classList.replace("rows", "columns");
}

/** Draw links, each {from, to, share}: curves between the sides, arcs within one. */
function drawLinks(found, faint) {
  const frame = links.getBoundingClientRect();
  const columns = id("layout").classList.contains("columns");
  const [along, away] = columns ? ["y", "x"] : ["x", "y"];
  const inSource = (button) => button.parentElement === sides.source;
  const endAt = (button) => {
    const box = button.getBoundingClientRect();
    const inner = inSource(button) ? [box.right, box.bottom] : [box.left, box.top];
    return columns
      ? { x: inner[0] - frame.x, y: box.y + box.height / 2 - frame.y }
      : { x: box.x + box.width / 2 - frame.x, y: inner[1] - frame.y };
  };
  links.replaceChildren(
    ...found.map(({ from, to, share }) => {
      const [begin, end] = [endAt(from), endAt(to)];
      const bend =
        inSource(from) === inSource(to)
          ? Math.min(60, 14 + Math.abs(begin[along] - end[along]) / 5)
          : Math.abs(begin[away] - end[away]) / 2;
      const bent = (point, button) => ({
        ...point,
        [away]: point[away] + (inSource(button) ? bend : -bend),
      });
      const [first, ...curve] = [begin, bent(begin, from), bent(end, to), end].map(
        ({ x, y }) => `${x} ${y}`,
      );
      const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
      path.setAttribute("d", `M${first} C${curve.join(" ")}`);
      path.setAttribute("stroke-width", (1 + 5 * share).toFixed(2));
      path.setAttribute("opacity", (faint ? 0.45 * share : 0.15 + 0.7 * share).toFixed(3));
      return path;
    }),
  );
}
