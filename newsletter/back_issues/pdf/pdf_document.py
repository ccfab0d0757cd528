"""Conversion of a PDF: the text that pypdf finds, with its links, as the paragraphs and lists that its lines make."""

import io
import logging
import re
from typing import Any

from newsletter.back_issues.converted_text import ConvertedText, UnreadableFile
from newsletter.back_issues.page_text.block_markdown import write_blocks
from newsletter.back_issues.pdf.pdf_lines import PageLink, PdfLine, TextFragment, make_lines
from newsletter.back_issues.pdf.pdf_paragraphs import make_blocks
from newsletter.back_issues.pdf.pdf_running_heads import drop_running_heads
from newsletter.limited_process import LimitReached, run_limited

MOST_PAGES = 200
MOST_OPERATORS = 1_000_000  # of all pages; one full of text has some thousands
MOST_SECONDS = 60  # of computing; 200 pages full of words take some twenty-five
_MOST_LINKS = 20_000
_DAMAGED = "The PDF is damaged: it can't be read."
_SCHEMES = ("http://", "https://", "mailto:")
# pypdf tells of each fault that it mends; without a handler of its own that goes to the terminal.
# Ligatures (Unicode, Alphabetic Presentation Forms) are for the eye: nobody finds words that hold them.
_LIGATURES = str.maketrans({"ﬀ": "ff", "ﬁ": "fi", "ﬂ": "fl", "ﬃ": "ffi", "ﬄ": "ffl", "ﬅ": "st", "ﬆ": "st"})
# Titles that programs give by themselves: the name of the file that was printed.
_FILE_TITLE = re.compile(
    r"Microsoft Word - .*|\S+\.(?:html?|docx?|odt|rtf|pdf|pages|indd|txt)|(?:file|https?)://\S+", re.IGNORECASE
)
logging.getLogger("pypdf").addHandler(logging.NullHandler())


class _EndlessPage(Exception):
    """A page has more operators than may be read."""


def convert_pdf_apart(data: bytes) -> ConvertedText:
    """Convert a PDF of anybody's in a process with limits of time and memory. Raises UnreadableFile."""
    try:
        return run_limited(convert_pdf, data, seconds=MOST_SECONDS)
    except LimitReached as error:
        raise UnreadableFile(
            "The PDF takes more time or memory to read than any text needs.",
            next_step="Save or print it to a new PDF, or copy its text into a .txt file.",
        ) from error


def convert_pdf(data: bytes) -> ConvertedText:
    """Convert a PDF with text. Raises UnreadableFile for one that is scanned, encrypted, damaged or endless.

    Raises MemoryError as well, and a hostile one may take hours: for files of others, use `convert_pdf_apart`.
    """
    from pypdf.errors import PyPdfError

    try:
        reader = _open(data)
        pages, pictures = _read_pages(reader)
        title = reader.metadata.title if reader.metadata else None
    except _EndlessPage as error:
        raise UnreadableFile("The PDF draws without end: it has far more on its pages than text.") from error
    except (
        PyPdfError, ValueError, LookupError, TypeError, AttributeError, RecursionError, OSError, ArithmeticError,
        AssertionError, NotImplementedError, EOFError,
    ) as error:  # fmt: skip
        raise UnreadableFile(_DAMAGED, next_step="Save or print it to a new PDF.") from error
    blocks = make_blocks(drop_running_heads(pages))
    if not blocks:
        raise UnreadableFile(
            "The PDF has no text: its pages are pictures.",
            next_step="Let a program for text recognition (OCR) read it.",
        )
    notes = ("The PDF's pictures were left out.",) if pictures else ()
    title = " ".join(str(title).split()) if isinstance(title, str) else ""
    return ConvertedText(write_blocks(blocks), None if _FILE_TITLE.fullmatch(title) else title or None, None, notes)


