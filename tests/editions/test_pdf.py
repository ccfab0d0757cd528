"""The PDF is sound, tagged, the same each time, and names what it can't show."""

import re
import shutil
import subprocess
from io import BytesIO
from itertools import count, product
from pathlib import Path
from random import Random

import fontpkg_source_serif_4
import pylopdf_fonts_jp
import pytest
from conftest import Publication
from PIL import Image
from visible_text import letters, pdf_links, pdf_text

from newsletter.editions import render_pages, render_pdf
from newsletter.editions.typefaces import _load, suggest_package
from newsletter.errors import DraftError
from newsletter.issue.draft import load_issue

SAMPLES = ["2.10", "3.7", "1.4"]
DRAFT = """\
volume: 2
number: 1
date: 2023-01-02
items:
"""


def _item(headline: str, detail: str) -> str:
    return f"  - headline: >-\n      {headline}\n    detail: >-\n      {detail}\n"


def _long_issue(count: int) -> str:
    """Details of eight lines or so, each ending in a word of its own."""
    sentence = "The two ministers met again and agreed to go on meeting, as they have for many years now. "
    return DRAFT + "".join(_item(f"Headline {n}", f"start{n} {sentence * 4} stop{n}") for n in range(count))


def _pages(pdf: bytes, folder: Path) -> list[str]:
    return pdf_text(pdf, folder).rstrip("\f").split("\f")


@pytest.mark.parametrize("name", SAMPLES)
@pytest.mark.parametrize("columns", ["1", "2"])
def test_it_is_sound_tagged_and_the_same_each_time(
    publication: Publication, name: str, columns: str, tmp_path: Path
) -> None:
    publication.environ |= {"NEWSLETTER_PDF__COLUMNS": columns, "NEWSLETTER_PDF__PRINT_LINKS": "true"}
    issue = load_issue(publication.workspace.find_draft(name))
    pdf = render_pdf(publication.context, issue)
    assert pdf == render_pdf(publication.context, issue)
    path = tmp_path / "issue.pdf"
    path.write_bytes(pdf)
    check = subprocess.run(["qpdf", "--check", path], capture_output=True, text=True, check=False)
    assert check.returncode == 0, check.stdout
    info = subprocess.run(["pdfinfo", path], capture_output=True, text=True, check=True).stdout
    assert f"Title:           Pacific Alliance Digest Vol. {name}" in info
    assert "Author:          Pacific Alliance Digest" in info
    assert re.search(rf"Keywords: .*Vol\. {re.escape(name)}", info)
    assert "Tagged:          yes" in info
    assert "612 x 792 pts (letter)" in info
    plain = subprocess.run(["qpdf", "--qdf", path, "-"], capture_output=True, check=True).stdout
    assert b"<pdfuaid:part>1</pdfuaid:part>" in plain
    assert b"<pdfaid:part>2</pdfaid:part>" in plain
    assert b"<pdfaid:conformance>A</pdfaid:conformance>" in plain
    assert b"/Outlines" in plain
    assert b"/Lang (en)" in plain
    fonts = subprocess.run(["pdffonts", path], capture_output=True, text=True, check=True).stdout
    assert "SourceSerif4" in fonts
    # Every font is embedded and says which letters its glyphs are.
    assert all(line.split()[-5:-2] == ["yes", "yes", "yes"] for line in fonts.splitlines()[2:])


@pytest.mark.parametrize("columns", ["1", "2"])
def test_page_furniture_and_whole_bullets(publication: Publication, columns: str, tmp_path: Path) -> None:
    publication.environ["NEWSLETTER_PDF__COLUMNS"] = columns
    issue = load_issue(publication.draft("2.1", _long_issue(16)))
    pages = _pages(render_pdf(publication.context, issue), tmp_path)
    assert len(pages) >= 3
    for number, page in enumerate(pages, start=1):
        assert f"Page {number} of {len(pages)}" in page
        assert "January 2, 2023" in page
        assert "Pacific Alliance Digest" in page
        assert "Vol. 2.1" in page
        # No bullet begins on one page and ends on another.
        assert re.findall(r"start(\d+)", page) == re.findall(r"stop(\d+)", page)
        # No heading stands last on its page.
        assert not re.search(r"(HEADLINES|DETAILS)\s*(January 2, 2023|$)", page)


