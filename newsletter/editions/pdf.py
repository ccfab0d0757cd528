"""The PDF edition: Typst sets the issue from data, as tagged PDF/UA-1 and PDF/A-2a."""

import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from newsletter.editions.edition_context import EditionContext
from newsletter.editions.glyphs import describe_graphemes, find_missing_glyphs
from newsletter.editions.pdf_data import collect_data
from newsletter.editions.pdf_templates import find_printed_words, list_pdf_templates
from newsletter.editions.template_engine import template_error
from newsletter.editions.typefaces import STANDARDS, find_forbidden, load_typefaces
from newsletter.errors import DraftError, TemplateError
from newsletter.issue.model import Issue

if TYPE_CHECKING:
    from typst import Fonts, TypstError

# A file, and no input of Typst's (sys.inputs): a change there makes Typst set all of an issue again.
DATA = "data.json"
_PACKAGE = re.compile(r"""["'](?:@|\\u\{0*40\})""")
_ESCAPED = re.compile(r"\\u\{([0-9a-f]+)\}")  # how Typst names combining marks
_MISSING_GLYPH = re.compile(r'the text `?"(.+?)"`? could not be displayed')
_FORBIDDEN = re.compile(r'license of font `?"(.+?)"`? is too restrictive')
_PLACE = re.compile(r"^error:.*?┌─ (\S+?\.typ):(\d+):(\d+)", re.MULTILINE | re.DOTALL)


def render_pdf(context: EditionContext, issue: Issue) -> bytes:
    """Return the PDF, the same bytes for the same issue. Raises TemplateError, and DraftError for missing glyphs."""
    from typst import compile_with_warnings  # 20 MB that only this edition should cost

    with _prepare_job(context, issue) as job:
        pdf, _warnings = compile_with_warnings(
            job.main,
            root=job.root,
            format="pdf",
            font_paths=job.fonts,
            ignore_system_fonts=True,
            package_path=job.root,
            package_cache_path=job.root,
            pdf_standards=STANDARDS,
            timestamp=datetime.combine(issue.date, time(), UTC),
        )
    return bytes(pdf)


def try_pdf(render: Callable[[], bytes]) -> tuple[bytes | None, DraftError | None]:
    """Return the PDF that `render` makes, or None with the error that names the characters that no typeface has.

    A web page does without a PDF then, since a browser has typefaces of its own. Raises TemplateError.
    """
    try:
        return render(), None
    except DraftError as error:
        return None, error


def render_pages(context: EditionContext, issue: Issue, dots: int = 60) -> list[bytes]:
    """Return the PDF's pages as PNG pictures, with `dots` an inch. Raises TemplateError."""
    from typst import compile_with_warnings

    with _prepare_job(context, issue) as job:
        pages, _warnings = compile_with_warnings(
            job.main,
            root=job.root,
            format="png",
            ppi=dots,
            font_paths=job.fonts,
            ignore_system_fonts=True,
            package_path=job.root,
            package_cache_path=job.root,
        )
    return [bytes(page) for page in (pages if isinstance(pages, list) else [pages])]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Job:
    root: str
    main: str
    fonts: "Fonts"


@contextmanager
def _prepare_job(context: EditionContext, issue: Issue) -> Iterator[_Job]:
    """Make a folder with all that Typst may read, so that no path or link leads out of it; explain Typst's errors."""
    from typst import TypstError

    issue = context.typeset(issue)
    sources = list_pdf_templates(context)
    main = next(iter(sources))
    for source in sources.values():
        _refuse_packages(source)
    if issue.sections and "sections" not in sources[main].read_text(encoding="utf-8-sig"):
        # A layout of one's own may be older than what drafts can hold.
        raise template_error(sources[main], 0, "it does not show sections, and this issue has some")
    fonts = load_typefaces(context.fonts)
    with TemporaryDirectory(prefix="newsletter-pdf-") as root:
        pictures, logo = context.pictures_for_print(issue.seen_by(frozenset())), context.logo()
        data = collect_data(context, issue, fonts, pictures, find_printed_words(sources.values()))
        if logo:
            data["logo"] = {"file": f"/{logo.name}", "width": logo.width, "height": logo.height}
        for picture in (*pictures.values(), *([logo] if logo else [])):
            Path(root, picture.name).write_bytes(picture.data)
        try:
            for name, source in sources.items():
                Path(root, name).write_bytes(source.read_bytes())
            Path(root, DATA).write_text(json.dumps(data), encoding="utf-8")
            yield _Job(root=root, main=f"{root}/{main}", fonts=fonts)
        except TypstError as error:
            raise _explain(error, sources, context, issue) from error
        except BaseException as error:
            # A panic in Typst's Rust core is no Exception, and its class can't be imported.
            if type(error).__name__ != "PanicException":
                raise
            raise template_error(sources[main], 0, f"Typst broke down over it: {error}") from error


def _refuse_packages(template: Path) -> None:
    try:
        text = template.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise template_error(template, 0, "it is not UTF-8 text") from error
    for number, line in enumerate(text.splitlines(), start=1):
        if _PACKAGE.search(line):
            raise template_error(
                template, number, "a package would be fetched from the network; write what it does here"
            )


def _explain(
    error: "TypstError", sources: dict[str, Path], context: EditionContext, issue: Issue
) -> TemplateError | DraftError:
    if glyphs := _MISSING_GLYPH.findall(error.diagnostic):
        named = _ESCAPED.sub(lambda match: chr(int(match[1], 16)), "".join(glyphs))
        # A character that a template writes itself is not among the issue's own.
        problems = find_missing_glyphs(context, issue) or describe_graphemes(dict.fromkeys(named), context, issue)
        return DraftError("The PDF can't show every character.", problems=problems)
    if problems := list(find_forbidden(_FORBIDDEN.findall(error.diagnostic), context.fonts)):
        return DraftError("The PDF can't hold this typeface.", problems=problems)
    place = _PLACE.search(error.diagnostic)
    name = Path(place[1]).name if place else ""
    if place is None or name not in sources:
        return template_error(next(iter(sources.values())), 0, "; ".join([error.message, *error.hints]))
    return template_error(sources[name], int(place[2]), "; ".join([error.message, *error.hints]), int(place[3]))
