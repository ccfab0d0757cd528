"""The email and the web page in a real browser: at four widths, light and dark, nothing is in a reader's way."""

import re
from io import BytesIO
from pathlib import Path
from typing import Literal

import pytest
from browser import barriers
from conftest import ROOT, Publication
from PIL import Image
from playwright.sync_api import Browser, Page

from newsletter.editions import place_beside, render_html, render_pdf, render_web, write_default
from newsletter.issue.draft import load_issue
from newsletter.issue.model import Issue

Mode = Literal["light", "dark"]
SAMPLES = ["2.10", "3.7", "1.4"]
WIDTHS = [320, 375, 600, 1200]

HOSTILE = f"""\
volume: 2
number: 11
date: 2023-06-14
image:
  file: 2.10-lead.jpg
  alt: A picture
  credit: >-
    {"credit" * 30}
items:
  - headline: >-
      {"Headline" * 30}
    detail: >-
      {"w" * 300} [{"https://example.org/" * 12}](https://example.org/{"a" * 300}) `{"code" * 60}`
  - headline: >-
      日本語の見出しと長い文章がここに続いていきます日本語の見出しと長い文章がここに続いていきます
    detail: >-
      שלום עולם [مرحبا](https://example.org/) **strong** and *soft*
note: >-
  {"note" * 80}
"""

# Each text that is seen, and what is wrong with it; and places where one stands on another.
_LOOK = """() => {
  const wrong = [];
  const seen = element => element.getClientRects().length > 0 && getComputedStyle(element).visibility !== 'hidden';
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (texts.nextNode()) {
    const element = texts.currentNode.parentElement;
    if (!texts.currentNode.data.trim() || !seen(element) || ['STYLE', 'SCRIPT'].includes(element.tagName)) continue;
    const size = parseFloat(getComputedStyle(element).fontSize);
    if (size < 14 && element.closest('[style*="display:none"]') === null)
      wrong.push(`${size}px: ${texts.currentNode.data.trim().slice(0, 40)}`);
  }
  for (const link of document.querySelectorAll('a[href]'))
    if (seen(link) && !link.closest('.button') && !getComputedStyle(link).textDecorationLine.includes('underline'))
      wrong.push(`a link by its colour alone: ${link.textContent.slice(0, 40)}`);
  const blocks = [...document.querySelectorAll('h1, h2, h3, p, figcaption, img')].filter(seen);
  const boxes = blocks.map(block => [block, block.getBoundingClientRect()]);
  boxes.forEach(([one, a], index) => boxes.slice(index + 1).forEach(([other, b]) => {
    if (one.contains(other)) return;
    const over = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
    const across = Math.min(a.right, b.right) - Math.max(a.left, b.left);
    if (over > 1 && across > 1) wrong.push(`${one.outerHTML.slice(0, 60)} over ${other.outerHTML.slice(0, 60)}`);
  }));
  if (document.documentElement.scrollWidth > innerWidth)
    wrong.push(`scrolls sideways: ${document.documentElement.scrollWidth} of ${innerWidth}`);
  for (const image of document.images) {
    const box = image.getBoundingClientRect();
    const shape = image.naturalWidth / image.naturalHeight;
    if (!image.naturalWidth || Math.abs(box.width / box.height - shape) > 0.02 * shape)
      wrong.push(`the picture is out of shape: ${box.width} x ${box.height}`);
  }
  return wrong;
}"""


def _write(publication: Publication, issue: Issue, folder: Path) -> dict[str, Path]:
    context = publication.context
    public = issue.seen_by(frozenset())
    for picture in context.pictures(public):
        (folder / picture.name).write_bytes(picture.data)
    pages = {
        "email": render_html(context, public, write_default, place_beside),
        "web": render_web(context, public, render_pdf(context, public)),
    }
    for name, html in pages.items():
        (folder / f"{name}.html").write_text(html, encoding="utf-8")
    return {name: folder / f"{name}.html" for name in pages}


@pytest.fixture(scope="module")
def page(browser: Browser) -> Page:
    # The page's own rules would keep axe-core out of it.
    return browser.new_page(bypass_csp=True)


def _load(page: Page, path: Path, width: int, mode: Mode) -> None:
    page.set_viewport_size({"width": width, "height": 800})
    page.emulate_media(media="screen", color_scheme=mode)
    page.goto(path.as_uri())


