"""The list: every form that spreadsheets write, and every row answered by its line."""

from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import ROOT
from hypothesis import given
from hypothesis import strategies as st

from newsletter.errors import ListError, Problem
from newsletter.subscribers.csv_rows import read_subscribers
from newsletter.subscribers.subscriber import Subscriber

Write = Callable[[bytes | str], Path]


def _read(path: Path) -> tuple[list[Subscriber], list[tuple[str, int]]]:
    rows = list(read_subscribers(path))
    problems = [(row.code, row.line) for row in rows if isinstance(row, Problem)]
    return [row for row in rows if isinstance(row, Subscriber)], problems


def test_the_example_list_is_clean() -> None:
    readers, problems = _read(ROOT / "subscribers.example.csv")
    assert problems == []
    assert len(readers) == 25
    assert {reader.address.rpartition(".")[2] for reader in readers} == {"org", "com", "net"}
    assert sum(not reader.fields["name"].isascii() for reader in readers) >= 10


@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_separators_marks_and_line_ends(write_list: Write, separator: str, mark: bytes, end: str) -> None:
    rows = ["Email,Name,Tags,First Name", "Ada@EXAMPLE.org,Ada Lovelace,Board staff,Ada", "", "b@example.net,,,"]
    text = end.join(row.replace(",", separator) for row in rows) + end
    readers, problems = _read(write_list(mark + text.encode()))
    assert problems == []
    assert readers[0] == Subscriber(
        address="Ada@example.org",
        fields={"email": "Ada@example.org", "name": "Ada Lovelace", "first_name": "Ada"},
        tags=frozenset({"board", "staff"}),
        line=2,
    )
    assert readers[1].address == "b@example.net"


def test_tags_in_quotes_are_tags(write_list: Write) -> None:
    readers, _ = _read(write_list('email,TAGS\na@example.org,"""board"",""press"""\n'))
    assert readers[0].tags == {"board", "press"}


def test_every_bad_row_is_answered_by_its_line(write_list: Write) -> None:
    lines = [
        b"email,name,tags",
        b"good@example.org,Good,",
        b"nowhere,No Sign,",
        b"GOOD@Example.ORG,Again,",
        b"nul@example.org,N\0ul,",
        b"latin@example.org,J\xf6rg,",
        b'"eve@example.org","Eve\r\nBcc: victim@example.org",',
        "bücher@example.org,Local,".encode(),
        b"one,two,three,four",
        b"bell@example.org,\x07,",
        b'"open@example.org,never closed',
    ]
    readers, problems = _read(write_list(b"\n".join(lines)))
    assert [reader.address for reader in readers] == ["good@example.org", "eve@example.org"]
    assert problems == [
        ("address", 3), ("duplicate", 4), ("nul", 5), ("encoding", 6), ("address", 9), ("columns", 10),
        ("control-character", 11), ("csv", 12),
    ]  # fmt: skip
    assert readers[1].fields["name"] == "Eve Bcc: victim@example.org"


def test_an_open_quote_costs_its_own_row_and_no_other(write_list: Write) -> None:
    readers, problems = _read(
        write_list('email,name\na@x.org,"Bob\nb@x.org,B\nc@x.org,"C"\nd@x.org,"never\ne@x.org,E\n')
    )
    assert [reader.address for reader in readers] == ["b@x.org", "c@x.org", "e@x.org"]
    assert problems == [("csv", 2), ("csv", 5)]


def test_what_excel_and_people_put_before_and_between(write_list: Write) -> None:
    readers, problems = _read(write_list('sep=;\n\nemail;name\na@x.org; "Ada; Countess"\n'))
    assert problems == []
    assert readers[0].fields["name"] == "Ada; Countess"
    with pytest.raises(ListError) as caught:
        _read(write_list("email,name\n".encode("utf-16")))
    assert "UTF-16" in caught.value.problems[0].message
    with pytest.raises(ListError) as caught:
        _read(write_list(b"PK\x03\x04rest"))
    assert "workbook" in caught.value.problems[0].message
    for broken in ('"email\n', '"email"x,name\n'):
        with pytest.raises(ListError) as caught:
            _read(write_list(broken))
        assert caught.value.problems[0].code == "csv"


def test_a_domain_in_any_script_is_mailed_in_ascii(write_list: Write) -> None:
    readers, problems = _read(write_list("email\no@Bücher.example.org\n"))
    assert problems == []
    assert readers[0].address == "o@xn--bcher-kva.example.org"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("E-Mail,name\na@example.org,A\n", "'E-Mail'"),
        ("name,city\nA,B\n", "email,name,tags"),
        ("Name,E-mail 1 - Label,E-mail 1 - Value\nA,*,a@example.org\n", "'E-mail 1 - Value'"),
        ("Emails,Name\na@example.org,A\n", "'Emails'"),
        ("Vorname;Nachname;E-Mail-Adresse\nA;B;a@example.org\n", "'E-Mail-Adresse'"),
        ("First Name,Email Address,MEMBER_RATING\nA,a@example.org,2\n", "'Email Address'"),
        ('Name,"Adresse\ncourriel"\nA,a@example.org\n', "'Adresse courriel'"),
        ("", "email,name,tags"),
        ("a@example.org\n", "email,name,tags"),
    ],
)
def test_a_list_without_an_email_column_says_so(write_list: Write, content: str, words: str) -> None:
    with pytest.raises(ListError) as caught:
        list(read_subscribers(write_list(content)))
    (problem,) = caught.value.problems
    assert problem.line == 1
    assert words in problem.next_step


