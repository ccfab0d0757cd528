"""Records of a CSV (RFC 4180, section 2): each is one row, and a quoted line break spreads it over two lines."""

import csv
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from functools import cache, partial
from typing import NamedTuple

MAX_RECORD = 100_000  # characters; what is longer is no row of a list, and is not held in memory
_BY_CSV = {
    "unexpected end of data": "a quote is opened in it, and never closed",
    "' expected after '": "after a quote is closed, there are other words before the next separator",
}
_FAR = f"a quote is opened in it, and not closed within {MAX_RECORD:,} characters"

NumberedLine = tuple[int, str]
Pull = Callable[[], NumberedLine | None]
Wanted = Callable[[int, str], bool]


class CsvRecord(NamedTuple):
    """A row of the list: the numbers of its first and last lines, its text as it is in the file, its cells.

    `fault` says why it can't be read as CSV; the cells are then what a cut at each separator gives.
    """

    line: int
    last: int
    text: str
    cells: Sequence[str]
    fault: str = ""


def every_record(_line: int, _text: str) -> bool:
    return True


def group_lines(
    lines: Iterable[NumberedLine], delimiter: str, columns: int, wanted: Wanted = every_record
) -> Iterator[CsvRecord]:
    """Group lines into records, and give those that are `wanted` by their first line and text. Streams.

    Every line is in exactly one record, in the file's order.

    A quote that is never closed costs its own record alone: reading goes on with the line after the one in which that
    record begins. From there to where the quoted cell would have ended, a line may be a row, or a part of that cell, in
    which somebody may have written an address. It is taken for a row only when it has as many cells as there are
    columns, or as the row before the open quote, and no quote that may end that cell; otherwise it has a fault as well.
    When the cell does not end within MAX_RECORD, no line is taken for a row up to the quote that closes it, however far
    that is: a whole list may be in it.
    """
    source = _LineSource(lines)
    put_back, rest = source.waiting, source.rest
    before = 0  # the number of the line before, which an overlong line's pieces share
    opened = doubtful = 0  # the line with the open quote, and the last line that may be a part of its cell
    far = _Far()
    width, usual = columns, ""  # the cells of the row before the open quote; the row before this one
    # As `pull` does, which would be a call for each row of a list.
    while (line := put_back.popleft() if put_back else next(rest, None)) is not None:
        number, text = line
        if far.follows and far.reaches(text, begins=number > before):
            doubtful = max(doubtful, number)
        if '"' not in text and number > doubtful and number > before and len(text) < MAX_RECORD:
            before, usual = number, text
            if wanted(number, text):
                yield CsvRecord(number, number, text, _split(text, delimiter))
            continue
        overlong = number == before or (len(text) >= MAX_RECORD and '"' not in text)
        record, taken = _read_record_or_line(line, source.pull, delimiter, overlong=overlong)
        if number <= doubtful and len(taken) > 1 and not record.fault:  # its quotes may end the cell in doubt
            record = CsvRecord(number, number, text, _cut(text, delimiter), _in_doubt(opened))
        if record.fault:
            source.put_back(taken[1:])
            if number > doubtful:
                opened, width = number, len(_cut(usual, delimiter)) if usual.strip() else columns
            doubtful = max(doubtful, taken[-1][0])
            if record.fault == _FAR and not far.open:
                far.begin(len(taken) - 2)
        elif number > doubtful:
            usual = record.text
        elif any(map(str.strip, record.cells)) and (far.open or not _is_whole_row(record, columns, width)):
            record = record._replace(fault=_in_doubt(opened))
        if number == before:  # a further piece of an overlong line
            record = CsvRecord(number, number, text, ())
        before = record.last
        if wanted(record.line, record.text):
            yield record


def _is_whole_row(record: CsvRecord, columns: int, width: int) -> bool:
    """Return whether a line after an open quote is a row: as wide as others, and without a quote to end that cell."""
    count = len(record.cells)
    return count in {width, columns} and (count > 1 or columns == 1) and record.text.count('"') % 2 == 0


