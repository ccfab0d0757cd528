// "Send me a test": to an address that is typed once, and remembered by this browser alone.

import * as dialog from "./dialog.js";
import { edition } from "./address.js";
import { diagnostic } from "./panel.js";

const by = (id) => document.getElementById(id);
const REMEMBERED = "test address";
const token = document.querySelector('meta[name="preview-token"]').content;

let named = () => "";

/** `chosen` says which draft is looked at, as which reader; `readerName` who that is. */
export function wire(chosen, readerName) {
  named = readerName;
  by("test-open").addEventListener("click", open);
  by("test-address").addEventListener("input", () => by("test-result").replaceChildren());
  by("test-form").addEventListener("submit", (event) => {
    event.preventDefault();
    send(chosen());
  });
}

export function open() {
  by("test-address").value = localStorage.getItem(REMEMBERED) ?? "";
  by("test-as").textContent = named() ? `As ${named()} gets it.` : "";
  by("test-result").replaceChildren();
  dialog.open(by("test"));
}

async function send(chosen) {
  const address = by("test-address").value.trim();
  localStorage.setItem(REMEMBERED, address);
  by("test-send").disabled = true;
  say("quiet", "Sending …");
  try {
    const response = await fetch(edition(chosen, "test"), {
      method: "POST",
      headers: { "Content-Type": "application/json", "X-Preview-Token": token },
      body: JSON.stringify({ address, reader: chosen.reader }),
    });
    if (response.ok) {
      const { accepted, text } = await response.json();
      say(accepted ? "good" : "bad", accepted ? `Sent. ${text}` : text);
    } else if (response.headers.get("content-type")?.startsWith("application/json")) {
      by("test-result").replaceChildren(diagnostic(await response.json()));
    } else {
      say("bad", await response.text());
    }
  } catch {
    say("bad", "The preview does not answer. Look in the terminal that it runs in.");
  } finally {
    by("test-send").disabled = false;
    if (by("test").open) by("test-send").focus(); // a button that is disabled loses it
  }
}

function say(kind, text) {
  const line = Object.assign(document.createElement("p"), { className: kind, textContent: text });
  by("test-result").replaceChildren(line);
}
