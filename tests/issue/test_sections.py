"""An issue with sections: what each may hold, who sees it, and the place of each mistake."""

from pathlib import Path

import pytest
from conftest import ROOT

from newsletter.issue.draft import load_issue, read_draft
from newsletter.issue.model import Issue

WHOLE = """\
date: 2024-05-02
volume: 2
number: 10
title: >-
  The spring issue
items:
  - headline: >-
      A first headline
    detail: >-
      With its detail.
    link: https://www.example.org/first
sections:
  - title: Economy
    text: >-
      What moved the markets.
    items:
      - headline: >-
          A second headline
        detail: >-
          For members.
        only_for: [Members]
  - title: In that number
    figures:
      - number: "$2.9 billion"
        text: >-
          What it cost.
        link: https://example.org/cost
  - title: Upcoming
    events:
      - date: 2024-05-02
        time: "9:30"
        until: 2024-05-03
        title: >-
          A conference
        place: Honolulu
        link: https://example.org/conference
  - quote:
      text: >-
        Nobody has said so before.
      by: Somebody
  - title: New at the institute
    only_for: [board]
    people:
      - name: Ada Example
        role: Senior Fellow
        text: >-
          Comes from [elsewhere](https://example.org/elsewhere).
  - image:
      file: 2.10-lead.jpg
      alt: A harbour
      caption: >-
        The harbour in the morning.
      link: https://example.org/harbour
  - button: {text: Register, link: "https://example.org/register"}
"""


def _load(folder: Path, text: str = WHOLE, name: str = "2.10") -> Issue:
    (folder / "2.10-lead.jpg").write_bytes((ROOT / "drafts" / "2.10-lead.jpg").read_bytes())
    path = folder / f"{name}.yaml"
    path.write_text(text)
    return load_issue(path)


def test_every_kind_of_section(tmp_path: Path) -> None:
    issue = _load(tmp_path)
    assert [section.title.plain() if section.title else None for section in issue.sections] == [
        "Economy", "In that number", "Upcoming", None, "New at the institute", None, None,
    ]  # fmt: skip
    assert [item.headline.plain() for item in issue.all_items] == ["A first headline", "A second headline"]
    (event,) = issue.sections[2].events
    assert (event.date.isoformat(), f"{event.time:%H:%M}", str(event.until)) == ("2024-05-02", "09:30", "2024-05-03")
    assert [link.href for link in issue.links()] == [
        "https://www.example.org/first",
        "https://example.org/cost",
        "https://example.org/conference",
        "https://example.org/harbour",
        "https://example.org/register",
    ]
    assert [run.text for run in issue.links()[0].runs] == ["example.org"]
    assert [path.name for path in issue.pictures] == ["2.10-lead.jpg"]
    assert [text.plain() for text in issue.texts()] == [
        "A first headline", "With its detail.", "Economy", "What moved the markets.", "A second headline",
        "For members.", "In that number", "What it cost.", "Upcoming", "A conference", "Nobody has said so before.",
        "New at the institute", "Comes from elsewhere.", "The harbour in the morning.",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("tags", "items", "titles"),
    [
        ((), 1, ["Economy", "In that number", "Upcoming"]),
        (("members",), 2, ["Economy", "In that number", "Upcoming"]),
        (("board",), 1, ["Economy", "In that number", "Upcoming", "New at the institute"]),
    ],
)
def test_a_section_may_be_only_for_some(tmp_path: Path, tags: tuple[str, ...], items: int, titles: list[str]) -> None:
    issue = _load(tmp_path)
    assert issue.visibility_rules == ((), (), ("members",), (), (), (), ("board",), (), ())
    seen = issue.seen_by(frozenset(tags))
    assert len(seen.all_items) == items
    assert [section.title.plain() for section in seen.sections if section.title] == titles


def test_a_section_of_which_nothing_is_left_is_not_shown(tmp_path: Path) -> None:
    text = WHOLE.replace("    text: >-\n      What moved the markets.\n", "", 1)
    titles = [section.title.plain() for section in _load(tmp_path, text).seen_by(frozenset()).sections if section.title]
    assert titles == ["In that number", "Upcoming"]


@pytest.mark.parametrize(
    ("old", "new", "code", "at"),
    [
        ("quote:\n      text: >-\n        Nobody has said so before.\n      by: Somebody\n", "title: Empty\n", "empty",
         "title: Empty"),
        ('"9:30"', '"25:00"', "time", '"25:00"'),
        ("until: 2024-05-03", "until: 2024-05-01", "date", "date: 2024-05-02\n        time"),
        ("https://example.org/register", "exampl.org", "link-address", "exampl.org"),
        ("https://example.org/conference", "https://example.org/a b", "link-broken", "https://example.org/a b"),
        ("by: Somebody", "bye: Somebody", "unknown-key", "bye"),
        ("file: 2.10-lead.jpg", "file: 2.10-led.jpg", "image-missing", "2.10-led.jpg"),
        ("number: 10\n", "", "missing", "date"),
    ],
)  # fmt: skip
def test_a_mistake_is_told_at_its_place(tmp_path: Path, old: str, new: str, code: str, at: str) -> None:
    assert WHOLE.count(old) == 1
    (tmp_path / "2.10-lead.jpg").write_bytes((ROOT / "drafts" / "2.10-lead.jpg").read_bytes())
    path = tmp_path / "2.10.yaml"
    text = WHOLE.replace(old, new)
    path.write_text(text)
    before = text[: text.index(at)]
    place = (before.count("\n") + 1, len(before) - before.rfind("\n"))
    assert [(problem.code, problem.line, problem.column) for problem in read_draft(path).problems] == [(code, *place)]


