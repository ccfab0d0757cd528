"""Rows of a subscriber list in CSV, each read into a Subscriber, or into a Problem with its line."""

import re
import unicodedata
from collections.abc import Iterable, Iterator
from contextlib import closing
from functools import lru_cache
from pathlib import Path

from newsletter.address import SubscriberKey, normalise_address
from newsletter.config import SubscriberListSettings
from newsletter.errors import Problem
from newsletter.subscribers.csv_file import (
    QUOTES,
    SAVE_AS_UTF8,
    CsvHeader,
    read_header,
    read_lines,
    read_records,
    unguard_cell,
)
from newsletter.subscribers.csv_records import CsvRecord, Wanted, every_record
from newsletter.subscribers.status_columns import StatusQuestions, begin_status_questions
from newsletter.subscribers.subscriber import Subscriber
from newsletter.subscribers.temporary_database import open_temporary_database
from newsletter.validation import Fault

MAX_VALUE = 500
# What parts lines, in one program or another; a mail has each value on one line.
BREAKS = re.compile("\\s*[\t\n\v\f\r\x85\u2028\u2029]\\s*")


def read_subscribers(path: Path, wanted: Wanted = every_record) -> Iterator[Subscriber | Problem]:
    """Yield each row as `read_rows` does, but for duplicates: they come as problems of code "duplicate".

    The first row of an address counts. `wanted` chooses, by first line and text, which rows are read at all: to look
    for a few in a long list is quick.
    """
    with closing(FirstLines()) as first_lines:
        for row in read_rows(path, wanted):
            if isinstance(row, Subscriber) and (first := first_lines.find(row.key, row.line)) != row.line:
                yield make_duplicate_problem(path, row.line, f"line {first}")
            else:
                yield row


def make_duplicate_problem(path: Path, line: int, first: str) -> Problem:
    """Return the problem of a row whose address is in an earlier one: `first` names the place of that."""
    return Problem(
        path=path,
        line=line,
        code="duplicate",
        message=f"this address is in {first} already",
        next_step=f"Nothing has to be done: {first} is the one that counts.",
    )


class FirstLines:
    """Lines in which each address was read first, in a temporary database."""

    def __init__(self) -> None:
        self._database = open_temporary_database()
        self._database.execute("CREATE TABLE first_lines (subscriber TEXT PRIMARY KEY, line INTEGER) WITHOUT ROWID")
        self._database.execute("BEGIN")

    def find(self, key: SubscriberKey, line: int) -> int:
        """Return the first line with this address, which is the given one unless another came before."""
        inserted = "INSERT INTO first_lines VALUES (?, ?) ON CONFLICT DO NOTHING"
        if self._database.execute(inserted, (key, line)).rowcount:
            return line
        (line,) = self._database.execute("SELECT line FROM first_lines WHERE subscriber = ?", (key,)).fetchone()
        return int(line)

    def close(self) -> None:
        self._database.close()


def read_rows(path: Path, wanted: Wanted = every_record) -> Iterator[Subscriber | Problem]:
    """Yield each row as a Subscriber, or as the Problem that keeps it from being one. Streams, and remembers none.

    A row is a record of the CSV, whose quoted cells may hold line breaks; the line is its first. Raises ListError when
    the file is not there or has no `email` column.
    """
    lines = read_lines(path)
    header = read_header(path, lines)
    return _read_rows(path, header, read_records(lines, header, wanted))


def read_rows_with_questions(
    path: Path, settings: SubscriberListSettings
) -> tuple[StatusQuestions, Iterator[Subscriber | Problem]] | None:
    """Return each row as `read_rows` does, with what gathers the questions about the columns meanwhile.

    None for a list with columns that are honoured. Raises ListError as `read_rows` does.
    """
    lines = read_lines(path)
    header = read_header(path, lines)
    asking = begin_status_questions(path, header, settings)
    if asking is None:
        return None

    def look_at_all() -> Iterator[CsvRecord]:
        look = asking.look
        for record in read_records(lines, header):
            look(record)
            yield record

    return asking, _read_rows(path, header, look_at_all())


