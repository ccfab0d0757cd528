// Whose mail is shown: a reader found in the list by some letters of name, address or tags.
// A combobox with a list of its own (WAI-ARIA, APG): a browser's <datalist> is as narrow as its field, and cuts rows.

import { edition } from "./address.js";
import { fetched } from "./frame.js";

const input = document.getElementById("reader");
const menu = document.getElementById("reader-menu");
const list = document.getElementById("readers");
const said = document.getElementById("reader-said");
const MOST = 100; // as many as the server gives
let asked = 0;
let matches = []; // the readers in the menu
let marked = -1; // the one that the arrow keys stand on
let found = Promise.resolve(); // the search under way

/** `choose` gets the id of the reader that was picked, or "" for nobody in particular. */
export function wire(chosen, choose) {
  const look = async () => {
    const turn = ++asked;
    const words = input.value === shown() ? "" : input.value.trim();
    try {
      const readers = JSON.parse(await fetched(edition(chosen(), "readers", { words })));
      if (turn !== asked || document.activeElement !== input) return;
      matches = readers;
      list.replaceChildren(...readers.map(option));
      open(verdict(readers.length, words));
    } catch (told) {
      if (turn !== asked) return;
      matches = [];
      list.replaceChildren();
      open([told.title, told.next_step].filter(Boolean).join(" ") || "The preview does not answer.");
    }
  };
  const pick = (reader) => {
    input.value = named(reader);
    input.dataset.shown = input.value;
    choose(reader.id);
    input.blur();
  };
  input.addEventListener("focus", () => {
    input.select(); // the next letters are another name
    found = look();
  });
  input.addEventListener("input", () => {
    if (!input.value) choose("");
    found = look();
  });
  input.addEventListener("keydown", async (event) => {
    const way = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (way && matches.length) {
      event.preventDefault(); // which would move the cursor
      mark((marked + way + matches.length) % matches.length);
    } else if (event.key === "Enter") {
      event.preventDefault();
      await found;
      const isAsked = input.value && input.value !== shown();
      if (matches[marked]) pick(matches[marked]);
      else if (isAsked && matches.length === 1) pick(matches[0]);
    } else if (event.key === "Escape") {
      event.preventDefault(); // which would empty the field, and so choose nobody
      input.value = shown();
      if (!input.value && chosen().reader) choose(""); // one who is not on the list any more
      input.blur();
    }
  });
  input.addEventListener("blur", () => {
    asked += 1; // what is still looked for comes too late
    menu.hidden = true;
    input.setAttribute("aria-expanded", "false");
    // Letters that are nobody's name choose nobody: what is shown stays what the field says.
    if (input.value) input.value = shown();
  });
  menu.addEventListener("mousedown", (event) => event.preventDefault()); // the field keeps the focus
  list.addEventListener("click", (event) => {
    const row = event.target.closest("[role=option]");
    if (row) pick(matches[[...list.children].indexOf(row)]);
  });
}

/** Say in the field whose mail is shown, unless somebody is typing another name there. */
export function show(state) {
  const name = state.reader ? named(state.reader) : "";
  if (document.activeElement !== input || input.value === shown()) input.value = name;
  input.dataset.shown = name;
}

const shown = () => input.dataset.shown ?? "";

function option(reader, index) {
  const row = document.createElement("li");
  row.id = `reader-${index}`;
  row.role = "option";
  row.ariaSelected = "false";
  row.append(named(reader));
  if (reader.about) {
    const about = Object.assign(document.createElement("span"), { className: "quiet", textContent: ` ${reader.about}` });
    row.append(about);
  }
  return row;
}

function verdict(count, words) {
  if (count >= MOST) return `The first ${MOST}. More letters find fewer.`;
  if (!count) return words ? `Nobody on the list matches “${words}”.` : "There is nobody on the list.";
  return words && count === 1 ? "Enter takes this one." : "";
}

/** Show the menu within the window, wherever the field stands. */
function open(words) {
  said.textContent = words;
  mark(-1);
  menu.hidden = false;
  input.setAttribute("aria-expanded", "true");
  menu.style.left = "0";
  const over = menu.getBoundingClientRect().right - (document.documentElement.clientWidth - 8);
  if (over > 0) menu.style.left = `${-over}px`;
}

function mark(index) {
  list.children[marked]?.setAttribute("aria-selected", "false");
  marked = index;
  const row = list.children[marked];
  row?.setAttribute("aria-selected", "true");
  row?.scrollIntoView({ block: "nearest" });
  if (row) input.setAttribute("aria-activedescendant", row.id);
  else input.removeAttribute("aria-activedescendant");
}

function named(reader) {
  return reader.name ? `${reader.name} <${reader.address}>` : reader.address;
}
