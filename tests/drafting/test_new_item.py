"""An item that is written into a draft: after the last one, and with all else as it was, byte for byte."""

import datetime
from pathlib import Path
from typing import Any

import pytest
from draft_texts import headlines, texts
from hypothesis import given, settings
from hypothesis import strategies as st

from newsletter.drafting import NewItem, add_item, compose_item
from newsletter.drafting.draft_lines import read_editable
from newsletter.errors import DraftError
from newsletter.issue.draft import load_issue, read_draft
from newsletter.issue.inline_text import parse_headline
from newsletter.issue.model import Issue
from newsletter.issue.richtext import parse
from newsletter.issue.skeleton import NewIssue, compose_draft

HEAD = "volume: 2\nnumber: 1\ndate: 2024-01-02\n"
ITEM = NewItem(headline="A new one: #1", detail="What *happened*.\n\n- one\n- two", link="https://example.org/a?b=c#d")
WRITTEN = """\
  - headline: >-
      A new one: #1
    detail: >-
      What *happened*.

      - one
      - two
    link: https://example.org/a?b=c#d
"""
OLD = "  - headline: >-\n      Old\n    detail: >-\n      Old detail\n"


def indented(by: int, text: str = WRITTEN) -> str:
    return "".join(f"{' ' * by}{line}" if line.strip() else line for line in text.splitlines(keepends=True))


def read(source: str, folder: Path) -> Issue:
    path = folder / "2.1.yaml"
    path.write_bytes(source.encode())
    return load_issue(path)


def test_item_is_composed_as_drafts_have_it() -> None:
    assert compose_item(ITEM.headline, ITEM.detail, ITEM.link) == WRITTEN
    assert compose_item("a", "b") == "  - headline: >-\n      a\n    detail: >-\n      b\n"


# What stands before the new item, and behind it.
CASES = {
    "after the last item": (f"items:\n{OLD}", ""),
    "no line end at the file's end": (f"items:\n{OLD.rstrip()}", ""),
    "before what follows": (f"items:\n{OLD}", "\n# The end\nnote: b\n"),
    "comments between": (f"items: # these\n# first\n{OLD}", "   # below\n\n  # - headline: later\nnote: b\n"),
    "blank lines between items": (f"items:\n{OLD}\n{OLD}", "note: b\n"),
    "not indented": ("items:\n- headline: a\n  detail: b\n  link: https://example.org/ # y\n", "# z\n"),
    "an item in braces": ("items:\n  - {headline: a,\n     detail: b} # z\n", ""),
    "text kept with its line ends": ("items:\n  - headline: a\n    detail: |+\n      b\n", "\n\nnote: c\n"),
    "quotes over two lines": ('items:\n  - headline: a\n    detail: "b\n\n      c"\n', ""),
    "no items yet": ("items: # soon\n", "  # - headline\n\n# End\n"),
    "an empty list": ("items: [ ]  # soon\n", "note: b\n"),
    "no list": ("", ""),
    "no list, a note": ("contents: yes\n", "\n# End\nnote: b\n"),
    "a document's end": ("", "...\n"),
    "sections alone": ("", "sections:\n  - text: a\n"),
    "items and sections with items": (f"items:\n{OLD}", f"sections:\n  - items:\n{indented(4, OLD)}"),
    "sections with items": (
        f"sections:\n  - title: a\n    items:\n{indented(4, OLD)}",
        "    text: b\n  - text: c\n",
    ),
}
# How it is written there.
ADDED = {
    "blank lines between items": f"\n{WRITTEN}",
    "not indented": WRITTEN.replace("\n  ", "\n")[2:],
    "no list": f"items:\n{WRITTEN}",
    "no list, a note": f"\nitems:\n{WRITTEN}",
    "a document's end": f"items:\n{WRITTEN}",
    "sections alone": f"items:\n{WRITTEN}",
    "sections with items": indented(4),
}


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("form", ["plain", "CRLF", "BOM"])
def test_item_is_added(case: str, form: str, tmp_path: Path) -> None:
    above, below = CASES[case]
    line_end = "" if above.endswith("\n") or not above else "\n"
    before = HEAD + above + below
    after = HEAD + above + line_end + ADDED.get(case, WRITTEN) + below
    if case == "an empty list":
        after = after.replace(" [ ]", "")
    if form == "CRLF":
        before, after = (text.replace("\n", "\r\n") for text in (before, after))
    if form == "BOM":
        before, after = ("\ufeff" + text for text in (before, after))
    assert add_item(before, ITEM) == after
    items = read(after, tmp_path).all_items
    assert any(item.headline == parse_headline(ITEM.headline)[0] for item in items)


