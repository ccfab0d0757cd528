"""Pages that browsers have saved, in each of their forms."""

import plistlib
import quopri
from pathlib import Path

import pytest

from newsletter.articles import Article, UnreadableArticle
from newsletter.articles.saved_page import LARGEST, read_saved_page

_NEWS = (Path(__file__).parent / "pages/news.html").read_bytes()
_TITLE = "Ferry ministers sign harbor accord"
# A page that names no address of its own.
_PLAIN = "<title>Boats – back</title><h1>Boats – back</h1><p>By Jane Doe</p>"


def save(folder: Path, data: bytes) -> Article:
    path = folder / "page.html"
    path.write_bytes(data)
    return read_saved_page(path)


def test_a_page_with_the_comment_of_the_browser_that_saved_it(tmp_path: Path) -> None:
    comment = b"<!-- saved from url=(0043)https://example.org/boats?utm_source=x&id=7 -->\n"
    article = save(tmp_path, b"<!DOCTYPE html>\n" + comment + _PLAIN.encode())
    assert (article.title, article.address, article.outlet) == (
        "Boats – back",
        "https://example.org/boats?id=7",
        "example.org",
    )
    single_file = b"<!DOCTYPE html><html><!--\n Page saved with SingleFile \n url: https://example.org/boats \n-->"
    assert save(tmp_path, single_file + _PLAIN.encode()).address == "https://example.org/boats"


def test_a_page_that_does_not_say_where_it_is_from(tmp_path: Path) -> None:
    assert save(tmp_path, _PLAIN.encode()) == Article(title="Boats – back", authors=("Jane Doe",))


@pytest.mark.parametrize("located", ["Snapshot-Content-Location", "X-Nothing"])
def test_a_single_file_of_chrome(tmp_path: Path, located: str) -> None:
    body = quopri.encodestring(_PLAIN.encode("cp1252")).decode()
    archive = (
        "From: <Saved by Blink>\r\n"
        f"{located}: https://example.org/boats\r\n"
        'Subject: x\r\nMIME-Version: 1.0\r\nContent-Type: multipart/related; type="text/html"; boundary="b"\r\n\r\n'
        "--b\r\nContent-Type: image/png\r\n\r\nx\r\n"
        "--b\r\nContent-Type: text/html; charset=windows-1252\r\nContent-Transfer-Encoding: quoted-printable\r\n"
        f"Content-Location: https://example.org/boats\r\n\r\n{body}\r\n--b--\r\n"
    )
    article = save(tmp_path, archive.encode())
    assert (article.title, article.address) == ("Boats – back", "https://example.org/boats")


@pytest.mark.parametrize("form", [plistlib.FMT_BINARY, plistlib.FMT_XML])
def test_a_web_archive_of_safari(tmp_path: Path, form: plistlib.PlistFormat) -> None:
    page = {
        "WebResourceData": _PLAIN.encode("cp1252"),
        "WebResourceURL": "https://example.org/boats",
        "WebResourceTextEncodingName": "windows-1252",
    }
    article = save(tmp_path, plistlib.dumps({"WebMainResource": page}, fmt=form))
    assert (article.title, article.address) == ("Boats – back", "https://example.org/boats")


def test_a_page_is_known_whatever_its_file_is_called(tmp_path: Path) -> None:
    path = tmp_path / "picture.png"
    path.write_bytes(b"\n\n" + _NEWS)
    assert read_saved_page(path).title == _TITLE


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "The file is empty"),
        (b" \n", "The file is empty"),
        (b"\x89PNG\r\n\x1a\n\0\0", "no web page and no PDF"),
        (b"just words", "no web page and no PDF"),
        (b"bplist00\xff\xff\xff", "archive is damaged"),
        (b'<?xml version="1.0"?><!DOCTYPE plist [<!ENTITY a "b">]><plist>&a;</plist>', "archive is damaged"),
        (b"MIME-Version: 1.0\r\nContent-Type: multipart/related; boundary=b\r\n\r\n--b--", "no page in this"),
        (b"%PDF-1.4 nothing", "PDF is damaged"),
    ],
)  # fmt: skip
def test_what_is_no_page_is_told(tmp_path: Path, data: bytes, words: str) -> None:
    with pytest.raises(UnreadableArticle, match=words) as refused:
        save(tmp_path, data)
    assert refused.value.next_step


def test_a_file_without_measure_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "page.html"
    with path.open("wb") as file:
        file.truncate(LARGEST + 1)  # of holes: it takes no room
    with pytest.raises(UnreadableArticle, match="which no article has"):
        read_saved_page(path)
