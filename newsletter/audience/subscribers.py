"""The subscriber list: a CSV, read row by row into Subscribers and Problems with line numbers."""

import csv
import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TextIO

from newsletter.address import normalise
from newsletter.errors import ListError, Problem
from newsletter.validation import Fault

DELIMITERS = ",;\t"
MAX_LINE = 100_000
MAX_VALUE = 500
_NAME_COLUMNS = "Begin the file with a line that names the columns: email,name,tags"
_SAVE_AS_UTF8 = "Save the list as CSV in UTF-8; in Excel the type is called 'CSV UTF-8'."
_QUOTES = "Check the quotes: each that is opened is closed in the same line, and one inside is written twice."
_SPELLINGS = ("e_mail", "mail", "email_address", "e_mail_address", "address")


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscriber:
    """One reader. `fields` holds every column but the tags, `email` and `name` among them."""

    address: str
    fields: Mapping[str, str]
    tags: frozenset[str] = frozenset()
    line: int = 0

    @property
    def reader(self) -> str:
        return reader_key(self.address)


def unlisted(address: str) -> Subscriber:
    """A reader whom no list knows."""
    return Subscriber(address=address, fields={"email": address, "name": ""})


def reader_key(address: str) -> str:
    """The one spelling by which a reader is known: `Ada@Example.org` and `ada@example.org` are one person.

    RFC 5321, section 2.4 lets a server tell apart the case of the part before the @, but the servers
    that readers use don't, and a reader who gets two copies, or who left and is mailed again, minds.
    """
    return address.casefold()


def every_line(_number: int, _line: str) -> bool:
    return True


def read_subscribers(path: Path, wanted: Callable[[int, str], bool] = every_line) -> Iterator[Subscriber | Problem]:
    """Each row as `read_rows` gives it, but for duplicates: they come as problems of code "duplicate".

    The first row of an address stands. `wanted` chooses, by number and text, which lines are read at all: to look
    for a few in a long list is quick.
    """
    seen: dict[str, int] = {}
    for row in read_rows(path, wanted):
        if isinstance(row, Subscriber) and (first := seen.setdefault(row.reader, row.line)) != row.line:
            yield Problem(
                path=path,
                line=row.line,
                code="duplicate",
                message=f"this address stands in line {first} already",
                next_step=f"Nothing has to be done: line {first} is the one that counts.",
            )
        else:
            yield row


def read_rows(path: Path, wanted: Callable[[int, str], bool] = every_line) -> Iterator[Subscriber | Problem]:
    """Each row as a Subscriber, or as the Problem that keeps it from being one. Streams, and remembers none.

    A row is one line: no value of a list holds a line break, and so a quote that is never closed costs its
    own row and no other. Raises ListError when the file is not there or has no `email` column.
    """
    try:
        with path.open("rb") as raw:
            start = raw.read(4)
            if start[:2] in (b"\xff\xfe", b"\xfe\xff"):
                raise _unusable(path, 1, "encoding", "this is UTF-16, which Excel calls Unicode Text", _SAVE_AS_UTF8)
            if start == b"PK\x03\x04":
                raise _unusable(path, 0, "workbook", "this is a workbook (.xlsx or .ods), not a list", _SAVE_AS_UTF8)
        # A byte that is not UTF-8 becomes a lone surrogate, which _value_fault finds with its row.
        with path.open(encoding="utf-8-sig", errors="surrogateescape") as file:
            lines = _numbered(file)
            columns, delimiter = _header(path, lines)
            yield from _rows(path, (row for row in lines if wanted(*row)), columns, delimiter)
    except OSError as error:
        raise ListError(
            f"The subscriber list {path} can't be read: {error.strerror}.",
            next_step="Put the list there, or name another with --list. subscribers.example.csv shows the form.",
        ) from error


def read_columns(path: Path) -> list[str]:
    """The names of the list's columns, which are those of its fields. Raises ListError."""
    try:
        with path.open(encoding="utf-8-sig", errors="surrogateescape") as file:
            return _header(path, _numbered(file))[0]
    except OSError as error:
        raise ListError(f"The subscriber list {path} can't be read: {error.strerror}.") from error


def _numbered(file: TextIO) -> Iterator[tuple[int, str]]:
    return enumerate(iter(lambda: file.readline(MAX_LINE), ""), start=1)


