"""The PDF edition: Typst sets the issue from data, as tagged PDF/UA-1 and PDF/A-2a."""

import json
import re
import shutil
from datetime import UTC, datetime, time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from typst import TypstError, compile_with_warnings

from newsletter.editions.press import Press
from newsletter.editions.templates import broken, find
from newsletter.errors import DraftError, Problem, TemplateError
from newsletter.issue.image import image_format
from newsletter.issue.model import Issue
from newsletter.issue.richtext import Link, Paragraph, RichText, Run

if TYPE_CHECKING:
    from typst import PDFStandard

TEMPLATE = "edition.typ"
STANDARDS: "list[PDFStandard]" = ["ua-1", "a-2a"]
_PACKAGE = re.compile(r"""["']@""")
_MISSING_GLYPH = re.compile(r"the text `?\"(.+?)\"`? could not be displayed")
_PLACE = re.compile(rf"{re.escape(TEMPLATE)}:(\d+):(\d+)")


def render_pdf(press: Press, issue: Issue) -> bytes:
    """The PDF's bytes, the same for the same issue. Raises TemplateError, and DraftError for a glyph no font has."""
    template = find(TEMPLATE, press.template_path)
    source = template.read_bytes()
    _refuse_packages(template, source)
    # The root holds the one file that the template may read, so that no path or link leads out of it.
    with TemporaryDirectory(prefix="newsletter-pdf-") as root:
        data = _data(press, issue)
        if issue.picture:
            data["image"]["file"] = f"/lead.{image_format(issue.picture)}"
            shutil.copyfile(issue.picture, f"{root}{data['image']['file']}")
        try:
            Path(root, TEMPLATE).write_bytes(source)
            pdf, _warnings = compile_with_warnings(
                f"{root}/{TEMPLATE}",
                root=root,
                format="pdf",
                sys_inputs={"data": json.dumps(data)},
                font_paths=[str(press.fonts)] if press.fonts.is_dir() else [],
                ignore_system_fonts=True,
                package_path=root,
                package_cache_path=root,
                pdf_standards=STANDARDS,
                timestamp=datetime.combine(issue.date, time(), UTC),
            )
        except TypstError as error:
            raise _explain(error, template, issue) from error
    return bytes(pdf)


def _refuse_packages(template: Path, source: bytes) -> None:
    for number, line in enumerate(source.decode("utf-8", "replace").splitlines(), start=1):
        if _PACKAGE.search(line):
            raise broken(template, number, "a package would be fetched from the network; write what it does here")


def _explain(error: TypstError, template: Path, issue: Issue) -> TemplateError | DraftError:
    if glyph := _MISSING_GLYPH.search(error.message):
        return _missing_glyph(glyph[1], issue)
    place = _PLACE.search(error.diagnostic)
    line, column = (int(place[1]), int(place[2])) if place else (0, 0)
    return broken(template, line, "; ".join([error.message, *error.hints]), column)


def _missing_glyph(text: str, issue: Issue) -> DraftError:
    path, line, column = Path("newsletter.toml"), 0, 0
    for number, content in enumerate(issue.path.read_text(encoding="utf-8-sig").splitlines(), start=1):
        found = -1 if content.lstrip().startswith("#") else content.find(text)
        if found >= 0:
            path, line, column = issue.path, number, found + 1
            break
    names = " ".join(f"U+{ord(character):04X}" for character in text[:4])
    return DraftError(
        "The PDF can't show every character.",
        problems=[
            Problem(
                path=path,
                line=line,
                column=column,
                code="glyph",
                message=f"no typeface has {text[:20]!r} ({names})",
                next_step="Put a typeface that has it (.ttf or .otf) into the workspace's fonts/ folder, "
                "or write it another way.",
            )
        ],
    )


def _data(press: Press, issue: Issue) -> dict[str, Any]:
    publication = press.config.publication
    public = issue.seen_by(frozenset())
    return {
        "publication": {
            "title": publication.title,
            "language": publication.language.split("-")[0],
            "contact": publication.contact,
            "website": publication.website,
            "author": press.config.sender.from_.name or publication.title,
        },
        "label": issue.label,
        "date": issue.date.isoformat(),
        "date_words": press.words(issue)["date"],
        "headlines_title": issue.headlines_title,
        "keywords": [publication.title, issue.label, issue.headlines_title],
        "intro": _rich(issue.intro),
        "image": {"alt": issue.image.alt, "credit": _rich(issue.image.credit)} if issue.image else None,
        "items": [{"headline": _rich(item.headline), "detail": _rich(item.detail)} for item in public.items],
        "note": _rich(issue.note),
        "about": _rich(press.about),
    }


def _rich(text: RichText | None) -> list[list[dict[str, Any]]] | None:
    return [[_span(span) for span in paragraph] for paragraph in text.paragraphs] if text else None


def _span(span: Run | Link) -> dict[str, Any]:
    if isinstance(span, Link):
        inside: Paragraph = span.runs
        return {"href": span.href, "spans": [_span(run) for run in inside]}
    return {"text": span.text, "strong": span.strong, "emphasis": span.emphasis, "code": span.code}
