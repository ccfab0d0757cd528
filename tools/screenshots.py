"""Every edition of every sample as pictures, for eyes to judge: `make screenshots` writes build/screenshots/.

The email at four widths, light and dark; the text as a terminal shows it; the PDF's pages in both layouts;
the web page on a screen, a phone and paper; the draft that holds every block, in both looks; the live preview in two
windows; and contact.png with all of them.
"""

import shutil
import sys
from dataclasses import replace
from html import escape
from pathlib import Path

from PIL import Image, ImageDraw
from playwright.sync_api import Browser, sync_playwright
from preview_pictures import shoot_preview

from newsletter.config.edition_settings import PdfSettings
from newsletter.editions import (
    EditionContext,
    place_beside,
    render_html,
    render_pages,
    render_pdf,
    render_text,
    write_default,
)
from newsletter.editions.web import Download, Page, pdf_name, render_index, render_web
from newsletter.issue.draft import load_issue
from newsletter.issue.model import Issue
from newsletter.workspace import Workspace

ROOT = Path(__file__).parent.parent
FOLDER = ROOT / "build" / "screenshots"
WIDTHS = (320, 375, 600, 1200)
_TERMINAL = (
    "<!DOCTYPE html><meta charset=utf-8><title>text</title><style>body{{margin:0;background:#1b1f27;color:#e4e4e0}}"
    "pre{{font:14px/1.35 DejaVu Sans Mono,Menlo,monospace;padding:16px 20px;margin:0}}</style><pre>{}</pre>"
)


def main() -> None:
    shutil.rmtree(FOLDER, ignore_errors=True)
    pages = FOLDER / "pages"
    pages.mkdir(parents=True)
    workspace = Workspace(ROOT, {})
    context = EditionContext.from_workspace(workspace)
    issues = [load_issue(path).seen_by(frozenset()) for path in reversed(workspace.draft_paths())]
    program = shutil.which("chromium")
    if program is None:
        sys.exit("chromium is not installed: apt-get install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox", "--hide-scrollbars"])
        for issue in issues:
            _shoot_issue(browser, context, issue, pages)
        _shoot_index(browser, context, issues, pages)
        _shoot_looks(browser, pages / "everything")
        for example in sorted((ROOT / "examples" / "drafts").glob("*/newsletter.toml")):
            _shoot_example(browser, Workspace(example.parent, {}), pages)
        shoot_preview(browser, FOLDER, pages / "workspace")
        browser.close()
    _contact_sheet()
    print(f"{len(list(FOLDER.glob('*.png')))} pictures in {FOLDER.relative_to(Path.cwd())}, all on contact.png")


def _shoot_looks(browser: Browser, root: Path) -> None:
    """Picture the draft that the tests have for every block and section; `root` is a folder to be made."""
    (root / "drafts").mkdir(parents=True)
    editions = ROOT / "tests" / "editions"
    shutil.copyfile(ROOT / "newsletter.toml", root / "newsletter.toml")
    for path in (ROOT / "drafts" / "2.10-lead.jpg", *(editions / "everything").iterdir()):
        shutil.copyfile(path, root / "drafts" / path.name)
    draft = root / "drafts" / "2.11.yaml"
    shutil.copyfile(editions / "everything.yaml", draft)
    for look, headlines in (("digest", "list"), ("briefing", "above")):
        environ = {"NEWSLETTER_THEME__LOOK": look, "NEWSLETTER_LAYOUT__HEADLINES": headlines}
        context = EditionContext.from_workspace(Workspace(root, environ))
        _shoot_issue(browser, context, load_issue(draft).seen_by(frozenset()), root, f"everything-{look}")