@pytest.mark.parametrize("edition", ["email", pytest.param("web", marks=pytest.mark.slow)])
@pytest.mark.parametrize("name", ["2.10", *(pytest.param(name, marks=pytest.mark.slow) for name in SAMPLES[1:])])
def test_nothing_is_in_a_readers_way(
    publication: Publication, page: Page, name: str, edition: str, tmp_path: Path
) -> None:
    path = _write(publication, load_issue(publication.workspace.find_draft(name)), tmp_path)[edition]
    modes: tuple[Mode, ...] = ("light", "dark")
    for mode in modes:
        for width in WIDTHS:
            _load(page, path, width, mode)
            assert page.evaluate(_LOOK) == [], (mode, width)
            assert barriers(page) == [], (mode, width)


@pytest.mark.slow
@pytest.mark.parametrize("edition", ["email", "web"])
@pytest.mark.parametrize(
    ("look", "headlines", "widths"),
    [
        ("briefing", "above", [320, 1200]),
        pytest.param("briefing", "list", WIDTHS, marks=pytest.mark.slow),
        pytest.param("digest", "both", WIDTHS, marks=pytest.mark.slow),
        pytest.param("digest", "list", WIDTHS, marks=pytest.mark.slow),
    ],
)
def test_no_block_is_in_a_readers_way(
    publication: Publication,
    everything: Path,
    page: Page,
    edition: str,
    look: str,
    headlines: str,
    widths: list[int],
    tmp_path: Path,
) -> None:
    publication.environ |= {"NEWSLETTER_THEME__LOOK": look, "NEWSLETTER_LAYOUT__HEADLINES": headlines}
    path = _write(publication, load_issue(everything), tmp_path)[edition]
    modes: tuple[Mode, ...] = ("light", "dark")
    for mode in modes:
        for width in widths:
            _load(page, path, width, mode)
            assert page.evaluate(_LOOK) == [], (mode, width)
            assert barriers(page) == [], (mode, width)


@pytest.mark.slow
@pytest.mark.parametrize("edition", ["email", "web"])
def test_words_of_any_length_stay_within_the_page(
    publication: Publication, page: Page, edition: str, tmp_path: Path
) -> None:
    path = _write(publication, load_issue(publication.draft("2.11", HOSTILE)), tmp_path)[edition]
    for width in WIDTHS:
        _load(page, path, width, "light")
        assert page.evaluate(_LOOK) == [], width


def test_dark_mode_is_dark(publication: Publication, page: Page, tmp_path: Path) -> None:
    paths = _write(publication, load_issue(publication.workspace.find_draft("2.10")), tmp_path)
    for path, ground in ((paths["email"], ".paper"), (paths["web"], "body")):
        _load(page, path, 600, "dark")
        colour = page.evaluate("selector => getComputedStyle(document.querySelector(selector)).backgroundColor", ground)
        assert sum(map(int, re.findall(r"\d+", colour)[:3])) < 150


def test_outlooks_dark_mode_is_readable(publication: Publication, page: Page, tmp_path: Path) -> None:
    path = _write(publication, load_issue(publication.workspace.find_draft("2.10")), tmp_path)["email"]
    _load(page, path, 600, "light")
    page.evaluate("for (const mark of ['data-ogsc', 'data-ogsb']) document.documentElement.setAttribute(mark, '')")
    colour = page.evaluate("getComputedStyle(document.querySelector('.details p')).color")
    assert sum(map(int, re.findall(r"\d+", colour)[:3])) > 600
    assert barriers(page, rules=["color-contrast"]) == []


@pytest.mark.slow
def test_every_block_is_readable_in_outlooks_dark_mode(
    publication: Publication, everything: Path, page: Page, tmp_path: Path
) -> None:
    path = _write(publication, load_issue(everything), tmp_path)["email"]
    _load(page, path, 600, "light")
    page.evaluate("for (const mark of ['data-ogsc', 'data-ogsb']) document.documentElement.setAttribute(mark, '')")
    assert barriers(page, rules=["color-contrast"]) == []


