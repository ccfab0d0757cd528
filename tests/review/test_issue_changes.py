"""What has changed between two forms of an issue: everything that differs, and nothing else, in sentences."""

from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from newsletter.issue.draft import parse_draft
from newsletter.issue.model import Issue
from newsletter.review.issue_change import IssueChange
from newsletter.review.issue_changes import describe_changes
from newsletter.review.word_diff import Stretch, diff_words

_WORDS = st.sampled_from(
    ["ferry", "harbor", "**bold**", "[report](https://example.org/a)", "[report](https://example.org/b)", "42", "Ōsaka",
     "会議", "*slanted*", "`code`", "{{ name | you }}"]
)  # fmt: skip
_TEXT = st.lists(_WORDS, min_size=1, max_size=5).map(" ".join)
_PROSE = st.lists(_TEXT, min_size=1, max_size=3).map("\n\n".join)
_LINE = st.sampled_from(["One", "Two", "Three", "Four words are here"])
_ITEM = st.fixed_dictionaries(
    {"headline": _LINE, "detail": _PROSE},
    optional={
        "only_for": st.just(["board"]),
        "link": st.sampled_from(["https://example.org/x", "https://example.org/y"]),
    },
)
_SECTION = st.fixed_dictionaries(
    {"text": _PROSE},
    optional={
        "title": _LINE,
        "figures": st.lists(st.fixed_dictionaries({"number": _LINE, "text": _PROSE}), min_size=1, max_size=2),
        "quote": st.fixed_dictionaries({"text": _PROSE}, optional={"by": _LINE}),
        "events": st.lists(
            st.fixed_dictionaries(
                {"date": st.dates().map(lambda day: day.isoformat()), "title": _LINE}, optional={"place": _LINE}
            ),
            min_size=1, max_size=2,
        ),
        "button": st.fixed_dictionaries({"text": _LINE, "link": st.just("https://example.org/go")}),
        "items": st.lists(_ITEM, min_size=1, max_size=2),
    },
)  # fmt: skip
_DRAFT = st.fixed_dictionaries(
    {"items": st.lists(_ITEM, min_size=1, max_size=4)},
    optional={
        "subject": _LINE, "preheader": _LINE, "intro": _PROSE, "note": _PROSE,
        "sections": st.lists(_SECTION, min_size=1, max_size=2),
    },
)  # fmt: skip


def _read(keys: dict[str, object]) -> Issue | None:
    text = yaml.safe_dump({"volume": 2, "number": 11, "date": "2023-06-14", **keys}, allow_unicode=True)
    return parse_draft(Path("2.11.yaml"), text).issue


def _say(change: IssueChange) -> str:
    marks = {Stretch.KEPT: "{}", Stretch.REMOVED: "[-{}-]", Stretch.ADDED: "[+{}+]"}
    words = "".join(marks[each.kind].format(each.text) for each in change.words)
    return f"{change.part}: {change.what}{': ' if words else '.'}{words}"


def _describe(before: dict[str, object], after: dict[str, object]) -> list[str]:
    old, new = _read(before), _read(after)
    assert old is not None
    assert new is not None
    return [_say(change) for change in describe_changes(old, new)]


@given(_DRAFT, _DRAFT)
def test_there_are_changes_when_the_issues_differ_and_only_then(
    before: dict[str, object], after: dict[str, object]
) -> None:
    old, new = _read(before), _read(after)
    if old is None or new is None:
        return  # two events or items that a draft may not have beside each other
    assert describe_changes(old, old) == ()
    assert bool(describe_changes(old, new)) == (old != new)


@given(st.text(max_size=200), st.text(max_size=200))
def test_both_texts_are_whole_in_their_difference(before: str, after: str) -> None:
    stretches = diff_words(before, after)
    assert "".join(each.text for each in stretches if each.kind is not Stretch.ADDED) == before
    assert "".join(each.text for each in stretches if each.kind is not Stretch.REMOVED) == after
    assert all(each.text for each in stretches)


def test_long_texts_are_compared_by_sentences() -> None:
    sentences = [f"This is the sentence with the number {number}." for number in range(300)]
    before, after = " ".join(sentences), " ".join([*sentences[:100], "Something else.", *sentences[100:]])
    added = [each.text for each in diff_words(before, after) if each.kind is Stretch.ADDED]
    assert [text.strip() for text in added] == ["Something else."]


