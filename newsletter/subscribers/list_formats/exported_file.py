"""Files of other programs' exports: a CSV in one encoding or another, members' addresses line by line, an archive."""

import codecs
import re
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cached_property
from io import TextIOWrapper
from pathlib import Path, PurePosixPath
from typing import IO, TextIO

from newsletter.errors import ListError
from newsletter.subscribers.csv_file import (
    CsvHeader,
    make_unread_error,
    number_lines,
    read_foreign_header,
    read_header,
    read_records,
)
from newsletter.subscribers.csv_records import CsvRecord
from newsletter.subscribers.list_formats.archive_limits import refuse_bomb
from newsletter.subscribers.list_formats.known_formats import recognise_format
from newsletter.subscribers.list_formats.list_format import ListFormat
from newsletter.subscribers.list_formats.row_translation import RowTranslation
from newsletter.text import escape_controls

MOST_ENTRIES = 1_000
_UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_PIECE = 1 << 20
_MEMBER = re.compile(r'\s*(?:"?([^"<>,;\t@]*?)"?\s*<\s*([^\s<>,;"]+@[^\s<>,;"]+)\s*>|([^\s<>,;"]+@[^\s<>,;"]+))\s*')
MAILMAN = ListFormat(name="Mailman", telling=(), email=("email",))
_LONGEST_MEMBER = 1_000  # characters of a line
_WORKBOOK = "xl/workbook.xml"
PLAIN = "a list with a column email"


@dataclass(frozen=True)
class ExportedFile:
    """One list of an export: a file, or `member` of an archive. Each reading begins at its beginning and streams.

    `original` is the workbook of which a file is the text.
    """

    path: Path
    member: str = ""
    original: Path | None = None

    @cached_property
    def place(self) -> Path:
        """Where its problems are; an archive's member by its name alone, whatever path that has."""
        if self.original:
            return self.original
        return self.path / escape_controls(PurePosixPath(self.member).name) if self.member else self.path

    @cached_property
    def encoding(self) -> str:
        """The encoding by which it is read: UTF-8 unless it says, or its program is known to write, another one."""
        if self._is_utf16():
            return "utf-16"
        if self.form and self.form.code_page and not self._is_utf8():
            return self.form.code_page
        return "utf-8-sig"

    @cached_property
    def form(self) -> ListFormat | None:
        """The form by which it is recognised; None for a list that has none of the known ones."""
        if self._first_member_line():
            return MAILMAN
        return recognise_format(self.header.columns)

    @cached_property
    def header(self) -> CsvHeader:
        with self.open_text(self._guess_encoding()) as file:
            return read_foreign_header(self.place, number_lines(file))

    @property
    def target_columns(self) -> Sequence[str]:
        """Columns that its rows have once they are translated; a list of no known form keeps its own."""
        return self._translation.target_columns if self._translation else self._plain_header.columns

    @cached_property
    def _translation(self) -> RowTranslation | None:
        if self.form is None:
            return None
        return RowTranslation(self.form, ("email", "name") if self.form is MAILMAN else self.header.columns)

    @cached_property
    def _plain_header(self) -> CsvHeader:
        with self.open_text(self.encoding) as file:
            return read_header(self.place, number_lines(file))

    def read_records(self) -> Iterator[CsvRecord]:
        """Yield each row, translated to `target_columns`; its faults are kept. Raises ListError."""
        translation = self._translation
        with self.open_text(self.encoding) as file:
            lines = number_lines(file)
            if translation and self.form is MAILMAN:
                for number, text in lines:
                    yield _read_member(number, text, translation)
                return
            header = read_foreign_header(self.place, lines)
            for record in read_records(lines, header):
                if translation and any(map(str.strip, record.cells)):
                    record = record._replace(cells=translation.translate(record.cells))
                yield record

    @contextmanager
    def open_text(self, encoding: str) -> Iterator[TextIO]:
        errors = "replace" if encoding == "utf-16" else "surrogateescape"
        with self._open_bytes() as raw, TextIOWrapper(raw, encoding=encoding, errors=errors, newline="") as text:
            yield text

    @contextmanager
    def _open_bytes(self) -> Iterator[IO[bytes]]:
        with ExitStack() as stack, _reading(self.path):
            if self.member:
                yield stack.enter_context(stack.enter_context(zipfile.ZipFile(self.path)).open(self.member))
            else:
                yield stack.enter_context(self.path.open("rb"))

    def _guess_encoding(self) -> str:
        return "utf-16" if self._is_utf16() else "utf-8-sig"

    def _is_utf16(self) -> bool:
        with self._open_bytes() as file:
            return file.read(2) in _UTF16

    def _is_utf8(self) -> bool:
        decoder = codecs.getincrementaldecoder("utf-8")()
        with self._open_bytes() as file:
            try:
                while piece := file.read(_PIECE):
                    decoder.decode(piece)
                decoder.decode(b"", final=True)
            except UnicodeDecodeError:
                return False
        return True

    def _first_member_line(self) -> bool:
        with self.open_text(self._guess_encoding()) as file:
            first = next((text for _, text in number_lines(file) if text.strip()), "")
        return bool(_match_member(first))


