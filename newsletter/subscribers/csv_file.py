"""Lists as CSV files: their lines as they are, their columns' names, and what separates cells."""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from hashlib import file_digest
from pathlib import Path
from typing import TextIO

from newsletter.errors import ListError, Problem
from newsletter.subscribers.csv_records import (
    MAX_RECORD,
    CsvRecord,
    NumberedLine,
    Wanted,
    every_record,
    group_lines,
    read_record,
)

DELIMITERS = ",;\t"
QUOTES = "Check the quotes: each that is opened is closed again, and one inside is written twice."
SAVE_AS_UTF8 = "Save the list as CSV in UTF-8; in Excel the type is called 'CSV UTF-8'."
_NAME_COLUMNS = "Begin the file with a line that names the columns: email,name,tags"
# Columns that may be meant, the likeliest first: Google has `E-mail 1 - Value`, and `E-mail 1 - Label` before it.
_LIKE_EMAIL = ("e_?mail", ".*e_?mail.*(value|ad+ress.*)", ".*(e_?mail|courriel|correo).*", "mail.*", "address")
_SEP = re.compile(r'"?sep=([^"\w\s]|\t)"?\s*', re.IGNORECASE)
_QUOTED = re.compile(r'"(?:[^"]|"")*(?:"|$)')
_MOST_HEADER_LINES = 50
# What a spreadsheet takes for a formula, after the blanks and quotes that some of them skip.
_FORMULA = "[\\s\"']*[=+\\-@\t\r\uff1d\uff0b\uff0d\uff20]"
_STARTS_FORMULA = re.compile(_FORMULA)
# A spreadsheet may cut a cell at what its own country separates by, quoted or not: what follows begins a cell there.
_CUT_BEFORE_FORMULA = re.compile(f"(?<=[,;|\t\r\n])(?={_FORMULA})")
_GUARDED = re.compile(f"(?<=[,;|\t\r\n])'(?={_FORMULA})")


@dataclass(frozen=True, slots=True, kw_only=True)
class CsvHeader:
    """The line that names the columns, as small words: `first_name`. `line_end` is the one that it ends with."""

    columns: Sequence[str]
    delimiter: str
    line: int = 1
    line_end: str = "\n"


def read_lines(path: Path) -> Iterator[NumberedLine]:
    """Yield each line with its number and its end (LF, CR or both); an overlong one comes in pieces. Streams.

    A byte that is not UTF-8 becomes a lone surrogate, so that writing the lines again gives the same bytes; a byte
    order mark is left out. Raises ListError when the file is not there or is no text.
    """
    try:
        with path.open("rb") as raw:
            start = raw.read(4)
        if start[:2] in (b"\xff\xfe", b"\xfe\xff"):
            raise _unusable(path, 1, "encoding", "this is UTF-16, which Excel calls Unicode Text", SAVE_AS_UTF8)
        if start == b"PK\x03\x04":
            raise _unusable(path, 0, "workbook", "this is a workbook (.xlsx or .ods), not a list", SAVE_AS_UTF8)
        with path.open(encoding="utf-8-sig", errors="surrogateescape", newline="") as file:
            yield from number_lines(file)
    except OSError as error:
        raise make_unread_error(path, error) from error


def number_lines(file: TextIO) -> Iterator[NumberedLine]:
    """Yield each line of a file that was opened with `newline=""`, as `read_lines` does. Streams."""
    number, ended = 0, True
    while text := file.readline(MAX_RECORD):
        number += ended
        yield number, text
        ended = text.endswith(("\n", "\r"))


def hash_file(path: Path) -> str:
    """Return the SHA-256 of a list's bytes: a file may change though its time and its size stay. Raises ListError."""
    try:
        with path.open("rb") as file:
            return file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise make_unread_error(path, error) from error


def make_unread_error(path: Path, error: OSError) -> ListError:
    absent = isinstance(error, FileNotFoundError)
    return ListError(
        f"The subscriber list {path} can't be read: {error.strerror}.",
        next_step="Put the list there, or name another with --list. subscribers.example.csv shows the form."
        if absent
        else "See that it is a file, and yours to read. Then run the same command again.",
    )