def _read_rows(path: Path, header: CsvHeader, records: Iterable[CsvRecord]) -> Iterator[Subscriber | Problem]:
    for record in records:
        found = read_row(record, header)
        if isinstance(found, Subscriber):
            yield found
        elif found is not None:
            yield _explain_fault(path, record, found)


def read_row_of(path: Path, record: CsvRecord, header: CsvHeader) -> Subscriber | Problem | None:
    """Return the subscriber in one row of a file, or the Problem that keeps it from being one; None if it is blank."""
    found = read_row(record, header)
    return _explain_fault(path, record, found) if isinstance(found, Fault) else found


def _explain_fault(path: Path, record: CsvRecord, fault: Fault) -> Problem:
    return Problem(path=path, line=record.line, code=fault.code, message=fault.message, next_step=fault.next_step)


def read_columns(path: Path) -> list[str]:
    """Return the names of the list's columns, which are those of its fields. Raises ListError."""
    return list(read_header(path, read_lines(path)).columns)


def read_row(record: CsvRecord, header: CsvHeader) -> Subscriber | Fault | None:
    """Return the subscriber in one row, or what keeps it from being one; None for a blank row."""
    if record.fault:
        return Fault(code="csv", message=f"this row can't be read: {record.fault}", next_step=QUOTES)
    together = "".join(record.cells)
    if not together.strip():
        return None
    row, columns = record.cells, header.columns
    if len(row) != len(columns):
        row = list(row)
        while len(row) > len(columns) and not row[-1].strip():
            row.pop()  # spreadsheets write a separator for each column that was ever used
        if len(row) > len(columns):
            return Fault(
                code="columns",
                message=f"the row has {len(row)} values, and there are {len(columns)} columns",
                next_step='Put a value that holds a separator between quotes: "Lovelace, Ada".',
            )
        row += [""] * (len(columns) - len(row))
    fields = {"email": "", "name": ""}
    fields.update(zip(columns, map(str.strip, row), strict=True))
    fields.pop("", None)  # a column without a name
    # Printable by Python's word has none of what fault_of_value looks for, which takes a while to look.
    if "'" in together:  # from an export of ours, perhaps
        fields = {name: unguard_cell(value).strip() for name, value in fields.items()}
    is_printable = together.isprintable()
    if not is_printable:
        fields = {name: BREAKS.sub(" ", value) for name, value in fields.items()}
    if not is_printable or len(together) > MAX_VALUE:
        for name, value in fields.items():
            if fault := fault_of_value(name, value):
                return fault
    try:
        address = fields["email"] = normalise_address(fields["email"])
    except ValueError as error:
        return Fault(
            code="address",
            message=f"no mail can be sent to this address: {error}",
            next_step="Mend the address, or remove the row.",
        )
    tags = split_tags(fields.pop("tags", ""))
    return Subscriber(address, fields, tags, record.line)


@lru_cache(maxsize=10_000)
def split_tags(cell: str) -> frozenset[str]:
    """Return the tags in a cell of a list, in whatever way they are written side by side."""
    tags = re.split(r"[,;|\s]+", cell.casefold())
    return frozenset(filter(None, (tag.strip('"') for tag in tags)))  # Mailchimp has "board","press" in one cell


def fault_of_value(name: str, value: str) -> Fault | None:
    """Return why a value can't be put into a mail; None when it can."""
    kinds = {unicodedata.category(character) for character in value}
    if "Cs" in kinds:
        return Fault(
            code="encoding",
            message=f"{name}: a letter here is not UTF-8",
            next_step=SAVE_AS_UTF8,
        )
    if "\0" in value:
        return Fault(
            code="nul",
            message=f"{name}: there is a NUL byte here",
            next_step="The file is damaged here: write the row again.",
        )
    if "Cc" in kinds:
        return Fault(
            code="control-character",
            message=f"{name}: there is a control character here",
            next_step="Write the value again.",
        )
    if len(value) > MAX_VALUE:
        return Fault(
            code="too-long", message=f"{name}: the value is longer than {MAX_VALUE} characters", next_step="Shorten it."
        )
    return None
