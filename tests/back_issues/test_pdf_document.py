"""PDFs: their words as paragraphs, headings and lists, each link on its words; and what can't be read, in one line."""

import io
from contextlib import suppress

import pytest
from pypdf import PdfReader, PdfWriter
from pypdf.annotations import Link
from pypdf.generic import ArrayObject, DecodedStreamObject, DictionaryObject, NameObject, NumberObject

from newsletter.back_issues.converted_text import UnreadableFile
from newsletter.back_issues.page_text.page_blocks import Run
from newsletter.back_issues.pdf import pdf_document
from newsletter.back_issues.pdf.pdf_document import convert_pdf, convert_pdf_apart
from newsletter.back_issues.pdf.pdf_lines import PdfLine
from newsletter.back_issues.pdf.pdf_paragraphs import make_blocks

_FONTS = {"F": "Helvetica", "B": "Helvetica-Bold", "I": "Helvetica-Oblique"}
Words = tuple[float, float, float, str, str]  # from the left, from the bottom, size, font, words


def write_pdf(
    *pages: list[Words], links: tuple[tuple[float, float, float, float, str], ...] = (), title: str = ""
) -> bytes:
    """Return a PDF with these words on its pages, and links on the first."""
    writer = PdfWriter()
    fonts = DictionaryObject()
    for name, font in _FONTS.items():
        fonts[NameObject(f"/{name}")] = DictionaryObject(
            {
                NameObject("/Type"): NameObject("/Font"),
                NameObject("/Subtype"): NameObject("/Type1"),
                NameObject("/BaseFont"): NameObject(f"/{font}"),
                NameObject("/Encoding"): DictionaryObject(
                    {
                        NameObject("/Type"): NameObject("/Encoding"),
                        NameObject("/BaseEncoding"): NameObject("/WinAnsiEncoding"),
                        NameObject("/Differences"): ArrayObject([NumberObject(1), NameObject("/fi")]),
                    }
                ),
            }
        )
    for words in pages:
        page = writer.add_blank_page(612, 792)
        page[NameObject("/Resources")] = DictionaryObject({NameObject("/Font"): fonts})
        stream = DecodedStreamObject()
        stream.set_data(
            "".join(f"BT /{font} {size} Tf {x} {y} Td ({text}) Tj ET\n" for x, y, size, font, text in words).encode(
                "cp1252"
            )
        )
        page[NameObject("/Contents")] = writer._add_object(stream)
    for left, bottom, right, top, address in links:
        writer.add_annotation(0, Link(rect=(left, bottom, right, top), url=address))
    if title:
        writer.add_metadata({"/Title": title})
    file = io.BytesIO()
    writer.write(file)
    return file.getvalue()


def test_headings_paragraphs_and_lists() -> None:
    pdf = write_pdf(
        [
            (72, 720, 24, "F", "The Digest"),
            (72, 690, 11, "F", "A word that is bro-"),
            (72, 677, 11, "F", "ken, and a well-"),
            (72, 664, 11, "F", "known one; also well-known."),
            (72, 630, 11, "B", "HEADLINES"),
            (72, 610, 11, "F", "• First, which is as long as it"),
            (84, 597, 11, "F", "goes on"),
            (72, 584, 11, "F", "• Second * one"),
            (72, 564, 11, "B", "Details"),
            (72, 544, 11, "F", "1. One"),
            (72, 531, 11, "F", "2. Two"),
            (87, 511, 11, "F", "A paragraph of two."),
        ],
        title="Issue 4",
    )

    converted = convert_pdf(pdf)

    assert converted.title == "Issue 4"
    assert converted.markdown == (
        "# The Digest\n\nA word that is broken, and a well-known one; also well-known.\n\n## HEADLINES\n\n"
        "- First, which is as long as it goes on\n"
        "- Second * one\n\n### Details\n\n1. One\n2. Two\n\n   A paragraph of two.\n"
    )


def test_links_lie_on_words_within_a_line() -> None:
    """One piece of text holds words with a link and without, as browsers and Word write them."""
    line = "The ministry counts exports of three billion dollars, twice as many as ever before."
    pdf = write_pdf(
        [(72, 700, 11, "F", line), (72, 687, 11, "F", "Nobody knew.")],
        links=(
            (94, 697, 132, 710, "https://example.org/ministry"),
            (170, 697, 206.5, 710, "https://example.org/exports"),
            (72, 684, 111, 697, "javascript:alert(1)"),
        ),
    )

    assert convert_pdf(pdf).markdown == (
        "The [ministry](https://example.org/ministry) counts [exports](https://example.org/exports) of three billion "
        "dollars, twice as many as ever before. Nobody knew.\n"
    )


