"""The live preview as pictures: each view in a wide window and in one beside an editor, and its messages."""

import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, Page

from newsletter.workspace import Workspace

ROOT = Path(__file__).parent.parent
SIZES = {"1440": {"width": 1440, "height": 900}, "0480": {"width": 480, "height": 900}}
VIEWS = ("email", "text", "pdf", "web", "source")


def shoot_preview(browser: Browser, folder: Path, workspace: Path) -> None:
    """Pictures into `folder`; `workspace` is a folder to be made, with the sample publication in it."""
    copy_sample(workspace)
    draft = workspace / "drafts" / "2.10.yaml"
    text = draft.read_text(encoding="utf-8")
    with previewing(workspace, "2.10") as way_in:
        first = browser.new_page()
        first.goto(way_in)  # it works once; the cookie goes along
        address, known = way_in.partition("?")[0], first.context.storage_state()
        for name, size in SIZES.items():
            page = browser.new_page(viewport=size, storage_state=known)
            for view in VIEWS:
                open_page(page, f"{address}?view={view}")
                page.screenshot(path=folder / f"preview-{view}-{name}.png")
            open_page(page, f"{address}?width=phone&mode=dark&images=off")
            page.emulate_media(color_scheme="dark")
            page.screenshot(path=folder / f"preview-email-phone-dark-{name}.png")
            page.emulate_media(color_scheme="light")
            open_page(page, address)
            wrong = text.replace("date: 2023-05-31", "dat: May 31").replace("https://example.org/2023/05/leaders", "#")
            draft.write_text(wrong, encoding="utf-8")
            page.locator("#stale").wait_for()
            page.screenshot(path=folder / f"preview-problems-{name}.png")
            draft.write_text(text.replace("Hiroshima", "Hiroshima \U00012000"), encoding="utf-8")
            open_page(page, f"{address}?view=pdf")
            page.locator("#nothing .diagnostic").wait_for()
            page.screenshot(path=folder / f"preview-problem-of-the-pdf-{name}.png")
            draft.unlink()
            page.locator("#stale").wait_for()
            page.screenshot(path=folder / f"preview-draft-gone-{name}.png")
            draft.write_text(text, encoding="utf-8")
            open_page(page, address)
            page.get_by_label("As", exact=True).fill("Ada Okafor <ada.okafor@example.org>")
            page.keyboard.press("Escape")
            page.get_by_role("button", name="Send me a test …").click()
            page.get_by_label("To", exact=True).fill("editor@example.org")
            page.get_by_role("button", name="Send", exact=True).click()
            page.locator("#test-result .diagnostic").wait_for()  # nobody listens at the sample's port
            page.screenshot(path=folder / f"preview-test-{name}.png")
            page.keyboard.press("Escape")
            page.keyboard.press("?")
            page.screenshot(path=folder / f"preview-shortcuts-{name}.png")
            page.close()
        first.close()


def copy_sample(workspace: Path) -> None:
    """Copy the sample publication with its readers into a folder to be made."""
    (workspace / "drafts").mkdir(parents=True)
    for path in Workspace(ROOT, {}).draft_paths():
        for file in path.parent.glob(f"{path.stem}[.-]*"):
            shutil.copyfile(file, workspace / "drafts" / file.name)
    for name in ("newsletter.toml", "words.txt"):
        shutil.copyfile(ROOT / name, workspace / name)
    shutil.copyfile(ROOT / "subscribers.example.csv", workspace / "subscribers.csv")


@contextmanager
def previewing(workspace: Path, draft: str) -> Iterator[str]:
    """Run a preview of a draft, and yield the address by which a browser is let in, once."""
    command = [sys.executable, "-m", "newsletter", "preview", draft, "--no-open"]
    quiet = {**os.environ, "NEWSLETTER_LINKS__PREVIEW": "false"}  # the sample's links lead nowhere
    with subprocess.Popen(  # noqa: S603  # ours
        command, cwd=workspace, env=quiet, stdout=subprocess.PIPE, text=True
    ) as process:
        address = None
        while address is None and process.stdout:
            address = re.search(r"http://\S+", process.stdout.readline())
        try:
            yield address[0] if address else ""
        finally:
            process.send_signal(signal.SIGINT)


def open_page(page: Page, address: str) -> None:
    """Open a page of the preview, and wait until all of it stands there."""
    page.goto(address)
    page.wait_for_function("() => document.getElementById('status').textContent")
    page.wait_for_function("() => !document.body.innerText.includes('Checking …')")
    page.wait_for_timeout(600)  # pictures follow
