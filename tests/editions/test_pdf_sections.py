"""Items and sections in the PDF: their words in order, their headings, links and pictures, and how pages are filled."""

import re
import subprocess
from itertools import product
from pathlib import Path

import pytest
from conftest import Publication
from pdf_soundness import find_faults
from PIL import Image
from visible_text import letters, pdf_links, pdf_places, pdf_tags, pdf_text

from newsletter.editions import render_pdf
from newsletter.editions.glyphs import find_missing_glyphs
from newsletter.errors import TemplateError
from newsletter.issue.draft import load_issue
from newsletter.scaffold import eject

HEAD = "volume: 2\nnumber: 1\ndate: 2024-01-02\n"
DRAFT = f"""{HEAD}\
items:
  - headline: Opening item
    image: {{file: wide.png, alt: The harbour, caption: At noon, credit: "the port", link: https://example.org/harbour}}
    link: https://www.example.net/source
    detail: >-
      Detailed words.
sections:
  - title: Economy
    text: Sectional words.
    items:
      - headline: Second item
        link: mailto:desk@example.org
        detail: >-
          See [the first](https://example.org/first).
  - title: In that number
    figures:
      - {{number: $2.9 billion, text: is spent., link: https://example.org/spent}}
      - {{number: 41%, text: is left.}}
  - title: Upcoming
    events:
      - date: 2024-05-02
        time: "14:00"
        until: 2024-05-03
        title: Conference
        place: Tokyo
        link: https://example.org/event
      - {{date: 2024-06-01, title: Deadline}}
  - title: Quoted
    quote: {{text: Said and done., by: A. Minister, link: https://example.org/said}}
  - title: New here
    people:
      - name: Aiko Tanaka
        role: Senior Fellow
        text: Studies trade.
        image: {{file: face.png, alt: Aiko at her desk}}
        link: https://example.org/aiko
      - {{name: Ben Ito}}
  - image: {{file: face.png, alt: The field}}
  - quote: {{text: Nobody said this., link: https://example.org/nobody}}
  - button: {{text: Register now, link: https://example.org/register}}
note: >-
  Closing words.
"""
IN_ORDER = (
    "At noon Image: the port", "Detailed words.", "Read at example.net", "Economy", "Sectional words.", "Second item",
    "See the first", "Write to desk@example.org", "In that number", "$2.9 billion", "is spent.", "41%", "is left.",
    "Upcoming", "May 2–3, 2024, 14:00", "Conference", "Tokyo", "June 1, 2024", "Deadline", "Quoted", "Said and done.",
    "A. Minister", "New here", "Aiko Tanaka", "Senior Fellow", "Studies trade.", "Ben Ito", "Nobody said this.",
    "Read at example.org", "Register now", "Closing words.",
)  # fmt: skip
LINKS = (
    "https://example.org/harbour", "https://www.example.net/source", "https://example.org/first",
    "mailto:desk@example.org",
    "https://example.org/spent", "https://example.org/event", "https://example.org/said", "https://example.org/aiko",
    "https://example.org/nobody", "https://example.org/register",
)  # fmt: skip


@pytest.fixture
def pictured(publication: Publication) -> Publication:
    Image.new("RGB", (900, 300), "#406080").save(publication.root / "drafts" / "wide.png")
    Image.new("RGB", (300, 300), "#806040").save(publication.root / "drafts" / "face.png")
    return publication


def _assert_in_order(text: str, wanted: tuple[str, ...]) -> None:
    said, place = letters(text), 0
    for expected in map(letters, wanted):
        place = said.find(expected, place)
        assert place >= 0, expected
        place += len(expected)


@pytest.mark.parametrize(("columns", "printed"), list(product("12", ("true", "false"))))
def test_sections_have_their_words_and_links_in_order(
    pictured: Publication, columns: str, printed: str, tmp_path: Path
) -> None:
    pictured.environ |= {"NEWSLETTER_PDF__COLUMNS": columns, "NEWSLETTER_PDF__PRINT_LINKS": printed}
    pdf = render_pdf(pictured.context, load_issue(pictured.draft("2.1", DRAFT)))
    text = pdf_text(pdf, tmp_path)
    _assert_in_order(text.split("DETAILS")[1], IN_ORDER)
    links = [address for address in pdf_links(pdf, tmp_path) if address in LINKS]
    assert tuple(dict.fromkeys(links)) == LINKS
    for address in LINKS:
        assert (letters(address.removeprefix("mailto:")) in letters(text)) or printed == "false"
    assert ("example.org/harbour" in text) is (printed == "true")
    assert not find_faults(pdf)
    plain = subprocess.run(["qpdf", "--qdf", tmp_path / "x.pdf", "-"], capture_output=True, check=True).stdout
    alts = re.findall(rb"/Alt \(([^)]*)\)", plain)
    assert sorted(alts) == [b"Aiko at her desk", b"The field", b"The harbour"]