_ONE = {"headline": "Ports reopen", "detail": "The ports reopened after three months."}
_TWO = {"headline": "A bridge", "detail": "It was built in a year."}
_THREE = {"headline": "A ferry", "detail": "It leaves at nine."}


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        pytest.param(
            {"items": [_ONE]},
            {"items": [{**_ONE, "detail": "The ports reopened after four months."}]},
            ["Item 1, “Ports reopen”: The detail: The ports reopened after [-three-][+four+] months."],
            id="a word",
        ),
        pytest.param(
            {"items": [_ONE, _TWO, _THREE]},
            {"items": [_THREE, _ONE, _TWO]},
            ["Item 1, “A ferry”: It was item 3."],
            id="an item was moved",
        ),
        pytest.param(
            {"items": [_ONE, _TWO]},
            {"items": [_TWO, _THREE]},
            ["Item 2, “A ferry”: It is new: [+A ferry\n\nIt leaves at nine.+]",
             "Item 1, “Ports reopen”: It is gone: [-Ports reopen\n\nThe ports reopened after three months.-]"],
            id="an item came and one went",
        ),
        pytest.param(
            {"items": [{**_ONE, "detail": "Read the [report](https://example.org/a)."}]},
            {"items": [{**_ONE, "detail": "Read the [report](https://example.org/b)."}]},
            ["Item 1, “Ports reopen”: The link “report” in the detail led to https://example.org/a and leads now to "
             "https://example.org/b."],
            id="a link leads elsewhere",
        ),
        pytest.param(
            {"items": [{**_ONE, "detail": "Read [one billion](https://example.org/a) of it."}]},
            {"items": [{**_ONE, "detail": "Read [two billion](https://example.org/a) of it."}]},
            ["Item 1, “Ports reopen”: The detail: Read [-one-][+two+] billion of it."],
            id="the words of a link",
        ),
        pytest.param(
            {"items": [{**_ONE, "detail": "Read [this](https://example.org/a) report."}]},
            {"items": [{**_ONE, "detail": "Read this [report](https://example.org/a)."}]},
            ["Item 1, “Ports reopen”: The link to https://example.org/a in the detail was on “this”, and is on "
             "“report”."],
            id="a link on other words",
        ),
        pytest.param(
            {"items": [{**_ONE, "detail": "It is **quite** certain."}]},
            {"items": [{**_ONE, "detail": "It is quite certain."}]},
            ["Item 1, “Ports reopen”: “quite” in the detail is no longer in bold."],
            id="a style",
        ),
        pytest.param(
            {"items": [{**_ONE, "detail": "One.\n\nTwo."}]},
            {"items": [{**_ONE, "detail": "- One.\n\n- Two."}]},
            ["Item 1, “Ports reopen”: The detail says the same in another form: paragraphs, lists, tables or "
             "pictures."],
            id="a list instead of paragraphs",
        ),
        pytest.param(
            {"items": [_ONE], "date": "2023-06-14"},
            {"items": [{**_ONE, "only_for": ["board"]}, _TWO], "date": "2023-06-15", "subject": "Ports"},
            ["The issue: The date was 2023-06-14, and is 2023-06-15.", "The issue: The subject is new: [+Ports+]",
             "Item 1, “Ports reopen”: It was for everyone, and is for readers with board alone.",
             "Item 2, “A bridge”: It is new: [+A bridge\n\nIt was built in a year.+]"],
            id="several things",
        ),
        pytest.param(
            {"items": [_ONE], "sections": [{"title": "Events", "events": [{"date": "2023-07-01", "title": "A fair"}]}]},
            {"items": [_ONE],
             "sections": [{"title": "Events", "events": [{"date": "2023-07-02", "title": "A fair", "place": "Here"}]}]},
            ["Section 1, “Events”: event 1, “A fair”: The date was 2023-07-01, and is 2023-07-02.",
             "Section 1, “Events”: event 1, “A fair”: The place is new: [+Here+]"],
            id="within a section",
        ),
    ],
)  # fmt: skip
def test_a_change_is_said_as_a_person_would(
    before: dict[str, object], after: dict[str, object], said: list[str]
) -> None:
    assert _describe(before, after) == said


def test_an_amount_is_one_word() -> None:
    (said,) = _describe(
        {"items": [{**_ONE, "detail": "It costs $1 billion, 5% less."}]},
        {"items": [{**_ONE, "detail": "It costs $1.1 billion, 50% less."}]},
    )
    assert said.endswith("It costs [-$1-][+$1.1+] billion, [-5%-][+50%+] less.")


def test_of_a_long_text_a_few_words_are_shown_around_a_change() -> None:
    words = [f"word{number}" for number in range(100)]
    after = [*words[:50], "other", *words[51:]]
    (said,) = _describe(
        {"items": [{**_ONE, "detail": " ".join(words)}]}, {"items": [{**_ONE, "detail": " ".join(after)}]}
    )
    assert said.endswith("… word46 word47 word48 word49 [-word50-][+other+] word51 word52 word53 word54 …")
