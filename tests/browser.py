"""Debian's chromium, driven by Playwright, and what npm's axe-core finds in a page."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

NODE_MODULES = Path(__file__).parent / "node" / "node_modules"
# Without a network of its own, and as root in a container.
_FLAGS = ["--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--disable-background-networking"]
_IMPACTS = ["minor", "moderate", "serious", "critical"]
# Texts and controls that are too small, and whatever makes a page scroll sideways.
_OBSTACLES = """() => {
  const wrong = [];
  for (const element of document.querySelectorAll('p, label, legend, button, h1, h2, a, input:not([type=hidden])')) {
    if (element.closest('[aria-hidden]')) continue;
    const box = element.getBoundingClientRect(), say = (fault) => wrong.push(fault + element.outerHTML.slice(0, 60));
    const isChoice = ['checkbox', 'radio'].includes(element.type);  // its label is what is pressed
    const isPressed = element.closest('fieldset label') || ['BUTTON', 'INPUT'].includes(element.tagName);
    if (!isChoice && parseFloat(getComputedStyle(element).fontSize) < 14) say('small: ');
    if (box.right > innerWidth + 1 || box.left < -1) say('cut off: ');
    if (!isChoice && isPressed && box.height < 44) say('hard to hit: ');
  }
  if (document.documentElement.scrollWidth > innerWidth) wrong.push('scrolls sideways');
  return wrong;
}"""


def needed(what: str, there: bool) -> None:
    """Skip where something is not installed; in CI, where all has to be, fail."""
    if there:
        return
    if os.environ.get("CI"):
        pytest.fail(f"{what} is missing, and CI has to have it")
    # A newcomer's machine may lack a browser, Java or npm; the other tests still say what is right there.
    pytest.skip(f"{what} is not installed (.ci/run says what the tests need)")


@contextmanager
def chromium() -> Iterator[Browser]:
    # The shell is the same engine without windows; it takes half as long, and chromium does as well.
    program = shutil.which("chromium-headless-shell") or shutil.which("chromium")
    needed("chromium", program is not None)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=_FLAGS)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One for all tests of a file: Playwright's loop would be in the way of other files' own."""
    with chromium() as running:
        yield running


def barriers(page: Page, *, rules: list[str] | None = None, least: str = "serious") -> list[str]:
    """Return what axe-core finds that keeps people out, from the impact `least` upwards: each with its element."""
    script = NODE_MODULES / "axe-core" / "axe.min.js"
    needed("axe-core (make tests/node/node_modules)", script.is_file())
    # Not as an element of the page, whose own content policy keeps scripts out.
    page.evaluate(f"() => {{ {script.read_text('utf-8')} }}")
    options: dict[str, Any] = {"resultTypes": ["violations"]}
    if rules:
        options["runOnly"] = {"type": "rule", "values": rules}
    found = page.evaluate("options => axe.run(document, options)", options)
    return [
        f"{violation['id']}: {node['html'][:120]} {node['any'][:1]}"
        for violation in found["violations"]
        if violation["impact"] in _IMPACTS[_IMPACTS.index(least) :]
        for node in violation["nodes"]
    ]


def find_obstacles(page: Page) -> list[str]:
    """Return what of a page for readers is too small to read or to press, or wider than the screen."""
    found = page.evaluate(_OBSTACLES)
    assert isinstance(found, list)
    return found
