"""Pictures by a real browser: what is in them, and what a page can't do while one is taken."""

import shutil
from collections.abc import Mapping
from io import BytesIO
from pathlib import Path
from typing import Literal

import pytest
from browser import needed
from conftest import Publication
from page_server import PageServer
from PIL import Image
from selectolax.lexbor import LexborHTMLParser

from newsletter.review.browser_pictures import NoPictures, PageView, take_pictures

WHITE, GREEN, BLACK = (255, 255, 255), (0, 128, 0), (0, 0, 0)


def _take(
    html: str, more: Mapping[str, bytes] | None = None, scheme: Literal["light", "dark"] = "light"
) -> Image.Image:
    needed("chromium", shutil.which("chromium") is not None)
    view = PageView(page="a b.html", files={"a b.html": html.encode(), **(more or {})}, width=300, scheme=scheme)
    (data,) = take_pictures([view])
    return Image.open(BytesIO(data)).convert("RGB")


def _measure(path: Path) -> int:
    with Image.open(path) as picture:
        return picture.width


def _colours(picture: Image.Image) -> set[object]:
    return {colour for _, colour in picture.getcolors(1 << 16) or ()}


def test_a_page_runs_nothing_and_asks_nobody(tmp_path: Path) -> None:
    secret = tmp_path / "secret.html"
    secret.write_text("<body style='background: green'>")
    with PageServer() as outside:
        picture = _take(
            f"""<body style='margin: 0'><script>document.body.style.background = 'green'</script>
            <meta http-equiv=refresh content='0; url={outside.address()}'>
            <link rel=stylesheet href='{outside.address("/a.css")}'><iframe src='{outside.address()}'></iframe>
            <iframe src='{secret.as_uri()}'></iframe><img src='{outside.address("/a.png")}' alt=''>
            <object data='{secret.as_uri()}'></object><img src=x onerror="document.body.style.background = 'green'">"""
        )
        assert outside.requests == []
    assert GREEN not in _colours(picture)


@pytest.mark.slow
def test_a_picture_is_of_the_whole_page_in_its_scheme_with_its_own_files() -> None:
    square = BytesIO()
    Image.new("RGB", (20, 20), GREEN).save(square, "PNG")
    html = """<meta name=color-scheme content='light dark'><style>@media (prefers-color-scheme: dark)
        { body { background: black } }</style><body style='margin: 0'><div style='height: 1500px'></div>
        <img src='own.png' alt=''>"""
    picture = _take(html, {"own.png": square.getvalue()}, "dark")
    assert picture.width == 300
    assert 1520 <= picture.height < 1540
    assert _colours(picture) == {BLACK, GREEN}


@pytest.mark.slow
def test_a_page_that_never_ends_is_cut() -> None:
    picture = _take("<div style='height: 9000000px'></div>")
    assert picture.height == 15_000


@pytest.mark.slow
def test_a_page_that_keeps_the_browser_busy_is_given_up() -> None:
    needed("chromium", shutil.which("chromium") is not None)
    html = b"<div>" * 200_000
    with pytest.raises(NoPictures, match=r"the browser failed: .* Timeout"):
        list(take_pictures([PageView(page="a.html", files={"a.html": html}, width=300, scheme="light")]))


@pytest.mark.slow
def test_without_playwright_it_says_what_to_install(publication: Publication, tmp_path: Path) -> None:
    (tmp_path / "playwright.py").write_text("raise ImportError")
    publication.environ["PYTHONPATH"] = str(tmp_path)
    done = publication.run("review", "2.10", "--no-links")
    assert done.returncode == 0
    assert (
        'Playwright, which drives a browser, is not installed. For pictures: pip install "newsletter-press[review]"'
        in (done.stdout)
    )


@pytest.mark.slow
def test_every_edition_is_pictured(publication: Publication) -> None:
    needed("chromium", shutil.which("chromium") is not None)
    done = publication.run("review", "2.10", "--no-links")
    assert done.returncode == 0, done.stdout + done.stderr
    folder = publication.root / "build/review/2.10"
    sizes = {path.name: _measure(path) for path in (folder / "pictures").iterdir()}
    phones = {f"2.10-{name}.png": 720 for name in ("email-phone-light", "email-phone-dark", "web-phone")}
    desks = {"2.10-email-desktop-light.png": 760, "2.10-email-desktop-dark.png": 760, "2.10-web-desktop.png": 1200}
    assert {name: size for name, size in sizes.items() if "page" not in name} == phones | desks
    shown = LexborHTMLParser((folder / "index.html").read_text(encoding="utf-8"))
    assert len(shown.css("figure img[alt]")) == len(sizes)
    assert not shown.css("iframe")


@pytest.mark.slow
def test_without_a_browser_it_says_what_to_install(
    publication: Publication, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("PLAYWRIGHT_BROWSERS_PATH", str(tmp_path))
    publication.draft(
        "2.11", "date: 2023-06-14\nvolume: 2\nnumber: 11\nitems: [{headline: Ports, detail: They open.}]\n"
    )
    done = publication.run("review", "2.11", "--no-links")
    assert done.returncode == 0
    assert 'pip install "newsletter-press[review]"' in done.stdout
    folder = publication.root / "build/review/2.11"
    shown = LexborHTMLParser((folder / "index.html").read_text(encoding="utf-8"))
    frames = [node.attributes for node in shown.css("iframe")]
    assert [frame["src"] for frame in frames] == ["2.11.email.html", "2.11.email.html", "2.11.html"]
    assert all("sandbox" in frame for frame in frames)
    assert "Without pictures: there is no chromium" in (folder / "summary.md").read_text(encoding="utf-8")
