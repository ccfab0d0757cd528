// The frame that shows the email and the web page: replaced in place when the draft changes, so that the reader's
// place is kept and nothing flickers.

import { WIDTHS } from "./address.js";

const frame = document.getElementById("frame");
const stage = frame.parentElement;
let shown = ""; // the address that the frame was loaded from

/** Show what is at `address`. The same address again is another state of the same edition. */
export async function show(address, title, isCurrent) {
  frame.title = title;
  if (address !== shown || !frame.contentDocument?.body) return load(address);
  const html = await fetched(address);
  if (!isCurrent() || address !== shown) return;
  // The frame's own parser: this page's policy would take the inline styles out.
  const next = new frame.contentWindow.DOMParser().parseFromString(html, "text/html");
  morph(frame.contentDocument.documentElement, next.documentElement);
  ready();
}

async function load(address) {
  await fetched(address); // or else an error would stand in the frame as plain text
  const same = address.split("?")[0] === shown.split("?")[0];
  const place = (same && frame.contentDocument?.defaultView?.scrollY) || remembered(address);
  shown = address;
  let isLoading = true;
  const heedEarly = () => {
    heed(); // keys count before the pictures are there
    if (isLoading) requestAnimationFrame(heedEarly);
  };
  requestAnimationFrame(heedEarly);
  await new Promise((resolve) => {
    frame.addEventListener("load", resolve, { once: true });
    frame.contentWindow.location.replace(address); // an address of its own in the history would break "back"
  });
  isLoading = false;
  if (frame.contentWindow.scrollY === 0) frame.contentWindow.scrollTo(0, place); // nobody was quicker
  ready();
}

/** What the server says at `address`. Throws what stands in the way of an edition, as the server tells it. */
export async function fetched(address) {
  const response = await fetch(address);
  if (!response.ok) {
    const told = response.headers.get("content-type")?.startsWith("application/json");
    throw told ? await response.json() : { title: `The preview answered: ${response.status}`, problems: [] };
  }
  return response.text();
}

function ready() {
  const inner = frame.contentDocument;
  for (const link of inner.querySelectorAll(":is(a, area):not([href^='#'])")) {
    link.setAttribute("target", "_blank"); // a property of the same name is read-only in SVG
    link.setAttribute("rel", "noopener noreferrer");
  }
  heed();
}

/** Listen to what is done in the frame, whichever document it has by now. */
function heed() {
  const inner = frame.contentDocument;
  if (!inner) return;
  // Shortcuts work while the frame has the focus too.
  inner.onkeydown = (event) => document.dispatchEvent(new KeyboardEvent("keydown", event));
  // Within the edition, so that the frame's address stays what this page has given it.
  inner.onclick = (event) => {
    const link = event.target.closest("a[href^='#']");
    if (!link) return;
    event.preventDefault();
    inner.getElementById(decodeURIComponent(link.hash.slice(1)))?.scrollIntoView();
  };
  inner.onscroll = () => sessionStorage.setItem(placeName(shown), String(frame.contentWindow.scrollY));
}

const placeName = (address) => `place ${address.split("?")[0]}`;
const remembered = (address) => Number(sessionStorage.getItem(placeName(address)) ?? 0);

/** Make `old` like `next`, touching only what differs. */
function morph(old, next) {
  if (old.nodeType !== next.nodeType || old.nodeName !== next.nodeName) {
    old.replaceWith(old.ownerDocument.importNode(next, true));
    return;
  }
  if (old.nodeType !== Node.ELEMENT_NODE) {
    if (old.data !== next.data) old.data = next.data;
    return;
  }
  for (const { name, value } of [...next.attributes]) {
    if (old.getAttribute(name) !== value) old.setAttribute(name, value);
  }
  for (const { name } of [...old.attributes]) if (!next.hasAttribute(name)) old.removeAttribute(name);
  const [before, after] = [[...old.childNodes], [...next.childNodes]];
  after.forEach((child, index) => {
    if (index < before.length) morph(before[index], child);
    else old.append(old.ownerDocument.importNode(child, true));
  });
  before.slice(after.length).forEach((child) => child.remove());
}

/** Give the frame its width, and shrink it to the room that there is. Returns the share, 1 for full size. */
export function fit(width) {
  const wanted = WIDTHS[width];
  const share = Math.min(1, (stage.clientWidth - 1) / (wanted + 2)); // with its border
  const style = document.documentElement.style;
  style.setProperty("--frame-width", `${wanted}px`);
  style.setProperty("--frame-share", share);
  return share;
}
