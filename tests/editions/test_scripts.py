"""Scripts without italics, and those that the bundled typefaces lack: emphasis, the choice of typefaces, and advice."""

import struct
from io import BytesIO
from pathlib import Path
from subprocess import run

import fontpkg_source_serif_4
import pylopdf_fonts_he
import pylopdf_fonts_jp
import pytest
from conftest import Publication
from PIL import Image

from newsletter.checks.publication_checks import check_editions
from newsletter.editions import (
    place_beside,
    render_html,
    render_pages,
    render_pdf,
    render_text,
    render_web,
    write_default,
)
from newsletter.editions.html_emphasis import write_emphasis
from newsletter.editions.scripts import SCRIPTS, find_scripts, has_italics, split_emphasis
from newsletter.editions.typefaces import _load, forbids_embedding, load_typefaces, select_families
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
# A word of each script in the language that it is from, and another.
WORDS = {
    "ja": ("太平洋", "同盟"), "zh-Hans": ("联盟", "文摘"), "zh-TW": ("聯盟", "文摘"), "ko": ("태평양", "동맹"),
    "ar": ("تحالف", "المحيط"), "fa": ("پیمان", "آرام"), "he": ("ברית", "שלום"), "th": ("ข่าว", "สาร"),
    "hi": ("समाचार", "गठबंधन"),
}  # fmt: skip
BOLD = "font-style: normal; font-weight: bold"
DOTS = "font-style: normal; -webkit-text-emphasis: dot; text-emphasis: dot"


def _issue(publication: Publication, detail: str, language: str = "en") -> Issue:
    publication.environ["NEWSLETTER_PUBLICATION__LANGUAGE"] = language
    return load_issue(publication.draft("2.11", DRAFT.format(detail)))


@pytest.mark.parametrize(
    ("text", "pieces"),
    [
        ("plain", [("plain", "slant")]),
        ("太平洋", [("太平洋", "dots")]),
        ("Tower 東京、駅 2", [("Tower ", "slant"), ("東京、駅", "dots"), (" 2", "slant")]),
        ("NASA와 우주", [("NASA", "slant"), ("와 우주", "weight")]),
        ("خبر، مهم (NASA)", [("خبر، مهم", "weight"), (" (NASA)", "slant")]),
        ("ที่นี่", [("ที่นี่", "weight")]),
        ("", []),
    ],
)
def test_emphasis_goes_by_the_letters(text: str, pieces: list[tuple[str, str]]) -> None:
    assert list(split_emphasis(text)) == pieces


@pytest.mark.parametrize(
    ("text", "language", "is_email", "html"),
    [
        ("a <b>", "ja", False, "<em>a &lt;b&gt;</em>"),
        ("12", "ja", False, "<em>12</em>"),
        ("「東京」", "en", False, f'<em style="{DOTS}">「東京」</em>'),
        ("北京", "zh-Hans", False, f'<em style="{DOTS}; text-emphasis-position: under right">北京</em>'),
        ("東京", "ja", True, f'<em style="{BOLD}">東京</em>'),
        ("ברית & שלום", "he", False, f'<em style="{BOLD}">ברית &amp; שלום</em>'),
        ("Tower 東京", "en", True, f'<em>Tower <span style="{BOLD}">東京</span></em>'),
    ],
)
def test_emphasis_is_never_a_slant_that_the_script_lacks(text: str, language: str, is_email: bool, html: str) -> None:
    assert write_emphasis(text, language, is_email=is_email) == html


@pytest.mark.parametrize("language", ["ja", "ar", "en"])
def test_every_edition_of_an_issue_emphasises_so(publication: Publication, language: str) -> None:
    word = WORDS[language][0] if language in WORDS else "word"
    draft = DRAFT.format(f"a *{word}* b") + f"sections:\n  - quote: {{text: {word}}}\n"
    publication.environ["NEWSLETTER_PUBLICATION__LANGUAGE"] = language
    issue, context = load_issue(publication.draft("2.11", draft)), publication.context
    email, page = render_html(context, issue, write_default, place_beside), render_web(context, issue, None)
    assert (f'<em style="{BOLD}">{word}</em>' in email.replace(";font", "; font")) == (not has_italics(language))
    assert (f"<em>{word}</em>" in page) == has_italics(language)
    assert ("italic" in page) == ("italic" in email) == has_italics(language)  # of the quotation
    assert f"a _{word}_ b" in render_text(context, issue, write_default)


