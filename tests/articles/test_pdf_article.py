"""PDFs whose metadata or first page can't be trusted."""

from io import BytesIO

import pytest
import typst
from pypdf import PdfReader, PdfWriter
from pypdf.generic import DictionaryObject, IndirectObject, NameObject, StreamObject

from newsletter.articles import UnreadableArticle, pdf_article
from newsletter.articles.pdf_article import read_pdf_article, read_pdf_article_apart

_PAGE = "#text(24pt)[Eleven harbors: a report]\n\n" + "#lorem(60)"


def write_pdf(title: str = "", author: str = "", *, more_code: int = 0, password: str = "") -> bytes:
    """Return a PDF with these metadata, its first page followed by so many octets of code that set nothing."""
    writer = PdfWriter(clone_from=PdfReader(BytesIO(typst.compile(_PAGE.encode()))))
    writer.add_metadata({"/Title": title, "/Author": author})
    if more_code:
        code = StreamObject()
        code.set_data(writer.pages[0].get_contents().get_data() + b"\nq Q" * (more_code // 4))
        writer.pages[0][NameObject("/Contents")] = writer._add_object(code.flate_encode())
    if password:
        writer.encrypt(password)
    file = BytesIO()
    writer.write(file)
    return file.getvalue()


@pytest.mark.parametrize(
    "title",
    ["", "Microsoft Word - x.docx", "Untitled", "report_final_v2", "Slide 1", "a.indd", "\ufffd\ufffd words", "1 2 3"],
)  # fmt: skip
def test_what_is_no_title_gives_way_to_the_first_page(title: str) -> None:
    assert read_pdf_article(write_pdf(title), None).title == "Eleven harbors: a report"


@pytest.mark.parametrize(
    ("author", "authors"),
    [("jdoe", ()), ("Jane Doe; John Roe", ("Jane Doe", "John Roe")), ("Doe, Jane", ("Jane Doe",)), ("admin", ())],
)  # fmt: skip
def test_the_name_of_an_account_is_no_author(author: str, authors: tuple[str, ...]) -> None:
    assert read_pdf_article(write_pdf("Harbors and their cost", author), "https://example.org/a.pdf").authors == authors


def test_a_page_of_endless_code_is_not_looked_at() -> None:
    assert (
        read_pdf_article(write_pdf("Harbors and their cost", more_code=1_200_000), None).title
        == "Harbors and their cost"
    )
    with pytest.raises(UnreadableArticle, match="names no title"):
        read_pdf_article(write_pdf(more_code=1_200_000), None)


def test_a_title_is_cleaned_of_what_a_terminal_obeys() -> None:
    assert read_pdf_article(write_pdf("Harbors \x1b[2J\u202eand their cost"), None).title == "Harbors and their cost"


def test_a_locked_pdf_is_told() -> None:
    with pytest.raises(UnreadableArticle, match="damaged, locked") as refused:
        read_pdf_article(write_pdf("Harbors and their cost", password="secret"), None)
    assert "write the link yourself" in refused.value.next_step


@pytest.mark.slow
def test_a_pdf_that_keeps_its_reader_busy_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pdf_article, "MOST_SECONDS", 2)
    writer = PdfWriter(clone_from=BytesIO(write_pdf()))
    code = StreamObject()
    code.set_data(b"/X Do " * 4000)
    page = writer.pages[0]
    page[NameObject("/Contents")] = writer._add_object(code)
    resources = page["/Resources"].get_object()
    assert isinstance(resources, DictionaryObject)
    form = _add_form(writer, DictionaryObject({NameObject("/Font"): resources["/Font"]}))
    resources[NameObject("/XObject")] = DictionaryObject({NameObject("/X"): form})
    file = BytesIO()
    writer.write(file)
    with pytest.raises(UnreadableArticle, match="more time or memory"):
        read_pdf_article_apart(file.getvalue(), None)


def _add_form(writer: PdfWriter, resources: DictionaryObject) -> IndirectObject:
    """Return a form that sets nothing in a million steps."""
    form = StreamObject()
    form.set_data(b"q Q " * 500_000)
    form[NameObject("/Type")] = NameObject("/XObject")
    form[NameObject("/Subtype")] = NameObject("/Form")
    form[NameObject("/Resources")] = resources
    return writer._add_object(form)
