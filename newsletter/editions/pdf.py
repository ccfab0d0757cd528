"""The PDF edition: Typst sets the issue from data, as tagged PDF/UA-1 and PDF/A-2a."""

import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, time
from itertools import count, repeat
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from wcwidth import wcswidth

from newsletter.editions.edition_context import EditionContext
from newsletter.editions.glyphs import describe_graphemes, find_missing_glyphs
from newsletter.editions.template_engine import find_template, template_error
from newsletter.editions.typefaces import STANDARDS, load_typefaces
from newsletter.errors import DraftError, TemplateError
from newsletter.issue.blocks import Link, Paragraph, RichText, Span, TextRun
from newsletter.issue.model import Issue

if TYPE_CHECKING:
    from typst import Fonts, TypstError

# The templates by the number of columns.
TEMPLATES = {1: "edition.typ", 2: "edition-columns.typ"}
PARTS = "edition-parts.typ"
_EMOJI = "Noto Emoji"
# Typst finds a keycap in Noto Emoji only where that is named: by itself it looks for a typeface with the digit.
_FALLBACK = ("Source Serif 4", "Libertinus Serif", "Noto Serif JP", "DejaVu Sans Mono", _EMOJI)
# A block that must not be broken has to fit: 22 lines do, even of nothing but capitals, with 8 of addresses.
_TALL, _WITH_ADDRESSES, _COLUMNS = 22, 30, 40
# Scripts whose typefaces are large, and so come in one weight; as Typst's regular expression.
_IDEOGRAPHS = r"[\p{Han}\p{Hiragana}\p{Katakana}\p{Hangul}\u{3000}-\u{303F}\u{FF00}-\u{FFEF}]+"
_IDEOGRAPHIC = re.compile(r"\b(CJK|JP|KR|SC|TC|HK)\b")
_BOLD = 600
_IN_PLACE = repeat(0)  # the number of each link whose address is printed behind it
_LONG_TITLE = re.compile(r"[!-\u052f]{30,}")
_LONG_PART = re.compile(r"[^/?&=.-]{40,}")
_PACKAGE = re.compile(r"""["'](?:@|\\u\{0*40\})""")
_ESCAPED = re.compile(r"\\u\{([0-9a-f]+)\}")  # how Typst names combining marks
_MISSING_GLYPH = re.compile(r'the text `?"(.+?)"`? could not be displayed')
_PLACE = re.compile(r"^error:.*?┌─ (\S+?\.typ):(\d+):(\d+)", re.MULTILINE | re.DOTALL)


