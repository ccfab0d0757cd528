"""The list as a file: its lines as they stand, what its columns are named, and what separates them."""

import csv
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from newsletter.errors import ListError, Problem

DELIMITERS = ",;\t"
MAX_LINE = 100_000
QUOTES = "Check the quotes: each that is opened is closed in the same line, and one inside is written twice."
SAVE_AS_UTF8 = "Save the list as CSV in UTF-8; in Excel the type is called 'CSV UTF-8'."
_NAME_COLUMNS = "Begin the file with a line that names the columns: email,name,tags"
_SPELLINGS = ("e_mail", "mail", "email_address", "e_mail_address", "address")
# What a spreadsheet takes for a formula, after the blanks and quotes that some of them skip.
_FORMULA = re.compile("[\\s\"']*[=+\\-@\t\r\uff1d\uff0b\uff0d\uff20]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """The line that names the columns, as small words: `first_name`. `line_end` is the one that it ends with."""

    columns: Sequence[str]
    delimiter: str
    line: int = 1
    line_end: str = "\n"


def read_lines(path: Path) -> Iterator[tuple[int, str]]:
    """Each line with its number and its end, whichever of the three it is. Streams.

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
            yield from enumerate(iter(lambda: file.readline(MAX_LINE), ""), start=1)
    except OSError as error:
        absent = isinstance(error, FileNotFoundError)
        raise ListError(
            f"The subscriber list {path} can't be read: {error.strerror}.",
            next_step="Put the list there, or name another with --list. subscribers.example.csv shows the form."
            if absent
            else "See that it is a file, and yours to read. Then run the same command again.",
        ) from error


def read_header(path: Path, lines: Iterator[tuple[int, str]]) -> Header:
    """Takes from `lines` up to the columns' names, before which blank lines and Excel's `sep=` may stand.

    Raises ListError.
    """
    delimiter = ""
    for number, line in lines:
        if not line.strip():
            continue
        if sep := re.fullmatch(r"sep=(.)\s*", line):
            delimiter = sep[1]
            continue
        delimiter = delimiter or max(DELIMITERS, key=line.count)
        try:
            names = split(line, delimiter)
        except csv.Error as error:
            raise _unusable(path, number, "csv", f"the line of column names can't be read: {error}", QUOTES) from error
        end = line[len(line.rstrip("\r\n")) :]
        return Header(columns=_columns(path, number, names), delimiter=delimiter, line=number, line_end=end or "\n")
    raise _unusable(path, 1, "no-email-column", "the list is empty", _NAME_COLUMNS)


def split(line: str, delimiter: str) -> list[str]:
    """The cells of a line. Raises csv.Error."""
    text = line.rstrip("\r\n")
    if '"' not in text and "\r" not in text:
        return text.split(delimiter)  # what csv would make of it, but for spaces, which nobody keeps
    return next(csv.reader([line], delimiter=delimiter, strict=True, skipinitialspace=True), [])


def guard(cell: str) -> str:
    """A cell for a spreadsheet: a quote stands before what would be run as a formula."""
    return f"'{cell}" if _FORMULA.match(cell) else cell


def unguard(cell: str) -> str:
    """What the cell was before `guard`."""
    return cell[1:] if cell.startswith("'") and _FORMULA.match(cell, 1) else cell


def _columns(path: Path, line: int, names: Sequence[str]) -> list[str]:
    columns = [column_name(cell) for cell in names]
    if "email" not in columns:
        near = next((names[columns.index(name)] for name in _SPELLINGS if name in columns), "")
        hint = f"Rename the column {near!r} to email." if near else _NAME_COLUMNS
        raise _unusable(path, line, "no-email-column", "no column is named email", hint)
    for name in sorted(set(columns)):
        if name and columns.count(name) > 1:
            message = f"two columns are named {name}"
            raise _unusable(path, line, "duplicate-column", message, "Rename or remove one of them.")
    return columns


def column_name(cell: str) -> str:
    """The word by which a column is known: `First Name` is first_name."""
    return re.sub(r"\W+", "_", cell.strip().casefold()).strip("_")


def _unusable(path: Path, line: int, code: str, message: str, next_step: str) -> ListError:
    problem = Problem(path=path, line=line, code=code, message=message, next_step=next_step)
    return ListError("The subscriber list can't be used.", problems=[problem])
