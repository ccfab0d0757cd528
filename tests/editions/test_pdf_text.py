"""Every block of a text in the PDF: its words in order, its tags, its links, and what is printed below it."""

import re
import subprocess
from dataclasses import replace
from itertools import product
from pathlib import Path

import pytest
from conftest import ROOT, Publication
from pdf_soundness import find_faults
from PIL import Image
from visible_text import letters, pdf_links, pdf_places, pdf_tags, pdf_text

from newsletter.editions import render_pdf
from newsletter.issue.blocks import (
    Block,
    CodeBlock,
    Footnote,
    FootnoteMark,
    Heading,
    LineBreak,
    Link,
    ListBlock,
    Paragraph,
    PictureBlock,
    Quotation,
    RichText,
    Span,
    Spans,
    TableBlock,
    TextRun,
    ThematicBreak,
)
from newsletter.issue.draft import load_issue
from newsletter.issue.model import Issue

DRAFT = """\
volume: 2
number: 1
date: 2023-01-02
items:
  - {headline: One, detail: Detail}
  - {headline: Two, detail: End}
"""
SENTENCE = "The two ministers met again and agreed to go on meeting, as they have for many years now. "


def words(*spans: str | Span) -> Spans:
    return tuple(TextRun(text=span) if isinstance(span, str) else span for span in spans)


def prose(*spans: str | Span) -> Paragraph:
    return Paragraph(words(*spans))


def link(text: str, address: str) -> Link:
    return Link(address=(address,), runs=(TextRun(text=text),))


def with_text(publication: Publication, *blocks: Block, notes: tuple[Footnote, ...] = ()) -> Issue:
    """Return an issue whose first detail is this text."""
    issue = load_issue(publication.draft("2.1", DRAFT))
    first, *others = issue.items
    return issue.model_copy(update={"items": (first.model_copy(update={"detail": RichText(blocks, notes)}), *others)})


EVERYTHING: tuple[Block, ...] = (
    prose("Opening ", link("link", "https://example.org/a"), " and a mark", FootnoteMark(1), "."),
    Heading(words("Subheading")),
    ListBlock(
        (
            (prose("first"), ListBlock(((prose("inner"),), (prose("deeper"),)))),
            (prose("second ", link("listed", "https://example.org/b")),),
        )
    ),
    ListBlock(((prose("third"),), (prose("fourth"),)), first=3),
    Quotation((prose("quoted"), prose("again quoted", FootnoteMark(2)))),
    PictureBlock("wide.png", "What it shows", words("captioned ", link("there", "https://example.org/c"))),
    TableBlock(
        (words("Left"), words("Right")),
        ((words("cell"), words("12")), (words("other ", link("cited", "https://example.org/d")), words("13"))),
        ("left", "right"),
    ),
    CodeBlock("if x:\n    return 1\n\nelse:", "python"),
    ThematicBreak(),
    prose("closing", LineBreak(), "line"),
)
NOTES = (Footnote(1, (prose("noted ", link("source", "https://example.org/e")),)), Footnote(2, (prose("also noted"),)))
IN_ORDER = (
    "Opening link and a mark", "Subheading", "first", "inner", "deeper", "second listed", "third", "fourth", "quoted",
    "again quoted", "captioned there", "Left", "Right", "cell", "12", "other cited", "13", "if x:", "return 1", "else:",
    "closing line", "noted source", "also noted",
)  # fmt: skip


@pytest.fixture
def pictured(publication: Publication) -> Publication:
    Image.new("RGB", (900, 300), "#406080").save(publication.root / "drafts" / "wide.png")
    return publication


def test_every_block_is_tagged_as_what_it_is(pictured: Publication, tmp_path: Path) -> None:
    tags = pdf_tags(render_pdf(pictured.context, with_text(pictured, *EVERYTHING, notes=NOTES)), tmp_path)
    for pattern in (
        r'H3 "Subheading"',
        r'L \(block\):\s+/ListNumbering /Circle\s+LI.*?"first".*?L \(block\):.*?LI.*?"inner"',
        r'/ListNumbering /Decimal\s+LI.*?Lbl.*?"3\.".*?"third"',
        r'BlockQuote\n.*?"quoted',
        r"Figure:",
        r'Caption\n.*?"captioned',
        r'Table.*?THead\n\s+TR\n\s+TH.*?/Scope /Column.*?"Left".*?TH.*?"Right".*?TBody\n\s+TR\n\s+TD.*?"cell"',
        r'Code \(inline\):\n.*?"if',
        r'Lbl.*?"1".*?"noted',
    ):
        assert re.search(pattern, tags, re.DOTALL), pattern
    assert tags.count("TH <") == 2
    raw = subprocess.run(["qpdf", "--qdf", tmp_path / "t.pdf", "-"], capture_output=True, check=True).stdout
    assert b"/Alt (What it shows)" in raw


