"""Every edition of every sample as pictures, for eyes to judge: `make screenshots` writes build/screenshots/.

The email at four widths, light and dark; the text as a terminal shows it; the PDF's pages in both layouts;
the web page on a screen, a phone and paper; the samples in three more languages; the draft that holds every block, in
both looks; the live preview in two windows; the pages where readers join; the README's four commands; and contact.png
with all of them. Those that the documentation shows are in docs/ there, for docs/images/.
"""

import shutil
import sys
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from html import escape
from multiprocessing import get_context
from pathlib import Path

from command_pictures import shoot_commands
from PIL import Image, ImageDraw
from playwright.sync_api import Browser, sync_playwright
from preview_pictures import shoot_preview
from reader_pictures import shoot_preferences, shoot_sign_up

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
from newsletter.issue.draft import load_issue, read_draft, require_issue
from newsletter.issue.model import Issue
from newsletter.workspace import Workspace

ROOT = Path(__file__).parent.parent
FOLDER = ROOT / "build" / "screenshots"
TRANSLATIONS = ROOT / "examples" / "translations"
LANGUAGES = ("ja", "de", "ar")
WIDTHS = (320, 375, 600, 1200)
# Pictures of the documentation, by their names here: written to docs/ beside the others, with fewer colours and bytes.
_OF_DOCS = {
    **{f"command-{number}": f"command-{number}" for number in range(1, 5)},
    **{f"preview-{view}-1440": f"preview-{view}" for view in ("text", "pdf", "web", "source", "problems")},
    "index-light-1200": "website",
}
_WORKERS = 2  # each with a browser of its own
_TERMINAL = (
    "<!DOCTYPE html><meta charset=utf-8><title>text</title><style>body{{margin:0;background:#1b1f27;color:#e4e4e0}}"
    "pre{{font:14px/1.35 DejaVu Sans Mono,Menlo,monospace;padding:16px 20px;margin:0;unicode-bidi:plaintext}}</style>"
    "<pre>{}</pre>"
)


def main() -> None:
    shutil.rmtree(FOLDER, ignore_errors=True)
    (FOLDER / "pages").mkdir(parents=True)
    if shutil.which("chromium") is None:
        sys.exit("chromium is not installed: apt-get install chromium")
    for name in ("translations", "preferences"):
        copy_translations(FOLDER / "pages" / name)
    # The longest first, so that no worker waits for another at the end.
    jobs = [
        *(("look", look) for look in ("digest", "briefing")),
        ("preview", ""),
        ("commands", ""),
        *(("sample", path.stem) for path in reversed(Workspace(ROOT, {}).draft_paths())),
        *(("translation", language) for language in LANGUAGES),
        *(("example", path.parent.name) for path in sorted((ROOT / "examples" / "drafts").glob("*/newsletter.toml"))),
        ("index", ""),
        ("sign-up", ""),
        ("preferences", ""),
    ]
    with ProcessPoolExecutor(max_workers=_WORKERS, mp_context=get_context("spawn")) as workers:
        for done in [workers.submit(run_job, *job) for job in jobs]:
            done.result()
    _contact_sheet()
    write_docs_pictures()
    print(f"{len(list(FOLDER.glob('*.png')))} pictures in {FOLDER.relative_to(Path.cwd())}, all on contact.png")


def run_job(kind: str, name: str) -> None:
    """Take the pictures of one kind: a sample, an example, a language, a look, a language, the preview and so on."""
    pages = FOLDER / "pages"
    workspace = Workspace(ROOT, {})
    with _browsing() as browser:
        match kind:
            case "sample":
                issue = load_issue(workspace.find_draft(name)).seen_by(frozenset())
                _shoot_issue(browser, EditionContext.from_workspace(workspace), issue, pages)
            case "translation":
                _shoot_language(browser, Workspace(pages / "translations", {}), name)
            case "look":
                _shoot_look(browser, pages / f"everything-{name}", name)
            case "example":
                _shoot_example(browser, Workspace(ROOT / "examples" / "drafts" / name, {}), pages)
            case "index":
                issues = [load_issue(path).seen_by(frozenset()) for path in reversed(workspace.draft_paths())]
                _shoot_index(browser, EditionContext.from_workspace(workspace), issues, pages)
            case "sign-up":
                shoot_sign_up(browser, FOLDER, pages / "translations")
            case "preferences":
                shoot_preferences(browser, FOLDER, pages / "preferences")
            case "commands":
                shoot_commands(browser, FOLDER, pages / "commands")
            case _:
                shoot_preview(browser, FOLDER, pages / "workspace")