@pytest.mark.slow
def test_a_theme_of_ones_own_is_as_readable(publication: Publication, page: Page, tmp_path: Path) -> None:
    publication.environ |= {
        "NEWSLETTER_THEME__MASTHEAD": "#f4efe6",
        "NEWSLETTER_THEME__MASTHEAD_TEXT": "#5c1a1a",
        "NEWSLETTER_THEME__LINK": "#7a1f5c",
        "NEWSLETTER_THEME__ACCENT": "#0b5d3b",
        "NEWSLETTER_THEME__DESK": "#dfe6ea",
        "NEWSLETTER_THEME__WIDTH": "720",
    }
    paths = _write(publication, load_issue(publication.workspace.find_draft("2.10")), tmp_path)
    modes: tuple[Mode, ...] = ("light", "dark")
    for path in paths.values():
        for mode in modes:
            _load(page, path, 1200, mode)
            assert page.evaluate(_LOOK) == []
            assert barriers(page, rules=["color-contrast"]) == []


def test_headlines_lead_to_their_details(publication: Publication, page: Page, tmp_path: Path) -> None:
    paths = _write(publication, load_issue(publication.workspace.find_draft("2.10")), tmp_path)
    for path in paths.values():
        _load(page, path, 375, "light")
        page.click(".headlines li:nth-child(2) a")
        top = page.evaluate("document.querySelectorAll('.details li')[1].getBoundingClientRect().top")
        assert -5 <= top < 60  # the space above the first line's letters may be cut


RIGHT_TO_LEFT = {
    "ar": "عقد الوزراء اجتماعا حول `pip install x` في طوكيو. Vol. 3 (PDF) [هنا](https://example.org/)!",
    "he": "השרים נפגשו כדי לדון ב `pip install x` בטוקיו. Vol. 3 (PDF) [כאן](https://example.org/)!",
}
# Each text that is seen within the email: which way its block runs, and at which side it begins.
_DIRECTIONS = """() => {
  const wrong = [];
  for (const element of document.querySelectorAll('body *')) {
    const style = getComputedStyle(element);
    const own = element.closest('[dir]:not([role=article])');
    if (own && own !== element && own.dir !== 'rtl') continue;
    const wanted = own && own.dir === 'ltr' ? 'ltr' : 'rtl';
    if (own === element && own.dir === 'auto') continue;
    if (style.direction !== wanted) wrong.push(`${element.outerHTML.slice(0, 80)} runs ${style.direction}`);
    if (own === element && style.display === 'inline' && style.unicodeBidi !== 'isolate')
      wrong.push(`${element.outerHTML.slice(0, 80)} is not isolated`);
    if (['P', 'LI', 'H1', 'H2', 'OL'].includes(element.tagName) && style.textAlign === 'left')
      wrong.push(`${element.outerHTML.slice(0, 80)} stands at the left`);
  }
  const range = document.createRange();
  for (const block of document.querySelectorAll('.headlines li, .details p, h2, .note')) {
    range.selectNodeContents(block);
    const text = Math.max(...[...range.getClientRects()].map(box => box.right));
    const edge = block.getBoundingClientRect().right - parseFloat(getComputedStyle(block).paddingRight);
    if (Math.abs(edge - text) > 3) wrong.push(`${block.outerHTML.slice(0, 80)}: ${edge - text} px from the right`);
  }
  return wrong;
}"""


@pytest.mark.slow
@pytest.mark.parametrize("language", RIGHT_TO_LEFT)
def test_a_right_to_left_email_is_laid_out_from_the_right(
    publication: Publication, page: Page, language: str, tmp_path: Path
) -> None:
    publication.environ["NEWSLETTER_PUBLICATION__LANGUAGE"] = language
    sentence = RIGHT_TO_LEFT[language]
    words = sentence.partition(".")[0].replace("`", "")
    draft = re.sub(r"(?m)^      .*$", "", HOSTILE).replace("headline: >-", f"headline: {words}")
    draft = draft.replace("detail: >-", f"detail: >-\n      {sentence}").replace("note" * 80, sentence)
    draft = draft.replace("credit" * 30, words)
    issue = load_issue(publication.draft("2.11", draft))
    _load(page, _write(publication, issue, tmp_path)["email"], 600, "light")
    assert page.evaluate(_DIRECTIONS) == []
    assert page.locator("code").count() == 3
    assert publication.context.label(issue) in page.locator(".dateline").inner_text()


