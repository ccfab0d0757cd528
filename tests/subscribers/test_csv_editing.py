"""One reader's rows in the list: whatever else stands in the file stays, byte for byte."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.errors import DecisionNeeded, ListError, Problem
from newsletter.subscribers import csv_editing
from newsletter.subscribers.csv_editing import appending_row, find_rows, removing_rows
from newsletter.subscribers.csv_rows import read_rows
from newsletter.subscribers.csv_source import CsvSource
from newsletter.subscribers.subscriber import Subscriber

Write = Callable[[bytes | str], Path]
NEW = "zoe+news@example.org"


def _add(path: Path, cells: dict[str, str], tags: tuple[str, ...] = ()) -> None:
    with appending_row(path, cells, tags) as edit:
        edit.put()


def _remove(path: Path, reader: str) -> list[int]:
    with removing_rows(path, reader) as edit:
        edit.put()
        return [row.line for row in edit.rows]


def _readers(path: Path) -> list[tuple[str, dict[str, str], frozenset[str]]]:
    return [(row.address, dict(row.fields), row.tags) for row in read_rows(path) if isinstance(row, Subscriber)]


_ENDS = st.sampled_from([b"\n", b"\r\n", b"\r"])
_ROW = st.one_of(
    st.binary(max_size=40).map(lambda row: row.replace(b"\r", b"").replace(b"\n", b"")),
    st.sampled_from([
        b"ada@example.org,Ada,board", b'"jo@example.org","Jo ""JJ"", Jr",', b"  ", b"", b"J\xf6rg@example.org;x;y",
        b"no sign,x,y", b'"open@example.org,never closed', b"\xef\xbb\xbfa@example.org", b"a@example.org,,,,,",
        "bücher@example.org,a,b".encode(),
    ]),
)  # fmt: skip


@given(
    st.sampled_from([b"", b"\xef\xbb\xbf"]), st.sampled_from([b"", b"\n", b"sep=;\n"]),
    st.sampled_from([b"email,name,tags", b"Name;E-Mail;EMAIL;Tags", b'"email"\tname\tx', b"email"]),
    st.lists(st.tuples(_ENDS, _ROW), max_size=8), st.one_of(st.just(b""), _ENDS),
)  # fmt: skip
def test_a_row_that_is_added_and_taken_out_leaves_the_same_bytes(
    tmp_path_factory: pytest.TempPathFactory,
    mark: bytes,
    before: bytes,
    header: bytes,
    rows: list[tuple[bytes, bytes]],
    end: bytes,
) -> None:
    path = tmp_path_factory.getbasetemp() / "csv_editing.csv"
    if before.startswith(b"sep"):
        header = b"email;name"
    text = mark + before + header + b"".join(line_end + row for line_end, row in rows) + end
    path.write_bytes(text)
    known = _readers(path)
    _add(path, {"email": NEW})
    longer = path.read_bytes()
    assert longer.startswith(text)
    assert [reader for reader, *_ in _readers(path)] == [*(reader for reader, *_ in known), NEW]
    assert _readers(path)[:-1] == known
    assert len(_remove(path, NEW)) == 1
    assert path.read_bytes() == text


@given(st.data())
def test_taking_out_one_of_many_rows_touches_no_other(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    path = tmp_path_factory.getbasetemp() / "many.csv"
    end = data.draw(_ENDS)
    mine = st.sampled_from(
        [b"Ada@EXAMPLE.org,Ada", b' "ada@example.org" ,x', b'"ada@example.org","never', b"ada@example.org,a,b"]
    )
    others = st.sampled_from([b"nada@example.org,Ada", b"ada@example.org.uk,A", b"b@example.org,ada@example.org", b""])
    rows = data.draw(st.lists(st.tuples(st.booleans(), mine, others), min_size=1, max_size=9))
    last = data.draw(st.sampled_from([b"", end]))
    path.write_bytes(b"email,name" + end + end.join(own if is_own else other for is_own, own, other in rows) + last)
    gone = _remove(path, "ada@example.org")
    assert gone == [number for number, (is_own, *_) in enumerate(rows, start=2) if is_own]
    left = [other for is_own, _, other in rows if not is_own]
    whole = b"email,name" + end + b"".join(other + end for other in left)
    assert path.read_bytes() in (whole, whole.removesuffix(end))
    assert find_rows(path, "ada@example.org").rows == []


_VALUES = st.text(st.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp"]), max_size=30).map(str.strip)


@given(_VALUES, _VALUES, st.lists(st.from_regex("[a-z]{1,8}", fullmatch=True), max_size=3), st.sampled_from(",;\t"))
def test_any_value_that_a_list_can_hold_is_read_as_it_was_given(
    tmp_path_factory: pytest.TempPathFactory, name: str, city: str, tags: list[str], delimiter: str
) -> None:
    path = tmp_path_factory.getbasetemp() / "values.csv"
    path.write_text(delimiter.join(["email", "name", "City", "tags"]) + "\n")
    _add(path, {"email": NEW, "name": name, "city": city}, tuple(tags))
    assert _readers(path) == [(NEW, {"email": NEW, "name": name, "city": city}, frozenset(tags))]


def test_a_list_that_is_not_there_is_made(tmp_path: Path) -> None:
    path = tmp_path / "subscribers.csv"
    assert find_rows(path, NEW).rows == ()
    _add(path, {"email": NEW, "name": "Zoé"}, ("a", "b"))
    assert path.read_text(encoding="utf-8") == f"email,name,tags\n{NEW},Zoé,a;b\n"
    assert path.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    ("cells", "tags", "words"),
    [
        ({"city": "Riga"}, (), "no column city"),
        ({"name": "Ada\r\nBcc: x@example.org"}, (), "has a line break"),
        ({"name": "\0"}, (), "NUL"),
        ({"name": "x" * 501}, (), "longer than 500"),
        ({"name": " x"}, (), "begin or end with a blank"),
        ({}, ("two words",), "A tag is one word"),
        ({}, ("Big",), "A tag is one word"),
    ],
)
def test_what_could_not_be_read_again_is_not_written(
    write_list: Write, cells: dict[str, str], tags: tuple[str, ...], words: str
) -> None:
    path = write_list("email,name,tags\n")
    with pytest.raises(ListError, match=words):
        _add(path, {"email": NEW, **cells}, tags)
    assert path.read_text() == "email,name,tags\n"
    assert [entry.name for entry in path.parent.iterdir()] == [path.name]


def test_a_row_that_an_open_quote_would_swallow_is_not_written(write_list: Write) -> None:
    text = 'email,name\na@example.org,"never closed\n'
    path = write_list(text)
    with pytest.raises(ListError, match=r"Line 2 of list\.csv opens a quote"):
        _add(path, {"email": NEW, "name": '",x'})
    assert path.read_text() == text
    _add(path, {"email": NEW, "name": "Zoë"})
    assert [reader for reader, *_ in _readers(path)] == [NEW]


def test_a_row_of_several_lines_is_found_and_taken_out_whole(write_list: Write) -> None:
    path = write_list(
        'email,note\na@example.org,"one\r\nb@example.org\r\nthree"\nb@example.org,"x\ny"\nc@example.org,\n'
    )
    found = find_rows(path, "b@example.org")
    assert [(row.line, row.last, row.cells["note"]) for row in found.rows] == [(5, 6, "x\ny")]
    assert found.other_lines == [2]
    assert _remove(path, "a@example.org") == [2]
    assert path.read_text() == 'email,note\nb@example.org,"x\ny"\nc@example.org,\n'
    assert _remove(path, "b@example.org") == [2]
    assert path.read_text() == "email,note\nc@example.org,\n"


def test_rights_stay_and_a_link_leads_on_to_the_list(write_list: Write, tmp_path: Path) -> None:
    path = write_list("email\r\na@example.org\r\n")
    path.chmod(0o640)
    link = tmp_path / "link.csv"
    link.symlink_to(path)
    _add(link, {"email": NEW})
    assert link.is_symlink()
    assert path.read_bytes() == b"email\r\na@example.org\r\nzoe+news@example.org\r\n"
    assert path.stat().st_mode & 0o777 == 0o640


def test_what_somebody_else_has_saved_meanwhile_is_not_undone(write_list: Write) -> None:
    path = write_list("email\na@example.org\n")
    with removing_rows(path, "a@example.org") as edit:
        path.write_text("email\na@example.org\nb@example.org\n")
        with pytest.raises(DecisionNeeded, match=r"Somebody else has changed list\.csv"):
            edit.put()
    assert path.read_text() == "email\na@example.org\nb@example.org\n"


@pytest.mark.parametrize("read", ["find_rows", "read_header"])
def test_nor_what_was_saved_while_the_list_was_read(
    write_list: Write, monkeypatch: pytest.MonkeyPatch, read: str
) -> None:
    """The rows' lines would be other rows' by then."""
    path = write_list("email\na@example.org\nb@example.org\n")
    longer = "email\nfirst@example.org\na@example.org\nb@example.org\n"
    real = getattr(csv_editing, read)

    def slow(*args: Any) -> Any:
        found = real(*args)
        path.write_text(longer)
        return found

    monkeypatch.setattr(csv_editing, read, slow)
    with pytest.raises(DecisionNeeded, match="Somebody else has changed"):
        _remove(path, "b@example.org") if read == "find_rows" else _add(path, {"email": NEW})
    assert path.read_text() == longer


def test_a_list_that_is_write_protected_stays_as_it_is(write_list: Write) -> None:
    path = write_list("email\na@example.org\n")
    path.chmod(0o444)
    for change in (lambda: _add(path, {"email": NEW}), lambda: _remove(path, "a@example.org")):
        with pytest.raises(ListError, match="is write-protected") as caught:
            change()
        assert "chmod u+w" in caught.value.next_step
    assert path.read_text() == "email\na@example.org\n"


def test_a_list_that_cannot_be_written_says_so(write_list: Write) -> None:
    path = write_list("email\n")
    path.with_name(".list.new.csv").mkdir()
    with pytest.raises(ListError, match="can't be written"):
        _add(path, {"email": NEW})


def test_what_a_crash_has_left_is_written_over(write_list: Write) -> None:
    path = write_list("email\n")
    left = path.with_name(".list.new.csv")
    left.write_text("email\nerased@example.org\n")
    os.link(left, path.with_name("elsewhere.csv"))
    _add(path, {"email": NEW})
    assert path.read_text() == f"email\n{NEW}\n"
    assert not left.exists()
    left.write_text("email\nerased@example.org\n")
    assert _remove(path, "erased@example.org") == []
    assert not left.exists()


def test_rows_and_mentions_of_a_reader(write_list: Write) -> None:
    path = write_list(
        "email,name,brought by\n"
        "Li@Bücher.example.org,李,\n"
        "li@bücher.example.org.,again,\n"
        "b@example.org,B,li@xn--bcher-kva.example.org\n"
        "c@example.org,C,ask Li@BÜCHER.example.org.\n"
        "d@example.org,D,nali@bücher.example.org\n"
        "li@bücher.example.org,too,many,cells\n"
    )
    found = find_rows(path, "li@xn--bcher-kva.example.org")
    assert [row.line for row in found.rows] == [2, 7]
    assert found.rows[0].cells == {"email": "Li@Bücher.example.org", "name": "李", "brought_by": ""}
    assert found.rows[1].cells["column 4"] == "cells"
    assert [line for line in found.other_lines if line != 3] == [4, 5]


def test_the_nearest_address_is_offered(write_list: Write) -> None:
    path = write_list("email\nolga.petrova@example.net\nada@example.org\nb@example.com\n")
    assert CsvSource(path).find_nearest("olga.petrov@example.net") == "olga.petrova@example.net"
    assert CsvSource(path).find_nearest("ada@exampel.org") == "ada@example.org"
    assert CsvSource(path).find_nearest("nobody@example.invalid") == ""
    assert CsvSource(path.with_name("none.csv")).find_nearest("a@example.org") == ""


@given(st.binary(max_size=300))
def test_any_bytes_below_a_header_can_be_looked_through(
    tmp_path_factory: pytest.TempPathFactory, content: bytes
) -> None:
    path = tmp_path_factory.getbasetemp() / "any.csv"
    path.write_bytes(b"email,name\n" + content)
    before = {row.address.casefold() for row in read_rows(path) if not isinstance(row, Problem)}
    for reader in [*before, "a@example.org"]:
        assert bool(find_rows(path, reader).rows) >= (reader in before)
        _remove(path, reader)
    assert _readers(path) == []