def _open(data: bytes) -> Any:
    from pypdf import PdfReader

    reader = PdfReader(io.BytesIO(data))
    if reader.is_encrypted and not reader.decrypt(""):
        raise UnreadableFile("The PDF is encrypted.", next_step="Save it without a password.")
    if len(reader.pages) > MOST_PAGES:
        raise UnreadableFile(f"The PDF has {len(reader.pages):,} pages; {MOST_PAGES} are the most.")
    return reader


def _read_pages(reader: Any) -> tuple[list[list[PdfLine]], bool]:
    """Return the lines of each page, and whether a page shows a picture."""
    operators = links = 0
    has_picture = False
    pages = []
    for number, page in enumerate(reader.pages):
        fragments: list[TextFragment] = []

        def count(operator: Any, *_: Any) -> None:
            nonlocal operators, has_picture
            operators += 1
            has_picture = has_picture or operator == b"Do"
            if operators > MOST_OPERATORS:
                raise _EndlessPage

        def keep(
            text: str, matrix: Any, placed: Any, font: Any, size: Any, into: list[TextFragment] = fragments
        ) -> None:
            if text.strip("\n"):
                into.append(_make_fragment(text, matrix, placed, font, size))

        page.extract_text(visitor_operand_before=count, visitor_text=keep)
        found = _read_links(page)
        links += len(found)
        if links > _MOST_LINKS:
            raise _EndlessPage
        box = page.mediabox
        pages.append(make_lines(fragments, found, number, (float(box.bottom), float(box.top))))
    return pages, has_picture


def _make_fragment(text: str, matrix: Any, placed: Any, font: Any, size: Any) -> TextFragment:
    """Return words with the place of their beginning: text matrix times the page's (ISO 32000-1, section 9.4.4)."""
    x = placed[4] * matrix[0] + placed[5] * matrix[2] + matrix[4]
    y = placed[4] * matrix[1] + placed[5] * matrix[3] + matrix[5]
    scale = abs(placed[3] or placed[1] or 1) * abs(matrix[3] or matrix[1] or 1)
    name = str(font.get("/BaseFont", "")) if font else ""
    weight = font_weight(font) if font else 0
    bold = weight >= 600 or re.search(r"bold|black|heavy|semibold|demi", name, re.IGNORECASE) is not None
    italic = re.search(r"italic|oblique", name, re.IGNORECASE) is not None
    return TextFragment(
        text.replace("\n", " ").translate(_LIGATURES),
        float(x),
        float(y),
        abs(float(size)) * float(scale),
        bold,
        italic,
        name,
    )


def font_weight(font: Any) -> float:
    """Return what a font says of its weight, in hundreds; 0 for nothing."""
    inner = font.get("/DescendantFonts")
    if inner:
        font = inner.get_object()[0].get_object()
    descriptor = font.get("/FontDescriptor")
    if descriptor is None:
        return 0
    descriptor = descriptor.get_object()
    if int(descriptor.get("/Flags", 0)) & 1 << 18:  # forced bold
        return 700
    return float(descriptor.get("/FontWeight", 0))


def _read_links(page: Any) -> list[PageLink]:
    found = []
    annotations = page.get("/Annots")
    for each in annotations.get_object() if annotations is not None else ():
        annotation = each.get_object()
        action = annotation.get("/A")
        address = action.get_object().get("/URI") if action is not None else None
        if annotation.get("/Subtype") != "/Link" or address is None:
            continue
        address = address.decode("utf-8", "replace") if isinstance(address, bytes) else str(address)
        if not address.lower().startswith(_SCHEMES):
            continue
        corners = annotation.get("/QuadPoints")
        numbers = [
            float(each) for each in (corners.get_object() if corners is not None else annotation["/Rect"].get_object())
        ]
        step = 8 if corners is not None else 4
        for first in range(0, len(numbers) - step + 1, step):
            xs, ys = numbers[first : first + step : 2], numbers[first + 1 : first + step : 2]
            found.append(PageLink(min(xs), max(xs), min(ys), max(ys), address))
    return found
