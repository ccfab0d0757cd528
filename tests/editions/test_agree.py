"""Every edition of an issue says the same, each in its own way."""

import re
import shutil
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from conftest import ROOT, Publication
from draft_texts import PICTURES, TAG, drafts, write_draft
from hypothesis import HealthCheck, Phase, assume, given, settings
from hypothesis import strategies as st
from PIL import Image
from reading_order import Alt, Piece, Words, find_missing, list_links, read_issue, read_text
from visible_text import RIGHT_TO_LEFT, Page, letters, pdf_alts, pdf_links, pdf_text

from newsletter.editions import (
    EditionContext,
    place_beside,
    render_html,
    render_pdf,
    render_text,
    render_web,
    write_default,
)
from newsletter.issue.draft import load_issue, read_draft
from newsletter.issue.model import Issue
from newsletter.workspace import Workspace

# The foot of a page, and the head of the next, which may stand within a paragraph.
_TURNED_PAGE = re.compile(r"[^\n]*Page \d+ of \d+\n\f[^\n]+\n")
SAMPLES = ["2.10", "3.7", "1.4"]


@pytest.mark.parametrize("name", SAMPLES)
@pytest.mark.parametrize("columns", ["1", pytest.param("2", marks=pytest.mark.slow)])
def test_the_samples_editions_agree(publication: Publication, name: str, columns: str, tmp_path: Path) -> None:
    publication.environ["NEWSLETTER_PDF__COLUMNS"] = columns
    context = publication.context
    issue = load_issue(publication.workspace.find_draft(name))
    pdf = render_pdf(context, issue)
    page = Page(render_html(context, issue, write_default, place_beside))
    web = Page(render_web(context, issue, pdf))
    text = render_text(context, issue, write_default)
    for edition in (page.text, web.text, text, re.sub(r"Page \d+ of \d+", "", pdf_text(pdf, tmp_path))):
        said = letters(edition)
        for words in [*_paragraphs(issue), *context.about.plain().split("\n\n")]:
            assert letters(words) in said, words
        # A text that begins with its headlines names them only as the editor does.
        if edition is not text or issue.intro:
            assert letters(issue.headlines_title) in said
        assert context.label(issue) in edition
        assert "digest@example.org" in edition
    addresses = [link.href for words in (*issue.texts(), context.about) for link in words.links()]
    assert addresses
    for address in addresses:
        assert address in page.links
        assert address in web.links
        assert re.search(rf"\] {re.escape(address)}$", text, re.MULTILINE)
        assert address in pdf_links(pdf, tmp_path)


def _paragraphs(issue: Issue) -> list[str]:
    return [paragraph for text in issue.texts() for paragraph in text.plain().split("\n\n")]


@pytest.fixture(scope="module")
def context(tmp_path_factory: pytest.TempPathFactory) -> EditionContext:
    root = tmp_path_factory.mktemp("random")
    (root / "drafts").mkdir()
    (root / "newsletter.toml").write_bytes((ROOT / "newsletter.toml").read_bytes())
    for name in PICTURES:
        Image.new("RGB", (60, 40), "#406080").save(root / "drafts" / name)
    return EditionContext.from_workspace(Workspace(root, {}))


@pytest.mark.parametrize(
    ("written", "address"),
    [
        ("see https://example.org/a.", "https://example.org/a"),
        ("(https://example.org/a_(b))", "https://example.org/a_(b)"),
        ("**https://example.org/a**!", "https://example.org/a"),
        ("_https://example.org/a_", "https://example.org/a"),
        ("www.example.org/a, b", "https://www.example.org/a"),
        ("HTTPS://Example.org/A", "HTTPS://Example.org/A"),
        ("https://example.org/?a=1&b=2&amp;", "https://example.org/?a=1&b=2"),
        ("https://example.org/a…", "https://example.org/a"),
        ("“https://example.org/a”", "https://example.org/a"),
        ("見よ https://example.org/a。次", "https://example.org/a"),
        ("https://bücher.example.org/ü", "https://xn--bcher-kva.example.org/%C3%BC"),
        ("`https://example.org/a`", None),
        ("[https://example.org/a](https://example.org/b)", "https://example.org/b"),
        ("<https://example.org/a>", "https://example.org/a"),
        ("Write to me@www.example.org.", "mailto:me@www.example.org"),
        ("`me@example.org` and xhttps://example.org/", None),
        ("www. and www.x and https:// and http://", None),
    ],
)
def test_a_bare_address_is_a_link_in_every_edition(
    context: EditionContext, tmp_path: Path, written: str, address: str | None
) -> None:
    path = context.template_path[0].parent / "drafts" / "2.1.yaml"
    path.write_text(
        "volume: 2\nnumber: 1\ndate: 2024-01-02\nitems:\n  - headline: >-\n      One\n"
        f"    detail: >-\n      {written}\n"
    )
    issue = load_issue(path)
    wanted = [address] if address else []
    pdf = render_pdf(context, issue)
    assert [link.href for link in issue.items[0].detail.links()] == wanted
    for page in (Page(render_html(context, issue, write_default, place_beside)), Page(render_web(context, issue, pdf))):
        assert _among(page.outward, wanted) == wanted
    assert re.findall(r"(?m)^ *\[\d+\] (.*)$", render_text(context, issue, write_default))[: len(wanted)] == wanted
    assert _among(pdf_links(pdf, tmp_path), wanted) == wanted


# Each example is several editions, two of them read back from a PDF, so that smaller ones are not looked for.
# The same ones each time: what a run finds is found again, and others are looked for by taking this line out.
_SETTINGS = settings(
    derandomize=True,
    suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow],
    phases=[Phase.generate],
)
_LAYOUTS = st.sampled_from(["list", "above", "both"])


