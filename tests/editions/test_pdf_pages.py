"""Pages of the PDF: no half of one is left empty, no word is lost, and addresses stay with their links."""

import re
from io import BytesIO
from itertools import count
from pathlib import Path
from random import Random

import pytest
from conftest import Publication
from PIL import Image
from visible_text import pdf_text

from newsletter.editions import render_pages, render_pdf
from newsletter.issue.blocks import (
    Block,
    CodeBlock,
    Heading,
    Link,
    ListBlock,
    Paragraph,
    PictureBlock,
    Quotation,
    RichText,
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
date: 2024-01-02
items:
  - {headline: One, detail: Detail, image: {file: tall.png, alt: A tower}, link: https://example.org/source}
sections:
  - {title: More, items: [{headline: Two, detail: Detail}]}
"""
_WORDS = ("ministers", "met", "again", "and", "agreed", "to", "go", "on", "with", "semiconductors")


class _Writer:
    """Writer of texts by chance, whose words are numbered: w1z, w2z and so on, and their links l1z, l2z."""

    def __init__(self, chance: Random) -> None:
        self.chance = chance
        self.words = count(1)
        self.links = count(1)

    def spans(self, words: int) -> Spans:
        said = " ".join(f"{self.chance.choice(_WORDS)} w{next(self.words)}z" for _ in range(max(1, words // 2)))
        runs = (TextRun(text=f"{said} "),)
        if self.chance.random() < 0.5:
            return runs
        number = next(self.links)
        address = f"https://example.org/{'a/long/path/' * self.chance.choice([0, 1, 6])}n{number}z"
        return (*runs, Link(address=(address,), runs=(TextRun(text=f"l{number}z"),)))

    def paragraph(self) -> Paragraph:
        return Paragraph(self.spans(self.chance.randint(5, 110)))

    def block(self) -> Block:
        chance = self.chance
        match chance.choice("ppppplqtchin-"):
            case "l":
                return ListBlock(tuple((self.paragraph(),) for _ in range(chance.randint(2, 8))))
            case "n":
                entries = range(chance.randint(2, 4))
                return ListBlock(
                    tuple((self.paragraph(), ListBlock(((self.paragraph(),), (self.paragraph(),)))) for _ in entries),
                    first=1,
                )
            case "q":
                return Quotation((self.paragraph(), self.paragraph()))
            case "t":
                header = tuple(self.spans(1) for _ in range(3))
                rows = tuple(
                    tuple(self.spans(chance.randint(1, 8)) for _ in range(3)) for _ in range(chance.randint(2, 14))
                )
                return TableBlock(header, rows, ("",) * 3)
            case "c":
                lines = (f"x = w{next(self.words)}z" for _ in range(chance.randint(2, 40)))
                return CodeBlock("\n".join(lines))
            case "h":
                return Heading(self.spans(4)[:1])
            case "i":
                return PictureBlock(chance.choice(["wide.png", "tall.png"]), "A picture", self.spans(6))
            case "-":
                return ThematicBreak()
            case _:
                return self.paragraph()

    def text(self) -> RichText:
        between = (self.block() for _ in range(self.chance.choice([0, 0, 1, 2, 4, 9])))
        return RichText((self.paragraph(), *between, self.paragraph()))


def _fill(publication: Publication, writer: _Writer) -> Issue:
    """Return an issue of many items, some in a section, with texts by chance."""
    for name, size in (("wide.png", (900, 350)), ("tall.png", (400, 700))):
        Image.new("RGB", size, "#406080").save(publication.root / "drafts" / name)
    issue = load_issue(publication.draft("2.1", DRAFT))
    (pictured,), (section,) = issue.items, issue.sections
    chance = writer.chance
    items = tuple(
        pictured.model_copy(update={"detail": writer.text()} | ({} if chance.random() < 0.3 else {"image": None}))
        for _ in range(chance.randint(4, 7))
    )
    sections = tuple(
        section.model_copy(
            update={
                "text": writer.text(),
                "items": tuple(
                    section.items[0].model_copy(update={"detail": writer.text()}) for _ in range(chance.randint(0, 3))
                ),
            }
        )
        for _ in range(3)
    )
    return issue.model_copy(update={"items": items, "sections": sections})


def _measure_blank(page: bytes, columns: int) -> float:
    """Return how much of the emptier column is blank at its bottom, as a share of the page's text."""
    with Image.open(BytesIO(page)) as picture:
        grey = picture.convert("L").point(lambda value: 255 * (value < 200))
    width, height = grey.size
    top, bottom = int(height * 0.085), int(height * 0.915)
    shares = []
    for left, right in {1: [(0.1, 0.9)], 2: [(0.1, 0.49), (0.51, 0.9)]}[columns]:
        box = grey.crop((int(width * left), top, int(width * right), bottom)).getbbox()
        shares.append(1 - (box[3] if box else 0) / (bottom - top))
    return max(shares)


SEEDS = [5, *(pytest.param(seed, marks=pytest.mark.slow) for seed in (23, 24, 27))]


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize(
    ("columns", "printed"),
    [
        ("1", "false"),
        ("2", "true"),
        *(pytest.param(*case, marks=pytest.mark.slow) for case in (("1", "true"), ("2", "false"))),
    ],
)
def test_no_half_of_a_page_is_left_empty(publication: Publication, columns: str, printed: str, seed: int) -> None:
    publication.environ |= {
        "NEWSLETTER_PDF__COLUMNS": columns,
        "NEWSLETTER_PDF__PRINT_LINKS": printed,
        "NEWSLETTER_LAYOUT__HEADLINES": ("list", "above", "both")[seed % 3],
    }
    issue = _fill(publication, _Writer(Random(seed)))
    *whole, _last = render_pages(publication.context, issue, dots=30)
    assert len(whole) > 2
    # The tallest that is never broken is a picture below a headline.
    assert max(_measure_blank(page, int(columns)) for page in whole) < 0.45


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize(("columns", "paper"), [("1", "us-letter"), ("2", "a4")])
def test_no_word_is_lost_and_an_address_stays_with_its_link(
    publication: Publication, columns: str, paper: str, seed: int, tmp_path: Path
) -> None:
    publication.environ |= {
        "NEWSLETTER_PDF__COLUMNS": columns,
        "NEWSLETTER_PDF__PAPER": paper,
        "NEWSLETTER_PDF__PRINT_LINKS": "true",
    }
    writer = _Writer(Random(seed))
    pdf = render_pdf(publication.context, _fill(publication, writer))
    pages = [re.sub(r"[\s\u200b\u00ad]", "", page) for page in pdf_text(pdf, tmp_path).rstrip("\f").split("\f")]
    found = [int(number) for page in pages for number in re.findall(r"w(\d+)z", page)]
    assert set(found) == set(range(1, next(writer.words)))  # a table's header is there once more on each page
    for number in range(1, next(writer.links)):
        words = [at for at, page in enumerate(pages) if f"l{number}z" in page]
        addresses = [at for at, page in enumerate(pages) if f"n{number}z" in page]
        if words != addresses:  # in place, an address goes on as any words do
            assert f"l{number}z(https://" in pages[words[0]], number
            assert addresses == [words[0] + 1], number
