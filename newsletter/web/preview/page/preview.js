// The page: it listens to the server, and shows the state of one draft in the edition that was chosen.

import * as address from "./address.js";
import * as dialog from "./dialog.js";
import * as frame from "./frame.js";
import * as panel from "./panel.js";
import * as reader from "./reader.js";
import * as test from "./test.js";

const by = (id) => document.getElementById(id);
const NAMES = { email: "Email", text: "Text", pdf: "PDF", web: "Web page", source: "Source" };
let chosen = address.read();
let state = null;
let events = null;
let asking = 0; // the timer of a page that asks by itself
let drawn = ""; // what is on the canvas, so that the same is not fetched twice
let drawing = false;

function listen() {
  events?.close();
  clearInterval(asking);
  asking = 0;
  if (document.hidden) return; // browsers open few connections to one server: they are left to pages that are seen
  events = new EventSource(address.edition(chosen, "events", { reader: chosen.reader }));
  events.addEventListener("state", (event) => take(JSON.parse(event.data)));
  events.addEventListener("crowded", () => {
    events.close();
    asking = setInterval(ask, 1500);
  });
  events.addEventListener("error", () => {
    lose();
    // Refused, and the browser does not try again: a preview that was started anew does not know this page yet.
    if (events.readyState === EventSource.CLOSED) asking ||= setInterval(ask, 1500);
  });
}

/** When many pages follow, those that nobody has looked at for longest ask now and then instead. */
async function ask() {
  try {
    take(JSON.parse(await frame.fetched(address.edition(chosen, "state", { reader: chosen.reader }))));
  } catch (told) {
    lose(told instanceof Error ? undefined : `${told.title} ${told.next_step}`);
  }
}

function lose(status = `The preview has stopped. Start it again: newsletter preview ${chosen.draft}`) {
  document.body.dataset.lost = "";
  if (by("status").textContent !== status) by("status").textContent = status; // else it would be read out again
}

function take(next) {
  if (state && next.server !== state.server) return location.reload(); // started anew: this page's token is void
  delete document.body.dataset.lost;
  if (next.draft !== chosen.draft) return; // late, for the draft before
  if (next.moved) return choose({ draft: next.moved }, { isTurn: false });
  state = next;
  if (!by("nothing").hidden) drawn = ""; // why there is nothing may be something else by now
  draw(); // first, since it has to wait for the server
  panel.show(state);
  reader.show(state);
  drafts();
  languages();
  tell();
}

function tell() {
  const stops = state.diagnostics.filter((diagnostic) => diagnostic.stops);
  const findings = (some) => some.reduce((sum, diagnostic) => sum + Math.max(1, diagnostic.problems.length), 0);
  const count = findings(stops);
  const told = (number, noun) => `${number} ${noun}${number === 1 ? "" : "s"}`;
  const said = told(count, "problem");
  const from = state.stale && state.rendering !== null ? "; this is the last good state" : "";
  const advice = ["problem", "note"].flatMap((noun) => {
    const number = findings(state.diagnostics.filter((diagnostic) => !diagnostic.stops && diagnostic.noun === noun));
    return number ? [told(number, noun)] : [];
  });
  const status = count ? said + from : ["Up to date", advice.join(", ")].filter(Boolean).join(" · ");
  if (by("status").textContent !== status) by("status").textContent = status;
  by("status").dataset.kind = count ? "bad" : "good";
  document.title = `${count ? `(${count}) ` : ""}${state.draft} · ${NAMES[chosen.view]} · Preview`;
  const isStale = state.stale && state.rendering !== null;
  by("stale").hidden = !isStale;
  by("stale-why").textContent = isStale ? `${stops[0].title} What you see is from before.` : "";
  mark();
}

/** What stands on the canvas is from before: while the draft has problems, or this edition alone. */
function mark() {
  document.body.classList.toggle("is-stale", !by("stale").hidden || !by("nothing").hidden);
}

function drafts() {
  const select = by("drafts");
  const labelled = ({ name, date, sent }) => [name, [name, date, sent && "sent"].filter(Boolean).join(" · ")];
  const known = state.drafts.map(labelled);
  if (!known.some(([name]) => name === state.main)) known.unshift([state.main, `${state.main} · gone`]);
  offer(select, known, state.main);
}