@pytest.mark.parametrize("printed", ["true", "false"])
def test_words_stand_in_a_paragraph_and_a_heading_in_none(everything: Path, printed: str, tmp_path: Path) -> None:
    opened = Publication(everything.parent.parent, {"NEWSLETTER_PDF__PRINT_LINKS": printed})
    tags = pdf_tags(render_pdf(opened.context, load_issue(everything)), tmp_path)
    assert re.findall(r"^  (?:Span|Link|\").*", tags, re.MULTILINE) == []
    assert re.findall(r"BlockQuote\n +(?:Span|Link|\").*", tags) == []
    assert re.findall(r"\bP \(block\)\n +H[1-6].*", tags) == []
    assert tags.startswith('Document\n  H1 "')


@pytest.mark.parametrize(("columns", "printed"), list(product("12", ("true", "false"))))
def test_words_links_and_soundness_of_every_block(
    pictured: Publication, columns: str, printed: str, tmp_path: Path
) -> None:
    pictured.environ |= {"NEWSLETTER_PDF__COLUMNS": columns, "NEWSLETTER_PDF__PRINT_LINKS": printed}
    pdf = render_pdf(pictured.context, with_text(pictured, *EVERYTHING, notes=NOTES))
    assert find_faults(pdf) == []
    said, place = re.sub(r"\d", "", letters(pdf_text(pdf, tmp_path))), 0
    for expected in (re.sub(r"\d", "", letters(wanted)) for wanted in IN_ORDER):
        place = said.find(expected, place)
        assert place >= 0, expected
        place += len(expected)
    links = [address for address in pdf_links(pdf, tmp_path) if re.fullmatch("https://example.org/[a-e]", address)]
    assert list(dict.fromkeys(links)) == [f"https://example.org/{letter}" for letter in "abcde"]


STYLES = {
    "strike": r"/TextDecorationType /LineThrough\s+\"styled\"",
    "script=super": r"/BaselineShift [1-9.]+[^\"]*\"styled\"",
    "script=sub": r"/BaselineShift -[0-9.]+[^\"]*\"styled\"",
}


@pytest.mark.parametrize("style", STYLES)
def test_a_style_is_in_the_tags(publication: Publication, style: str, tmp_path: Path) -> None:
    name, _, value = style.partition("=")
    run = replace(TextRun(text="styled"), **{name: value or True})
    tags = pdf_tags(render_pdf(publication.context, with_text(publication, prose("before ", run, " after"))), tmp_path)
    assert re.search(STYLES[style], tags)


@pytest.mark.parametrize(
    ("tag", "lang"),
    [
        ("ja", b"/Lang(ja)"),
        ("pt-BR", b"/Lang(pt-BR)"),
        ("zh-Hant", b"/Lang(zh-TW)"),
        ("zh-Hans", b"/Lang(zh-CN)"),
        ("zh-Hant-HK", b"/Lang(zh-HK)"),
    ],
)
def test_a_passage_in_another_language_says_so(publication: Publication, tag: str, lang: bytes, tmp_path: Path) -> None:
    issue = with_text(publication, prose("before ", TextRun(text="a passage", language=tag), " after"))
    (tmp_path / "x.pdf").write_bytes(render_pdf(publication.context, issue))
    plain = subprocess.run(["qpdf", "--qdf", tmp_path / "x.pdf", "-"], capture_output=True, check=True).stdout
    assert lang in plain


def test_footnotes_are_numbered_in_their_text_and_their_marks_lead_to_them(
    publication: Publication, tmp_path: Path
) -> None:
    issue = with_text(publication, prose("a", FootnoteMark(1), " b", FootnoteMark(2)), notes=NOTES)
    second = issue.items[1].model_copy(
        update={"detail": RichText((prose("c", FootnoteMark(1)),), (Footnote(1, (prose("noted last"),)),))}
    )
    pdf = render_pdf(publication.context, issue.model_copy(update={"items": (issue.items[0], second)}))
    text = " ".join(pdf_text(pdf, tmp_path).split())
    assert "a1 b2 1 noted source 2 also noted" in text
    assert "c1 1 noted last" in text
    assert len(set(pdf_places(pdf, tmp_path)[2:])) == 3  # behind the two headlines' links


@pytest.mark.parametrize("columns", ["1", "2"])
def test_footnotes_share_the_counter_of_printed_addresses(
    publication: Publication, columns: str, tmp_path: Path
) -> None:
    publication.environ |= {"NEWSLETTER_PDF__COLUMNS": columns, "NEWSLETTER_PDF__PRINT_LINKS": "true"}
    first, second = link("w", "https://example.org/a"), link("y", "https://example.org/b")
    text = prose(first, "x", FootnoteMark(1), second, "z", FootnoteMark(2))
    pdf = render_pdf(publication.context, with_text(publication, text, notes=NOTES))
    said = " ".join(pdf_text(pdf, tmp_path).split())
    assert "w1x2y3z4" in said
    assert "1 https://example.org/a 2 noted source (https://example.org/e) 3 https://example.org/b 4 also noted" in said
    # In a text of more than a page they go on, below its end.
    long = [prose(SENTENCE * 4, link(f"l{number}", f"https://example.org/{number}")) for number in range(12)]
    issue = with_text(publication, *long, prose("end", FootnoteMark(1)), notes=NOTES[:1])
    said = " ".join(pdf_text(render_pdf(publication.context, issue), tmp_path).split())
    assert "end13 13 noted source" in said