def test_running_heads_and_page_numbers_go_and_paragraphs_go_on() -> None:
    pages = [
        [
            (72.0, 760.0, 9.0, "F", "The Digest, Vol. 2"),
            (72.0, 700.0, 11.0, "F", f"Page {number} says what"),
            (72.0, 687.0, 11.0, "F", "goes on over"),
            (300.0, 30.0, 9.0, "F", f"- {number} -"),
        ]
        for number in (1, 2, 3)
    ]

    assert convert_pdf(write_pdf(*pages)).markdown == (
        "Page 1 says what goes on over Page 2 says what goes on over Page 3 says what goes on over\n"
    )


def test_columns_are_read_one_after_the_other() -> None:
    left = [(72.0, 700.0 - 13 * line, 11.0, "F", f"left {line}") for line in range(3)]
    right = [(320.0, 700.0 - 13 * line, 11.0, "F", f"right {line}") for line in range(3)]

    assert convert_pdf(write_pdf([*left, *right])).markdown == "left 0 left 1 left 2 right 0 right 1 right 2\n"


def test_bold_and_slanted_words_and_raised_marks() -> None:
    pdf = write_pdf(
        [
            (72, 700, 11, "F", "Some "),
            (103, 700, 11, "B", "strong"),
            (140, 700, 11, "F", " and "),
            (163, 700, 11, "I", "slanted"),
            (198.5, 704, 6, "F", "2"),
            (204.5, 700, 11, "F", "words."),
        ]
    )

    assert convert_pdf(pdf).markdown == "Some **strong** and *slanted*^2^ words.\n"


def _encrypt(pdf: bytes, password: str) -> bytes:
    writer = PdfWriter(PdfReader(io.BytesIO(pdf)))
    writer.encrypt(password, "owner", algorithm="AES-256")
    file = io.BytesIO()
    writer.write(file)
    return file.getvalue()


_WORDS = write_pdf([(72, 700, 11, "F", "Words")])


def test_a_pdf_that_anyone_may_open_is_read() -> None:
    assert convert_pdf(_encrypt(_WORDS, "")).markdown == "Words\n"


