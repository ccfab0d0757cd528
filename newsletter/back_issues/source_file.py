"""The file of a back issue: its bytes, and what kind of file they are, whatever its name says."""

import os
import re
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from newsletter.back_issues.converted_text import UnreadableFile
from newsletter.text import format_size

MAX_BYTES = 40_000_000  # a Word document with its pictures
MAX_TEXT_BYTES = 4_000_000  # a text alone, of which a draft holds a million bytes; UTF-16 has two for each letter


class FileKind(Enum):
    """The kinds of files that back issues are read from."""

    MARKDOWN = "Markdown"
    TEXT = "plain text"
    HTML = "a web page"
    MAIL = "a saved mail"
    WORD = "a Word document"
    PDF = "a PDF"


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A file of a back issue, read whole."""

    path: Path
    data: bytes
    kind: FileKind


_SUFFIXES = {
    FileKind.MARKDOWN: (".md", ".markdown", ".mdown", ".mkd", ".mdx", ".qmd", ".rmd"),
    FileKind.TEXT: (".txt", ".text"),
    FileKind.HTML: (".html", ".htm", ".xhtml"),
    FileKind.MAIL: (".eml",),
    FileKind.WORD: (".docx",),
    FileKind.PDF: (".pdf",),
}
_ENDINGS = ", ".join(suffixes[0] for suffixes in _SUFFIXES.values())
_ARCHIVE = b"PK\x03\x04"
# What a file begins with that is no text (by the signatures in its format's own specification).
_SIGNATURES = (
    (b"%PDF-", FileKind.PDF, "a PDF"),
    (_ARCHIVE, None, "an archive (.zip, .odt)"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", None, "a Word document of the kind before 2007 (.doc)"),
    (b"{\\rtf", None, "an RTF document"),
    (b"\x89PNG\r\n", None, "a picture"),
    (b"\xff\xd8\xff", None, "a picture"),
    (b"GIF8", None, "a picture"),
    (b"\x1f\x8b", None, "a compressed file"),
)
_WORD_PART = b"word/document.xml"  # the name of a part, which is never packed
_PDF_START = 1024  # bytes in which readers look for the signature (ISO 32000-1, Annex H.3.4.1)
_PAGE = re.compile(rb"(?i)\s*(?:<\?xml[^>]{0,200}>\s*)?(?:<!--[^>]{0,500}-->\s*)*<(?:!doctype\s+html|html)\b")
# Header fields (RFC 5322, section 2.2); a text that has some of these before its first empty line is a mail.
_FIELDS = re.compile(rb"(?:[!-9;-~]{1,60}:[^\n]{0,2000}\n(?:[ \t][^\n]{0,2000}\n){0,100}){2,200}")
_MOST_FIELDS = 100_000
_SENDER = re.compile(rb"(?im)^From:")
_TRANSPORT = re.compile(rb"(?im)^(?:MIME-Version|Message-ID|Received|Return-Path|Delivered-To):")
_UNREAD = {".doc", ".rtf", ".odt", ".pages", ".mht", ".mhtml", ".msg", ".mbox", ".epub"}


def read_source_file(path: Path) -> SourceFile:
    """Read a back issue's file and find its kind. Raises UnreadableFile."""
    kind = _name_kind(path)
    data = _read_bytes(path, MAX_TEXT_BYTES if kind in (FileKind.MARKDOWN, FileKind.TEXT) else MAX_BYTES)
    if not data.strip(b" \t\r\n\0\xef\xbb\xbf\xfe\xff"):
        raise UnreadableFile("The file is empty.")
    _require_kind(kind, data)
    return SourceFile(path, data, kind)


def _name_kind(path: Path) -> FileKind:
    suffix = path.suffix.lower()
    for kind, suffixes in _SUFFIXES.items():
        if suffix in suffixes:
            return kind
    if suffix in _UNREAD:
        raise UnreadableFile(f"Files ending in {suffix} can't be read.", next_step=_advise_form(None))
    if suffix in (".yaml", ".yml"):
        raise UnreadableFile("This is a draft already.", next_step="Copy it into drafts/.")
    raise UnreadableFile(
        "Its name doesn't say what kind of file it is.", next_step=f"Files ending in {_ENDINGS} can be read."
    )


