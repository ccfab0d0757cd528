"""Word documents: what a reader sees in Word, as Markdown; and what is no Word document, in one line."""

import io
import zipfile
import zlib
from collections.abc import Callable
from typing import Any

import docx
import pytest
from docx.oxml import parse_xml
from docx.oxml.ns import nsdecls
from docx.shared import Inches
from PIL import Image
from word_links import add_link

from newsletter.back_issues.converted_text import ConvertedText, UnreadableFile
from newsletter.back_issues.word_document import convert_word_document


def save(document: Any) -> bytes:
    file = io.BytesIO()
    document.save(file)
    return file.getvalue()


def convert(write: Callable[[Any], None]) -> ConvertedText:
    document = docx.Document()
    write(document)
    return convert_word_document(save(document))


def test_a_digest() -> None:
    def write(document: Any) -> None:
        document.core_properties.title = "Issue & 4"
        document.add_heading("Pacific Digest", 0)
        document.add_heading("Headlines", 1)
        document.add_paragraph("“Chips” – first", style="List Bullet")
        document.add_paragraph("Cables", style="List Bullet")
        document.add_paragraph("within", style="List Bullet 2")
        document.add_heading("Details", 1)
        paragraph = document.add_paragraph("The ", style="List Number")
        add_link(paragraph, "ministry", "https://example.org/a?b=1&c=2")
        paragraph.add_run(" said ")
        paragraph.add_run("so").bold = True
        paragraph.add_run(" twice").italic = True
        document.add_paragraph("Second * one", style="List Number")
        document.add_paragraph("Somebody's words.", style="Intense Quote")

    converted = convert(write)

    assert converted.title == "Issue & 4"
    assert converted.markdown == (
        "# Pacific Digest\n\n# Headlines\n\n- “Chips” – first\n- Cables\n  - within\n\n# Details\n\n"
        "1. The [ministry](https://example.org/a?b=1&c=2) said **so** *twice*\n2. Second * one\n\n> Somebody's words.\n"
    )
    assert converted.notes == ()


def test_bold_lines_are_headings_below_those_that_there_are() -> None:
    def write(document: Any) -> None:
        document.add_heading("Issue", 1)
        document.add_paragraph().add_run("Economy").bold = True
        document.add_paragraph("Words.")
        document.add_paragraph().add_run("A bold sentence ends here.").bold = True
        document.add_paragraph("• typed\n• bullets")

    assert (
        convert(write).markdown
        == "# Issue\n\n## Economy\n\nWords.\n\n**A bold sentence ends here.**\n\n- typed\n- bullets\n"
    )


