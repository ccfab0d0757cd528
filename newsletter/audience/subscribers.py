"""The subscriber list: a CSV, read row by row into Subscribers and Problems with line numbers."""

import csv
import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

from email_validator import EmailNotValidError, validate_email

from newsletter.errors import ListError, Problem
from newsletter.validation import Fault

if TYPE_CHECKING:
    import _csv

DELIMITERS = ",;\t"
MAX_LINE_BYTES = 100_000
MAX_VALUE = 500
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


def reader_key(address: str) -> str:
    """The one spelling by which a reader is known: `Ada@Example.org` and `ada@example.org` are one person.

    RFC 5321, section 2.4 lets a server tell apart the case of the part before the @, but the servers
    that readers use don't, and a reader who gets two copies, or who left and is mailed again, minds.
    """
    return address.casefold()


def normalise(address: str) -> str:
    """The address as it is mailed: domain in small letters and ASCII. Raises ValueError with the reason.

    A part before the @ that is not ASCII would need SMTPUTF8, which many servers lack, and is refused.
    """
    try:
        valid = validate_email(address.strip(), check_deliverability=False, allow_smtputf8=False)
    except EmailNotValidError as error:
        raise ValueError(str(error)) from error
    return valid.ascii_email or valid.normalized


def read_subscribers(path: Path) -> Iterator[Subscriber | Problem]:
    """Each row as a Subscriber, or as the Problem that keeps it from being one. Streams.

    Duplicates come as problems of code "duplicate"; the first row of an address stands.
    Raises ListError when the file is not there or has no `email` column.
    """
    try:
        with path.open("rb") as file:
            lines = _lines(file)
            header_line = next(lines, "")
            delimiter = _delimiter(header_line)
            rows = csv.reader(chain([header_line], lines), delimiter=delimiter, strict=True)
            columns = _columns(path, next(rows, []))
            yield from _rows(path, rows, columns)
    except OSError as error:
        raise ListError(
            f"The subscriber list {path} can't be read: {error.strerror}.",
            next_step="Put the list there, or name another with --list. subscribers.example.csv shows the form.",
        ) from error


def _lines(file: Iterable[bytes]) -> Iterator[str]:
    # A byte that is not UTF-8 becomes a lone surrogate, which _row_fault finds with its row.
    for number, raw in enumerate(file):
        text = raw[:MAX_LINE_BYTES].decode("utf-8-sig" if number == 0 else "utf-8", "surrogateescape")
        yield text + ("\n" if len(raw) > MAX_LINE_BYTES else "")


def _delimiter(header: str) -> str:
    return max(DELIMITERS, key=header.count)


def _columns(path: Path, header: list[str]) -> list[str]:
    columns = [re.sub(r"\W+", "_", cell.strip().casefold()).strip("_") for cell in header]
    if "email" not in columns:
        near = next((header[columns.index(name)] for name in _SPELLINGS if name in columns), "")
        hint = (
            f"Rename the column {near!r} to email."
            if near
            else ("Begin the file with a line that names the columns: email,name,tags")
        )
        raise ListError(
            "The subscriber list has no column named email.",
            problems=[
                Problem(path=path, line=1, code="no-email-column", message="no column is named email", next_step=hint)
            ],
        )
    twice = sorted({name for name in columns if name and columns.count(name) > 1})
    if twice:
        raise ListError(
            "The subscriber list names a column twice.",
            problems=[
                Problem(
                    path=path,
                    line=1,
                    code="duplicate-column",
                    message=f"two columns are named {name}",
                    next_step="Rename or remove one of them.",
                )
                for name in twice
            ],
        )
    return columns


def _rows(path: Path, rows: "_csv.Reader", columns: list[str]) -> Iterator[Subscriber | Problem]:
    seen: dict[str, int] = {}
    while True:
        line = rows.line_num + 1
        try:
            row = next(rows)
        except StopIteration:
            return
        except csv.Error as error:
            found: Subscriber | Fault = Fault(
                code="csv",
                message=f"this row can't be read: {error}",
                next_step='Check the quotes: a quote inside a quoted value is written twice ("").',
            )
        else:
            if not any(cell.strip() for cell in row):
                continue
            found = _row(line, row, columns)
        if isinstance(found, Subscriber) and (first := seen.setdefault(found.reader, line)) != line:
            found = Fault(
                code="duplicate",
                message=f"this address stands in line {first} already",
                next_step=f"Nothing has to be done: line {first} is the one that counts.",
            )
        yield (
            found
            if isinstance(found, Subscriber)
            else Problem(path=path, line=line, code=found.code, message=found.message, next_step=found.next_step)
        )


def _row(line: int, row: list[str], columns: list[str]) -> Subscriber | Fault:
    if len(row) > len(columns):
        return Fault(
            code="columns",
            message=f"the row has {len(row)} values, and there are {len(columns)} columns",
            next_step='Put a value that holds a separator between quotes: "Lovelace, Ada".',
        )
    row += [""] * (len(columns) - len(row))
    fields = {"email": "", "name": ""} | {name: cell.strip() for name, cell in zip(columns, row, strict=True) if name}
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
    tags = frozenset(tag for tag in re.split(r"[,;|\s]+", fields.pop("tags", "").casefold()) if tag)
    return Subscriber(address=address, fields=fields, tags=tags, line=line)


def _value_fault(name: str, value: str) -> Fault | None:
    kinds = {unicodedata.category(character) for character in value}
    if "Cs" in kinds:
        return Fault(
            code="encoding",
            message=f"{name}: a letter here is not UTF-8",
            next_step="Save the list as UTF-8 (in Excel: 'CSV UTF-8'; this may be Latin-1).",
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
