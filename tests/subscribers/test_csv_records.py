"""Records: what a CSV writer wrote as one row is one row, and what it did not is cut at its own place."""

import csv
import io
from typing import Literal

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from newsletter.subscribers import csv_records
from newsletter.subscribers.csv_file import read_header, read_lines, read_records
from newsletter.subscribers.csv_records import NumberedLine, Pull, group_lines

_CELL = st.one_of(
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20),
    st.text(st.sampled_from("a\",;\t\r\n '@"), max_size=12),
)
# RFC 4180 quotes a cell with a CR or LF; Python's writer does so when its own line end has them, or always.
_QUOTING = {"\r\n": (csv.QUOTE_MINIMAL, csv.QUOTE_ALL), "\n": (csv.QUOTE_ALL,), "\r": (csv.QUOTE_ALL,)}
_WRITERS = st.sampled_from([(end, quoting) for end, ways in _QUOTING.items() for quoting in ways])


@given(st.lists(st.lists(_CELL, min_size=1, max_size=4), max_size=6), st.sampled_from(",;\t"), _WRITERS)
@example([["a", 'b\r\n"c"\r\n\r\n'], ["d", ""]], ",", ("\r\n", csv.QUOTE_MINIMAL))
def test_whatever_a_csv_writer_wrote_is_read_as_the_same_rows(
    tmp_path_factory: pytest.TempPathFactory, rows: list[list[str]], delimiter: str, way: tuple[str, Literal[0, 1]]
) -> None:
    path = tmp_path_factory.getbasetemp() / "records.csv"
    end, quoting = way
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, delimiter=delimiter, lineterminator=end, quoting=quoting)
        writer.writerows([["email", "x"], *rows])
    lines = read_lines(path)
    header = read_header(path, lines)
    assert header.delimiter == delimiter
    records = list(read_records(lines, header))
    assert [record.fault for record in records] == [""] * len(records)
    assert [[cell.strip() for cell in record.cells] for record in records] == [
        [cell.strip() for cell in row] for row in rows
    ]


_LINES = st.lists(st.text(st.sampled_from('ab",\t;'), max_size=10).map(lambda text: f"{text}\n"), max_size=12)


@given(_LINES, st.integers(1, 4))
def test_every_line_is_in_one_record_and_none_is_lost(lines: list[str], columns: int) -> None:
    records = list(group_lines(enumerate(lines, start=1), ",", columns))
    assert "".join(record.text for record in records) == "".join(lines)
    assert [number for record in records for number in range(record.line, record.last + 1)] == [
        *range(1, len(lines) + 1)
    ]


_WORDS = st.text("ab .;'", min_size=1, max_size=5).map(lambda text: f"x{text}")


@given(st.lists(st.tuples(_WORDS, _WORDS), max_size=5), st.lists(st.tuples(_WORDS, _WORDS), max_size=5), st.booleans())
def test_a_quote_that_is_never_closed_costs_its_own_row(
    before: list[tuple[str, str]], after: list[tuple[str, str]], quoted: bool
) -> None:
    text = io.StringIO()
    writer = csv.writer(text, quoting=csv.QUOTE_ALL if quoted else csv.QUOTE_MINIMAL)
    writer.writerows(before)
    text.write('open,"never\r\n')
    writer.writerows(after)
    lines = enumerate(text.getvalue().splitlines(keepends=True), start=1)
    first, broken, rest = [], [], []
    for record in group_lines(lines, ",", 2):
        (broken if record.line == len(before) + 1 else rest if broken else first).append(record)
    assert [record.line for record in broken if record.fault] == [len(before) + 1]
    assert [tuple(record.cells) for record in first] == before
    assert [tuple(record.cells) for record in rest if not record.fault] == after


@pytest.mark.parametrize("line", ['r,"open\n', 'r,""\n', 'r,"a"",\n', '",x,"\n'])
def test_each_line_is_looked_at_twice_at_the_most(monkeypatch: pytest.MonkeyPatch, line: str) -> None:
    """A look ahead from an open quote ends at the next line with an odd number of quotes; no other begins before."""
    looked = 0
    read = csv_records.read_record

    def counting(first: NumberedLine, pull: Pull, delimiter: str) -> tuple[list[str], str, list[NumberedLine]]:
        nonlocal looked
        cells, fault, taken = read(first, pull, delimiter)
        looked += len(taken)
        return cells, fault, taken

    monkeypatch.setattr(csv_records, "read_record", counting)
    lines = ['r,"open\n', *[line] * 2_999]
    assert len(list(group_lines(enumerate(lines, start=1), ",", 2))) == 3_000
    assert looked <= 6_001