def test_titles_and_headlines_are_headings_without_a_gap(pictured: Publication, tmp_path: Path) -> None:
    draft = DRAFT + "intro: >-\n  ### Introduced\n\n  So.\n"
    draft = draft.replace("Sectional words.", "|\n      ### Subsection\n\n      Sectional words.")
    draft = draft.replace("          See [", "          ### Deeper\n\n          See [")
    tags = pdf_tags(render_pdf(pictured.context, load_issue(pictured.draft("2.1", draft))), tmp_path)
    found = re.findall(r'H(\d) "(.*?)"', tags)
    assert found == [
        ("1", "Pacific Alliance Digest"), ("2", "Introduced"), ("2", "In this issue"), ("2", "Headlines"),
        ("2", "Details"), ("2", "Economy"), ("3", "Subsection"), ("3", "Second item"), ("4", "Deeper"),
        ("2", "In that number"), ("2", "Upcoming"), ("2", "Quoted"), ("2", "New here"),
    ]  # fmt: skip


def test_headings_of_an_untitled_section_are_right_below_the_title(publication: Publication, tmp_path: Path) -> None:
    sections = (
        "sections:\n  - text: |\n      ### First\n\n      Words.\n    items: [{headline: Second, detail: Yes.}]\n"
    )
    tags = pdf_tags(render_pdf(publication.context, load_issue(publication.draft("2.1", HEAD + sections))), tmp_path)
    assert re.findall(r'H(\d) "(.*?)"', tags)[1:] == [("2", "First"), ("2", "Second")]
    assert "Headlines" not in tags


def test_many_sections_are_listed_first_with_their_pages(pictured: Publication, tmp_path: Path) -> None:
    issue = load_issue(pictured.draft("2.1", DRAFT))
    pdf = render_pdf(pictured.context, issue)
    listed = pdf_text(pdf, tmp_path).split("IN THIS ISSUE")[1].split("HEADLINES")[0]
    assert re.findall(r"(?m)^([A-Z][\w ]+?)[. \u2060]*(\d)$", listed) == [
        ("Economy", "1"), ("In that number", "2"), ("Upcoming", "2"), ("Quoted", "2"), ("New here", "2"),
    ]  # fmt: skip
    assert "TOC" in pdf_tags(pdf, tmp_path)
    assert len(set(pdf_places(pdf, tmp_path)[:5])) == 5
    for contents, sections, shown in (("no", 5, False), ("auto", 3, False), ("yes", 1, True)):
        fewer = issue.model_copy(update={"contents": contents, "sections": issue.sections[:sections]})
        assert ("IN THIS ISSUE" in pdf_text(render_pdf(pictured.context, fewer), tmp_path)) is shown


def test_a_letter_that_no_typeface_has_is_found_in_every_part_of_a_section(pictured: Publication) -> None:
    for words in ("Sectional words", "41%", "is left", "Conference", "Tokyo", "Said and", "A. Minister", "Aiko Tanaka",
                  "Senior Fellow", "Studies", "Register now", "At noon", "Second item"):  # fmt: skip
        path = pictured.draft("2.1", DRAFT.replace(words, f"{words} ᚠ"))
        (problem,) = find_missing_glyphs(pictured.context, load_issue(path))
        assert "U+16A0" in problem.message
        assert problem.line == 1 + DRAFT[: DRAFT.index(words)].count("\n"), words


@pytest.mark.parametrize(("headlines", "columns"), list(product(("above", "both"), "12")))
def test_a_headline_is_the_heading_of_its_detail_where_it_is_above_it(
    pictured: Publication, headlines: str, columns: str, tmp_path: Path
) -> None:
    pictured.environ |= {"NEWSLETTER_LAYOUT__HEADLINES": headlines, "NEWSLETTER_PDF__COLUMNS": columns}
    draft = DRAFT.replace("          See [", "          ### Deeper\n\n          See [")
    draft = draft.replace("      Detailed words.", "      ### Within\n\n      Detailed words.")
    pdf = render_pdf(pictured.context, load_issue(pictured.draft("2.1", draft)))
    found = re.findall(r'H(\d) "(.*?)"', pdf_tags(pdf, tmp_path))
    shown = [("2", "Headlines"), ("2", "Details")] if headlines == "both" else [("2", "Headlines")]
    at = found.index(("2", "Headlines"))
    assert found[at : at + len(shown) + 2] == [*shown, ("3", "Opening item"), ("4", "Within")]
    assert len(pdf_places(pdf, tmp_path)) == 5 + (headlines == "both")
    assert pdf_text(pdf, tmp_path).split("HEADLINES")[1].count("Opening item") == (2 if headlines == "both" else 1)
    assert not find_faults(pdf)


def test_a_layout_of_ones_own_that_leaves_sections_out_is_refused_where_there_are_some(pictured: Publication) -> None:
    (copy,) = eject(pictured.root / "templates", ["edition.typ"])
    copy.write_text(copy.read_text().replace("#sections\n", ""))
    assert render_pdf(pictured.context, load_issue(pictured.workspace.find_draft("1.4")))
    with pytest.raises(TemplateError) as caught:
        render_pdf(pictured.context, load_issue(pictured.draft("2.1", DRAFT)))
    (problem,) = caught.value.problems
    assert problem.path == copy
    assert "does not show sections" in problem.message