def open_export(path: Path) -> tuple[Sequence[ExportedFile], Sequence[str]]:
    """Return the lists that an export consists of, who left before who did not, and names of what is no list in it.

    It is no workbook: see `is_workbook`. Both are empty for a file that is a list of ours, or of no known form. Raises
    ListError for a file that can't be read, and for an archive that has no list, or unpacks to too much.
    """
    with _reading(path), path.open("rb") as file:
        start = file.read(4)
    if start == b"PK\x03\x04":
        return _open_archive(path)
    if start == b"\xd0\xcf\x11\xe0":
        raise ListError(
            f"{path.name} is a workbook of Excel before 2007, or one with a password.",
            next_step="Save it as .xlsx, without a password, or as CSV UTF-8.",
        )
    one = ExportedFile(path)
    return ([one] if one.form or one.encoding == "utf-16" else []), []


def is_workbook(path: Path) -> bool:
    """Return whether a file is an .xlsx. Raises ListError for an archive that is damaged."""
    with _reading(path):
        with path.open("rb") as file:
            if file.read(4) != b"PK\x03\x04":
                return False
        with zipfile.ZipFile(path) as archive:
            return _WORKBOOK in archive.namelist()


def _open_archive(path: Path) -> tuple[Sequence[ExportedFile], Sequence[str]]:
    with _reading(path), zipfile.ZipFile(path) as archive:
        entries = archive.infolist()
    names = [entry.filename for entry in entries]
    if "mimetype" in names:
        return [], []  # an .ods, which is refused as any list of ours would be that is no text
    if len(entries) > MOST_ENTRIES:
        raise ListError(f"{path.name} holds {len(entries):,} files, which is no export of a list.")
    lists = [
        entry
        for entry in entries
        if entry.filename.casefold().endswith(".csv") and not entry.filename.startswith("__MACOSX/")
    ]
    refuse_bomb(path, lists)
    found = [ExportedFile(path, entry.filename) for entry in lists if entry.file_size]
    known = [one for one in found if one.form]
    if not known:
        raise ListError(
            f"{path.name} holds no list that is recognised.",
            next_step="Unpack it, and import the file with the subscribers.",
        )
    left_out = [escape_controls(name) for name in names if name not in {one.member for one in known}]
    # Of an address in several lists the first row counts.
    return sorted(known, key=lambda one: not (one.form and one.form.everyone)), left_out


def is_member_name(name: str) -> bool:
    """Return whether a name can stand before an address as Mailman writes it, and be read again."""
    return bool(name) and re.fullmatch(r'[^"<>,;\t@]+', name) is not None


def _match_member(text: str) -> re.Match[str] | None:
    return _MEMBER.fullmatch(text.strip()) if len(text) <= _LONGEST_MEMBER else None


def _read_member(number: int, text: str, translation: RowTranslation) -> CsvRecord:
    """Return one line of Mailman's `list_members`, or of `mailman members`: an address, or `Name <address>`."""
    if not text.strip():
        return CsvRecord(number, number, text, [])
    match = _match_member(text)
    cells = [match[2] or match[3], match[1] or ""] if match else ["", ""]
    fault = "" if match else "it is neither an address, nor a name and an address between < and >"
    return CsvRecord(number, number, text, translation.translate(cells), fault)


@contextmanager
def _reading(path: Path) -> Iterator[None]:
    """Raise as ListError what goes wrong in reading a file or an archive."""
    try:
        yield
    except ListError:
        raise
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
        encrypted = isinstance(error, RuntimeError) and "encrypted" in str(error)
        raise ListError(
            f"The archive {path.name} is {'encrypted' if encrypted else 'damaged'}.",
            next_step="Unpack it, and import the files in it." if encrypted else "Export it again, or copy it again.",
        ) from error
    except UnicodeError as error:
        raise ListError(f"{path.name} is cut off, or in an encoding that is not what it says.") from error
    except OSError as error:
        raise make_unread_error(path, error) from error
