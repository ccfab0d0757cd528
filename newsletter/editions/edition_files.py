"""Editions as files."""

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path

from newsletter.editions.edition_context import EditionContext, place_beside
from newsletter.editions.html import render_html
from newsletter.editions.pdf import render_pages, render_pdf, try_pdf
from newsletter.editions.plaintext import render_text
from newsletter.editions.web import page_name, pdf_name, render_web
from newsletter.errors import DecisionNeeded
from newsletter.field import write_default
from newsletter.files import write_shared
from newsletter.issue.model import Issue
from newsletter.ownership import require_own_links

# Returns one edition of an issue as files: names and contents, the edition itself first.
Maker = Callable[[EditionContext, Issue], Mapping[str, bytes]]
FORMS = ("html", "text", "pdf", "web", "png")
_PAGE_DOTS = 110  # an inch; a letter's page is then 935 pixels wide


def export_editions(
    context: EditionContext, issue: Issue, forms: Sequence[str], folder: Path, more: Mapping[str, Maker] | None = None
) -> dict[str, Path]:
    """Write the named forms into `folder`; return the path of each form, and of pictures by their own names.

    `more` adds forms that packages above this one make. All are made before any is written. Raises TemplateError,
    DraftError, and DecisionNeeded where the draft's own picture would be overwritten.
    """
    made = make_editions(context, issue, forms, more)
    _refuse_to_lose(issue, [folder / name for files in made.values() for name in files])
    require_own_links(folder)
    folder.mkdir(parents=True, exist_ok=True)
    written: dict[str, Path] = {}
    for form, files in made.items():
        for name, data in files.items():
            path = folder / name
            write_shared(path, data)
            if path not in written.values():
                written[form if form not in written else name] = path
    return written


def make_editions(
    context: EditionContext, issue: Issue, forms: Sequence[str], more: Mapping[str, Maker] | None = None
) -> dict[str, Mapping[str, bytes]]:
    """Return the files of each named form, as readers without tags get it: names and contents, the edition first.

    `more` adds forms that packages above this one make. Raises TemplateError and DraftError.
    """
    public = issue.seen_by(frozenset())
    render_once = cache(lambda: render_pdf(context, public))  # for its own file, and for the web page that offers it
    makers: dict[str, Maker] = {
        "html": _make_html,
        "text": _make_text,
        "pdf": lambda _context, issue: {pdf_name(issue): render_once()},
        "web": lambda context, issue: make_web_files(context, issue, try_pdf(render_once)[0]),
        "png": _make_pages,
        **(more or {}),
    }
    return {form: makers[form](context, public) for form in forms}


def _refuse_to_lose(issue: Issue, paths: Sequence[Path]) -> None:
    """Refuse to overwrite the draft's picture by the exported one of the same name. Raises DecisionNeeded."""
    for path in paths:
        if path.exists() and any(path.samefile(picture) for picture in issue.pictures):
            raise DecisionNeeded(
                f"{path} is the draft's own picture, and would be overwritten by a smaller one.",
                next_step="Name another folder with -o.",
            )


def make_web_files(context: EditionContext, issue: Issue, pdf: bytes | None) -> dict[str, bytes]:
    """Return the web page, which offers `pdf` for download, and the pictures beside it.

    Pictures that only some readers get are not published, unless the mail takes its pictures from there.
    """
    shown = issue if context.config.email.images == "link" else issue.seen_by(frozenset())
    return {page_name(issue): render_web(context, issue, pdf).encode(), **_make_pictures(context, shown)}


def require_linked_editions(context: EditionContext, issue: Issue) -> None:
    """Make what the mail's links lead to, so that no mail leaves whose page or PDF can't be made.

    Raises DraftError for what no typeface has, and TemplateError.
    """
    if context.config.publication.website:
        make_web_files(context, issue, render_pdf(context, issue))


def _make_html(context: EditionContext, issue: Issue) -> dict[str, bytes]:
    # Not 2.10.html, which is the page's address on the web.
    html = render_html(context, issue, write_default, place_beside).encode()
    return {f"{issue.edition_name}.email.html": html, **_make_pictures(context, issue)}


def _make_text(context: EditionContext, issue: Issue) -> dict[str, bytes]:
    return {f"{issue.edition_name}.txt": render_text(context, issue, write_default).encode()}


def _make_pages(context: EditionContext, issue: Issue) -> dict[str, bytes]:
    pages = render_pages(context, issue, dots=_PAGE_DOTS)
    return {f"{issue.edition_name}-page-{number}.png": page for number, page in enumerate(pages, start=1)}


def _make_pictures(context: EditionContext, issue: Issue) -> dict[str, bytes]:
    return {picture.name: picture.data for picture in context.pictures(issue)}
