"""Conversion of a Word document: mammoth makes HTML of it, which becomes Markdown as a page does."""

import io
import re
import zipfile
import zlib
from html import unescape
from typing import Any
from xml.parsers.expat import ExpatError

from newsletter.back_issues.converted_text import ConvertedText, UnreadableFile
from newsletter.back_issues.html.html_to_markdown import read_html
from newsletter.back_issues.page_text.block_markdown import write_blocks
from newsletter.back_issues.page_text.bold_headings import mark_bold_headings
from newsletter.back_issues.page_text.picture_data import take_picture_data
from newsletter.text import format_size

_MAIN = "word/document.xml"
MOST_UNPACKED = 100_000_000  # bytes of all parts; a document of a hundred pages has some millions, its pictures apart
_MOST_XML = 30_000_000
_MOST_PARTS = 5000
_DAMAGED = "The Word document is damaged: it can't be unpacked."
_AGAIN = "Open it in Word, and save it again as .docx."
# Styles that mammoth doesn't know by itself, in its own form.
_STYLES = """
p[style-name='Title'] => h1:fresh
p[style-name='Subtitle'] => p:fresh
p[style-name='Quote'] => blockquote > p:fresh
p[style-name='Intense Quote'] => blockquote > p:fresh
p[style-name='Block Text'] => blockquote > p:fresh
p[style-name='List Bullet 2'] => ul|ol > li > ul > li:fresh
p[style-name='List Bullet 3'] => ul|ol > li > ul|ol > li > ul > li:fresh
p[style-name='List Number 2'] => ul|ol > li > ol > li:fresh
p[style-name='List Number 3'] => ul|ol > li > ul|ol > li > ol > li:fresh
r[style-name='Strong'] => strong
r[style-name='Emphasis'] => em
r[style-name='Intense Emphasis'] => em
b => strong
i => em
strike => s
u =>
"""
_LOST = (
    (
        re.compile(rb"<w:(?:ins|del|moveTo|moveFrom)[ >]"),
        "The document has tracked changes: all were taken as accepted.",
    ),
    (re.compile(rb"<w:commentReference[ >/]"), "The document has comments, which were left out."),
    (re.compile(rb"<w:txbxContent[ >]"), "The document has text boxes: see that their words stand in the right place."),
    (re.compile(rb"<m:oMath[ >]"), "The document has formulas, which were left out."),
    (re.compile(rb"<c:chart[ >]|<dgm:relIds[ >]"), "The document has charts or diagrams, which were left out."),
)
_ENTITIES = re.compile(rb"<!(?:DOCTYPE|ENTITY)")


def convert_word_document(data: bytes) -> ConvertedText:
    """Convert a Word document (.docx). Raises UnreadableFile."""
    main = _check_package(data)
    html = _make_html(data)
    page = read_html(html, trust_tables=True, whole=True)
    blocks, pictures = take_picture_data(mark_bold_headings(page.blocks))
    if not blocks:
        raise UnreadableFile("The Word document has no text.")
    notes = dict.fromkeys(note for pattern, note in _LOST if pattern.search(main))
    return ConvertedText(write_blocks(blocks), _read_title(data), None, (*notes, *page.notes), pictures)


def _check_package(data: bytes) -> bytes:
    """Return the main part of a document. Raises UnreadableFile for what is none, and for what harms who opens it."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as package:
            entries = package.infolist()
            names = {entry.filename for entry in entries}
            if _MAIN not in names:
                raise UnreadableFile(_name_package(names), next_step="Save it as .docx from the program it belongs to.")
            size = sum(entry.file_size for entry in entries)
            xml = sum(entry.file_size for entry in entries if entry.filename.endswith((".xml", ".rels")))
            if len(entries) > _MOST_PARTS or size > MOST_UNPACKED or xml > _MOST_XML:
                raise UnreadableFile(
                    f"The Word document unpacks to {format_size(max(size, xml), 0)}, which is too much."
                )
            for entry in entries:
                if entry.filename.endswith((".xml", ".rels")) and _ENTITIES.search(_unpack(package, entry)):
                    raise UnreadableFile("The Word document defines entities of XML, which Word never does.")
            return _unpack(package, package.getinfo(_MAIN))
    except (zipfile.BadZipFile, EOFError, OSError, NotImplementedError, RuntimeError, ValueError, zlib.error) as error:
        if isinstance(error, RuntimeError) and "encrypted" in str(error):
            raise UnreadableFile("The Word document is encrypted.", next_step="Save it without a password.") from error
        raise UnreadableFile(_DAMAGED, next_step=_AGAIN) from error


def _unpack(package: zipfile.ZipFile, entry: zipfile.ZipInfo) -> bytes:
    """Return a part's bytes, never more than it is said to have: what a bomb says of its size may be a lie."""
    with package.open(entry) as part:
        data = part.read(_MOST_XML + 1)
    if len(data) > _MOST_XML:
        raise UnreadableFile(f"The Word document unpacks to more than {format_size(_MOST_XML, 0)}, which is too much.")
    return data


def _name_package(names: set[str]) -> str:
    if "content.xml" in names:
        return "This is an OpenDocument file (.odt), whatever its name says."
    if any(name.startswith(("xl/", "ppt/")) for name in names):
        return "This is a spreadsheet or a presentation, whatever its name says."
    return "This is not a Word document, whatever its name says."


def _make_html(data: bytes) -> str:
    import mammoth

    try:
        result: Any = mammoth.convert_to_html(io.BytesIO(data), style_map=_STYLES)
    except (ExpatError, LookupError, ValueError, AttributeError, TypeError, OSError, RecursionError) as error:
        raise UnreadableFile("The Word document is damaged: it can't be read.", next_step=_AGAIN) from error
    return str(result.value)


def _read_title(data: bytes) -> str | None:
    """Return the title among a document's properties (ECMA-376, part 2, core properties)."""
    with zipfile.ZipFile(io.BytesIO(data)) as package:
        if "docProps/core.xml" not in package.namelist():
            return None
        properties = _unpack(package, package.getinfo("docProps/core.xml")).decode("utf-8", errors="replace")
    match = re.search(r"<dc:title>([^<]{1,300})</dc:title>", properties)
    title = " ".join(unescape(match[1]).split()) if match else ""
    return title if title and title.lower() not in ("word document", "untitled", "document") else None
