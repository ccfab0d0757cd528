"""Files of each kind that are damaged, empty, too large or of another kind than their names say: a line for each."""

import io
import itertools
import zipfile
from pathlib import Path

import docx
import pytest
import typst
from conftest import Publication, copy_sample

from newsletter.actions.import_back_issues import import_back_issues
from newsletter.errors import NewsletterError
from newsletter.publication import OpenPublication

ENDINGS = ("md", "txt", "html", "eml", "docx", "pdf")
_BINARY = bytes(number * 7919 % 251 for number in range(4000))
_MAIL = b"Received: by mx.example.org\r\nFrom: ada@example.org\r\nSubject: 2.11\r\n\r\nHeadlines:\r\n- x\r\n"
_PAGE = b"\xef\xbb\xbf\n<!-- saved from url=(0020)https://example.org/ -->\n<!DOCTYPE html><p>Vol. 2.11, June 15, 2023"


def _make_word_document() -> bytes:
    file, document = io.BytesIO(), docx.Document()
    document.add_paragraph("Vol. 2.11, June 15, 2023")
    document.save(file)
    return file.getvalue()


def _make_archive() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("photo.jpg", "x")
    return file.getvalue()


_WORD = _make_word_document()
_PDF = typst.compile(b"Vol. 2.11, June 15, 2023")
# What a file is, beside what is said where its name says something else, and which names say something else.
CONTENTS = {
    "a PDF": (_PDF, "The file is a PDF, whatever its name says. Rename it to end in .pdf.", {"pdf"}),
    "half a PDF": (_PDF[: len(_PDF) // 2], "The file is a PDF, whatever its name says.", {"pdf"}),
    "a Word document": (
        _WORD, "The file is a Word document, whatever its name says. Rename it to end in .docx.", {"docx"}),
    "an archive": (_make_archive(), "The file is an archive (.zip, .odt), whatever its name says. Open", {"docx"}),
    "a mail": (_MAIL, "The file is a saved mail, whatever its name says. Rename it to end in .eml.", {"eml"}),
    "a page": (
        _PAGE, "The file is a web page, whatever its name says. Rename it to end in .html.", {"html", "md", "txt"}),
    "a picture": (b"\x89PNG\r\n\x1a\n" + _BINARY, "The file is a picture, whatever its name says. Open it", set()),
    "no text": (_BINARY, "whatever its name says", set()),
}  # fmt: skip
DAMAGED = {
    "html": (b"\0\x01\x02" * 99, "This is not a web page, whatever its name says."),
    "eml": (b"Subject: 2.11\r\nContent-Type: multipart/mixed; bou", "The mail has no text"),
    "docx": (_WORD[: len(_WORD) // 2], "The Word document is damaged: it can't be unpacked."),
    "pdf": (_PDF[: len(_PDF) // 2], "The PDF is damaged: it can't be read."),
    "md": (b"# Digest\n" + b"\0\xff\x01" * 99, "This is not a text file, whatever its name says."),
    "txt": (b"Caf\x81\x8d\x8f\n" * 9, "Its characters can't be read"),
}
_MOST = {"md": "4 MB", "txt": "4 MB"}


@pytest.fixture(scope="module")
def digest(tmp_path_factory: pytest.TempPathFactory) -> Publication:
    return copy_sample(tmp_path_factory.mktemp("mistaken") / "digest")


def _refuse(digest: Publication, path: Path) -> str:
    """Require that a file becomes no draft, and return the line that says why."""
    before = sorted(digest.root.rglob("*"))
    with OpenPublication.open(digest.root, digest.environ) as publication:
        (imported,) = import_back_issues(publication, [path])
    assert isinstance(imported.error, NewsletterError)
    said = f"{imported.error.message} {imported.error.next_step}".strip()
    assert said.isprintable()
    assert sorted(digest.root.rglob("*")) == before
    return said


@pytest.mark.parametrize(
    ("what", "ending"),
    [each for each in itertools.product(CONTENTS, ENDINGS) if each[1] not in CONTENTS[each[0]][2]],
)
def test_a_file_of_another_kind_is_named(digest: Publication, tmp_path: Path, what: str, ending: str) -> None:
    data, words, _ = CONTENTS[what]
    path = tmp_path / f"2.11.{ending}"
    path.write_bytes(data)
    assert words in _refuse(digest, path)


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("state", ["damaged", "empty", "blank", "of 50 MB", "of the most and a byte"])
def test_what_is_wrong_with_a_file_is_said(digest: Publication, tmp_path: Path, ending: str, state: str) -> None:
    path = tmp_path / f"2.11.{ending}"
    most = _MOST.get(ending, "40 MB")
    data, words = {
        "damaged": DAMAGED[ending],
        "empty": (b"", "The file is empty."),
        "blank": (b"\xef\xbb\xbf \r\n\n", "The file is empty."),
        "of 50 MB": (b"", f"The file has 50 MB; {most} are the most."),
        "of the most and a byte": (b"", f"; {most} are the most."),
    }[state]
    path.write_bytes(data)
    if state.startswith("of "):
        with path.open("wb") as file:
            file.truncate(50_000_000 if state == "of 50 MB" else int(most.split()[0]) * 1_000_000 + 1)
    assert words in _refuse(digest, path)


@pytest.mark.parametrize("name", ["2.11.yaml", "2.11.yml"])
@pytest.mark.parametrize("leads_nowhere", [False, True])
def test_a_draft_that_is_there_is_kept(digest: Publication, tmp_path: Path, name: str, leads_nowhere: bool) -> None:
    file, draft = tmp_path / "old.md", digest.root / "drafts" / name
    file.write_text("Vol. 2.11, June 15, 2023\n\nHeadlines:\n- One\n\nDetails:\n- The one.\n")
    try:
        if leads_nowhere:
            draft.symlink_to(digest.root / "elsewhere.yaml")
        else:
            draft.write_text("precious")
        assert f"{name}' is there already, and was not changed." in _refuse(digest, file)
        assert leads_nowhere or draft.read_text() == "precious"
    finally:
        draft.unlink()