def _require_kind(kind: FileKind, data: bytes) -> None:
    """Raise UnreadableFile for data that are of another kind than the file's name says, as far as their start tells."""
    found, what = _recognize(data)
    begins_later = kind is FileKind.PDF and b"%PDF-" in data[:_PDF_START]
    if found is kind or begins_later or (kind is FileKind.WORD and data.startswith(_ARCHIVE)):
        return  # the parts of an archive are looked at later
    if found is FileKind.HTML and kind in (FileKind.MARKDOWN, FileKind.TEXT):
        return  # HTML may stand in Markdown
    if what:
        raise UnreadableFile(f"The file is {what}, whatever its name says.", next_step=_advise_form(found))
    if kind in (FileKind.WORD, FileKind.PDF):
        raise UnreadableFile(f"This is not {kind.value}, whatever its name says.")


def _recognize(data: bytes) -> tuple[FileKind | None, str]:
    """Return what kind of file data are by their contents, and in words; no words for what may be text."""
    for signature, known, what in _SIGNATURES:
        if data.startswith(signature):
            is_word = signature == _ARCHIVE and _WORD_PART in data
            return (FileKind.WORD, FileKind.WORD.value) if is_word else (known, what)
    if _PAGE.match(data.removeprefix(b"\xef\xbb\xbf")):
        return FileKind.HTML, FileKind.HTML.value
    fields = _FIELDS.match(data[:_MOST_FIELDS].replace(b"\r\n", b"\n"))
    if fields and _SENDER.search(fields[0]) and _TRANSPORT.search(fields[0]):
        return FileKind.MAIL, FileKind.MAIL.value
    return None, ""


def _advise_form(known: FileKind | None) -> str:
    if known:
        return f"Rename it to end in {_SUFFIXES[known][0]}."
    return "Open it in the program that it belongs to, and save it as .docx, .html or .txt."


def _read_bytes(path: Path, most: int) -> bytes:
    if path.is_dir() or (path.exists() and not path.is_file()):  # a named pipe would never end
        if path.is_dir():
            raise UnreadableFile("This is a folder.", next_step=f"Name the files in it: {path.name}/*")
        raise UnreadableFile("This is no file.")
    try:
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            data = file.read(most + 1) if size <= most else b""
    except FileNotFoundError as error:
        raise UnreadableFile("There is no such file.") from error
    except OSError as error:
        raise UnreadableFile(f"The file can't be read: {error.strerror}.") from error
    if size > most or len(data) > most:
        raise UnreadableFile(
            f"The file has {format_size(max(size, len(data)), 0)}; {format_size(most, 0)} are the most."
        )
    return data


def decode_text(data: bytes) -> str:
    """Return the text of bytes in UTF-8, UTF-16 or windows-1252, with one kind of line end. Raises UnreadableFile."""
    encodings = _list_encodings(data)
    is_wide = encodings[0].startswith("utf-16")
    controls = 0 if is_wide else len(re.findall(b"[\x01-\x08\x0e-\x1a\x1c-\x1f]", data))
    if (b"\0" in data and not is_wide) or controls > 20 + len(data) // 50:
        raise UnreadableFile("This is not a text file, whatever its name says.")
    text = _decode(data, encodings)
    return text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")


def _list_encodings(data: bytes) -> tuple[str, ...]:
    """Return the encodings that a text may be in, by its mark; UTF-16 without a mark has a zero each second byte.

    windows-1252 takes almost any bytes, so it is the last, and only where its five undefined bytes are absent.
    """
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return ("utf-16",)
    if (side := _find_zeros(data)) is not None:
        return ("utf-16-be" if side == 0 else "utf-16-le",)
    return ("utf-8-sig", "cp1252")


def _decode(data: bytes, encodings: tuple[str, ...]) -> str:
    for encoding in encodings:
        try:
            return data.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise UnreadableFile(
        "Its characters can't be read: it is neither UTF-8 nor UTF-16 nor windows-1252.",
        next_step="Save it as UTF-8 text.",
    )


def _find_zeros(data: bytes) -> int | None:
    """Return on which side the zeros of UTF-16 are: 0 for each first byte, 1 for each second; None for neither."""
    sample = data[:4000]
    half = len(sample) // 2
    counts = [sample[side::2].count(0) for side in (0, 1)]
    return next((side for side in (0, 1) if half and counts[side] > half // 2 and counts[1 - side] < half // 10), None)