/** The languages that the issue is there in. */
function languages() {
  const known = state.languages.map(({ draft, name }) => [draft, name]);
  by("language").hidden = !known.length;
  offer(by("languages"), known, state.draft);
  state.languages.forEach(({ tag }, index) => (by("languages").options[index].lang = tag));
}

function offer(select, known, value) {
  const options = known.map(([name, label]) => new Option(label, name, false, name === value));
  const isSame = select.options.length === known.length
    && known.every(([name, label], index) => select.options[index].value === name && select.options[index].text === label);
  if (!isSame) select.replaceChildren(...options);
  select.value = value;
}

/** An issue's draft in the language that is shown, if it is there in that. */
function inLanguage(name) {
  const tag = state?.languages.find(({ draft }) => draft === state.draft)?.tag;
  return state?.drafts.find((each) => each.name === name)?.translations[tag] ?? name;
}

/** Bring the canvas up to date. While that is under way, later states wait, and the last of them is drawn. */
async function draw() {
  if (drawing) return;
  drawing = true;
  try {
    for (let wanted = key(); wanted !== drawn; wanted = key()) {
      drawn = wanted;
      if (await drawView()) continue;
      drawn = ""; // the preview does not answer: its next state tries again
      break;
    }
  } finally {
    drawing = false;
  }
}

function key() {
  const { draft, view, mode, images, reader } = chosen;
  const made = view === "pdf" ? [state.pages, state.finished] : []; // the PDF follows the rest
  const shown = state.rendering === null ? `none, ${state.revision}` : state.rendering;
  return JSON.stringify([shown, draft, view, mode, images, reader, ...made]);
}

/** Returns whether there was an answer. */
async function drawView() {
  const { view, reader: who } = chosen;
  const mode = chosen.mode === "dark" ? "dark" : "";
  const images = chosen.images === "off" ? "off" : "";
  const wanted = drawn;
  const isCurrent = () => wanted === key();
  try {
    if (state.rendering === null) throw { quiet: "There is nothing to show until the draft has no problems." };
    if (view === "email") {
      await frame.show(address.edition(chosen, "email.html", { mode, images, reader: who }), "Email", isCurrent);
    } else if (view === "web") {
      await frame.show(address.edition(chosen, "web.html", { mode }), "Web page", isCurrent);
    } else if (view === "pdf") {
      await pages();
    } else {
      const name = view === "text" ? "email.txt" : "message.eml";
      const text = await frame.fetched(address.edition(chosen, name, { reader: who }));
      if (isCurrent() && by("text").textContent !== text) by("text").textContent = text;
    }
    by("nothing").hidden = true;
  } catch (told) {
    if (told instanceof Error) return false;
    if (isCurrent()) nothing(told);
  }
  mark();
  return true;
}

/** Why there is nothing on the canvas; what stood there before, if it was the same edition, stays below it. */
function nothing(told) {
  const line = Object.assign(document.createElement("p"), { className: "quiet", textContent: told.quiet ?? "" });
  const isListed = state.diagnostics.some(({ title }) => title.endsWith(told.title));
  const short = { title: told.title, stops: true, next_step: "The place and what to do stand among the problems." };
  by("nothing").replaceChildren(told.title ? panel.diagnostic(isListed ? short : told) : line);
  by("nothing").hidden = false;
}

async function pages() {
  if (state.pages === null) {
    if (state.finished) await frame.fetched(address.edition(chosen, "edition.pdf")); // it says why there is none
    if (!by("pages").childElementCount) throw { quiet: "The PDF is being set …" };
    return;
  }
  const pictures = await Promise.all(
    Array.from({ length: state.pages }, async (_, index) => {
      const picture = new Image();
      picture.className = "page";
      picture.alt = `Page ${index + 1} of ${state.pages} of the PDF`;
      picture.src = address.edition(chosen, `page-${index + 1}.png`, { rendering: String(state.rendering) });
      await picture.decode();
      return picture;
    }),
  );
  by("pages").replaceChildren(...pictures);
}

/** Take new choices: into the address, onto the controls, and onto the canvas. */
function choose(changes, { isTurn = "draft" in changes || "view" in changes } = {}) {
  address.write(changes, isTurn);
  turnTo({ ...chosen, ...changes });
}

function turnTo(next) {
  const before = chosen;
  chosen = next;
  const isFramed = ["email", "web"].includes(chosen.view);
  if (!isFramed && document.activeElement === by("frame")) by("canvas").focus(); // keys would go nowhere
  controls();
  if (before.draft !== chosen.draft) {
    by("pages").replaceChildren();
    by("text").textContent = "";
  }
  if (before.view !== chosen.view) by("nothing").hidden = true;
  if (before.draft !== chosen.draft || before.reader !== chosen.reader) listen();
  else if (state) {
    tell();
    draw();
  }
}