@pytest.mark.slow
def test_a_date_that_ios_makes_a_link_looks_like_its_line(publication: Publication, page: Page, tmp_path: Path) -> None:
    path = _write(publication, load_issue(publication.workspace.find_draft("2.10")), tmp_path)["email"]
    modes: tuple[Mode, ...] = ("light", "dark")
    for mode in modes:
        _load(page, path, 375, mode)
        like = page.evaluate(
            """() => {
              const line = document.querySelector('.dateline');
              line.innerHTML = '<a href="x-apple-data-detectors://0" x-apple-data-detectors="true"'
                + ' style="color: #00f">May 31, 2023</a>';
              const [outer, inner] = [line, line.firstChild].map(element => getComputedStyle(element));
              return inner.color === outer.color && inner.textDecorationLine === 'none';
            }"""
        )
        assert like, mode


# Zooms of a browser, and the densities of screens, at which edges of boxes fall between pixels.
@pytest.mark.slow
@pytest.mark.parametrize("zoom", [0.67, 0.9, 1.1, 1.25, 1.5, 1.75])
def test_no_hairlines_stand_between_the_sections(
    publication: Publication, browser: Browser, zoom: float, tmp_path: Path
) -> None:
    publication.environ |= {"NEWSLETTER_THEME__DESK": "#ffe08a"}
    path = _write(publication, load_issue(publication.workspace.find_draft("2.10")), tmp_path)["email"]
    modes: tuple[Mode, ...] = ("light", "dark")
    page = browser.new_page(viewport={"width": 700, "height": 500}, device_scale_factor=zoom)
    for mode in modes:
        page.emulate_media(color_scheme=mode)
        page.goto(path.as_uri())
        box = page.evaluate(
            "(({x, y, height}) => [x, y, height])(document.querySelector('.paper').getBoundingClientRect())"
        )
        # A strip of the gutter, where nothing but the masthead, the picture and the paper is.
        clip = {"x": box[0] + 4, "y": box[1] + 1, "width": 2, "height": box[2] - 2}
        with Image.open(BytesIO(page.screenshot(full_page=True, clip=clip))) as picture:
            strip = picture.convert("RGB")
        lead = page.locator(".lead").bounding_box()
        paper = strip.getpixel((0, strip.height - 1))
        below = round((lead["y"] + lead["height"] - clip["y"]) * zoom) + 2
        rows = {strip.getpixel((0, y)) for y in range(below, strip.height)}
        assert rows == {paper}, mode
    page.close()


def test_without_its_pictures_the_email_still_says_what_they_show(
    publication: Publication, page: Page, tmp_path: Path
) -> None:
    path = _write(publication, load_issue(publication.workspace.find_draft("2.10")), tmp_path)["email"]
    (tmp_path / "2.10-lead.jpg").unlink()
    _load(page, path, 375, "light")
    alt = page.get_by_alt_text("A drawing of a ferry crossing")
    assert alt.is_visible()
    # Two or three lines of words, and no empty box.
    box = alt.bounding_box()
    assert box
    assert 14 < box["height"] < 80
    assert page.evaluate("document.documentElement.scrollWidth") <= 375


def test_the_page_asks_for_nothing_but_what_lies_beside_it(
    publication: Publication, browser: Browser, tmp_path: Path
) -> None:
    path = _write(publication, load_issue(publication.workspace.find_draft("2.10")), tmp_path)["web"]
    page = browser.new_page(java_script_enabled=False)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(path.as_uri())
    assert sorted(asked) == sorted([path.as_uri(), (tmp_path / "2.10-lead.jpg").as_uri()])
    page.close()


def test_on_paper_the_page_is_the_issue_alone(publication: Publication, page: Page, tmp_path: Path) -> None:
    path = _write(publication, load_issue(publication.workspace.find_draft("2.10")), tmp_path)["web"]
    _load(page, path, 800, "light")
    page.emulate_media(media="print")
    assert not page.get_by_text("Download this issue").is_visible()
    assert page.get_by_role("heading", level=1).is_visible()
    shown = page.evaluate("getComputedStyle(document.querySelector('.details a'), '::after').content")
    assert "https://example.org/2023/05/leaders" in shown


def test_the_samples_are_the_repositorys() -> None:
    assert {path.stem for path in (ROOT / "drafts").glob("*.yaml")} == set(SAMPLES)
