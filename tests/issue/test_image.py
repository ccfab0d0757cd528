"""Pictures that no edition could carry are refused with the draft's line, before anything is built."""

import unicodedata
import zlib
from pathlib import Path
from struct import pack
from typing import Literal

import pytest
from conftest import ROOT
from PIL import Image
from PIL.JpegImagePlugin import JpegImageFile

from newsletter.issue.draft import read_draft
from newsletter.issue.image import MAX_PIXELS

_Form = Literal["NFC", "NFD"]
DRAFT = """\
volume: 2
number: 1
date: 2023-01-02
items:
  - headline: One
    detail: Text
image:
  file: "{}"
  alt: x
"""


def _problems(folder: Path, name: str) -> list[tuple[str, int, int]]:
    path = folder / "2.1.yaml"
    path.write_text(DRAFT.format(name))
    draft = read_draft(path)
    assert (draft.issue is None) == bool(draft.problems)
    return [(problem.code, problem.line, problem.column) for problem in draft.problems]


def _blank_png(path: Path, width: int, height: int) -> None:
    """Return a picture of any size in a few kilobytes, as an attacker would make it."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return pack(">I", len(data)) + kind + data + pack(">I", zlib.crc32(kind + data))

    packer = zlib.compressobj(9)
    rows = b"".join(packer.compress(bytes(1 + (width + 7) // 8)) for _ in range(height)) + packer.flush()
    header = pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b""))


@pytest.mark.parametrize("name", ["lead #1.jpg", "100%25.jpg", "http:x.jpg", "a.svg", "x" * 300 + ".jpg", "2.1.html"])
def test_a_picture_has_a_plain_name(tmp_path: Path, name: str) -> None:
    assert _problems(tmp_path, name) == [("image-file", 8, 9)]


@pytest.mark.parametrize("name", ["../lead.jpg", "/etc/passwd", "/etc/lead.jpg", "sub/lead.jpg", "a/../b.png"])
def test_a_path_out_of_the_folder_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / "lead.jpg").write_bytes((ROOT / "drafts/2.10-lead.jpg").read_bytes())
    folder = tmp_path / "drafts"
    (folder / "sub").mkdir(parents=True)
    (folder / "sub" / "lead.jpg").write_bytes((ROOT / "drafts/2.10-lead.jpg").read_bytes())
    assert _problems(folder, name) == [("image-file", 8, 9)]


def test_a_symbolic_link_is_refused(tmp_path: Path) -> None:
    (tmp_path / "lead.jpg").write_bytes((ROOT / "drafts/2.10-lead.jpg").read_bytes())
    folder = tmp_path / "drafts"
    folder.mkdir()
    (folder / "link.jpg").symlink_to(tmp_path / "lead.jpg")
    assert _problems(folder, "link.jpg") == [("image-link", 8, 9)]


@pytest.mark.slow
def test_forty_megapixels_are_refused_before_they_are_decoded(tmp_path: Path) -> None:
    _blank_png(tmp_path / "a.png", 7300, 5480)
    assert _problems(tmp_path, "a.png") == [("image-size", 8, 9)]
    _blank_png(tmp_path / "b.png", 60_000, 60_000)  # a bomb: 3,600 megapixels in half a megabyte
    assert _problems(tmp_path, "b.png") == [("image-size", 8, 9)]
    _blank_png(tmp_path / "d.png", 20, 16_001)
    assert _problems(tmp_path, "d.png") == [("image-size", 8, 9)]
    _blank_png(tmp_path / "c.png", 6000, MAX_PIXELS // 6000)
    assert _problems(tmp_path, "c.png") == []


@pytest.mark.parametrize("share", [0.1, 0.5, 0.98])
@pytest.mark.parametrize("kind", ["jpg", "png", "webp"])
def test_a_truncated_picture_is_refused(tmp_path: Path, kind: str, share: float) -> None:
    with Image.open(ROOT / "drafts/2.10-lead.jpg") as picture:
        picture.save(tmp_path / f"whole.{kind}")
    data = (tmp_path / f"whole.{kind}").read_bytes()
    (tmp_path / f"half.{kind}").write_bytes(data[: int(len(data) * share)])
    assert _problems(tmp_path, f"whole.{kind}") == []
    assert _problems(tmp_path, f"half.{kind}") == [("image-broken", 8, 9)]


@pytest.mark.parametrize(
    "content",
    [
        b"not a picture",
        b"",
        b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>',
        b"GIF89a\x01\x00\x01\x00\x00\x00\x00;",
        b"%PDF-1.7",
    ],
)
@pytest.mark.parametrize("name", ["a.jpg", "a.heic"])
def test_a_file_that_is_no_picture_is_refused(tmp_path: Path, content: bytes, name: str) -> None:
    (tmp_path / name).write_bytes(content)
    assert _problems(tmp_path, name) == [("image-type", 8, 9)]


def test_a_file_that_lies_about_its_type_is_told_its_right_name(tmp_path: Path) -> None:
    Image.new("RGB", (30, 20)).save(tmp_path / "drawing.png")
    (tmp_path / "drawing.png").rename(tmp_path / "drawing.jpg")
    assert _problems(tmp_path, "drawing.jpg") == [("image-type", 8, 9)]
    (problem,) = read_draft(tmp_path / "2.1.yaml").problems
    assert problem.message == "the picture is named .jpg, but is a PNG file"
    assert "drawing.png" in problem.next_step


def test_a_picture_that_is_too_heavy(tmp_path: Path) -> None:
    with (tmp_path / "a.jpg").open("wb") as file:
        file.truncate(25_000_001)
    assert _problems(tmp_path, "a.jpg") == [("image-bytes", 8, 9)]


def test_a_missing_one_is_told_what_is_there(tmp_path: Path) -> None:
    Image.new("RGB", (30, 20)).save(tmp_path / "lead.webp")
    assert _problems(tmp_path, "lead.jpg") == [("image-missing", 8, 9)]
    (problem,) = read_draft(tmp_path / "2.1.yaml").problems
    assert "lead.webp" in problem.next_step


def test_more_items_than_an_issue_can_hold_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "2.1.yaml"
    items = "\n".join("  - {headline: One, detail: Text}" for _ in range(1_000))
    path.write_text(f"volume: 2\nnumber: 1\ndate: 2023-01-02\nitems:\n{items}\n")
    (problem,) = read_draft(path).problems
    assert (problem.code, problem.line) == ("too-many", 5)
    assert problem.message == "'items' has 1,000 entries, and 200 are the most"


def _in_scans(path: Path, scans: int) -> None:
    """Return a progressive JPEG that goes over its picture again and again, as an attacker would make it."""
    Image.new("L", (64, 64), 128).save(path, "JPEG", progressive=True)
    data = path.read_bytes()
    tables = data.rindex(b"\xff\xc4", 0, data.rindex(b"\xff\xda"))
    path.write_bytes(data[:-2] + data[tables:-2] * (scans - data.count(b"\xff\xda")) + data[-2:])


@pytest.mark.parametrize(
    ("scans", "found"), [(100, []), (101, [("image-scans", 8, 9)]), (3000, [("image-scans", 8, 9)])]
)
def test_a_jpeg_that_is_drawn_again_and_again_is_refused_before_it_is_decoded(
    tmp_path: Path, scans: int, found: list[tuple[str, int, int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    _in_scans(tmp_path / "lead.jpg", scans)
    decoded: list[object] = []
    load = JpegImageFile.load
    monkeypatch.setattr(JpegImageFile, "load", lambda picture: decoded.append(picture) or load(picture))
    assert _problems(tmp_path, "lead.jpg") == found
    assert bool(decoded) == (not found)


def test_a_thumbnail_within_a_jpeg_is_none_of_its_scans(tmp_path: Path) -> None:
    Image.new("RGB", (64, 64)).save(tmp_path / "lead.jpg", "JPEG", exif=b"Exif\0\0" + b"\xff\xda\0\2" * 500)
    assert _problems(tmp_path, "lead.jpg") == []


@pytest.mark.parametrize("on_disk", ["NFC", "NFD"])
@pytest.mark.parametrize("in_draft", ["NFC", "NFD"])
def test_a_picture_is_found_whichever_way_its_accents_are_written(
    tmp_path: Path, on_disk: _Form, in_draft: _Form
) -> None:
    """A Mac writes names decomposed, keyboards compose them, and Linux takes the two for different files."""
    Image.new("RGB", (30, 20)).save(tmp_path / unicodedata.normalize(on_disk, "Café-Übersicht.png"))
    assert _problems(tmp_path, unicodedata.normalize(in_draft, "Café-Übersicht.png")) == []
    issue = read_draft(tmp_path / "2.1.yaml").issue
    assert issue
    assert issue.picture
    assert issue.picture.read_bytes()
    assert read_draft(tmp_path / "2.1.yaml").sha256


def test_of_two_pictures_that_look_the_same_the_one_that_is_named_is_taken(tmp_path: Path) -> None:
    for name in (unicodedata.normalize("NFC", "é.png"), unicodedata.normalize("NFD", "é.png")):
        Image.new("RGB", (30, 20)).save(tmp_path / name)
        _problems(tmp_path, name)
        issue = read_draft(tmp_path / "2.1.yaml").issue
        assert issue
        assert issue.picture == tmp_path / name


@pytest.mark.parametrize("line", ["alt:", "alt: ", "alt: ''", 'alt: "  "', "alt: >-"])
def test_words_for_a_picture_that_are_left_empty_are_called_empty(tmp_path: Path, line: str) -> None:
    """Not missing: the editor sees the key there."""
    Image.new("RGB", (30, 20)).save(tmp_path / "a.png")
    path = tmp_path / "2.1.yaml"
    path.write_text(DRAFT.replace("alt: x", line).format("a.png"))
    (problem,) = read_draft(path).problems
    assert (problem.code, problem.line) == ("empty", 9)
    assert "is empty" in problem.message


def test_a_required_text_that_is_left_empty_is_called_empty_at_its_key(tmp_path: Path) -> None:
    path = tmp_path / "2.1.yaml"
    path.write_text("volume: 2\nnumber: 1\ndate:\nitems:\n  - headline: One\n    detail:\n")
    found = [(problem.code, problem.line, problem.column) for problem in read_draft(path).problems]
    assert found == [("empty", 3, 1), ("empty", 6, 5)]
