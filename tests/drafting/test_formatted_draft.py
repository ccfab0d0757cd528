"""Formatting of drafts: the same issue, every comment, and twice is once."""

import datetime
from pathlib import Path

import pytest
from conftest import ROOT
from draft_styles import odd_drafts
from draft_texts import PICTURES, drafts, write_draft
from hypothesis import given, reject, settings
from PIL import Image

from newsletter.drafting import format_draft
from newsletter.drafting.prose_layout import WIDTH
from newsletter.errors import DraftError
from newsletter.issue.draft import parse_draft
from newsletter.issue.skeleton import NewIssue, compose_draft

HEAD = "volume: 2\nnumber: 1\ndate: 2024-01-02\n"
CLAUSE = "Ministers met in Detroit and agreed on what is to come next year, "
LONG = f"{CLAUSE * 3}and left."
FILLED = f"      {CLAUSE}Ministers met in Detroit and agreed on\n      what is to come next year, {CLAUSE}and left.\n"
SAMPLES = sorted([*ROOT.glob("drafts/*.yaml"), *ROOT.glob("examples/drafts/*/drafts/*.yaml")])


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return where a draft may be that names the pictures of the drawn ones."""
    folder = tmp_path_factory.mktemp("drafts")
    for name in PICTURES:
        Image.new("RGB", (40, 30)).save(folder / name)
    return folder / "2.1.yaml"


def format_items(source: str) -> str:
    """Return what becomes of the lines of items."""
    return format_draft(f"{HEAD}items:\n{source}", Path("2.1.yaml")).removeprefix(f"{HEAD}items:\n")


def check_format(source: str, path: Path) -> str:
    """Return the formatted draft, which says the same, and stays when it is formatted again."""
    before = parse_draft(path, source.removeprefix("\ufeff")).issue
    if before is None:
        reject()
    formatted = format_draft(source, path)
    assert parse_draft(path, formatted).issue == before
    assert format_draft(formatted, path) == formatted
    return formatted


@settings(max_examples=6)
@given(odd_drafts())
def test_odd_draft_says_the_same_and_keeps_its_comments(path: Path, drawn: tuple[str, list[str]]) -> None:
    check_comments(path, *drawn)


@pytest.mark.slow
@settings(max_examples=150)
@given(odd_drafts())
def test_many_odd_drafts_say_the_same_and_keep_their_comments(path: Path, drawn: tuple[str, list[str]]) -> None:
    check_comments(path, *drawn)


def check_comments(path: Path, source: str, comments: list[str]) -> None:
    if "# comment" in repr(parse_draft(path, source.removeprefix("\ufeff")).issue):
        reject()  # it was drawn so deep below a text that it belongs to it
    formatted = check_format(source, path)
    lines = iter(formatted.splitlines())
    assert all(any(line.endswith(comment) for line in lines) for comment in comments)  # in the same order
    assert len({line[-1] for line in formatted.splitlines(keepends=True)}) == 1
    assert "\n\n\n" not in formatted.replace("\r", "") or "```" in formatted


@pytest.mark.slow
@settings(max_examples=100)
@given(drafts())
def test_draft_with_every_block_says_the_same(path: Path, draft: dict[str, object]) -> None:
    write_draft(path, draft)
    check_format(path.read_text(), path)


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda path: path.stem)
def test_samples_are_formatted(sample: Path) -> None:
    source = sample.read_text()
    assert format_draft(source, sample) == source


NEW = [
    NewIssue(name="2.1", date=datetime.date(2024, 1, 2), volume=2, number=1),
    NewIssue(name="spring-fair", date=datetime.date(2024, 1, 2), kind="announcement"),
    NewIssue(
        name="2.1-correction", date=datetime.date(2024, 1, 2), kind="correction", corrects="2.1",
        corrected=datetime.date(2023, 12, 19),
    ),
]  # fmt: skip


@pytest.mark.parametrize("new", NEW, ids=lambda new: new.name)
def test_new_draft_is_formatted(new: NewIssue) -> None:
    source = compose_draft(new)
    assert format_draft(source, Path(f"{new.name}.yaml")) == source


def test_prose_is_put_below_the_mark_where_it_needs_it() -> None:
    formatted = format_items(
        f"  - headline: 'A headline that''s in one line'\n    detail: {LONG}\n"
        f'  - headline: Over\n      two lines\n    detail: "{LONG}\\n\\nSecond: #1" # checked\n'
        "  - headline:\n      Below\n    detail: |+ # checked, too\n         One\n         two.\n\n"
    )
    assert formatted == (
        "  - headline: 'A headline that''s in one line'\n"
        "    detail: >-\n"
        f"{FILLED}"
        "  - headline: >-\n"
        "      Over two lines\n"
        "    detail: >- # checked\n"
        f"{FILLED}"
        "\n"
        "      Second: #1\n"
        "  - headline: >-\n"
        "      Below\n"
        "    detail: >- # checked, too\n"
        "      One two.\n"
    )


@pytest.mark.parametrize(
    "kept",
    [
        "  - {headline: a, detail: b} # in braces\n",
        "  - headline: a\n    detail: 'b: c'\n  - headline: a\n    detail: b\n    only_for: [press,\n      board]\n",
        f"  - {{headline: a,\n     detail: '{LONG}'}}\n",
        "  - headline: a\n    detail: >-\n      Two blanks  \n      break a line, and so does\\\n      this.\n",
        "  - headline: a\n    detail: >-\n      ```\n      code   \n\n\n        more\n      ```\n",
        "  - headline: a\n    detail: >-\n      10\u00a0km, hy\u00adphen, “quoted” and ‘this’, 日本語 の\n",
        "  # a comment\n  - headline: a\n    # another\n    detail: b\n    # and another\n",
        '  - headline: "a\n      b"\n    #1 is no text here\n    detail: c\n',
        "  - ? headline\n    : a\n    detail: b\n",
    ],
)
def test_what_means_something_stays(kept: str) -> None:
    assert format_items(kept) == kept


def test_a_blank_that_keeps_a_line_from_breaking_is_no_reason_to_keep_others(path: Path) -> None:
    source = (
        f"{HEAD}items:\n  - headline: a\n    detail: |\n     one 1\\ \n     two\n      \n     three  \n\n\n     four\n"
    )
    formatted = check_format(source, path)
    assert formatted.endswith("    detail: >-\n      one 1\\ two\n\n      three\n\n      four\n")


def test_comment_below_a_text_never_becomes_text() -> None:
    formatted = format_items('  - headline: "a\n      b"\n          # deep\n\n         # too\n    detail: c\n')
    assert formatted == "  - headline: >-\n      a b\n    # deep\n\n    # too\n    detail: c\n"


@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
def test_blanks_and_marks_that_nobody_sees_go(line_end: str) -> None:
    source = (
        f"\ufeff\n\n{HEAD}\n\n\nitems: \t\n  - headline: a\u200bb\n    detail: >-  \n      c \u200b \n  \n\n# end \n\n"
    )
    formatted = format_draft(source.replace("\n", line_end), Path("2.1.yaml"))
    wanted = f"{HEAD}\nitems:\n  - headline: >-\n      ab\n    detail: >-\n      c\n\n# end\n"
    assert formatted == wanted.replace("\n", line_end)


def test_line_ends_become_those_of_the_first_line() -> None:
    source = f"{HEAD}items:\r\n  - headline: a\r    detail: b\r\n"
    assert format_draft(source, Path("2.1.yaml")) == f"{HEAD}items:\n  - headline: a\n    detail: b\n"


def test_no_line_is_wider_than_the_width_unless_a_link_is() -> None:
    for sample in SAMPLES:
        for line in sample.read_text().splitlines():
            assert len(line) <= WIDTH or "](" in line or '"' in line


def test_draft_with_problems_is_told() -> None:
    with pytest.raises(DraftError) as caught:
        format_draft("volume: 2\nnumber: x\n", Path("2.1.yaml"))
    assert [problem.place for problem in caught.value.problems] == ["2.1.yaml:1:1", "2.1.yaml:1:1", "2.1.yaml:2:9"]
