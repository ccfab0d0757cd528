"""What a translation may show: nothing that the main draft keeps for some readers, wherever it stands here."""

import json
from pathlib import Path
from typing import Any

import pytest

from newsletter.errors import DraftError
from newsletter.issue.draft import read_draft
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
    issues = read_draft(paths[0]).issue, read_draft(paths[1], "ja").issue
    assert issues[0]
    assert issues[1]
    with pytest.raises(DraftError, match="who is to see what") as refused:
        apply_visibility(*issues, paths[1])
    assert {problem.code for problem in refused.value.problems} == {"only-for"}
    assert apply_visibility(issues[0], issues[0], paths[0]) == issues[0]
