"""A draft's problems: all at once, each in its place, and never a traceback."""

from pathlib import Path

import pytest
from conftest import Publication
from hypothesis import given
from hypothesis import strategies as st

from newsletter.errors import DraftError
from newsletter.field import Field
from newsletter.issue.draft import load_issue, read_draft
from newsletter.issue.model import Issue

NINE_MISTAKES = """\
number: 10
date: 31 May
date: 2023-05-31
image:
  file: nope.jpg
items:
  - headlin: >-
      Misspelled
    detail: >-
      A link
      that [leads](#) nowhere
  - headline: ""
    detail: fine
  - headline: Japan ranks #1 in sensors
    detail: ok
"""

GOOD = """\
volume: 2
number: 1
date: 2023-01-02
items:
  - headline: >-
      One
    detail: >-
      Text
"""


def _draft(folder: Path, text: str | bytes, name: str = "2.1") -> Path:
    path = folder / f"{name}.yaml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def _found(folder: Path, text: str | bytes, name: str = "2.1") -> list[tuple[str, int, int]]:
    return [(problem.code, problem.line, problem.column) for problem in read_draft(_draft(folder, text, name)).problems]


def test_nine_mistakes_are_nine_problems_each_in_its_place(tmp_path: Path) -> None:
    assert _found(tmp_path, NINE_MISTAKES) == [
        ("missing", 1, 1),
        ("date", 2, 7),
        ("duplicate-key", 3, 1),
        ("missing", 5, 3),
        ("image-missing", 5, 9),
        ("unknown-key", 7, 5),
        ("link-address", 11, 18),
        ("empty", 12, 15),
        ("cut-off", 14, 27),
    ]


def test_every_problem_says_what_to_do(tmp_path: Path) -> None:
    for problem in read_draft(_draft(tmp_path, NINE_MISTAKES)).problems:
        assert problem.next_step
        assert str(problem).startswith(f"{tmp_path}/2.1.yaml:{problem.line}:{problem.column}: ")


def test_a_misspelled_key_is_suggested(tmp_path: Path) -> None:
    (problem,) = [p for p in read_draft(_draft(tmp_path, NINE_MISTAKES)).problems if p.code == "unknown-key"]
    assert "'headline'" in problem.next_step


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"volume: 2\n" + b"# padding\n" * 1_000_000, "too-large"),
        (b"[" * 200_000, "depth"),
        (b"items: " + b"{a: " * 200_000, "depth"),
        (b"a: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]\n", "tag"),
        (b"items: *nothing\n", "alias"),
        (bytes(range(256)), "encoding"),
        (b"volume: 2\0\n", "binary"),
        (b"", "empty"),
        (b"# only a comment\n", "empty"),
        (b"just text\n", "shape"),
        (b"- a\n- b\n", "shape"),
        (b"volume: 1\n---\nvolume: 2\n", "documents"),
        (b"volume: !!python/object/apply:os.system [ls]\n", "tag"),
        ("volume: 2\ntitle: Zürich\n".encode("latin-1"), "encoding"),
        (b"? [a, b]\n: c\n", "key"),
    ],
)
def test_what_is_no_draft_gets_one_clear_line(tmp_path: Path, content: bytes, code: str) -> None:
    (problem,) = read_draft(_draft(tmp_path, content)).problems
    assert problem.code == code
    assert problem.next_step


@pytest.mark.parametrize(
    "line",
    [
        "headline: Space: second set",
        "headline: 'Quoted' and more",
        'headline: "Quoted" and more',
        "headline: [Bracketed] start",
        "headline: *starred* start",
        "headline: '{{ name' | x",
        "headline: @ start",
        "headline: %percent",
    ],
)
def test_prose_that_yaml_misreads_is_answered_with_the_mark_to_put(tmp_path: Path, line: str) -> None:
    problems = read_draft(_draft(tmp_path, GOOD.replace("headline: >-\n      One", line))).problems
    assert any(">-" in problem.next_step for problem in problems), problems
    assert problems[0].line == 5


@pytest.mark.parametrize("style", [">-", ">", "|-", "|"])
def test_a_blank_line_starts_a_paragraph_in_every_style(tmp_path: Path, style: str) -> None:
    text = GOOD.replace("detail: >-\n      Text", f"detail: {style}\n      One\n      line.\n\n      Two.")
    (item,) = load_issue(_draft(tmp_path, text)).items
    assert item.detail.plain() == "One line.\n\nTwo."