def test_a_bullet_longer_than_a_page_is_not_lost(publication: Publication, tmp_path: Path) -> None:
    publication.environ["NEWSLETTER_PDF__COLUMNS"] = "2"
    long = "\n\n      ".join(f"Paragraph{number} with a few words of its own." for number in range(150))
    issue = load_issue(publication.draft("2.1", DRAFT + _item("One", long)))
    pages = _pages(render_pdf(publication.context, issue), tmp_path)
    assert len(pages) >= 2
    assert re.findall(r"Paragraph(\d+)", " ".join(pages)) == [str(number) for number in range(150)]
    box = subprocess.run(["pdftotext", "-bbox", tmp_path / "x.pdf", "-"], capture_output=True, text=True, check=True)
    assert max(float(y) for y in re.findall(r'yMax="([\d.]+)">Para', box.stdout)) < 792


@pytest.mark.parametrize("columns", ["1", "2"])
def test_words_longer_than_a_line_stay_on_the_page(publication: Publication, columns: str, tmp_path: Path) -> None:
    publication.environ |= {"NEWSLETTER_PDF__COLUMNS": columns, "NEWSLETTER_PDF__PRINT_LINKS": "true"}
    words = "w" * 200 + " [" + "https://example.org/x" * 10 + "](https://example.org/" + "a" * 200 + ")"
    issue = load_issue(publication.draft("2.1", DRAFT + _item("m" * 120, words)))
    pdf = render_pdf(publication.context, issue)
    assert letters("w" * 200) in letters(pdf_text(pdf, tmp_path))
    box = subprocess.run(["pdftotext", "-bbox", tmp_path / "x.pdf", "-"], capture_output=True, text=True, check=True)
    assert max(float(x) for x in re.findall(r'<word .*xMax="([\d.]+)"', box.stdout)) < 612 - 40


@pytest.mark.slow
@pytest.mark.parametrize("columns", ["1", "2"])
def test_addresses_are_printed_when_asked_for(publication: Publication, columns: str, tmp_path: Path) -> None:
    publication.environ["NEWSLETTER_PDF__COLUMNS"] = columns
    issue = load_issue(publication.workspace.find_draft("2.10"))
    addresses = [link.href for text in (*issue.texts(), publication.context.about) for link in text.links()]
    plain = pdf_text(render_pdf(publication.context, issue), tmp_path)
    assert not any(address in plain for address in addresses if address != "https://example.org/")
    publication.environ["NEWSLETTER_PDF__PRINT_LINKS"] = "true"
    pdf = render_pdf(publication.context, issue)
    for address in addresses:
        assert address.removeprefix("mailto:") in pdf_text(pdf, tmp_path)
        assert address in pdf_links(pdf, tmp_path)


_WORDS = ("ministers", "met", "again", "and", "agreed", "to", "go", "on", "with", "semiconductors")


def _with_links(chance: Random) -> tuple[str, int]:
    """Return a draft whose texts and links are of many lengths, and how many links it has: a word of its own each."""
    numbers = count(1)
    links = 0

    def prose(words: int, most: int) -> str:
        nonlocal links
        said = [chance.choice(_WORDS) for _ in range(words)]
        for _ in range(chance.randint(0, most)):
            links = next(numbers)
            address = f"https://example.org/{'a/long/path/' * chance.choice([0, 0, 1, 6])}n{links}z"
            said.insert(chance.randint(0, len(said)), f"[link{links}z]({address})")
        return " ".join(said)

    draft = DRAFT.replace("items:", f"intro: >-\n  {prose(chance.randint(10, 200), 4)}\nitems:")
    for _ in range(chance.randint(7, 14)):
        paragraphs = [prose(chance.randint(5, chance.choice([30, 80, 160])), 5) for _ in range(chance.randint(1, 3))]
        draft += _item(prose(chance.randint(4, 16), 0), "\n\n      ".join(paragraphs))
    return f"{draft}note: >-\n  {prose(chance.randint(8, 60), 4)}\n", links