def _header(path: Path, lines: Iterator[tuple[int, str]]) -> tuple[list[str], str]:
    """The columns' names, and what separates them; blank lines and Excel's `sep=` may stand before."""
    delimiter = ""
    for number, line in lines:
        if not line.strip():
            continue
        if sep := re.fullmatch(r"sep=(.)\s*", line):
            delimiter = sep[1]
            continue
        delimiter = delimiter or max(DELIMITERS, key=line.count)
        try:
            header = _split(line, delimiter)
        except csv.Error as error:
            raise _unusable(path, number, "csv", f"the line of column names can't be read: {error}", _QUOTES) from error
        return _columns(path, number, header), delimiter
    raise _unusable(path, 1, "no-email-column", "the list is empty", _NAME_COLUMNS)


def _columns(path: Path, line: int, header: list[str]) -> list[str]:
    columns = [re.sub(r"\W+", "_", cell.strip().casefold()).strip("_") for cell in header]
    if "email" not in columns:
        near = next((header[columns.index(name)] for name in _SPELLINGS if name in columns), "")
        hint = f"Rename the column {near!r} to email." if near else _NAME_COLUMNS
        raise _unusable(path, line, "no-email-column", "no column is named email", hint)
    for name in sorted(set(columns)):
        if name and columns.count(name) > 1:
            message = f"two columns are named {name}"
            raise _unusable(path, line, "duplicate-column", message, "Rename or remove one of them.")
    return columns


def _unusable(path: Path, line: int, code: str, message: str, next_step: str) -> ListError:
    problem = Problem(path=path, line=line, code=code, message=message, next_step=next_step)
    return ListError("The subscriber list can't be used.", problems=[problem])


def _split(line: str, delimiter: str) -> list[str]:
    text = line.rstrip("\r\n")
    if '"' not in text and "\r" not in text:
        return text.split(delimiter)  # what csv would make of it, but for spaces, which nobody keeps
    return next(csv.reader([line], delimiter=delimiter, strict=True, skipinitialspace=True), [])


def _rows(
    path: Path, lines: Iterator[tuple[int, str]], columns: list[str], delimiter: str
) -> Iterator[Subscriber | Problem]:
    for number, line in lines:
        found: Subscriber | Fault
        try:
            row = _split(line, delimiter)
        except csv.Error as error:
            found = Fault(code="csv", message=f"this row can't be read: {error}", next_step=_QUOTES)
        else:
            if not any(cell.strip() for cell in row):
                continue
            found = _row(number, row, columns)
        if isinstance(found, Subscriber):
            yield found
        else:
            yield Problem(path=path, line=number, code=found.code, message=found.message, next_step=found.next_step)


def _row(line: int, row: list[str], columns: list[str]) -> Subscriber | Fault:
    if len(row) > len(columns):
        return Fault(
            code="columns",
            message=f"the row has {len(row)} values, and there are {len(columns)} columns",
            next_step='Put a value that holds a separator between quotes: "Lovelace, Ada".',
        )
    row += [""] * (len(columns) - len(row))
    fields = {"email": "", "name": ""} | {name: cell.strip() for name, cell in zip(columns, row, strict=True) if name}
    # Printable by Python's word has none of what _value_fault looks for, which takes a while to look.
    together = "".join(row)
    if not together.isprintable() or len(together) > MAX_VALUE:
        for name, value in fields.items():
            if fault := _value_fault(name, value):
                return fault
    try:
        address = fields["email"] = normalise(fields["email"])
    except ValueError as error:
        return Fault(
            code="address",
            message=f"no mail can be sent to this address: {error}",
            next_step="Mend the address, or remove the row.",
        )
    tags = _tags(fields.pop("tags", ""))
    return Subscriber(address=address, fields=fields, tags=tags, line=line)


@lru_cache(maxsize=10_000)
def _tags(cell: str) -> frozenset[str]:
    return frozenset(tag for tag in re.split(r"[,;|\s]+", cell.casefold()) if tag)


def _value_fault(name: str, value: str) -> Fault | None:
    kinds = {unicodedata.category(character) for character in value}
    if "Cs" in kinds:
        return Fault(
            code="encoding",
            message=f"{name}: a letter here is not UTF-8",
            next_step=_SAVE_AS_UTF8,
        )
    if "\0" in value:
        return Fault(
            code="nul",
            message=f"{name}: a NUL byte stands here",
            next_step="The file is damaged here: write the row anew.",
        )
    if kinds & {"Zl", "Zp"} or "\r" in value or "\n" in value:
        return Fault(
            code="line-break",
            message=f"{name}: a line break stands inside the value",
            next_step="Write the value on one line.",
        )
    if "Cc" in kinds:
        return Fault(
            code="control-character",
            message=f"{name}: a control character stands here",
            next_step="Write the value anew.",
        )
    if len(value) > MAX_VALUE:
        return Fault(
            code="too-long", message=f"{name}: the value is longer than {MAX_VALUE} characters", next_step="Shorten it."
        )
    return None