def test_subject_and_preheader_hold_fields(tmp_path: Path) -> None:
    lines = "subject: >-\n  News for {{ name |  our\n  reader }}!\npreheader: '{{ city | Anywhere }}'\nitems"
    issue = load_issue(_draft(tmp_path, GOOD.replace("items", lines)))
    assert issue.subject == ("News for ", Field("name", "our reader"), "!")
    assert issue.preheader == (Field("city", "Anywhere"),)
    assert issue.fields() == (Field("name", "our reader"), Field("city", "Anywhere"))


@pytest.mark.parametrize(
    ("line", "place"),
    [
        ("subject: For {{ Name }}", ("field", 4, 14)),
        ("subject: For {{ name", ("field", 4, 14)),
        ("preheader: '{{ name }}'", ("empty", 4, 13)),
        ("subject: '{{ name |   }} '", ("empty", 4, 11)),
        ("headlines_title: For {{ name }}", ("field", 4, 22)),
        ("subject: [a]", ("shape", 4, 10)),
        ("subject: '  '", ("empty", 4, 10)),
        ('subject: "a\\eb"', ("control-character", 4, 12)),
    ],
)
def test_what_is_no_field_of_a_line_has_its_place(tmp_path: Path, line: str, place: tuple[str, int, int]) -> None:
    assert _found(tmp_path, GOOD.replace("items", f"{line}\nitems")) == [place]


def test_a_field_where_an_address_leads_has_its_place(tmp_path: Path) -> None:
    text = GOOD.replace(
        "      Text", "      A [fine](https://example.org/?{{ name }}) one,\n      a [bad](https://{{ name }}/) one"
    )
    assert _found(tmp_path, text) == [("link-address", 9, 13)]


def test_values_stay_what_the_writer_wrote(tmp_path: Path) -> None:
    text = GOOD.replace("number: 1", "number: 10").replace("      One", "      no 012 2.10 ~ null 1_0")
    issue = load_issue(_draft(tmp_path, text, "2.10"))
    assert issue.name == "2.10"
    assert issue.items[0].headline.plain() == "no 012 2.10 ~ null 1_0"


@pytest.mark.parametrize("number", ["1_0", "0x1", "1.0", "-1", "0", "١", '"ten"', "9999999"])
def test_only_digits_are_a_number(tmp_path: Path, number: str) -> None:
    assert ("number", 2, 9) in _found(tmp_path, GOOD.replace("number: 1", f"number: {number}"))


@pytest.mark.parametrize("date", ["1685491200", "2023-5-1", "2023-02-30", "20230501", "2023-05-31T10:00"])
def test_only_an_iso_day_is_a_date(tmp_path: Path, date: str) -> None:
    assert ("date", 3, 7) in _found(tmp_path, GOOD.replace("2023-01-02", date))


def test_the_file_is_named_after_the_issue(tmp_path: Path) -> None:
    assert _found(tmp_path, GOOD, "2.2") == [("file-name", 1, 9)]


def test_items_for_some_readers_leave_something_for_everyone(tmp_path: Path) -> None:
    only = GOOD.replace("      Text", "      Text\n    only_for: [members]")
    assert [code for code, _, _ in _found(tmp_path, only)] == ["only-for"]
    issue = load_issue(_draft(tmp_path, only + "  - headline: >-\n      Two\n    detail: >-\n      More\n"))
    assert [item.headline.plain() for item in issue.seen_by(frozenset()).items] == ["Two"]
    assert [item.headline.plain() for item in issue.seen_by(frozenset({"members"})).items] == ["One", "Two"]


def test_the_digest_changes_with_the_text_and_with_the_picture(publication: Publication) -> None:
    path = publication.root / "drafts/2.10.yaml"
    before = read_draft(path).sha256
    assert read_draft(path).sha256 == before
    picture = publication.root / "drafts/2.10-lead.jpg"
    picture.write_bytes(picture.read_bytes() + b"\0")
    changed = read_draft(path).sha256
    assert changed != before
    path.write_text(path.read_text() + "# a word\n")
    assert read_draft(path).sha256 not in (before, changed)


def test_its_name_is_of_the_picture_as_it_was_read(publication: Publication) -> None:
    path = publication.root / "drafts/2.10.yaml"
    draft = read_draft(path)
    picture = path.with_name("2.10-lead.jpg")
    picture.write_bytes(picture.read_bytes() + b"\n")
    assert draft.sha256 != read_draft(path).sha256