@pytest.mark.parametrize("seed", [3, 7, *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(8, 24))])
def test_an_address_stands_on_the_page_of_its_link(publication: Publication, seed: int, tmp_path: Path) -> None:
    text, links = _with_links(Random(seed))
    issue = load_issue(publication.draft("2.1", text))
    publication.environ["NEWSLETTER_PDF__PRINT_LINKS"] = "true"
    for columns, paper in product(("1", "2"), ("us-letter", "a4")):
        publication.environ |= {"NEWSLETTER_PDF__COLUMNS": columns, "NEWSLETTER_PDF__PAPER": paper}
        pages = [re.sub(r"\s", "", page) for page in _pages(render_pdf(publication.context, issue), tmp_path)]
        assert len(pages) > 1
        for link in range(1, links + 1):
            places = [[n for n, page in enumerate(pages) if name in page] for name in (f"link{link}z", f"/n{link}z")]
            assert places[0] == places[1], (columns, paper, link)
            assert len(places[0]) == 1


def test_paper_and_language_are_the_publications(publication: Publication, tmp_path: Path) -> None:
    publication.environ |= {"NEWSLETTER_PDF__PAPER": "a4", "NEWSLETTER_PUBLICATION__LANGUAGE": "de-AT"}
    word = "Donaudampfschifffahrtsgesellschaftskapitän"
    path = publication.draft("2.1", DRAFT + _item("Eins", f"Der {word} und " * 30))
    (tmp_path / "a4.pdf").write_bytes(render_pdf(publication.context, load_issue(path)))
    info = subprocess.run(["pdfinfo", tmp_path / "a4.pdf"], capture_output=True, text=True, check=True).stdout
    assert "595.276 x 841.89 pts (A4)" in info
    plain = subprocess.run(["qpdf", "--qdf", tmp_path / "a4.pdf", "-"], capture_output=True, check=True).stdout
    assert b"/Lang (de-AT)" in plain
    # Broken by German rules.
    text = pdf_text(render_pdf(publication.context, load_issue(path)), tmp_path)
    assert re.search("(Donau|Donaudampf|Donaudampfschiff)\u00ad\n", text)


def test_pages_are_pictures_too(publication: Publication) -> None:
    issue = load_issue(publication.workspace.find_draft("2.10"))
    pages = render_pages(publication.context, issue)
    assert len(pages) == 2
    assert all(page.startswith(b"\x89PNG") for page in pages)
    done = publication.run("export", "png", "2.10")
    assert done.returncode == 0
    assert "build/2.10/2.10-page-2.png" in done.stdout


def test_a_theme_reaches_the_pdf(publication: Publication, tmp_path: Path) -> None:
    issue = load_issue(publication.workspace.find_draft("1.4"))
    plain = render_pdf(publication.context, issue)
    publication.environ |= {
        "NEWSLETTER_THEME__MASTHEAD": "#204020",
        "NEWSLETTER_THEME__FONT": "Libertinus Serif, serif",
    }
    (tmp_path / "themed.pdf").write_bytes(render_pdf(publication.context, issue))
    assert (tmp_path / "themed.pdf").read_bytes() != plain
    fonts = subprocess.run(["pdffonts", tmp_path / "themed.pdf"], capture_output=True, text=True, check=True).stdout
    assert "Libertinus" in fonts


def test_japanese_hebrew_and_arabic_are_set_once_their_typefaces_are_there(
    publication: Publication, tmp_path: Path
) -> None:
    path = publication.draft("2.1", DRAFT + _item("日本語の見出し", "שלום عربي"))
    text = pdf_text(render_pdf(publication.context, load_issue(path)), tmp_path)
    assert "日本語の見出し" in text
    assert "שלום" in text
    assert "عربي" in text


