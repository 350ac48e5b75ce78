// A matrix as a table of shaded cells; pointer and arrow keys make one of them the active one.

/** Make an element with properties and children, which are texts or elements. */
function make(tag, properties = {}, ...children) {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children);
  return element;
}

/** Shade an element by its share of the largest value, and keep its text legible. */
function shade(element, share) {
  element.style.setProperty("--share", share.toFixed(3));
  element.classList.toggle("strong", share > contrastFrom);
}

/** Say whether a pointer went elsewhere: a finger that is lifted goes on pointing. */
const leaves = ({ pointerType }) => pointerType !== "touch";

let contrastFrom = 0; // the share from which text has the other colour; set by the style sheet

/** Read what the style sheet says for the current colour scheme. */
function readContrast() {
  const style = getComputedStyle(document.documentElement);
  contrastFrom = Number(style.getPropertyValue("--contrast-from"));
}

/**
 * Fill a table.
 *
 * `values` are null at hidden keys; `text` writes a value; `onActive(i, j)` is called when a cell
 * becomes the active one, and without arguments when none is.
 */
function fillTable(table, { caption, rows, columns, values, text, onActive }) {
  const top = Math.max(...values.flat().map(Math.abs), 1e-9);
  const cells = values.map((row, i) =>
    row.map((value, j) => {
      const cell = make("td", {}, value === null ? "hidden" : text(value));
      cell.dataset.row = i;
      cell.dataset.column = j;
      if (value === null) {
        cell.classList.add("hidden");
        cell.replaceChildren();
        cell.ariaLabel = "hidden";
      } else {
        shade(cell, Math.abs(value) / top);
        cell.classList.toggle("negative", value < 0);
      }
      return cell;
    }),
  );
  const across = columns.map((label) =>
    make("th", { scope: "col", title: label }, make("span", {}, label)),
  );
  const down = rows.map((label) => make("th", { scope: "row", title: label }, label));
  table.replaceChildren(
    make("caption", {}, caption),
    make("thead", {}, make("tr", {}, make("td"), ...across)),
    make("tbody", {}, ...cells.map((row, i) => make("tr", {}, down[i], ...row))),
  );
  table.ariaLabel = `${caption} Arrow keys move from cell to cell.`;

  let active = null;
  const mark = (cell, is) => {
    if (!cell) return;
    const [i, j] = cell;
    for (const each of [cells[i][j], down[i], across[j]]) each.classList.toggle("active", is);
  };
  const activate = (cell) => {
    mark(active, false);
    active = cell;
    mark(active, true);
    if (active) onActive(...active);
    else onActive();
  };
  table.onpointerover = ({ target }) => {
    const cell = target.closest("tbody td");
    if (cell) activate([Number(cell.dataset.row), Number(cell.dataset.column)]);
  };
  table.onclick = table.onpointerover; // a press takes the focus from elsewhere, which shows all links
  table.onpointerleave = (event) => leaves(event) && activate(null);
  table.onfocus = () => table.matches(":focus-visible") && activate(active ?? [0, 0]);
  table.onblur = () => activate(null);
  table.onkeydown = (event) => {
    const move = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] }[
      event.key
    ];
    if (!move) return;
    event.preventDefault();
    const [i, j] = active ?? [0, 0];
    const within = (index, size) => Math.min(Math.max(index, 0), size - 1);
    activate([within(i + move[0], rows.length), within(j + move[1], columns.length)]);
    cells[active[0]][active[1]].scrollIntoView({ block: "nearest", inline: "nearest" });
  };
}

/** Set the size of the cells so that a table fits its room; numbers that do not fit are hidden. */
function fitTable(table, columns, room, most = 44, least = 13) {
  const label = Math.min(
    150,
    Math.max(...[...table.querySelectorAll("tbody th")].map((each) => each.offsetWidth), 0),
  );
  const cell = Math.max(least, Math.min(most, Math.floor((room - label - 12) / columns) - 1));
  table.style.setProperty("--cell", `${cell}px`);
  table.classList.toggle("tight", cell < 32);
  table.classList.toggle("dense", cell < 26);
}