function controls() {
  for (const name of ["view", "width", "mode"]) {
    for (const input of document.getElementsByName(name)) input.checked = input.value === chosen[name];
  }
  by("images").checked = chosen.images === "on";
  document.body.dataset.view = chosen.view;
  document.body.dataset.width = chosen.width;
  document.body.dataset.mode = chosen.mode;
  for (const element of document.querySelectorAll("[data-for]")) {
    element.hidden = !element.dataset.for.split(" ").includes(chosen.view);
  }
  by("pdf-link").href = address.edition(chosen, "edition.pdf");
  by("save-link").href = address.edition(chosen, "message.eml", { save: "1", reader: chosen.reader });
  resize();
}

function resize() {
  const share = frame.fit(chosen.width);
  const isFramed = ["email", "web"].includes(chosen.view);
  by("scale").textContent = isFramed && share < 0.995 ? `shown at ${Math.round(share * 100)} %` : "";
}

const isShown = (id) => by(id).offsetParent !== null;
const next = (values, value) => values[(values.indexOf(value) + 1) % values.length];

/** To the next newer draft, or with -1 to the next older one. */
function step(way) {
  if (!state) return;
  const names = state.drafts.map(({ name }) => name); // the newest first
  const index = names.indexOf(state.main) - way;
  if (names[index]) choose({ draft: inLanguage(names[index]) });
}

const SHORTCUTS = {
  w: () => isShown("width") && choose({ width: next(Object.keys(address.WIDTHS), chosen.width) }),
  c: () => isShown("mode") && choose({ mode: next(["light", "dark"], chosen.mode) }),
  i: () => isShown("images") && choose({ images: next(["on", "off"], chosen.images) }),
  r: () => by("reader").focus(),
  l: () => state?.languages.length && choose({ draft: next(state.languages.map(({ draft }) => draft), chosen.draft) }),
  t: () => test.open(),
  "[": () => step(-1),
  "]": () => step(1),
  "?": () => dialog.open(by("help")),
};
address.VIEWS.forEach((view, index) => (SHORTCUTS[index + 1] = () => choose({ view })));

function onKey(event) {
  const fields = "input:not([type=radio], [type=checkbox]), select, dialog";
  const isTyping = event.target instanceof Element && event.target.closest(fields);
  if (isTyping || document.querySelector("dialog[open]") || event.ctrlKey || event.metaKey || event.altKey) return;
  if (localStorage.getItem("shortcuts") === "off") return;
  const act = SHORTCUTS[event.key];
  if (!act) return;
  event.preventDefault();
  act();
}

function wire() {
  for (const name of ["view", "width", "mode"]) {
    by(name).addEventListener("change", (event) => choose({ [name]: event.target.value }));
  }
  by("images").addEventListener("change", (event) => choose({ images: event.target.checked ? "on" : "off" }));
  by("drafts").addEventListener("change", (event) => choose({ draft: inLanguage(event.target.value) }));
  by("languages").addEventListener("change", (event) => choose({ draft: event.target.value }));
  by("help-open").addEventListener("click", () => dialog.open(by("help")));
  by("shortcuts").checked = localStorage.getItem("shortcuts") !== "off";
  by("shortcuts").addEventListener("change", ({ target }) =>
    localStorage.setItem("shortcuts", target.checked ? "on" : "off"));
  const roomy = window.innerWidth >= 1340 && window.innerHeight >= 760; // for both in one line
  by("inbox").open = (localStorage.getItem("inbox") ?? (roomy ? "open" : "")) === "open";
  by("inbox").firstElementChild.addEventListener("click", () =>
    localStorage.setItem("inbox", by("inbox").open ? "closed" : "open")); // as it was before the click
  reader.wire(() => chosen, (id) => choose({ reader: id }));
  test.wire(() => chosen, () => by("reader").dataset.shown);
  document.addEventListener("keydown", onKey);
  new ResizeObserver(resize).observe(by("canvas"));
  document.addEventListener("visibilitychange", listen);
  window.addEventListener("focus", () => asking && listen());
  window.addEventListener("popstate", () => turnTo(address.read()));
}

wire();
controls();
listen();