@pytest.mark.parametrize("language", WORDS)
def test_emphasis_is_seen_in_the_pdf(publication: Publication, language: str) -> None:
    """Ink within the lines, or a dot beside each letter."""

    def ink(words: str) -> int:
        issue = _issue(publication, words, language)
        (page,) = render_pages(publication.context, issue, dots=60)
        return sum(255 - value for value in Image.open(BytesIO(page)).convert("L").tobytes())

    words = " ".join(WORDS[language] * 3)
    plain, none = ink(words), ink("-")
    assert ink(f"*{words}*") - none > 1.05 * (plain - none)


def test_dots_break_no_line_otherwise(publication: Publication, tmp_path: Path) -> None:
    def read(words: str) -> str:
        issue = _issue(publication, words, "ja")
        (tmp_path / "a.pdf").write_bytes(render_pdf(publication.context, issue))
        return run(["pdftotext", "-layout", tmp_path / "a.pdf", "-"], capture_output=True, check=True, text=True).stdout

    words = "太平洋同盟のニュースレターは、とても「重要」なお知らせです。カードやデータベースの話も、少しだけ。" * 3
    assert "".join(read(words).split()) == "".join(read(f"*{words}*").split())
    assert read(words).count("\n") == read(f"*{words}*").count("\n")


@pytest.mark.parametrize(
    ("language", "look", "family"),
    [
        ("ja", "serif", "NotoSerifJP"), ("zh", "serif", "NotoSerifSC"), ("zh-HK", "sans-serif", "NotoSansTC"),
        ("ko", "sans-serif", "NotoSansKR"), ("ar", "serif", "Amiri"), ("fa", "sans-serif", "Amiri"),
        ("he", "serif", "NotoSerifHebrew"), ("th", "serif", "NotoSerifThai"),
        ("hi", "sans-serif", "NotoSansDevanagari"),
    ],
)  # fmt: skip
def test_a_script_is_set_in_the_form_and_look_of_the_publication(
    publication: Publication, language: str, look: str, family: str, tmp_path: Path
) -> None:
    publication.environ["NEWSLETTER_THEME__FONT"] = f"Source Serif 4, {look}"
    words = WORDS.get(language) or WORDS["ar" if language == "fa" else "zh-TW" if language == "zh-HK" else "zh-Hans"]
    issue = _issue(publication, " ".join(words), language)
    (tmp_path / "a.pdf").write_bytes(render_pdf(publication.context, issue))
    fonts = run(["pdffonts", tmp_path / "a.pdf"], capture_output=True, check=True, text=True).stdout
    assert family in fonts
    assert "DejaVu" not in fonts


def test_words_in_another_language_have_its_form_of_the_characters(publication: Publication, tmp_path: Path) -> None:
    words = "令骨 [令骨]{lang=zh-Hant} [令骨]{lang=zh-Hans} [令骨]{lang=ko}"
    issue = _issue(publication, words)
    (tmp_path / "a.pdf").write_bytes(render_pdf(publication.context, issue))
    fonts = run(["pdffonts", tmp_path / "a.pdf"], capture_output=True, check=True, text=True).stdout
    assert all(f"NotoSerif{form}" in fonts for form in ("JP", "TC", "SC", "KR"))


def test_makeshift_typefaces_are_the_last(publication: Publication) -> None:
    installed = load_typefaces(publication.context.fonts).families()
    for language in ("en", *WORDS):
        families = [
            each if isinstance(each, str) else each["name"] for each in select_families(("serif",), language, installed)
        ]
        assert families[0] == "Source Serif 4"
        assert families[-2:] == ["DejaVu Sans Mono", "Noto Emoji"]