@settings(_SETTINGS, max_examples=2)
@given(draft=drafts(), headlines=_LAYOUTS)
def test_the_editions_of_any_issue_agree(context: EditionContext, draft: dict[str, Any], headlines: str) -> None:
    _require_agreement(context, draft, headlines)


@pytest.mark.slow
@settings(_SETTINGS, max_examples=40)
@given(draft=drafts(), headlines=_LAYOUTS)
def test_the_editions_of_many_issues_agree(context: EditionContext, draft: dict[str, Any], headlines: str) -> None:
    _require_agreement(context, draft, headlines)


@pytest.mark.parametrize("headlines", ["list", "above"])
def test_the_editions_of_the_draft_that_holds_everything_agree(
    publication: Publication, everything: Path, headlines: str
) -> None:
    publication.environ["NEWSLETTER_LAYOUT__HEADLINES"] = headlines
    issue = load_issue(everything)
    _require_mail(publication.context, issue.seen_by(_find_all_tags(issue)))
    _require_pages(publication.context, issue.seen_by(frozenset()), publication.root)


def test_the_editions_of_a_translation_agree(publication: Publication) -> None:
    pages = '"Page {number} of {count}" = "Page {number} of {count}"'  # by which the feet of pages are known here
    with (publication.root / "newsletter.toml").open("a", encoding="utf-8") as file:
        file.write(f"\n[languages.ja]\ntitle = '太平洋'\n[languages.ja.words]\n{pages}\n")
    path = publication.root / "drafts/2.10.ja.yaml"
    shutil.copyfile(ROOT / "examples/translations/2.10.ja.yaml", path)
    issue = read_draft(path, "ja").issue
    assert issue is not None
    context = publication.context.in_language("ja")
    _require_mail(context, issue.seen_by(frozenset()))
    _require_pages(context, issue.seen_by(frozenset()), publication.root)


def _find_all_tags(issue: Issue) -> frozenset[str]:
    return frozenset(tag for rule in issue.visibility_rules for tag in rule)


def _require_agreement(context: EditionContext, draft: dict[str, Any], headlines: str) -> None:
    """Write an issue as a draft, and see that each edition has all its words, links and pictures in reading order."""
    folder = context.template_path[0].parent
    write_draft(folder / "drafts" / "2.1.yaml", draft)
    found = read_draft(folder / "drafts" / "2.1.yaml")
    assume(found.issue is not None)
    assert found.issue is not None
    layout = context.config.layout.model_copy(update={"headlines": headlines})
    context = replace(context, config=context.config.model_copy(update={"layout": layout}))
    _require_mail(context, found.issue.seen_by(frozenset({TAG})))
    _require_pages(context, found.issue.seen_by(frozenset()), folder)


def _require_pages(context: EditionContext, issue: Issue, folder: Path) -> None:
    """See that the PDF and the web page have all of the issue, in reading order."""
    targets = context.link_targets(issue)
    pdf = render_pdf(context, issue)
    web = Page(render_web(context, issue, pdf))
    pieces = list(read_issue(context, issue, "web"))
    assert find_missing(pieces, letters(web.spoken)) is None
    links = _list_addresses(context, pieces, targets.on_page)
    assert _among(links, web.links) == links
    assert pdf_alts(pdf, folder) == [piece.text for piece in pieces if isinstance(piece, Alt)]
    links = _list_addresses(context, pieces, targets.whole)
    # A link over two lines is two places to click.
    assert _unrepeated(_among(links, pdf_links(pdf, folder))) == _unrepeated(links)
    said = _TURNED_PAGE.sub("", pdf_text(pdf, folder))
    # pdftotext has an order of its own for words from right to left and for a ligature's letters, and joins some words.
    assert find_missing([piece for piece in pieces if not _is_in_no_order(piece)], letters(said)) is None
    shown, words = "".join(RIGHT_TO_LEFT.findall(said)), [piece.text for piece in pieces if isinstance(piece, Words)]
    assert not Counter("".join(part for text in words for part in RIGHT_TO_LEFT.findall(text))) - Counter(shown)


def _is_in_no_order(piece: Piece) -> bool:
    """Return whether a piece is not among the words of a PDF in their order: what a picture shows is in its tags."""
    return isinstance(piece, Alt) or RIGHT_TO_LEFT.search(repr(piece)) is not None


def _require_mail(context: EditionContext, issue: Issue) -> None:
    """See that the email and the plain text have all of the issue, in reading order."""
    targets = context.link_targets(issue)
    html = Page(render_html(context, issue, write_default, place_beside))
    pieces = list(read_issue(context, issue, "html"))
    assert find_missing(pieces, letters(html.spoken)) is None
    links = _list_addresses(context, pieces, targets.in_email)
    assert _among(links, html.links) == links
    text = render_text(context, issue, write_default)
    pieces = list(read_issue(context, issue, "text"))
    assert find_missing(pieces, letters(text)) is None
    noted = re.findall(r"(?m)^ *\[\d+\] ((?:https?|mailto):\S*)$", text)
    assert noted == _list_addresses(context, pieces, targets.whole)


def _list_addresses(
    context: EditionContext, pieces: list[Piece], resolve: Callable[[str], str | None]
) -> list[str | None]:
    """Return the addresses of an issue's links, and of those of the standing note; without those to items."""
    links = [link.href for link in list_links([*pieces, *read_text(context.about)])]
    return [resolve(href) for href in links if not href.startswith("#")]


def _among(wanted: Sequence[str | None], found: list[str]) -> list[str]:
    return [link for link in found if link in wanted]


def _unrepeated(links: Sequence[str | None]) -> list[str | None]:
    return [link for number, link in enumerate(links) if number == 0 or links[number - 1] != link]
