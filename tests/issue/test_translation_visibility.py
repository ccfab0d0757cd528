"""What a translation may show: nothing that the main draft keeps for some readers, wherever it stands here."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from newsletter.errors import DraftError
from newsletter.issue.draft import parse_draft, read_draft, require_issue
from newsletter.issue.model import Issue
from newsletter.issue.translation_visibility import apply_visibility

Part = dict[str, Any]


def _item(headline: str, name: str = "", link: str = "") -> Part:
    item = {"headline": headline, "detail": "Some words."}
    return item | ({"id": name} if name else {}) | ({"link": f"https://example.org/{link}"} if link else {})


def _section(title: str, *items: Part, **more: Any) -> Part:
    return {"title": title, "items": list(items), **more}


OPEN, NAMED, SECRET = _item("Open"), _item("Open", "open"), _item("Secret", "minutes")
KEPT = {"only_for": ["board"]}
NEWS = _section("News", _item("More", "more"))


@pytest.mark.parametrize(
    ("main", "translation"),
    [
        pytest.param(
            {"items": [OPEN], "sections": [NEWS, _section("Minutes", SECRET | KEPT)]},
            {"items": [OPEN], "sections": [_section("Minutes", SECRET)]},
            id="a section that was left out",
        ),
        pytest.param(
            {"items": [OPEN], "sections": [_section("Minutes", OPEN | KEPT)]},
            {"items": [OPEN], "sections": [_section("New", OPEN), _section("Minutes", OPEN)]},
            id="a section that was added before it",
        ),
        pytest.param(
            {"items": [OPEN], "sections": [_section("Minutes", SECRET | KEPT, NAMED)]},
            {"items": [OPEN, SECRET], "sections": [_section("Minutes", NAMED)]},
            id="moved out of its section",
        ),
        pytest.param(
            {"items": [NAMED, SECRET | KEPT], "sections": [NEWS]},
            {"items": [NAMED], "sections": [_section("News", *NEWS["items"], SECRET)]},
            id="moved into a section",
        ),
        pytest.param(
            {"items": [OPEN], "sections": [NEWS, _section("Minutes", SECRET, id="board", **KEPT)]},
            {
                "items": [OPEN],
                "sections": [_section("News", *NEWS["items"], SECRET), _section("Minutes", NAMED, id="board")],
            },
            id="moved out of a section that is for some alone",
        ),
        pytest.param(
            {"items": [_item("Open", link="a"), _item("Secret", link="b") | KEPT]},
            {"items": [_item("Secret", link="b"), _item("Open", link="a")]},
            id="in another order, and known by its link alone",
        ),
        pytest.param(
            {"items": [OPEN, SECRET | KEPT]},
            {"items": [OPEN, SECRET, _item("Secret")]},
            id="twice",
        ),
    ],
)
def test_what_is_only_for_some_is_refused_where_all_would_get_it(tmp_path: Path, main: Part, translation: Part) -> None:
    paths = tmp_path / "2.1.yaml", tmp_path / "2.1.ja.yaml"
    for path, parts in zip(paths, (main, translation), strict=True):
        path.write_text(json.dumps({"volume": 2, "number": 1, "date": "2024-05-01", **parts}))
    whole, translated = require_issue(read_draft(paths[0])), require_issue(read_draft(paths[1], "ja"))
    with pytest.raises(DraftError, match="who is to see what") as refused:
        apply_visibility(whole, translated, paths[1])
    assert {problem.code for problem in refused.value.problems} == {"only-for"}
    assert apply_visibility(whole, whole, paths[0]) == whole


MOSTLY = st.sampled_from([True, True, True, False])


def _issue(sections: list[Part], language: str = "") -> Issue:
    draft = {"volume": 2, "number": 1, "date": "2024-05-01", "items": [OPEN], "sections": sections}
    return require_issue(parse_draft(Path("2.1.yaml"), json.dumps(draft), language))


@st.composite
def _draw_sections(draw: st.DrawFn) -> list[Part]:
    """Draw sections with items, each with an id or none, and some of them for the board alone."""
    ids = iter(range(99))

    def draw_more(rarely: int) -> Part:
        named = {"id": f"part-{next(ids)}"} if draw(st.integers(0, 2)) == 0 else {}
        return named | (KEPT if draw(st.integers(0, rarely)) == 0 else {})

    sections = []
    for number in range(draw(st.integers(1, 4))):
        items = [_item(f"Item {number}.{each}") | draw_more(2) for each in range(draw(st.integers(1, 3)))]
        sections.append(_section(f"Section {number}", *items, **draw_more(6)))
    return sections


@given(_draw_sections(), st.data())
def test_no_translation_shows_what_the_main_draft_hides(main: list[Part], data: st.DataObject) -> None:
    """A translator leaves parts out, and misspells ids or leaves them out; which part it is, only the headline says."""

    def translate(part: Part) -> Part:
        kept = {key: value for key, value in part.items() if key not in ("only_for", "items")}
        if "id" in part and not data.draw(MOSTLY):
            del kept["id"]
        elif "id" in part and not data.draw(MOSTLY):
            kept["id"] = f"{part['id']}-x"
        if "items" in part:
            kept["items"] = [translate(item) for item in part["items"] if data.draw(MOSTLY)]
        return kept

    hidden = {item["headline"] for part in main for item in part["items"] if "only_for" in part or "only_for" in item}
    translated = [section for part in main if data.draw(MOSTLY) and (section := translate(part))["items"]]
    assume(translated)
    try:
        issue = apply_visibility(_issue(main), _issue(translated, "ja"), Path("2.10.ja.yaml"))
    except DraftError:
        return
    assert not {item.headline.plain() for item in issue.seen_by(frozenset()).all_items} & hidden
