"""A browser's tab with a preview in it, and the moments at which words stand in its email frame.

A look before each of the page's pictures (requestAnimationFrame) reads the text of the frames that can be seen.
The moment that counts is when the picture with the words has been drawn, by the clock of the page: Date.now(),
which is Python's time.time(). Nothing depends on how quickly Playwright asks or is answered.
"""

import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser, Error, Page, sync_playwright

PATIENCE = 20  # seconds for words to appear
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--hide-scrollbars",
    "--disable-background-networking",
    # React Email's page would send the text to its makers, to be scored as spam.
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE 127.0.0.1",
]
LOOKING = """
    window.framed = () => [...document.querySelectorAll("iframe")]
        .filter((frame) => frame.checkVisibility({ opacityProperty: true, visibilityProperty: true }))
        .map((frame) => frame.contentDocument?.body?.innerText ?? "")
        .join(" ").replace(/\\s+/g, " ");
    window.watchFor = (words, patience) => new Promise((resolve) => {
        const drawn = new MessageChannel();
        const late = performance.now() + 1000 * patience;
        drawn.port1.onmessage = () => resolve(Date.now());
        const look = () => {
            if (framed().includes(words)) drawn.port2.postMessage("after this picture");
            else if (performance.now() > late) resolve(0);
            else requestAnimationFrame(look);
        };
        requestAnimationFrame(look);
    });
    window.record = (pattern) => {
        window.states = [];
        const look = () => {
            const state = framed().match(pattern)?.[0] ?? "";
            if (state !== window.states.at(-1)) window.states.push(state);
            requestAnimationFrame(look);
        };
        requestAnimationFrame(look);
    };
"""


class NotSeen(Exception):
    """The words that were waited for did not appear."""


class Tab:
    def __init__(self, page: Page, address: str) -> None:
        self.page = page
        self.address = address
        self._words = ""
        page.add_init_script(LOOKING)
        page.goto(address)

    def expect(self, words: str) -> None:
        """Begins to look for the words."""
        self._words = words
        self.page.bring_to_front()
        self.page.evaluate("([words, patience]) => { window.seen = watchFor(words, patience); }", [words, PATIENCE])

    def seen(self) -> float:
        """When the words stood in the frame, in seconds since the epoch. Waits for it."""
        while True:
            try:  # a page that was loaded anew meanwhile looks anew
                moment: float = self.page.evaluate(
                    "([words, patience]) => window.seen ??= watchFor(words, patience)", [self._words, PATIENCE]
                )
            except Error as error:
                if "Execution context was destroyed" not in error.message:
                    raise
            else:
                break
        if not moment:
            raise NotSeen(f"“{self._words}” did not appear in the email frame within {PATIENCE} s of asking for it.")
        return moment / 1000

    def record(self, pattern: str) -> None:
        """From now on, every text that fits the pattern and stands there in at least one picture is noted."""
        self.page.evaluate("(pattern) => record(new RegExp(pattern))", pattern)

    def recorded(self) -> list[str]:
        states: list[str] = self.page.evaluate("() => window.states")
        return states

    def framed(self) -> str:
        """Return the text that stands in the frame now."""
        text: str = self.page.evaluate("() => framed()")
        return text

    def look_at(self, view: str) -> None:
        """Another view, until it is there, with all the PDF's pages if it has them."""
        self.page.goto(f"{self.address}?view={view}")
        if view == "pdf":
            self.page.wait_for_function(
                "() => { const pages = [...document.querySelectorAll('img.page')];"
                " return pages.length && pages.every((page) => page.complete && page.naturalWidth); }"
            )


@contextmanager
def chromium() -> Iterator[Browser]:
    program = shutil.which("chromium")
    if program is None:
        sys.exit("chromium is not installed: apt-get install chromium")
    with sync_playwright() as playwright, playwright.chromium.launch(executable_path=program, args=ARGUMENTS) as opened:
        yield opened
