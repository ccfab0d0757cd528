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
# What a file begins with that is no text (by the signatures in its format's own specification).
_SIGNATURES = (
    (b"%PDF-", FileKind.PDF, "a PDF"),
    (b"PK\x03\x04", FileKind.WORD, "an archive (.zip, .docx, .odt)"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", None, "a Word document of the kind before 2007 (.doc)"),
    (b"{\\rtf", None, "an RTF document"),
    (b"\x89PNG\r\n", None, "a picture"),
    (b"\xff\xd8\xff", None, "a picture"),
    (b"GIF8", None, "a picture"),
    (b"\x1f\x8b", None, "a compressed file"),
)
_UNREAD = {".doc", ".rtf", ".odt", ".pages", ".mht", ".mhtml", ".msg", ".mbox", ".epub"}


def read_source_file(path: Path) -> SourceFile:
    """Read a back issue's file and find its kind. Raises UnreadableFile."""
    kind = _name_kind(path)
    data = _read_bytes(path, MAX_TEXT_BYTES if kind in (FileKind.MARKDOWN, FileKind.TEXT) else MAX_BYTES)
    if not data.strip(b" \t\r\n\0\xef\xbb\xbf\xfe\xff"):
        raise UnreadableFile("The file is empty.")
    for signature, known, what in _SIGNATURES:
        if data.startswith(signature) and kind is not known:
            raise UnreadableFile(f"The file is {what}, whatever its name says.", next_step=_advise_form(known))
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


def _advise_form(known: FileKind | None) -> str:
    if known is FileKind.PDF:
        return "Rename it to end in .pdf."
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