def test_a_link_to_an_item_leads_to_its_place(publication: Publication, tmp_path: Path) -> None:
    publication.environ["NEWSLETTER_PDF__PRINT_LINKS"] = "true"
    pdf = render_pdf(publication.context, with_text(publication, prose("see ", link("the second", "#2"), " there")))
    assert "see the second there" in pdf_text(pdf, tmp_path)
    _, from_headline, from_text = pdf_places(pdf, tmp_path)
    assert from_text == from_headline


def test_a_link_to_an_item_that_only_some_readers_get_is_its_words(publication: Publication, tmp_path: Path) -> None:
    issue = with_text(publication, prose("see ", link("the second", "#2"), " and ", link("the third", "#3")))
    first, second = issue.items
    hidden = second.model_copy(update={"only_for": ("board",)})
    third = second.model_copy()
    pdf = render_pdf(publication.context, issue.model_copy(update={"items": (first, hidden, third)}))
    assert "see the second and the third" in pdf_text(pdf, tmp_path)
    _, to_third, from_text = pdf_places(pdf, tmp_path)
    assert from_text == to_third


@pytest.mark.parametrize("columns", ["1", "2"])
def test_nothing_wide_leaves_the_page(publication: Publication, columns: str, tmp_path: Path) -> None:
    publication.environ["NEWSLETTER_PDF__COLUMNS"] = columns
    many = tuple(words("wordwithoutanend" * (number % 3)) for number in range(10))
    table = TableBlock(many, (many, many), ("",) * 10)
    code = CodeBlock("x" * 300 + "\n" + "word " * 60 + "\n\t\ttabbed = " + "y" * 120)
    deep = ListBlock(((prose("z" * 90), ListBlock(((table, Quotation((code,))),))),))
    pdf = render_pdf(publication.context, with_text(publication, table, code, deep))
    assert letters(pdf_text(pdf, tmp_path)).count("x" * 300) == 2
    box = subprocess.run(["pdftotext", "-bbox", tmp_path / "x.pdf", "-"], capture_output=True, text=True, check=True)
    assert max(float(x) for x in re.findall(r'<word .*xMax="([\d.]+)"', box.stdout)) < 612 - 40


@pytest.mark.parametrize("columns", ["1", "2"])
def test_long_code_and_long_tables_go_on_with_their_headers(
    publication: Publication, columns: str, tmp_path: Path
) -> None:
    publication.environ["NEWSLETTER_PDF__COLUMNS"] = columns
    table = TableBlock(words_of("Header", "Value"), tuple(words_of(f"row{n}z", "1") for n in range(120)), ("", "right"))
    code = CodeBlock("\n".join(f"line{number}z = {number}" for number in range(150)))
    pdf = render_pdf(publication.context, with_text(publication, table, code))
    text = pdf_text(pdf, tmp_path)
    assert re.findall(r"row(\d+)z", text) == [str(number) for number in range(120)]
    assert re.findall(r"line(\d+)z", text) == [str(number) for number in range(150)]
    assert text.count("Header") >= 3
    assert find_faults(pdf) == []


def test_a_header_with_links_is_on_the_tables_first_page_alone(publication: Publication, tmp_path: Path) -> None:
    header = (words("Header ", link("linked", "https://example.org/a")), words("Marked", FootnoteMark(1)))
    table = TableBlock(header, tuple(words_of(f"row{n}z", "1") for n in range(80)), ("", ""))
    pdf = render_pdf(publication.context, with_text(publication, table, notes=NOTES[:1]))
    assert pdf_text(pdf, tmp_path).count("Header") == 1
    assert find_faults(pdf) == []


def words_of(*cells: str) -> tuple[Spans, ...]:
    return tuple(words(cell) for cell in cells)


def test_no_style_holds_the_issue() -> None:
    """A style that holds `data` makes Typst set all of an issue again for a changed word, twenty times as slowly."""
    text = (ROOT / "templates" / "edition-parts.typ").read_text(encoding="utf-8")
    closures = text[text.index("header: context") : text.index("set columns")]
    assert "#title" in closures
    assert "data" not in closures.replace("date_words", "")
    functions = (ROOT / "templates" / "edition-words.typ").read_text(encoding="utf-8").partition("\n}\n")[2]
    assert "#let phrase" in functions
    assert "data" not in functions


def test_no_function_of_the_templates_reads_the_issue_again() -> None:
    """A function that reads data.json does so for each call: 1,800 printed addresses took ten seconds by that."""
    for path in (ROOT / "templates").glob("*.typ"):
        for function in re.findall(r"^#let \w+\([^=\n]*\) = .*", path.read_text(encoding="utf-8"), re.MULTILINE):
            assert "json(" not in function, f"{path.name}: {function}"
