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


def barriers(page: Page, *, rules: list[str] | None = None) -> list[str]:
    """Return what axe-core finds that keeps people out, from "serious" upwards: each with its element."""
    script = NODE_MODULES / "axe-core" / "axe.min.js"
    needed("axe-core (make tests/node/node_modules)", script.is_file())
    page.add_script_tag(path=script)
    options: dict[str, Any] = {"resultTypes": ["violations"]}
    if rules:
        options["runOnly"] = {"type": "rule", "values": rules}
    found = page.evaluate("options => axe.run(document, options)", options)
    return [
        f"{violation['id']}: {node['html'][:120]} {node['any'][:1]}"
        for violation in found["violations"]
        if violation["impact"] in ("serious", "critical")
        for node in violation["nodes"]
    ]