def read_header(path: Path, lines: Iterator[NumberedLine]) -> CsvHeader:
    """Take from `lines` up to the columns' names, before which blank lines and Excel's `sep=` may come.

    Raises ListError, also when no column is named email, or two are named alike.
    """
    return _read_header(path, lines, _columns)


def read_foreign_header(path: Path, lines: Iterator[NumberedLine]) -> CsvHeader:
    """Take from `lines` up to the columns' names as `read_header` does, whatever the columns are. Raises ListError."""
    return _read_header(path, lines, lambda _path, _line, names: [column_name(cell) for cell in names])


def _read_header(
    path: Path, lines: Iterator[NumberedLine], name_columns: Callable[[Path, int, Sequence[str]], list[str]]
) -> CsvHeader:
    delimiter = ""
    for number, line in lines:
        if not line.strip():
            continue
        if sep := _SEP.fullmatch(line):
            delimiter = sep[1]
            continue
        # Column names may have line breaks inside of quotes, as forms on the web give them.
        head = [(number, line)]
        while sum(text.count('"') for _, text in head) % 2 and len(head) < _MOST_HEADER_LINES:
            if (more := next(lines, None)) is None:
                break
            head.append(more)
        delimiter = delimiter or max(DELIMITERS, key=_QUOTED.sub("", "".join(text for _, text in head)).count)
        names, fault, taken = read_record(head[0], iter([*head[1:], None]).__next__, delimiter)
        if fault or taken != head:
            fault = fault or "a quote is opened in it, and never closed"
            raise _unusable(path, number, "csv", f"the line of column names can't be read: {fault}", QUOTES)
        last = head[-1][1]
        end = last[len(last.rstrip("\r\n")) :]
        return CsvHeader(
            columns=name_columns(path, number, names), delimiter=delimiter, line=number, line_end=end or "\n"
        )
    raise _unusable(path, 1, "no-email-column", "the list is empty", _NAME_COLUMNS)


def read_records(
    lines: Iterable[NumberedLine], header: CsvHeader, wanted: Wanted = every_record
) -> Iterator[CsvRecord]:
    """Group the lines below the header into records, and give those that are wanted by their first line and text."""
    return group_lines(lines, header.delimiter, len(header.columns), wanted)


def guard_cell(cell: str) -> str:
    """Return a cell for a spreadsheet, with a quote before what would be run as a formula.

    That may be the cell's beginning, or what follows a comma, semicolon, bar, tab or line break in it: a program that
    separates by another character than the file does would begin a cell there. A blank is no such place, though some
    can be told to separate by it: too many sentences have a dash after one.
    """
    text = _CUT_BEFORE_FORMULA.sub("'", cell)
    return f"'{text}" if _STARTS_FORMULA.match(cell) else text


def unguard_cell(cell: str) -> str:
    """Return what a cell was before `guard_cell`."""
    if "'" not in cell:  # as nearly every cell
        return cell
    text = cell[1:] if cell.startswith("'") and _STARTS_FORMULA.match(cell, 1) else cell
    return _GUARDED.sub("", text)


def _columns(path: Path, line: int, names: Sequence[str]) -> list[str]:
    columns = [column_name(cell) for cell in names]
    if "email" not in columns:
        meant = (names[columns.index(name)] for like in _LIKE_EMAIL for name in columns if re.fullmatch(like, name))
        near = " ".join(next(meant, "").split())
        hint = f"Rename the column {near!r} to email." if near else _NAME_COLUMNS
        raise _unusable(path, line, "no-email-column", "no column is named email", hint)
    for name in sorted(set(columns)):
        if name and columns.count(name) > 1:
            message = f"two columns are named {name}"
            raise _unusable(path, line, "duplicate-column", message, "Rename or remove one of them.")
    return columns


def column_name(cell: str) -> str:
    """Return the word by which a column is known: `First Name` is first_name."""
    return re.sub(r"\W+", "_", cell.strip().casefold()).strip("_")


def _unusable(path: Path, line: int, code: str, message: str, next_step: str) -> ListError:
    problem = Problem(path=path, line=line, code=code, message=message, next_step=next_step)
    return ListError("The subscriber list can't be used.", problems=[problem])