@pytest.mark.parametrize(
    ("pdf", "message"),
    [
        (write_pdf([]), "no text: its pages are pictures"),
        (_encrypt(_WORDS, "secret"), "encrypted"),
        (b"%PDF-1.7\n", "damaged"),
        (b"%PDF-1.7\n" + b"1 0 obj <<" * 500, "damaged"),
        (_WORDS[: len(_WORDS) // 3], "damaged"),
        (write_pdf(*[[]] * 201), "201 pages; 200 are the most"),
    ],
    ids=["scanned", "encrypted", "empty", "objects", "cut", "pages"],
)
def test_what_can_not_be_read_is_one_line(pdf: bytes, message: str) -> None:
    with pytest.raises(UnreadableFile, match=message) as caught:
        convert_pdf(pdf)

    assert "\n" not in caught.value.message


def test_damage_within_never_gets_out() -> None:
    """Each tenth byte changed in turn gives words or one line; nothing else."""
    for place in range(0, len(_WORDS), 10):
        damaged = _WORDS[:place] + bytes([_WORDS[place] ^ 0x15]) + _WORDS[place + 1 :]
        with suppress(UnreadableFile):
            convert_pdf(damaged)


def _draw_forms(depth: int, width: int, *, in_itself: bool = False) -> bytes:
    """Return a PDF whose page draws a form that draws others, each of which draws others."""
    writer = PdfWriter()
    page = writer.add_blank_page(612, 792)
    inner = None
    for _ in range(depth):
        stream = DecodedStreamObject()
        stream.set_data(b"/X Do " * width)
        stream[NameObject("/Type")] = NameObject("/XObject")
        stream[NameObject("/Subtype")] = NameObject("/Form")
        reference = writer._add_object(stream)
        target = reference if in_itself else inner
        if target is not None:
            stream[NameObject("/Resources")] = DictionaryObject(
                {NameObject("/XObject"): DictionaryObject({NameObject("/X"): target})}
            )
        inner = reference
    page[NameObject("/Resources")] = DictionaryObject(
        {NameObject("/XObject"): DictionaryObject({NameObject("/X"): inner})}  # type: ignore[dict-item]  # depth is > 0
    )
    stream = DecodedStreamObject()
    stream.set_data(b"/X Do")
    page[NameObject("/Contents")] = writer._add_object(stream)
    file = io.BytesIO()
    writer.write(file)
    return file.getvalue()


@pytest.mark.parametrize(
    "pdf", [_draw_forms(8, 10), _draw_forms(1, 3, in_itself=True)], ids=["forms", "a form in itself"]
)
def test_what_draws_without_end_is_one_line(pdf: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pdf_document, "MOST_OPERATORS", 2000)

    with pytest.raises(UnreadableFile):
        convert_pdf(pdf)


def test_a_line_that_leaves_room_for_the_next_word_ends_its_paragraph() -> None:
    """Bullets that are drawn, as browsers print them, are no text."""
    pdf = write_pdf(
        [
            (72, 700, 11, "F", "Ports are busy again, and nobody knows why that is so"),
            (72, 687, 11, "F", "or how."),
            (72, 674, 11, "F", "Two"),
        ]
    )

    assert convert_pdf(pdf).markdown == "Ports are busy again, and nobody knows why that is so or how.\n\nTwo\n"


def test_ligatures_are_letters() -> None:
    """Fonts draw f and i as one sign, which nobody finds who looks for the word."""
    assert (
        convert_pdf(write_pdf([(72, 700, 11, "F", "The port \\001nes ships.")])).markdown == "The port fines ships.\n"
    )


@pytest.mark.parametrize(
    ("head", "foot"),
    [
        ("11/30/26, 12:24 PM", "https://example.org/digest/2-9 1/1"),
        ("30.11.2026, 12:24", "file:///C:/digest.html 1/1"),
        ("11/30/26, 12:24 PM Digest 2.9", "https://example.org/digest/2-9"),
    ],
)
def test_what_a_browser_prints_around_a_page_is_no_text(head: str, foot: str) -> None:
    """A page alone has nothing to compare its margins with."""
    words: list[Words] = [
        (72, 700, 11, "F", "The ferry sails on 11/30/26, 12:24 PM."),
        (72, 660, 11, "F", "It is late."),
    ]
    pdf = write_pdf([*words, (24, 770, 8, "F", head), (24, 16, 8, "F", foot)])
    assert convert_pdf(pdf).markdown == "The ferry sails on 11/30/26, 12:24 PM.\n\nIt is late.\n"


@pytest.mark.parametrize("title", ["digest.html", "Microsoft Word - Digest 2.9", "file:///C:/x/Digest%202.9.html"])
def test_a_title_that_is_a_file_name_is_none(title: str) -> None:
    assert convert_pdf(write_pdf([(72, 700, 11, "F", "Words.")], title=title)).title is None


@pytest.mark.parametrize(
    ("first", "second", "joined"),
    [("「次", "世代」", "「次世代」"), ("次", "generation", "次 generation"), ("다음", "세대", "다음 세대")],
)
def test_a_line_end_between_japanese_letters_is_no_space(first: str, second: str, joined: str) -> None:
    lines = [PdfLine(0, 72, y, 11, [Run(words)], is_outer=False, end=500) for y, words in ((700, first), (687, second))]
    [block] = make_blocks(lines)
    assert block.words == joined


def test_a_headline_that_goes_on_below_its_number_is_one() -> None:
    """Lines that are balanced leave room for the next word."""
    words: list[Words] = [
        (72, 700, 11, "B", "1. A headline that is as wide as the column is, from here to there"),
        (72, 686, 11, "B", "2. Another, with a bet on"),
        (87, 672, 11, "B", "AI and fusion"),
        (72, 658, 11, "B", "3. The last"),
        (72, 620, 11, "F", "A paragraph of the text, which is in another weight, and quite long."),
    ]
    assert convert_pdf(write_pdf(words)).markdown == (
        "1. **A headline that is as wide as the column is, from here to there**\n"
        "2. **Another, with a bet on AI and fusion**\n3. **The last**\n\n"
        "A paragraph of the text, which is in another weight, and quite long.\n"
    )


@pytest.mark.slow
def test_a_pdf_that_keeps_its_reader_busy_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    """A string of millions of characters packs into some kilobytes, and each of them is placed on its own."""
    monkeypatch.setattr(pdf_document, "MOST_SECONDS", 1)
    writer = PdfWriter(clone_from=io.BytesIO(_WORDS))
    stream = DecodedStreamObject()
    stream.set_data(b"BT /F 12 Tf <" + b"41" * 20_000_000 + b"> Tj ET")
    writer.pages[0][NameObject("/Contents")] = writer._add_object(stream.flate_encode())
    file = io.BytesIO()
    writer.write(file)

    with pytest.raises(UnreadableFile, match="more time or memory"):
        convert_pdf_apart(file.getvalue())


def test_a_pdf_is_read_apart_as_it_is_here() -> None:
    assert convert_pdf_apart(_WORDS) == convert_pdf(_WORDS)
