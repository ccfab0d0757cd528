"""Changes of one subscriber's rows in a CSV. All else in the file stays as it is, byte for byte."""

import csv
import io
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from itertools import chain
from pathlib import Path
from typing import NamedTuple

from newsletter.address import local_part_of, normalise_address, subscriber_key
from newsletter.errors import DecisionNeeded, ListError
from newsletter.files import prepare_replacement, replacement_path
from newsletter.subscribers.address_in_text import contains_address
from newsletter.subscribers.csv_file import CsvHeader, guard_cell, read_header, read_lines, read_records, unguard_cell
from newsletter.subscribers.csv_records import CsvRecord
from newsletter.subscribers.csv_rows import BREAKS, read_row
from newsletter.subscribers.source import ListRow, PreparedEdit, SubscriberRows
from newsletter.subscribers.subscriber import Subscriber

_BOM = b"\xef\xbb\xbf"
_NEW_LIST = "email,name,tags\n"


def find_rows(path: Path, key: str) -> SubscriberRows:
    """Return what the list has of a subscriber; a list that is not there has nobody on it. Raises ListError."""
    if not path.exists():
        return SubscriberRows()
    lines = read_lines(path)
    header = read_header(path, lines)
    rows, other_lines = [], []
    # What is before the @ is ASCII, and in the list as it is.
    local = local_part_of(key)
    for record in read_records(lines, header, lambda _line, text: local in text.casefold()):
        if _owner(record, header) == key:
            rows.append(ListRow(line=record.line, last=record.last, cells=dict(cells_of(record, header))))
        elif contains_address(record.text, key):
            other_lines.append(record.line)
    return SubscriberRows(rows=rows, other_lines=other_lines)


@contextmanager
def appending_row(path: Path, cells: Mapping[str, str], tags: Sequence[str] = ()) -> Iterator[PreparedEdit]:
    """Prepare the list with one row more at its end; one that is not there is made.

    `cells` are by column, `email` among them in its one spelling. Raises ListError for a column that the list lacks,
    and for a value that could not be read back; DecisionNeeded from `put`, when somebody else has changed the list
    meanwhile.
    """
    before = _read_version(path)
    header = read_header(path, read_lines(path) if before else enumerate([_NEW_LIST], start=1))
    row = _format_row({**cells, **({"tags": ";".join(tags)} if tags else {})}, frozenset(tags), header, path)
    if before:
        _refuse_swallowed(path, row, header)
    with _rewriting(path, _append_row(path, row, header.line_end), before) as put:
        yield PreparedEdit(rows=(), put=put)


@contextmanager
def removing_rows(path: Path, key: str) -> Iterator[PreparedEdit]:
    """Prepare the list without any row of a subscriber, also those that can't be used. Raises ListError."""
    before = _read_version(path)
    found = find_rows(path, key).rows
    if not found:
        with suppress(OSError):
            replacement_path(path).unlink()  # what a crash has left may hold them
        yield PreparedEdit(rows=(), put=lambda: None)
        return
    gone = frozenset(number for row in found for number in range(row.line, row.last + 1))
    with _rewriting(path, _left(path, gone), before) as put:
        yield PreparedEdit(rows=found, put=put)


def cells_of(record: CsvRecord, header: CsvHeader) -> Iterator[tuple[str, str]]:
    """Yield the cells by column, also of a row that can't be used. Those beyond the columns have numbers."""
    for number, cell in enumerate(record.cells):
        name = header.columns[number] if number < len(header.columns) else ""
        yield name or f"column {number + 1}", unguard_cell(cell.strip()).strip()


def _owner(record: CsvRecord, header: CsvHeader) -> str:
    return _reader(next((cell for name, cell in cells_of(record, header) if name == "email"), ""))


def _reader(address: str) -> str:
    try:
        return subscriber_key(normalise_address(address))
    except ValueError:
        return ""