def render_pdf(context: EditionContext, issue: Issue) -> bytes:
    """Return the PDF, the same bytes for the same issue. Raises TemplateError, and DraftError for missing glyphs."""
    from typst import compile_with_warnings  # 20 MB that only this edition should cost

    with _prepare_job(context, issue) as job:
        pdf, _warnings = compile_with_warnings(
            job.main,
            root=job.root,
            format="pdf",
            sys_inputs=job.inputs,
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
            sys_inputs=job.inputs,
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
    inputs: dict[str, str]
    fonts: "Fonts"


@contextmanager
def _prepare_job(context: EditionContext, issue: Issue) -> Iterator[_Job]:
    """Make a folder with all that Typst may read, so that no path or link leads out of it; explain Typst's errors."""
    from typst import TypstError

    main = TEMPLATES[context.config.pdf.columns]
    sources = {name: find_template(name, context.template_path) for name in (main, PARTS)}
    for source in sources.values():
        _refuse_packages(source)
    fonts = load_typefaces(context.fonts)
    with TemporaryDirectory(prefix="newsletter-pdf-") as root:
        data = _collect_data(context, issue, fonts)
        for role, picture in (("image", context.lead_picture_for_print(issue)), ("logo", context.logo())):
            if picture:
                data[role] = {**(data[role] or {}), "file": f"/{picture.name}"}
                data[role] |= {"width": picture.width, "height": picture.height}
                Path(root, picture.name).write_bytes(picture.data)
        try:
            for name, source in sources.items():
                Path(root, name).write_bytes(source.read_bytes())
            yield _Job(root=root, main=f"{root}/{main}", inputs={"data": json.dumps(data)}, fonts=fonts)
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
    place = _PLACE.search(error.diagnostic)
    name = Path(place[1]).name if place else ""
    if place is None or name not in sources:
        return template_error(next(iter(sources.values())), 0, "; ".join([error.message, *error.hints]))
    return template_error(sources[name], int(place[2]), "; ".join([error.message, *error.hints]), int(place[3]))


def _collect_data(context: EditionContext, issue: Issue, fonts: "Fonts") -> dict[str, Any]:
    families = set(fonts.families())
    has_bold = any(font.weight >= _BOLD and _IDEOGRAPHIC.search(font.family) for font in fonts.fonts())
    publication, theme, layout = context.config.publication, context.config.theme, context.config.pdf
    public = issue.seen_by(frozenset())
    language, *rest = publication.language.split("-")
    region = next((part.upper() for part in rest if len(part) == 2), None)  # Typst knows no other form
    addresses = _Addresses(printed=layout.print_links)
    return {
        "publication": {
            "title": publication.title,
            "title_shown": _make_breakable(publication.title, _LONG_TITLE),
            "language": language,
            "region": region,
            "direction": publication.direction,
            "contact": publication.contact,
            "website": publication.website,
            "author": context.config.sender.from_.name or publication.title,
        },
        "theme": {
            **{name: theme.on_paper(name) for name in ("text", "link", "accent", "quiet")},
            **{name: getattr(theme, name) for name in ("rule", "masthead", "masthead_text", "dateline")},
            "font": _select_installed(theme.font, families),
            "heading_font": _select_installed(theme.heading_font, families),
            "emoji": _EMOJI if _EMOJI in families else None,
            "thin": None if has_bold else _IDEOGRAPHS,
        },
        "layout": {"paper": layout.paper, "print_links": layout.print_links},
        "label": issue.label,
        "date": issue.date.isoformat(),
        "date_words": context.template_values(issue)["date"].strip("\u2068\u2069"),
        "headlines_title": issue.headlines_title,
        "keywords": [publication.title, issue.label, issue.headlines_title],
        "logo": None,
        "intro": addresses.blocks(issue.intro),
        "image": {"alt": issue.image.alt, "credit": _convert_text(issue.image.credit)} if issue.image else None,
        "items": [
            {
                "headline": _convert_text(item.headline),
                "detail": addresses.blocks(item.detail),
                "tall": not addresses.fit(item.detail),
            }
            for item in public.items
        ],
        "tall": sum(_count_lines(item.headline) for item in public.items) > _TALL,
        "closing_tall": not addresses.fit(*(text for text in (issue.note, context.about) if text)),
        "note": addresses.blocks(issue.note),
        "about": addresses.blocks(context.about),
    }


class _Addresses:
    """A count of the links whose addresses are printed below their text, in reading order.

    Typst's footnotes won't do, since it may leave one on another page than its number: where a block moves to the next
    page, and for all but the first in a line (typst/typst, issues 5314 and 5405).
    """

    def __init__(self, *, printed: bool) -> None:
        self._printed = printed
        self._numbers = count(1)

    def fit(self, *texts: RichText) -> bool:
        """Return whether the texts, with the addresses below them, surely fit on one page, and into one column."""
        lines = sum(map(_count_lines, texts))
        hrefs = [link.href for text in texts for link in text.links()] if self._printed else []
        return lines <= _TALL and lines + sum(1 + len(href) // _COLUMNS for href in hrefs) <= _WITH_ADDRESSES

    def blocks(self, text: RichText | None) -> list[dict[str, Any]] | None:
        """Return a text in blocks that each stay on one page with their addresses.

        A block that is too tall for that (`tall`) may break, and has its addresses in place.
        """
        if text is None:
            return None
        is_whole = not self._printed or self.fit(text)
        parts = [text] if is_whole else [RichText((Paragraph(spans),)) for spans in text.paragraphs]
        fitting = [(part, self.fit(part)) for part in parts]
        return [
            {"tall": not fits, "paragraphs": _convert_text(part, self._numbers if fits else _IN_PLACE)}
            for part, fits in fitting
        ]


def _count_lines(text: RichText) -> int:
    """Estimate how many lines a text takes in the narrower of the layouts."""
    return sum(1 + wcswidth(paragraph) // _COLUMNS for paragraph in text.plain().split("\n\n"))


def _make_breakable(text: str, word: re.Pattern[str] = re.compile(r"[!-\u052f]{52,}")) -> str:
    """Allow line breaks anywhere in words longer than a line, in scripts whose letters don't join."""
    return word.sub(lambda match: "\u200b".join(match[0]), text)


def _select_installed(wanted: tuple[str, ...], families: set[str]) -> list[str]:
    """Return the families that are installed, of those wanted and of those that come with the program."""
    known = {family.casefold() for family in families}
    return [family for family in (*wanted, *_FALLBACK) if family.casefold() in known]


def _convert_text(text: RichText | None, numbers: Iterator[int] = _IN_PLACE) -> list[list[dict[str, Any]]] | None:
    """Return a text as data; a link whose number is 0 has its address in place where addresses are printed."""
    return [[_convert_span(span, numbers) for span in paragraph] for paragraph in text.paragraphs] if text else None


def _convert_span(span: Span, numbers: Iterator[int]) -> dict[str, Any]:
    if isinstance(span, Link):
        address = _make_breakable(span.href.removeprefix("mailto:"), _LONG_PART)
        spans = [_convert_span(run, numbers) for run in span.runs]
        return {"href": span.href, "address": address, "number": next(numbers), "spans": spans}
    if not isinstance(span, TextRun):
        return {"text": " ", "strong": False, "emphasis": False, "code": False}
    return {"text": _make_breakable(span.text), "strong": span.strong, "emphasis": span.emphasis, "code": span.code}
