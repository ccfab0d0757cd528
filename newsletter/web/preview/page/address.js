// What is looked at, and how: kept in the page's address, so that a reload or a bookmark keeps it.

export const VIEWS = ["email", "text", "pdf", "web", "source"];
export const WIDTHS = { desktop: 1000, tablet: 768, phone: 375 };
const CHOICES = { view: VIEWS, width: Object.keys(WIDTHS), mode: ["light", "dark"], images: ["on", "off"] };

/** The choices that the address holds; `width` is by default what the window has room for. */
export function read() {
  const query = new URLSearchParams(location.search);
  const roomy = window.innerWidth >= 900 ? "desktop" : "phone";
  const defaults = { view: "email", width: roomy, mode: "light", images: "on" };
  const chosen = { draft: decodeURIComponent(location.pathname.slice(1)), reader: query.get("reader") ?? "" };
  for (const [name, values] of Object.entries(CHOICES)) {
    chosen[name] = values.includes(query.get(name)) ? query.get(name) : defaults[name];
  }
  return chosen;
}

/** Put some choices into the address, and leave the others there. After a turn, "back" leads to what was before. */
export function write(changes, isTurn) {
  const url = new URL(location.href);
  for (const [name, value] of Object.entries(changes)) {
    if (name === "draft") url.pathname = `/${encodeURIComponent(value)}`;
    else if (value) url.searchParams.set(name, value);
    else url.searchParams.delete(name);
  }
  if (url.href !== location.href) history[isTurn ? "pushState" : "replaceState"](null, "", url);
}

/** The address of one of a draft's editions. */
export function edition(chosen, name, more = {}) {
  const query = new URLSearchParams(Object.entries(more).filter(([, value]) => value));
  return `/${encodeURIComponent(chosen.draft)}/${name}${query.size ? `?${query}` : ""}`;
}