def test_an_issue_can_not_be_changed(publication: Publication) -> None:
    issue = load_issue(publication.root / "drafts/3.7.yaml")
    assert isinstance(issue, Issue)
    with pytest.raises(ValueError, match="frozen"):
        issue.volume = 4  # type: ignore[misc]


def test_loading_a_broken_draft_raises_with_its_problems(tmp_path: Path) -> None:
    with pytest.raises(DraftError) as caught:
        load_issue(_draft(tmp_path, NINE_MISTAKES))
    assert len(caught.value.problems) == 9


@given(st.binary(max_size=400) | st.text(max_size=400).map(lambda text: text.encode("utf-8", "surrogatepass")))
def test_no_bytes_make_reading_fail(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    draft = read_draft(_draft(tmp_path_factory.getbasetemp(), content))
    assert draft.problems
    assert all(problem.line <= content.count(b"\n") + content.count(b"\r") + 8 for problem in draft.problems)


@given(st.text(alphabet=st.characters(codec="utf-8", exclude_categories=("Cc", "Cs")), min_size=1, max_size=200))
def test_any_prose_after_the_mark_is_kept_or_answered(tmp_path_factory: pytest.TempPathFactory, prose: str) -> None:
    draft = read_draft(_draft(tmp_path_factory.getbasetemp(), GOOD.replace("      Text", f"      x{prose}x")))
    assert draft.issue is not None or draft.problems
    if draft.issue is not None and prose.isalnum():
        assert draft.issue.items[0].detail.plain() == f"x{prose}x"


def test_a_line_that_yaml_takes_for_a_comment_is_found_below_a_text_too(tmp_path: Path) -> None:
    text = GOOD.replace("      Text", "      Japan's rank rose to\n    #1 in the world, ahead of all.")
    assert _found(tmp_path, text) == [("cut-off", 9, 5)]
    assert _found(tmp_path, GOOD.replace("      Text", "      Text\n    # a comment")) == []
    assert _found(tmp_path, GOOD + "\n#a comment\n") == []


def test_a_line_indented_by_accident_starts_no_paragraph(tmp_path: Path) -> None:
    text = GOOD.replace("      Text", "      one\n        two\n      three\n\n      four\n\n        five")
    (item,) = load_issue(_draft(tmp_path, text)).items
    assert item.detail.plain() == "one two three\n\nfour\n\nfive"


def test_each_of_several_equal_faults_has_its_own_place(tmp_path: Path) -> None:
    text = GOOD.replace("      Text", "      [a](#) and [b](#) here\n      and [c](#).")
    assert _found(tmp_path, text) == [("link-address", 8, 9), ("link-address", 8, 20), ("link-address", 9, 13)]


@pytest.mark.parametrize(
    ("old", "new", "place"),
    [
        ("      Text", "      Te\x0bxt", (8, 9)),
        ("      Text", '      Text\nnote: "open\n  x', (9, 7)),
        ("      Text", "      Text\n\tx: 1", (9, 1)),
    ],
)
def test_what_yaml_can_not_read_has_its_place(tmp_path: Path, old: str, new: str, place: tuple[int, int]) -> None:
    ((_, line, column),) = _found(tmp_path, GOOD.replace(old, new))
    assert (line, column) == place


def test_prose_behind_its_mark_is_sent_to_the_next_line(tmp_path: Path) -> None:
    (problem,) = read_draft(_draft(tmp_path, GOOD + "note: >- text here\n")).problems
    assert "next line" in problem.next_step
    assert "'note'" in problem.message


def test_tags_are_compared_as_the_lists_are(tmp_path: Path) -> None:
    text = (
        GOOD.replace("      Text", "      Text\n    only_for: [Members]")
        + "  - headline: >-\n      B\n    detail: >-\n      C\n"
    )
    assert load_issue(_draft(tmp_path, text)).items[0].is_for(frozenset({"members"}))


def test_a_number_of_any_length_is_answered(tmp_path: Path) -> None:
    assert _found(tmp_path, GOOD.replace("volume: 2", f"volume: {'9' * 5000}"))[0][0] == "number"


def test_a_date_is_known_even_when_something_else_is_wrong(tmp_path: Path) -> None:
    draft = read_draft(_draft(tmp_path, GOOD + "broken: 1\n"))
    assert draft.problems
    assert str(draft.date) == "2023-01-02"


def test_a_text_where_keys_should_be_is_told_the_keys(tmp_path: Path) -> None:
    (problem,) = read_draft(_draft(tmp_path, GOOD + "image: lead.png\n")).problems
    assert "file, alt, caption, credit, link" in problem.next_step