def _shoot_issue(browser: Browser, context: EditionContext, issue: Issue, folder: Path, name: str = "") -> None:
    for picture in context.pictures(issue):
        (folder / picture.name).write_bytes(picture.data)
    name = name or issue.name
    email = _write(folder / f"{name}.email.html", render_html(context, issue, write_default, place_beside))
    web = _write(folder / f"{name}.html", render_web(context, issue, render_pdf(context, issue)))
    text = _write(folder / f"{name}.txt.html", _TERMINAL.format(escape(render_text(context, issue, write_default))))
    for mode in ("light", "dark"):
        for width in WIDTHS:
            _shoot(browser, email, f"{name}-email-{mode}-{width:04}", width, mode)
        _shoot(browser, web, f"{name}-web-{mode}-1200", 1200, mode)
        _shoot(browser, web, f"{name}-web-{mode}-0375", 375, mode)
    _shoot(browser, web, f"{name}-web-print", 700, "light", media="print")
    _shoot(browser, text, f"{name}-text", 660, "light")
    for columns in (1, 2):
        config = context.config.model_copy(update={"pdf": PdfSettings(columns=columns, print_links=columns == 2)})
        laid_out = replace(context, config=config)
        for number, page in enumerate(render_pages(laid_out, issue, dots=90), start=1):
            (FOLDER / f"{name}-pdf-{columns}-columns-page-{number}.png").write_bytes(page)


def _shoot_example(browser: Browser, workspace: Workspace, folder: Path) -> None:
    """Take the pictures of a newsletter in examples/drafts/: each edition once, the email also in the dark."""
    context = EditionContext.from_workspace(workspace)
    for path in workspace.draft_paths():
        issue = load_issue(path).seen_by(frozenset())
        for picture in context.pictures(issue):
            (folder / picture.name).write_bytes(picture.data)
        name = f"{workspace.root.name}-{issue.name}"
        email = _write(folder / f"{name}.email.html", render_html(context, issue, write_default, place_beside))
        web = _write(folder / f"{name}.html", render_web(context, issue, render_pdf(context, issue)))
        text = _write(folder / f"{name}.txt.html", _TERMINAL.format(escape(render_text(context, issue, write_default))))
        _shoot(browser, email, f"{name}-email-light-0600", 600, "light")
        _shoot(browser, email, f"{name}-email-dark-0375", 375, "dark")
        _shoot(browser, web, f"{name}-web-light-1200", 1200, "light")
        _shoot(browser, text, f"{name}-text", 660, "light")
        for number, page in enumerate(render_pages(context, issue, dots=90), start=1):
            (FOLDER / f"{name}-pdf-page-{number}.png").write_bytes(page)


def _shoot_index(browser: Browser, context: EditionContext, issues: list[Issue], folder: Path) -> None:
    listed = [
        Page(
            issue,
            context.label(issue),
            context.title(issue),
            context.template_values(issue)["date"],
            Download(pdf_name(issue), len(render_pdf(context, issue))),
        )
        for issue in issues
    ]
    index = _write(folder / "index.html", render_index(context, listed))
    _shoot(browser, index, "index-light-1200", 1200, "light")
    _shoot(browser, index, "index-dark-0375", 375, "dark")


def _write(path: Path, html: str) -> Path:
    path.write_text(html, encoding="utf-8")
    return path


def _shoot(browser: Browser, page: Path, name: str, width: int, mode: str, media: str = "screen") -> None:
    tab = browser.new_page(viewport={"width": width, "height": 600}, color_scheme="dark" if mode == "dark" else "light")
    tab.emulate_media(media="print" if media == "print" else "screen")
    tab.goto(page.as_uri())
    tab.screenshot(path=FOLDER / f"{name}.png", full_page=True)
    tab.close()


def _contact_sheet(height: int = 620, across: int = 5200) -> None:
    """All pictures at one height, in rows, each under its name."""
    thumbnails = []
    for path in sorted(FOLDER.glob("*.png")):
        with Image.open(path) as picture:
            shown = picture.convert("RGB")
            shown.thumbnail((10_000, height))
            thumbnails.append((path.stem, shown))
    places, x, y = [], 10, 30
    for name, shown in thumbnails:
        if x + shown.width > across:
            x, y = 10, y + height + 40
        places.append((x, y, name, shown))
        x += max(shown.width, 6 * len(name)) + 14
    sheet = Image.new("RGB", (across, y + height + 20), "#808080")
    draw = ImageDraw.Draw(sheet)
    for left, top, name, shown in places:
        draw.text((left, top - 16), name, fill="white")
        sheet.paste(shown, (left, top))
    sheet.save(FOLDER / "contact.png")


if __name__ == "__main__":
    main()
