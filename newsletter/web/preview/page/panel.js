// What stands beside the edition: problems, numbers, links, and the line in the inbox.

const by = (id) => document.getElementById(id);

function made(tag, properties = {}, ...children) {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children);
  return element;
}

/** Words with what stands in `backticks` as code. */
function said(text) {
  return text.split(/`([^`\n]+)`/).map((part, index) => (index % 2 ? made("code", { textContent: part }) : part));
}

/** A diagnostic as the command line would say it; each place can be copied. */
export function diagnostic(told) {
  const problems = (told.problems ?? []).map((problem) =>
    made("li", {},
      made("button", { type: "button", className: "place", title: "Copy the place", textContent: problem.place,
        onclick: (event) => copy(event.currentTarget, problem.place) }),
      made("p", {}, ...said(problem.message), made("span", { className: "code", textContent: ` [${problem.code}]` })),
      problem.next_step ? made("p", { className: "next" }, ...said(problem.next_step)) : ""));
  return made("div", { className: told.stops ? "diagnostic stops" : "diagnostic" },
    made("h3", {}, ...said(told.title)),
    problems.length ? made("ul", {}, ...problems) : "",
    told.next_step ? made("p", { className: "next" }, ...said(told.next_step)) : "");
}

async function copy(button, text) {
  await navigator.clipboard.writeText(text);
  button.dataset.copied = "";
  by("said").textContent = `Copied: ${text}`;
  setTimeout(() => delete button.dataset.copied, 1500);
}

/** All of it, from a state that the server sent. */
export function show(state) {
  fill(by("diagnostic-list"), state.diagnostics.length ? state.diagnostics.map(diagnostic) : [quietly(state)]);
  document.body.classList.toggle("has-diagnostics", state.diagnostics.length > 0);
  by("facts").hidden = !state.issue;
  if (!state.issue) return;
  inbox(state.issue);
  numbers(state);
  const links = state.issue.links.map(({ text, href }) => made("li", {},
    made("a", { href, target: "_blank", rel: "noopener noreferrer", textContent: text }),
    made("span", { className: "href", textContent: href.replace(/^https?:\/\//, "") })));
  by("links-title").textContent = `Links (${links.length})`;
  by("links-said").textContent = state.issue.links_said;
  by("links-said").hidden = !state.issue.links_said;
  fill(by("links"), links);
}

function quietly(state) {
  return made("p", { className: "quiet", textContent: state.finished ? "None." : "Checking …" });
}

function inbox(issue) {
  for (const client of document.querySelectorAll(".inboxes > div")) {
    client.querySelector(".from").textContent = issue.from;
    client.querySelector(".subject").textContent = issue.subject;
    client.querySelector(".preheader").textContent = issue.preheader;
  }
}

function numbers({ issue, pages, finished }) {
  const rows = [["Subject", `${[...issue.subject].length} characters`]];
  if (issue.words || !issue.signs) rows.push(["Words", issue.words.toLocaleString("en")]);
  if (issue.signs) rows.push(["Signs", issue.signs.toLocaleString("en")]);
  rows.push(["Reading time", `${issue.minutes} min`]);
  rows.push(["PDF", pages === null ? (finished ? "none" : "…") : pages === 1 ? "1 page" : `${pages} pages`]);
  fill(by("numbers"), rows.flatMap(([name, value]) => [
    made("dt", { textContent: name }), made("dd", { textContent: value })]));
  const kilobytes = (bytes) => (bytes / 1000).toFixed(1);
  const over = issue.size > issue.limit;
  const limit = `${issue.limit / 1000} kB`;
  const part = over ? `, and Gmail cuts it off at ${limit}` : ` of the ${limit} that Gmail shows`;
  const whole = issue.pictures ? `; with its pictures ${kilobytes(issue.size + issue.pictures)} kB` : "";
  by("size-label").textContent = `HTML: ${kilobytes(issue.size)} kB${part}${whole}`;
  Object.assign(by("size"), { max: issue.limit, high: issue.limit * 0.9, value: issue.size });
  by("size").textContent = by("size-label").textContent;
}

/** New children, unless they are the same: the focus stays where it is while somebody types. */
function fill(parent, children) {
  const next = made(parent.tagName, {}, ...children);
  if (next.innerHTML !== parent.innerHTML) parent.replaceChildren(...next.childNodes);
}