def test_columns_are_named_once(write_list: Write) -> None:
    with pytest.raises(ListError, match="can't be used"):
        list(read_subscribers(write_list("email,Name,name\n")))


def test_a_list_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ListError, match="can't be read"):
        list(read_subscribers(tmp_path / "none.csv"))


@given(st.binary(max_size=500))
def test_any_bytes_below_a_header_are_read(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "any.csv"
    path.write_bytes(b"email,name\n" + content)
    for row in read_subscribers(path):
        if isinstance(row, Subscriber):
            assert row.address.isascii()
            assert not any(ord(character) < 32 for value in row.fields.values() for character in value)


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_a_line_break_in_a_quoted_cell_makes_no_new_row(write_list: Write, end: str) -> None:
    note = ['"Called on 3 May:', "victim@example.net", "", 'is ""her"" sister"']
    rows = f"email,note\nada@example.org,{chr(10).join(note)}\nb@example.org,\n"
    readers, problems = _read(write_list(rows.replace("\n", end)))
    assert problems == []
    assert [(reader.address, reader.line) for reader in readers] == [("ada@example.org", 2), ("b@example.org", 6)]
    assert readers[0].fields["note"] == 'Called on 3 May: victim@example.net is "her" sister'


def test_what_may_be_a_part_of_a_quoted_cell_is_mailed_to_nobody(write_list: Write) -> None:
    """Quotes inside are not written twice, so nobody can say where the cell ends. The rows after it are rows."""
    readers, problems = _read(
        write_list(
            "email,name,note\na@example.org,A,\n"
            'b@example.org,B,"She said:\nvictim@example.net\nand then "no" to it"\n'
            "c@example.org,C,\nd@example.org,D,x\n"
        )
    )
    assert [reader.address for reader in readers] == ["a@example.org", "c@example.org", "d@example.org"]
    assert problems == [("csv", 3), ("csv", 4), ("csv", 5)]


@pytest.mark.parametrize("filling", ["\n" * 100_100, "y" * 250_000 + "\n", 'z""' * 70_000 + "\n"])
@pytest.mark.parametrize("strangers", ["v{}@example.net,V", '""v{}@example.net"",V,x'])
@pytest.mark.parametrize("ending", ['"', 'bye"', 'w@example.net,V,"', None])
def test_a_cell_longer_than_any_row_makes_no_row_before_it_ends(
    write_list: Write, filling: str, strangers: str, ending: str | None
) -> None:
    """However far its end is: an export may hold what a stranger wrote into a form. The rows after it are rows."""
    cell = "Mallory\n" + filling + "\n".join(strangers.format(number) for number in range(300))
    rows = [f"{number}@example.org,R,board" for number in range(200)]
    rows[100] = f'100@example.org,"{cell}\n' + ("" if ending is None else f"{ending},board")
    if ending and ending.startswith("w@"):
        rows[100] = rows[100].removesuffix(",board")
    readers, problems = _read(write_list("email,name,tags\n" + "\n".join(rows) + "\n"))
    kept = rows[:100] if ending is None else [*rows[:100], *rows[101:]]
    assert [reader.address for reader in readers] == [row.partition(",")[0] for row in kept]
    assert problems[0] == ("csv", 102)


def test_an_open_quote_in_a_list_of_short_rows_costs_its_own_row(write_list: Write) -> None:
    rows = [f"r{number}@example.org,R" for number in range(3_000)]
    rows[700] = 'r700@example.org,"R'
    readers, problems = _read(write_list("email,name,tags,city\n" + "\n".join(rows)))
    assert len(readers) == 2_999
    assert problems == [("csv", 702)]


def test_an_overlong_line_is_one_row_that_cannot_be_read(write_list: Write) -> None:
    long = "x" * 99_986 + "\nvictim@example.net,V"
    for cell in (long.replace("\n", ","), f'"{long}"', "y" * 100_000 + "," + "z" * 250_000):
        readers, problems = _read(write_list(f"email,name\na@example.org,{cell}\nb@example.org,B\n"))
        assert [reader.address for reader in readers] == ["b@example.org"]
        assert problems[0] == ("csv", 2)


def test_surplus_empty_cells_cost_no_reader(write_list: Write) -> None:
    readers, problems = _read(write_list("email,name\na@example.net,Ada,\nb@example.net,B,, ,\nc@example.net,C,,x\n"))
    assert [reader.address for reader in readers] == ["a@example.net", "b@example.net"]
    assert problems == [("columns", 4)]


@pytest.mark.parametrize(
    "content",
    [
        'email;"Name, first, last, full"\na@example.org;Ada\n',
        'email,"Name; as it is; on letters"\na@example.org,Ada\n',
        '"Name\n(last, first)";email;\nAda;a@example.org;\n',
        "SEP=;\nemail;name\na@example.org;Ada\n",
        'Sep=|\r\n"email"|"a;b;c"\r\n"a@example.org"|"Ada"\r\n',
    ],
)
def test_the_separator_is_the_one_between_the_columns(write_list: Write, content: str) -> None:
    readers, problems = _read(write_list(content))
    assert problems == []
    assert [reader.address for reader in readers] == ["a@example.org"]
    assert "Ada" in readers[0].fields.values()
