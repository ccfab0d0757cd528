// Whose mail is shown: a reader found in the list by some letters of name, address or tags.

import { edition } from "./address.js";
import { fetched } from "./frame.js";

const input = document.getElementById("reader");
const list = document.getElementById("readers");
const found = new Map(); // what an option says -> the reader's id
let asked = 0;

/** `choose` gets the id of the reader that was picked, or "" for nobody in particular. */
export function wire(chosen, choose) {
  const look = async () => {
    const turn = ++asked;
    const words = input.value === input.dataset.shown ? "" : input.value;
    try {
      const readers = JSON.parse(await fetched(edition(chosen(), "readers", { words })));
      if (turn !== asked) return;
      list.replaceChildren(...readers.map((reader) => {
        const option = document.createElement("option");
        option.value = named(reader);
        option.label = reader.about ? `${option.value} (${reader.about})` : option.value;
        found.set(option.value, reader.id);
        return option;
      }));
      input.setCustomValidity("");
    } catch (told) {
      input.setCustomValidity([told.title, told.next_step].filter(Boolean).join(" "));
      input.reportValidity();
    }
  };
  input.addEventListener("focus", () => {
    input.select(); // the next letters are another name
    look();
  });
  input.addEventListener("input", () => {
    if (found.has(input.value)) {
      choose(found.get(input.value));
      input.blur();
      return;
    }
    if (!input.value) choose("");
    look();
  });
  input.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    event.preventDefault(); // which would empty the field, and so choose nobody
    input.value = input.dataset.shown ?? "";
    if (!input.value && chosen().reader) choose(""); // one who is not on the list any more
    input.blur();
  });
  // Letters that are nobody's name choose nobody: what is shown stays what the field says.
  input.addEventListener("change", () => {
    if (input.value && !found.has(input.value)) input.value = input.dataset.shown ?? "";
  });
}

/** Say in the field whose mail is shown, unless somebody is typing another name there. */
export function show(state) {
  const name = state.reader ? named(state.reader) : "";
  if (state.reader) found.set(name, state.reader.id);
  if (document.activeElement !== input || input.value === input.dataset.shown) input.value = name;
  input.dataset.shown = name;
}

function named(reader) {
  return reader.name ? `${reader.name} <${reader.address}>` : reader.address;
}