@contextmanager
def _browsing() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox", "--hide-scrollbars"]
        )
        yield browser
        browser.close()


def copy_translations(root: Path) -> None:
    """Make a workspace of the sample publication with its translations; `root` is a folder to be made."""
    (root / "drafts").mkdir(parents=True)
    settings = [ROOT / "newsletter.toml", TRANSLATIONS / "languages.toml"]
    (root / "newsletter.toml").write_text("\n".join(path.read_text("utf-8") for path in settings), encoding="utf-8")
    for path in (*(ROOT / "drafts").iterdir(), *TRANSLATIONS.glob("*.yaml")):
        shutil.copyfile(path, root / "drafts" / path.name)


def _shoot_language(browser: Browser, workspace: Workspace, language: str) -> None:
    """Take the pictures of the samples in one language: each edition once, the first of them on a phone too."""
    context = EditionContext.from_workspace(workspace).in_language(language)
    for number, path in enumerate(reversed(workspace.draft_paths())):
        draft = read_draft(workspace.translations_of(path.stem)[language], language)
        _shoot_once(
            browser, context, require_issue(draft).seen_by(frozenset()), workspace.root, f"{path.stem}-{language}"
        )
        if number == 0:
            email, web = (workspace.root / f"{path.stem}-{language}.{kind}" for kind in ("email.html", "html"))
            _shoot(browser, email, f"{path.stem}-{language}-email-dark-0375", 375, "dark")
            _shoot(browser, web, f"{path.stem}-{language}-web-light-0375", 375, "light")
            _shoot_pages(context, require_issue(draft), f"{path.stem}-{language}-pdf-2-columns", columns=2)


def _shoot_look(browser: Browser, root: Path, look: str) -> None:
    """Picture the draft that the tests have for every block and section; `root` is a folder to be made."""
    (root / "drafts").mkdir(parents=True)
    editions = ROOT / "tests" / "editions"
    shutil.copyfile(ROOT / "newsletter.toml", root / "newsletter.toml")
    for path in (ROOT / "drafts" / "2.10-lead.jpg", *(editions / "everything").iterdir()):
        shutil.copyfile(path, root / "drafts" / path.name)
    draft = root / "drafts" / "2.11.yaml"
    shutil.copyfile(editions / "everything.yaml", draft)
    headlines = {"digest": "list", "briefing": "above"}[look]
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
        _shoot_pages(context, issue, f"{name}-pdf-{columns}-columns", columns)


def _shoot_pages(context: EditionContext, issue: Issue, name: str, columns: int) -> None:
    config = context.config.model_copy(update={"pdf": PdfSettings(columns=columns, print_links=columns == 2)})
    for number, page in enumerate(render_pages(replace(context, config=config), issue, dots=90), start=1):
        (FOLDER / f"{name}-page-{number}.png").write_bytes(page)


def _shoot_example(browser: Browser, workspace: Workspace, folder: Path) -> None:
    """Take the pictures of a newsletter in examples/drafts/: each edition once, the email also in the dark."""
    context = EditionContext.from_workspace(workspace)
    for path in workspace.draft_paths():
        issue = load_issue(path).seen_by(frozenset())
        name = f"{workspace.root.name}-{issue.name}"
        _shoot_once(browser, context, issue, folder, name)
        _shoot(browser, folder / f"{name}.email.html", f"{name}-email-dark-0375", 375, "dark")


def _shoot_once(browser: Browser, context: EditionContext, issue: Issue, folder: Path, name: str) -> None:
    """Take one picture of each edition, and one of each page of the PDF."""
    for picture in context.pictures(issue):
        (folder / picture.name).write_bytes(picture.data)
    email = _write(folder / f"{name}.email.html", render_html(context, issue, write_default, place_beside))
    web = _write(folder / f"{name}.html", render_web(context, issue, render_pdf(context, issue)))
    text = _write(folder / f"{name}.txt.html", _TERMINAL.format(escape(render_text(context, issue, write_default))))
    _shoot(browser, email, f"{name}-email-light-0600", 600, "light")
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


def write_docs_pictures() -> None:
    """Write the documentation's pictures into a folder of their own, from which they are copied to docs/images/."""
    (FOLDER / "docs").mkdir()
    for name, shown in _OF_DOCS.items():
        with Image.open(FOLDER / f"{name}.png") as picture:
            top = picture.convert("RGB").crop((0, 0, picture.width, min(picture.height, 900)))
            top.quantize(192).save(FOLDER / "docs" / f"{shown}.png", optimize=True)


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