def test_every_extra_holds_the_typefaces_that_are_looked_for(publication: Publication) -> None:
    installed = set(load_typefaces(publication.context.fonts).families())
    for script in SCRIPTS:
        assert {script.list_families(serif=serif)[0] for serif in (True, False)} <= installed, script.name


def test_chinese_characters_are_the_language_s() -> None:
    def names(text: str, language: str) -> list[str]:
        return [script.name for script in find_scripts(text, language)]

    assert names("東京", "en") == names("東京", "ja") == ["Japanese"]
    assert names("東京", "zh-TW") == ["Traditional Chinese"]
    assert names("東京", "ko") == ["Korean"]
    assert names("東京 서울 ب", "en") == ["Korean", "Arabic"]
    assert names("word", "ja") == []


@pytest.mark.parametrize(
    ("language", "words", "said"),
    [
        ("en", "Of تحالف, المحيط", [("typeface", True, "[arabic]")]),
        ("ar", "تحالف", [("typeface", True, "[arabic]")]),
        ("en", "of ข่าว", [("glyph", False, "[thai]")]),
        ("zh-TW", "同", [("typeface", True, "[chinese]")]),
        ("ja", "同", []),
        ("en", "plain", []),
    ],
)
def test_a_script_without_a_typeface_is_named_once_with_its_extra(
    publication: Publication,
    monkeypatch: pytest.MonkeyPatch,
    language: str,
    words: str,
    said: list[tuple[str, bool, str]],
) -> None:
    here = [fontpkg_source_serif_4.ROOT, Path(pylopdf_fonts_jp.serif_path()).parent]
    monkeypatch.setattr("newsletter.editions.typefaces._list_installed", lambda: here)
    monkeypatch.setattr("newsletter.editions.typefaces.find_spec", lambda module: module == "pylopdf_fonts_jp" or None)
    _load.cache_clear()
    issue = _issue(publication, words, language)
    found = list(check_editions(publication.context, issue))
    _load.cache_clear()
    assert [(each.problem.code, each.note) for each in found] == [(code, note) for code, note, _ in said]
    for each, (_, _, extra) in zip(found, said, strict=True):
        assert f"Run: pip install 'newsletter-press{extra}'" in each.problem.next_step
        assert language != "en" or each.problem.path == issue.path


def _restrict(source: Path, target: Path) -> None:
    """Copy a typeface as one that may not be embedded (OpenType, OS/2 table, fsType 2)."""
    data = bytearray(source.read_bytes())
    for entry in struct.iter_unpack(">4sIII", data[12 : 12 + 16 * struct.unpack(">H", data[4:6])[0]]):
        if entry[0] == b"OS/2":
            data[entry[2] + 8 : entry[2] + 10] = struct.pack(">H", 2)
    target.write_bytes(data)


def test_a_typeface_that_can_t_be_used_is_named_by_its_file(
    publication: Publication, monkeypatch: pytest.MonkeyPatch
) -> None:
    fonts = publication.root / "fonts"
    fonts.mkdir()
    hebrew = Path(pylopdf_fonts_he.serif_path())
    _restrict(hebrew, fonts / "bought.ttf")
    (fonts / "broken.ttf").write_bytes(hebrew.read_bytes()[:5000])
    (fonts / "web.woff2").write_bytes(b"wOF2")
    assert (forbids_embedding(hebrew), forbids_embedding(fonts / "bought.ttf")) == (False, True)
    monkeypatch.setattr("newsletter.editions.typefaces._list_installed", lambda: [fontpkg_source_serif_4.ROOT])
    publication.environ["NEWSLETTER_THEME__FONT"] = "Noto Serif Hebrew, serif"
    issue = _issue(publication, "שלום", "he")
    found = {Path(each.problem.path).name: each for each in check_editions(publication.context, issue)}
    assert set(found) == {"bought.ttf", "broken.ttf", "web.woff2"}
    assert [found[name].note for name in sorted(found)] == [False, True, True]
    assert "licence" in found["bought.ttf"].problem.message
    with pytest.raises(DraftError) as caught:
        render_pdf(publication.context, issue)
    _load.cache_clear()
    assert [Path(problem.path).name for problem in caught.value.problems] == ["bought.ttf"]