@pytest.mark.parametrize(
    ("text", "code", "place", "message"),
    [
        ("items:\n", "empty", (2, 1), "'items' is empty"),
        ("sections:\n", "empty", (2, 1), "'sections' is empty"),
        ("intro: Hello.\nitems:\nsections:\n", "empty", (3, 1), "'items' is empty"),
        ("intro: Hello.\n", "missing", (1, 1), "'items' is missing"),
        ("sections:\n  -\n", "empty", (3, 4), "'entry 1' is empty"),
        ("sections:\n  - title: Economy\n    people:\n      -\n", "empty", (5, 8), "'entry 1' is empty"),
    ],
)
def test_an_issue_that_holds_nothing_is_told(
    tmp_path: Path, text: str, code: str, place: tuple[int, int], message: str
) -> None:
    path = tmp_path / "spring-fair.yaml"
    path.write_text(f"date: 2024-05-02\n{text}")
    (problem,) = read_draft(path).problems
    assert (problem.code, (problem.line, problem.column), problem.message) == (code, place, message)


@pytest.mark.parametrize("empty", ["items:\n", "note:\n"])
def test_a_key_left_open_beside_others_is_left_out(tmp_path: Path, empty: str) -> None:
    text = f"date: 2024-05-02\n{empty}sections:\n  - title: Economy\n    text: What moved the markets.\n"
    assert _load(tmp_path, text, "spring-fair").items == ()


def test_an_address_that_stands_alone_is_called_by_itself(tmp_path: Path) -> None:
    path = tmp_path / "spring-fair.yaml"
    path.write_text("date: 2024-05-02\nsections:\n  - button:\n      text: Go\n      link: 'javascript:alert(1)'\n")
    (problem,) = read_draft(path).problems
    assert problem.message == "the link has an address that readers can't follow (javascript:alert(1))"


def test_an_issue_without_items_is_known_by_its_sections(tmp_path: Path) -> None:
    text = "date: 2024-05-02\nsections:\n  - title: Economy\n    text: What moved the markets.\n"
    issue = _load(tmp_path, text, "spring-fair")
    assert (issue.name, issue.lead_words.plain()) == ("spring-fair", "Economy")


@pytest.mark.parametrize(
    ("name", "head", "problems"),
    [
        ("12", "number: 12", []),
        ("12", "", ["missing"]),
        ("12", "number: 13", ["file-name"]),
        ("2.10", "volume: 2", ["missing"]),
        ("2.10", "number: 10", ["missing"]),
        ("spring", "volume: 2", ["missing"]),
        ("2024-05-02", "", []),
        ("2.10-correction", "kind: correction\ncorrects: 2.10", []),
        ("2.10-correction", "kind: correction", ["correction"]),
        ("2.10-correction", "corrects: 2.10", ["correction"]),
        ("2.10-x", "kind: mistake", ["value"]),
    ],
)
def test_a_draft_is_named_by_its_numbers_or_its_file(tmp_path: Path, name: str, head: str, problems: list[str]) -> None:
    path = tmp_path / f"{name}.yaml"
    path.write_text(f"{head}\ndate: 2024-05-02\nsections:\n  - text: What moved the markets.\n".lstrip())
    draft = read_draft(path)
    assert [problem.code for problem in draft.problems] == problems
    if draft.issue:
        assert draft.issue.name == name


IDS = """\
volume: 2
number: 11
date: 2024-05-02
items:
  - {{id: {first}, headline: One, detail: x}}
sections:
  - id: {second}
    items: [{{id: {third}, headline: Two, detail: x}}]
"""


def test_items_and_sections_may_have_ids(tmp_path: Path) -> None:
    path = tmp_path / "2.11.yaml"
    path.write_text(IDS.format(first="trade-talks", second="more", third="a1.b_c"), encoding="utf-8")
    issue = load_issue(path)
    assert [item.id for item in issue.all_items] == ["trade-talks", "a1.b_c"]
    assert issue.sections[0].id == "more"


@pytest.mark.parametrize("name", ["2", "Trade", "a b", "-a", "a-", "é", "a" * 61, '""'])
def test_an_id_that_is_no_word_has_its_place(tmp_path: Path, name: str) -> None:
    path = tmp_path / "2.11.yaml"
    path.write_text(IDS.format(first=name, second="more", third="two"), encoding="utf-8")
    (problem,) = read_draft(path).problems
    assert (problem.line, problem.code) == (5, "id")
    assert "can't name a part of an issue" in problem.message


@pytest.mark.parametrize(("second", "third", "line"), [("same", "other", 7), ("other", "same", 8)])
def test_an_id_that_two_parts_have_is_a_problem_of_the_second(
    tmp_path: Path, second: str, third: str, line: int
) -> None:
    path = tmp_path / "2.11.yaml"
    path.write_text(IDS.format(first="same", second=second, third=third), encoding="utf-8")
    (problem,) = read_draft(path).problems
    assert problem.line == line
    assert problem.message == "'same' is the id of another part already, in line 5"