class _LineSource:
    """Lines of a file, of which those that were looked at too soon can be put back."""

    def __init__(self, lines: Iterable[NumberedLine]) -> None:
        self.waiting: deque[NumberedLine] = deque()
        self.rest = iter(lines)

    def pull(self) -> NumberedLine | None:
        """Return the next line; None at the end."""
        return self.waiting.popleft() if self.waiting else next(self.rest, None)

    def put_back(self, lines: Sequence[NumberedLine]) -> None:
        """Have these lines, in their order, pulled before all others."""
        self.waiting.extendleft(reversed(lines))


class _TooLong(Exception):
    """A record is longer than MAX_RECORD."""


class _Far:
    """A quoted cell that is longer than a record can be, followed to its end by counting quotes alone."""

    def __init__(self) -> None:
        self.open = False
        self._known = self._quotes = 0

    @property
    def follows(self) -> bool:
        """Return whether there is such a cell."""
        return self.open or self._known > 0

    def begin(self, known: int) -> None:
        """Follow a cell of which the next `known` pieces are known to be a part, from before the one after those."""
        self.open, self._known, self._quotes = True, known, 1

    def reaches(self, text: str, *, begins: bool) -> bool:
        """Return whether it reaches into this piece. It ends with a line, and a line may come in pieces."""
        if self._known:
            self._known -= 1
        elif self.open:
            self.open = not begins or self._quotes % 2 == 1
            self._quotes += text.count('"')
        return self.open


def _in_doubt(opened: int) -> str:
    return f"it may be a part of the cell that is opened in line {opened}"


def _read_record_or_line(
    first: NumberedLine, pull: Pull, delimiter: str, *, overlong: bool
) -> tuple[CsvRecord, list[NumberedLine]]:
    """Return the record that begins in `first`, and the lines that were looked at."""
    number, text = first
    if overlong:
        return CsvRecord(number, number, text, _cut(text, delimiter), "the line is too long"), [first]
    cells, fault, taken = read_record(first, pull, delimiter)
    if fault:
        return CsvRecord(number, number, text, _cut(text, delimiter), fault), taken
    return CsvRecord(number, taken[-1][0], "".join(piece for _, piece in taken), cells), taken


def read_record(first: NumberedLine, pull: Pull, delimiter: str) -> tuple[list[str], str, list[NumberedLine]]:
    """Return the cells of the record that begins in `first`, what keeps it from being read, and the lines looked at.

    `pull` gives the next line, None at the end.
    """
    if '"' not in first[1]:
        return _split(first[1], delimiter), "", [first]
    with suppress(csv.Error):  # most have the line to themselves
        return next(_reader(delimiter)((first[1],))), "", [first]
    taken: list[NumberedLine] = []

    def looked_at() -> Iterator[str]:
        line: NumberedLine | None = first
        size = 0
        while line is not None and (size := size + len(line[1])) <= MAX_RECORD:
            taken.append(line)
            yield line[1]
            line = pull()
        if line is not None:
            taken.append(line)
            raise _TooLong

    try:
        cells = next(_reader(delimiter)(looked_at()))
    except _TooLong:
        return [], _FAR, taken
    except csv.Error as error:
        return [], next((words for start, words in _BY_CSV.items() if start in str(error)), str(error)), taken
    return cells, "", taken


@cache
def _reader(delimiter: str) -> Callable[[Iterable[str]], Iterator[list[str]]]:
    """Return what reads by this delimiter, made ready once: its settings cost more than a line does."""
    return partial(csv.reader, dialect=csv.reader((), delimiter=delimiter, strict=True, skipinitialspace=True).dialect)


def _split(text: str, delimiter: str) -> list[str]:
    """Split a line without quotes as csv would, but for spaces, which nobody keeps."""
    return text.rstrip("\r\n").split(delimiter)


def _cut(text: str, delimiter: str) -> list[str]:
    return [cell.strip().strip('"') for cell in text.rstrip("\r\n").split(delimiter)]