def test_tables_and_pictures() -> None:
    picture = io.BytesIO()
    Image.new("RGB", (300, 200)).save(picture, "png")

    def write(document: Any) -> None:
        table = document.add_table(rows=2, cols=2)
        for number, cell in enumerate(("Year", "Sum", "2022", "$2.9 | billion")):
            table.cell(number // 2, number % 2).text = cell
        document.add_picture(picture, width=Inches(2))

    converted = convert(write)

    assert converted.markdown == ("| Year | Sum |\n| --- | --- |\n| 2022 | $2.9 \\| billion |\n\n![](picture-1.png)\n")
    assert converted.pictures[0].data == picture.getvalue()


_NOTES = f"""<w:footnotes {nsdecls("w")}><w:footnote w:id="2"><w:p><w:r><w:t>The note.</w:t></w:r></w:p></w:footnote>
</w:footnotes>"""


def rewrite(data: bytes, changes: dict[str, Callable[[str], str]], added: dict[str, str]) -> bytes:
    """Change parts of a document that python-docx can't write."""
    file = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            text = old.read(name)
            new.writestr(name, changes[name](text.decode()) if name in changes else text)
        for name, words in added.items():
            new.writestr(name, words)
    return file.getvalue()


def test_footnotes_tracked_changes_comments_and_text_boxes() -> None:
    document = docx.Document()
    paragraph = document.add_paragraph("Words")
    paragraph._p.append(parse_xml(f'<w:r {nsdecls("w")}><w:footnoteReference w:id="2"/></w:r>'))
    for xml in (
        '<w:ins {0} w:id="1" w:author="a"><w:r><w:t> added</w:t></w:r></w:ins>',
        '<w:del {0} w:id="3" w:author="a"><w:r><w:delText> taken</w:delText></w:r></w:del>',
        '<w:r {0}><w:commentReference w:id="0"/></w:r>',
        "<w:r {0}><w:pict><v:shape xmlns:v='urn:schemas-microsoft-com:vml'><v:textbox><w:txbxContent><w:p><w:r>"
        "<w:t>boxed</w:t></w:r></w:p></w:txbxContent></v:textbox></v:shape></w:pict></w:r>",
    ):
        paragraph._p.append(parse_xml(xml.format(nsdecls("w"))))
    document.add_heading("Next", 1)
    document.add_paragraph("x")
    relation = (
        '<Relationship Id="rId99" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/footnotes" '
        'Target="footnotes.xml"/></Relationships>'
    )
    kind = (
        '<Override PartName="/word/footnotes.xml" ContentType="application/vnd.openxmlformats-officedocument.'
        'wordprocessingml.footnotes+xml"/></Types>'
    )
    data = rewrite(
        save(document),
        {
            "word/_rels/document.xml.rels": lambda text: text.replace("</Relationships>", relation),
            "[Content_Types].xml": lambda text: text.replace("</Types>", kind),
        },
        {"word/footnotes.xml": _NOTES},
    )

    converted = convert_word_document(data)

    assert converted.markdown == "Words[^1] added\n\nboxed\n\n[^1]: The note.\n\n# Next\n\nx\n"
    assert [note.split(":")[0].split(",")[0] for note in converted.notes] == [
        "The document has tracked changes",
        "The document has comments",
        "The document has text boxes",
    ]


def write_package(parts: dict[str, bytes]) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as package:
        for name, data in parts.items():
            package.writestr(name, data)
    return file.getvalue()


def encrypt(data: bytes) -> bytes:
    """Set the flag of encryption of each part, in its header and in the directory."""
    changed = bytearray(data)
    for signature, place in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        at = changed.find(signature)
        while at >= 0:
            changed[at + place] |= 1
            at = changed.find(signature, at + 4)
    return bytes(changed)


_XML = b"<w:document xmlns:w='http://schemas.openxmlformats.org/wordprocessingml/2006/main'>%s</w:document>"
_BOMB = b"<!DOCTYPE x [<!ENTITY a 'aaaa'><!ENTITY b '&a;&a;'>]>" + _XML % b"<w:body/>"
_EMPTY = save(docx.Document())


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"PK\x03\x04 cut short", "damaged"),
        (_EMPTY[: len(_EMPTY) // 2], "damaged"),
        (write_package({"word/document.xml": b"no XML"}), "damaged"),
        (write_package({"word/document.xml": _XML % (b"<w:p>" * 20_000 + b"</w:p>" * 20_000)}), "damaged"),
        (write_package({"content.xml": b"x"}), "OpenDocument"),
        (write_package({"xl/workbook.xml": b"x"}), "spreadsheet"),
        (write_package({"a.txt": b"x"}), "not a Word document"),
        (write_package({"word/document.xml": b" " * 31_000_000}), "too much"),
        (write_package({"word/document.xml": _XML, "word/media/a.png": b"\0" * 101_000_000}), "too much"),
        (write_package({"word/document.xml": _XML, **{f"{n}": b"" for n in range(5001)}}), "too much"),
        (write_package({"word/document.xml": _BOMB}), "entities"),
        (encrypt(_EMPTY), "encrypted"),
        (_EMPTY, "no text"),
    ],
    ids=[
        "cut",
        "half",
        "no XML",
        "deep",
        "odt",
        "xlsx",
        "zip",
        "bomb",
        "pictures",
        "parts",
        "entities",
        "secret",
        "empty",
    ],
)
def test_what_is_no_word_document_is_one_line(data: bytes, message: str) -> None:
    with pytest.raises(UnreadableFile, match=message) as caught:
        convert_word_document(data)

    assert "\n" not in caught.value.message


def test_a_size_that_lies_unpacks_no_more_than_the_most(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("newsletter.back_issues.word_document._MOST_XML", 1000)
    packed = zlib.compressobj(wbits=-15)
    body = packed.compress(b" " * 50_000) + packed.flush()
    data = write_package({"word/document.xml": b"x" * 900})
    # The directory goes on saying 900, the data are others.
    assert len(body) < len(data)
    with pytest.raises(UnreadableFile):
        convert_word_document(data.replace(b"word/document.xml", b"word/document.xmk", 1))