def _format_row(cells: Mapping[str, str], tags: frozenset[str], header: CsvHeader, path: Path) -> str:
    """Return the row as a line without its end. Raises ListError when it would not be read as what it says."""
    if missing := [name for name in cells if name not in header.columns]:
        raise ListError(
            f"{path.name} has no column {missing[0]}.",
            next_step=f"Its columns are: {', '.join(filter(None, header.columns))}.",
        )
    values = [cells.get(name, "") for name in header.columns]
    if any(BREAKS.search(value) for value in values):
        raise ListError("A value has a line break or a tab in it.", next_step="Write the value on one line.")
    # A value that looks as if it came from a spreadsheet's guard keeps its quote by another one.
    values = [value if unguard_cell(value) == value else guard_cell(value) for value in values]
    line = io.StringIO()
    csv.writer(line, delimiter=header.delimiter, lineterminator="").writerow(values)
    (record,) = read_records([(1, line.getvalue())], header)
    read = read_row(record, header)
    if not isinstance(read, Subscriber):
        raise ListError(
            f"That row could not be read again: {read.message if read else 'it is empty'}.",
            next_step=read.next_step if read else "",
        )
    if any(read.fields.get(name, value) != value for name, value in cells.items()):
        raise ListError("A value can't begin or end with a blank.", next_step="Write it without.")
    if read.tags != tags:
        raise ListError("A tag is one word in small letters.", next_step="Give each a --tag of its own.")
    return line.getvalue()


def _refuse_swallowed(path: Path, row: str, header: CsvHeader) -> None:
    """Raise ListError when a quote that the list never closes would make the new row a part of another one's cell."""
    if '"' not in row:
        return
    lines = read_lines(path)
    read_header(path, lines)
    opened = 0
    for record in read_records(chain(lines, [(sys.maxsize, row)]), header):
        if record.last == sys.maxsize and (record.fault or record.line != sys.maxsize):
            raise ListError(
                f"Line {opened or record.line} of {path.name} opens a quote and never closes it.",
                next_step="Mend that line, and run the same command again: the new row would be read as a part of it.",
            )
        opened = record.line if record.fault else opened


def _append_row(path: Path, row: str, line_end: str) -> Iterator[str]:
    """Yield the list's pieces and the new row. A list whose last line has no end has none afterwards, either."""
    if not path.exists():
        yield f"{_NEW_LIST}{row}{line_end}"
        return
    last = ""
    for _, last in read_lines(path):
        yield last
    yield f"{row}{line_end}" if last.endswith(("\n", "\r")) else f"{line_end}{row}"


def _left(path: Path, lines: frozenset[int]) -> Iterator[str]:
    held, last_gone_had_end = "", True
    for number, line in read_lines(path):
        if number in lines:
            last_gone_had_end = line.endswith(("\n", "\r"))
        else:
            yield held
            held = line
    # Only the list's last line can be without an end. When it goes, the one that is last then is so, too.
    yield held if last_gone_had_end else _without_end(held)


def _without_end(line: str) -> str:
    return line[: -2 if line.endswith("\r\n") else -1] if line.endswith(("\n", "\r")) else line


@contextmanager
def _rewriting(path: Path, pieces: Iterable[str], before: "_FileVersion | None") -> Iterator[Callable[[], None]]:
    """Write a new list beside the old one; what is yielded replaces that, if nobody has changed it meanwhile.

    `before` is the list's version before anything of it was read.
    """
    if before and not (before.mode & 0o222 and os.access(path.resolve(), os.W_OK)):
        raise ListError(
            f"The subscriber list {path} is write-protected.",
            next_step=f"If it is not meant to stay as it is: chmod u+w {path}",
        )
    begun = False
    try:
        with prepare_replacement(path, chain(_byte_order_mark(path), pieces), errors="surrogateescape") as replace:
            begun = True

            def put() -> None:
                if _read_version(path) != before:
                    raise DecisionNeeded(
                        f"Somebody else has changed {path.name} meanwhile.",
                        next_step="Nothing was written into it. Save and close it where it is open, and try again.",
                    )
                try:
                    replace()
                except OSError as error:
                    raise _unwritable(path, error) from error

            yield put
    except OSError as error:
        if begun:
            raise
        raise _unwritable(path, error) from error


def _byte_order_mark(path: Path) -> Iterator[str]:
    """Yield the mark that the list begins with, if it does."""
    with suppress(FileNotFoundError), path.open("rb") as raw:
        if raw.read(3) == _BOM:
            yield "\ufeff"


class _FileVersion(NamedTuple):
    """A file's identity, size and times, which differ once somebody has written it."""

    number: int
    size: int
    changed: int
    mode: int


def _read_version(path: Path) -> _FileVersion | None:
    """Return the version of a file; None when it is not there."""
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    return _FileVersion(found.st_ino, found.st_size, found.st_mtime_ns, found.st_mode)


def _unwritable(path: Path, error: OSError) -> ListError:
    return ListError(
        f"The subscriber list {path} can't be written: {error.strerror}.",
        next_step="See that it and its folder are yours to write, and have room. Then run the same command again.",
    )