def test_japanese_emphasis_shows_without_a_bold_cut_of_its_typeface(publication: Publication) -> None:
    def ink(words: str) -> int:
        path = publication.draft("2.1", DRAFT + _item("One", words))
        (page,) = render_pages(publication.context, load_issue(path), dots=100)
        return sum(255 - value for value in Image.open(BytesIO(page)).convert("L").tobytes())

    plain, empty = ink("日本語の見出し"), ink("x")
    assert (ink("**日本語の見出し**") - empty) > 1.1 * (plain - empty)
    assert ink("[**日本語の見出し**](https://example.org)") > ink("[日本語の見出し](https://example.org)")


def test_a_typeface_in_the_workspaces_folder_is_used(
    publication: Publication, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("newsletter.editions.typefaces._list_installed", lambda: [fontpkg_source_serif_4.ROOT])
    issue = load_issue(publication.draft("2.1", DRAFT + _item("One", "日本語")))
    typefaces = publication.root / "fonts"
    typefaces.mkdir()
    (typefaces / "readme.ttf").symlink_to("nowhere")
    _load.cache_clear()
    with pytest.raises(DraftError):
        render_pdf(publication.context, issue)
    shutil.copyfile(pylopdf_fonts_jp.serif_path(), typefaces / "NotoSerifJP.otf")
    assert "日本語" in pdf_text(render_pdf(publication.context, issue), tmp_path)
    _load.cache_clear()


def test_every_character_without_a_glyph_is_named_with_its_place(
    publication: Publication, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("newsletter.editions.typefaces._list_installed", lambda: [fontpkg_source_serif_4.ROOT])
    monkeypatch.setattr("newsletter.editions.typefaces.find_spec", lambda _module: None)
    _load.cache_clear()
    path = publication.draft("2.1", DRAFT + _item("One ཀ", "Two 한국 and ᚠ, 한 again"))
    with pytest.raises(DraftError) as caught:
        render_pdf(publication.context, load_issue(path))
    problems = {(problem.line, problem.column): problem for problem in caught.value.problems}
    assert set(problems) == {(6, 11), (8, 11)}
    assert all(problem.code == "glyph" and problem.path == path for problem in problems.values())
    assert "U+0F40" in problems[6, 11].message
    assert "U+16A0" in problems[6, 11].message
    assert "U+D55C" in problems[8, 11].message
    assert "pip install 'newsletter-press[korean]'" in problems[8, 11].next_step
    assert "fonts/ folder" in problems[6, 11].next_step
    _load.cache_clear()


def test_combining_marks_are_named_as_themselves(publication: Publication) -> None:
    path = publication.draft("2.1", DRAFT + _item("One", "བོད་ཡིག"))
    with pytest.raises(DraftError) as caught:
        render_pdf(publication.context, load_issue(path))
    (problem,) = caught.value.problems
    assert "U+005C" not in problem.message
    assert "'བོ' (U+0F56 U+0F7C)" in problem.message


@pytest.mark.parametrize("columns", ["1", "2"])
def test_a_long_note_is_not_cut_at_the_pages_end(publication: Publication, columns: str, tmp_path: Path) -> None:
    publication.environ["NEWSLETTER_PDF__COLUMNS"] = columns
    words = " ".join(f"w{number}z" for number in range(1500))
    path = publication.draft("2.1", DRAFT + _item("One", "Two") + f"note: >-\n  {words}\n")
    text = " ".join(_pages(render_pdf(publication.context, load_issue(path)), tmp_path))
    assert "w1499z" in text


def test_a_dark_theme_is_dark_on_white_when_printed(publication: Publication, tmp_path: Path) -> None:
    publication.environ |= {
        "NEWSLETTER_THEME__PAPER": "#111111",
        "NEWSLETTER_THEME__DESK": "#000000",
        "NEWSLETTER_THEME__TEXT": "#ffffff",
        "NEWSLETTER_THEME__LINK": "#ffee88",
        "NEWSLETTER_THEME__ACCENT": "#ffcc66",
    }
    issue = load_issue(publication.workspace.find_draft("1.4"))
    (page,) = render_pages(publication.context, issue, dots=60)
    with Image.open(BytesIO(page)) as picture:
        below = picture.convert("L").crop((0, 160, *picture.size))
    assert below.getextrema()[0] < 130  # there is something to read


def test_a_glyph_missing_from_the_standing_note_is_the_configurations(publication: Publication) -> None:
    config = publication.root / "newsletter.toml"
    config.write_text(config.read_text().replace("Pacific Alliance Digest*", "Pacific བོད Digest*"))
    with pytest.raises(DraftError) as caught:
        render_pdf(publication.context, load_issue(publication.workspace.find_draft("1.4")))
    (problem,) = caught.value.problems
    assert Path(problem.path).name == "newsletter.toml"
    assert problem.line > 0


@pytest.mark.parametrize(
    ("character", "package"),
    [
        ("日", "newsletter-press[japanese]"),
        ("ひ", "newsletter-press[japanese]"),
        ("カ", "newsletter-press[japanese]"),
        ("ع", "newsletter-press[arabic]"),
        ("ש", "newsletter-press[hebrew]"),
        ("ไ", "newsletter-press[thai]"),
        ("ह", "newsletter-press[devanagari]"),
        ("한", "newsletter-press[korean]"),
        ("ㄅ", "newsletter-press[chinese]"),
        ("ខ", "fontpkg-noto-sans-khmer"),
        ("😀", "newsletter-press[emoji]"),
        ("1\ufe0f\u20e3", "newsletter-press[emoji]"),
        ("ᚠ", ""),
    ],
)
def test_what_to_install_is_known_by_script(monkeypatch: pytest.MonkeyPatch, character: str, package: str) -> None:
    monkeypatch.setattr("newsletter.editions.typefaces.find_spec", lambda _module: None)
    assert suggest_package(character) == package
    in_chinese = "newsletter-press[chinese]" if character == "日" else package
    assert suggest_package(character, "zh-TW") == suggest_package(character, "zh") == in_chinese


def test_what_is_installed_already_is_no_advice(monkeypatch: pytest.MonkeyPatch) -> None:
    here = ("pylopdf_fonts_jp", "manimgx_fonts")
    monkeypatch.setattr("newsletter.editions.typefaces.find_spec", lambda module: module in here or None)
    assert suggest_package("标") == "newsletter-press[chinese]"  # Noto Serif JP is here, and has no simplified Chinese
    assert suggest_package("ひ") == ""
    assert suggest_package("\U0001faff") == ""  # Noto Emoji is here, and an emoji of later years is not in it


@pytest.mark.parametrize("columns", ["1", "2"])
@pytest.mark.parametrize("height", [1500, 6000])
def test_a_tall_picture_leaves_its_credit_and_the_text_on_the_page(
    publication: Publication, columns: str, height: int, tmp_path: Path
) -> None:
    publication.environ["NEWSLETTER_PDF__COLUMNS"] = columns
    Image.new("RGB", (1200, height), "#406080").save(publication.root / "drafts/tall.jpg")
    source = publication.workspace.find_draft("2.10").read_text().replace("number: 10", "number: 11")
    issue = load_issue(publication.draft("2.11", source.replace("2.10-lead.jpg", "tall.jpg")))
    first = _pages(render_pdf(publication.context, issue), tmp_path)[0]
    assert "drawn for the Example Institute" in first
    assert "HEADLINES" in first
    assert "Page 1 of 2" in first


def test_a_typeface_that_is_not_here_is_said(publication: Publication) -> None:
    publication.environ["NEWSLETTER_THEME__FONT"] = "Garamond Premier, Georgia, serif"
    done = publication.run("export", "pdf", "1.4")
    assert done.returncode == 0
    assert "The PDF does without Garamond Premier" in done.stdout
    assert "does without" not in publication.run("export", "text", "1.4").stdout
