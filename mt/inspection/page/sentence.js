// The two sentences as rows of words, and the links between them.

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
    button.onclick = () => onPress(word);
    return button;
  });
  if (buttons.length) buttons[0].tabIndex = 0;
  const row = sides[side];
  row.replaceChildren(...buttons);
  row.onpointerleave = () => onPoint(null);
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

/** Draw links, each {from, to, share}: curves between the rows, arcs within one. */
function drawLinks(found, faint) {
  const frame = links.getBoundingClientRect();
  const edges = (button) => {
    const box = button.getBoundingClientRect();
    return {
      x: box.x + box.width / 2 - frame.x,
      top: box.y - frame.y,
      bottom: box.bottom - frame.y,
    };
  };
  links.replaceChildren(
    ...found.map(({ from, to, share }) => {
      const [a, b] = [edges(from), edges(to)];
      const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
      if (from.parentElement === to.parentElement) {
        const above = from.parentElement === sides.target;
        const [begin, end] = above ? [a.top, b.top] : [a.bottom, b.bottom];
        const bend = (above ? -1 : 1) * Math.min(60, 14 + Math.abs(a.x - b.x) / 5);
        path.setAttribute(
          "d",
          `M${a.x} ${begin} C${a.x} ${begin + bend} ${b.x} ${end + bend} ${b.x} ${end}`,
        );
      } else {
        const [begin, end] = a.top < b.top ? [a.bottom, b.top] : [a.top, b.bottom];
        const middle = (begin + end) / 2;
        path.setAttribute("d", `M${a.x} ${begin} C${a.x} ${middle} ${b.x} ${middle} ${b.x} ${end}`);
      }
      path.setAttribute("stroke-width", (1 + 5 * share).toFixed(2));
      path.setAttribute("opacity", (share * (faint ? 0.35 : 0.85)).toFixed(3));
      return path;
    }),
  );
}