def test_item_is_added_to_a_new_draft(tmp_path: Path) -> None:
    source = compose_draft(NewIssue(name="2.1", date=datetime.date(2024, 1, 2), volume=2, number=1))
    edited = add_item(source, ITEM)
    assert edited.replace(f"\n{WRITTEN}", "") == source
    assert len(read(edited, tmp_path).items) == 6


def test_long_text_is_wrapped_for_its_depth() -> None:
    """Held apart, since lines that end elsewhere than in another place would be taken for another text."""
    long = NewItem(headline="A headline of several words, " * 6, detail="A detail of several words, " * 20)
    above, below = CASES["sections with items"]
    after = add_item(HEAD + above + below, long)
    assert max(map(len, after.splitlines())) in range(100, 111)
    assert after.startswith(HEAD + above)
    assert after.endswith(below)


@settings(max_examples=30)
@given(st.sampled_from(sorted(CASES)), headlines, texts, st.sampled_from([None, "https://example.org/"]))
def test_item_is_read_back_as_it_was_given(case: str, headline: str, detail: str, link: str | None) -> None:
    before = HEAD + "".join(CASES[case])
    after = add_item(before, NewItem(headline=headline, detail=detail, link=link))
    found = read_editable(after, Path("2.1.yaml")).values
    written = [item for item in list_items(found) if set(item) == {"headline", "detail", *(["link"] if link else [])}]
    assert any(
        parse_headline(item["headline"]) == parse_headline(headline)
        and parse(item["detail"]) == parse(detail)
        and item.get("link") == link
        for item in written
    )


def list_items(values: Any) -> list[dict[str, str]]:
    return [
        *(values.get("items") or ()),
        *(item for part in values.get("sections", ()) for item in part.get("items", ())),
    ]


HOSTILE = [
    *("- a: [b", "# no comment", "a: b: c", "{{x", "*x &y !z", "'\"", "a\n\nb", "\x1b[31mred\x07", "items:\n- x"),
    *("%x", "@x", "...", "---", "\ufeffa", "a\u2028b", "\t tab", "? x", "<<<<<<< a"),
]


@pytest.mark.parametrize("text", HOSTILE)
def test_what_comes_from_a_page_stays_text(text: str, tmp_path: Path) -> None:
    edited = add_item(f"{HEAD}items:\n{OLD}note: b\n", NewItem(headline=text, detail=text, link=f"https://{text}"))
    path = tmp_path / "2.1.yaml"
    path.write_text(edited)
    codes = {problem.code for problem in read_draft(path).problems}
    assert not codes & {
        "yaml",
        "duplicate-key",
        "unknown-key",
        "shape",
        "tag",
        "alias",
        "documents",
        "cut-off",
        "depth",
    }
    assert edited.startswith(f"{HEAD}items:\n{OLD}")
    assert edited.endswith("note: b\n")


@pytest.mark.parametrize(
    ("source", "place", "message"),
    [
        ("", "2.1.yaml:1:1", "a draft begins with a key"),
        ("{volume: 2}", "2.1.yaml:1:1", "a draft begins with a key"),
        (f"{HEAD}items: [{{headline: a, detail: b}}]\n", "2.1.yaml:4:8", "written in brackets"),
        (f"{HEAD}items: none\n", "2.1.yaml:4:8", "no list"),
        (f"{HEAD}items:\n  headline: a\n", "2.1.yaml:5:3", "no list"),
        (f"{HEAD}items:\n{OLD}items:\n{OLD}", "2.1.yaml:9:1", "a second time"),
        (f"{HEAD}items: &a\n{OLD}", "2.1.yaml:4:8", "anchors"),
        (f"{HEAD}items:\n  - headline: A: b\n", "2.1.yaml:5:16", "taken for YAML"),
        (f"{HEAD}<<<<<<< mine\nitems:\n=======\n>>>>>>> theirs\n", "2.1.yaml:4:1", "conflict"),
    ],
)
def test_draft_that_cannot_be_edited_is_told(source: str, place: str, message: str) -> None:
    with pytest.raises(DraftError) as caught:
        add_item(source, ITEM, Path("2.1.yaml"))
    (problem,) = caught.value.problems
    assert problem.place == place
    assert message in problem.message
    assert problem.next_step
