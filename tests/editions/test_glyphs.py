"""What an edition can't show is found before anything is made of it, whole and at its place."""

import re
import unicodedata
from importlib.metadata import entry_points
from importlib.util import find_spec
from pathlib import Path

import pytest
from conftest import Publication

from newsletter.editions import render_pages, render_pdf
from newsletter.editions.glyphs import PLAIN, find_missing_glyphs, find_missing_graphemes
from newsletter.editions.typefaces import _load
from newsletter.errors import DraftError
from newsletter.issue.draft import load_issue
from newsletter.issue.model import Issue

DRAFT = """\
volume: 2
number: 11
date: 2023-06-14
items:
  - headline: One
    detail: >-
      {}
"""
NO_FOLDER = Path("nowhere")


def _issue(publication: Publication, detail: str) -> Issue:
    return load_issue(publication.draft("2.11", DRAFT.format(detail)))


@pytest.mark.parametrize(
    ("detail", "grapheme", "column"),
    [
        ("Of two: བོ is one", "བོ", 15),
        ("And བ, then བོད", "བ", 11),
        ("ꦲꦤ", "ꦲ", 7),
        ("By &#xA9B2; entity", "ꦲ", 13),
    ],
)
def test_a_grapheme_that_no_typeface_has_is_named_whole_and_at_its_place(
    publication: Publication, detail: str, grapheme: str, column: int
) -> None:
    issue = _issue(publication, detail)
    (problem,) = find_missing_glyphs(publication.context, issue)
    place = (6, 13) if "&#" in detail else (7, column)
    assert (problem.path, problem.line, problem.column, problem.code) == (issue.path, *place, "glyph")
    assert f"no typeface has {grapheme!r} ({' '.join(f'U+{ord(c):04X}' for c in grapheme)})" in problem.message
    with pytest.raises(DraftError) as caught:
        render_pdf(publication.context, issue)
    assert caught.value.problems == (problem,)


def test_emoji_are_set_in_the_typeface_of_the_extra(publication: Publication) -> None:
    detail = "😀 🎉 ✅ ❤️ ☀️ ⚠️ 👩‍👩‍👧 👩🏽‍🔬 🇯🇵 → ★ ☎ 1️⃣ #️⃣"
    issue = _issue(publication, detail)
    assert find_missing_glyphs(publication.context, issue) == []
    assert b"NotoEmoji" in render_pdf(publication.context, issue)


def test_the_typefaces_that_come_along_have_every_plain_letter(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that an issue of such letters is known to be showable without a look at them."""
    _load.cache_clear()
    monkeypatch.setattr("newsletter.editions.typefaces._list_installed", list)
    monkeypatch.setattr("newsletter.editions.glyphs._UNUSUAL", re.compile("[^\t\n\r]"))
    plain = [chr(code) for code in range(0x2200) if re.fullmatch(f"[{PLAIN}]", chr(code))]
    plain = [letter for letter in plain if unicodedata.category(letter) != "Cc"]
    assert len(plain) > 300
    assert find_missing_graphemes(plain, NO_FOLDER) == []
    assert find_missing_graphemes(["😀"], NO_FOLDER) == ["😀"]
    _load.cache_clear()


def test_every_extra_that_is_named_holds_a_typeface() -> None:
    names = {point.name for point in entry_points(group="fontpkg.family")}
    assert names
    spec = find_spec("manimgx_fonts")
    assert spec
    assert spec.origin
    assert list(Path(spec.origin).parent.glob("NotoEmoji*.ttf"))


@pytest.mark.parametrize("emoji", ["🤷‍♀️", "🤷🏻‍♀️", "🙋🏽‍♂️", "👩🏾‍⚕️", "🏃🏽‍♀️"])
def test_a_joined_emoji_is_one_picture_and_not_its_last_sign(publication: Publication, emoji: str) -> None:
    """Each is in outlines, so that the page holds one glyph of the emoji typeface and none of another."""
    pages = [
        render_pages(publication.context, _issue(publication, words), dots=40) for words in (emoji, emoji[-2], "x")
    ]
    assert len({tuple(made) for made in pages}) == len(pages)
    pdf = render_pdf(publication.context, _issue(publication, emoji))
    assert b"NotoEmoji" in pdf
    assert b"DejaVu" not in pdf


def test_a_joined_emoji_is_lacking_where_a_typeface_has_its_last_sign_alone(
    publication: Publication, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("newsletter.editions.typefaces._list_installed", list)
    _load.cache_clear()
    assert find_missing_graphemes(["🤷‍♀️ and ♀"], publication.context.fonts) == ["🤷‍♀️"]
    _load.cache_clear()


def test_what_the_look_finds_is_what_the_pdf_refuses(publication: Publication) -> None:
    """A letter in every 400 of Unicode's first plane, and some emoji."""
    letters = [chr(code) for code in range(0x100, 0xFFFD, 401)] + ["😀", "\U0001f9ff", "\U00012000", "🏴"]
    letters = [letter for letter in letters if unicodedata.category(letter)[0] not in "CZM"]
    missing = find_missing_graphemes(letters, publication.context.fonts)
    assert 5 < len(missing) < len(letters)
    render_pdf(publication.context, _issue(publication, " ".join(sorted(set(letters) - set(missing)))))
    for letter in missing[::9]:
        with pytest.raises(DraftError):
            render_pdf(publication.context, _issue(publication, letter))
