"""Every edition of an issue says the same, each in its own way."""

import re
from pathlib import Path

import pytest
import yaml
from conftest import ROOT, Publication
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from visible_text import RIGHT_TO_LEFT, Page, letters, pdf_links, pdf_text

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

SAMPLES = ["2.10", "3.7", "1.4"]


@pytest.mark.parametrize("name", SAMPLES)
@pytest.mark.parametrize("columns", ["1", "2"])
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


# Words as people write them, in four scripts and three directions of thought, and the marks that could be
# taken for markup by Markdown, HTML, Jinja, MJML, Typst or YAML.
_LATIN = st.text("abcdefgh ijklmnopq rstuvwxyz ÄÖÜßéñ'’.,;:!? 0123456789", min_size=1, max_size=60)
_MARKUP = st.text("<>&\"'#$*_[]{}()`@%~^|=+-/\\ xyz", min_size=1, max_size=24)
_HEBREW = st.text("אבגדהוזחטיכלמנסעפצקרשת ", min_size=1, max_size=30)
_ARABIC = st.text("ابتثجحخدذرزسشصضطظعغفقكلمنهوي ", min_size=1, max_size=30)
_JAPANESE = st.text("日本語文章宇宙開発協力政府は、。「」のをがカタカナひらがな", min_size=1, max_size=40)
_LONG = st.builds(lambda letter, count: letter * count, st.sampled_from("wil/.-"), st.integers(60, 300))
_WORDS = st.one_of(_LATIN, _MARKUP, _HEBREW, _ARABIC, _JAPANESE, _LONG)
_ADDRESS = st.builds(
    lambda path, query: f"https://example.org/{path}?{query}",
    st.text("abc/._~-0123456789", min_size=1, max_size=120),
    st.text("abc=&+%20", max_size=40).map(lambda query: query.replace("%", "%25")),
)


def _escaped(text: str) -> str:
    """Markdown that shows just this text."""
    return re.sub(r"([!-/:-@\[-`{-~])", r"\\\1", " ".join(text.split()))


def _link(words: str, address: str) -> str:
    return f"[{_escaped(words) or 'link'}](<{address}>)"


# An address with no marks around it is a link too, whatever stands before it and behind it.
_BARE = st.builds(
    lambda before, address, after: f"{before}{address}{after}",
    st.sampled_from(["", "(", "“", "*", "**", "see: ", "見よ"]),
    st.one_of(
        _ADDRESS, st.sampled_from(["www.example.org", "http://example.org/a_(b)?c=d&e", "https://example.org/~x_y/"])
    ),
    st.sampled_from(["", ".", ",", ")", "”", "*", "**", "?!", ").", "。", " and"]),
)
_RICH = st.lists(
    st.one_of(_WORDS.map(_escaped), st.builds(_link, _WORDS, _ADDRESS), _BARE), min_size=1, max_size=5
).map(" ".join)
_ITEMS = st.lists(st.fixed_dictionaries({"headline": _WORDS.map(_escaped), "detail": _RICH}), min_size=1, max_size=4)


@pytest.fixture(scope="module")
def context(tmp_path_factory: pytest.TempPathFactory) -> EditionContext:
    root = tmp_path_factory.mktemp("random")
    (root / "drafts").mkdir()
    (root / "newsletter.toml").write_bytes((ROOT / "newsletter.toml").read_bytes())
    (root / "drafts" / "lead.jpg").write_bytes((ROOT / "drafts" / "2.10-lead.jpg").read_bytes())
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


# Each example is four editions, two of them read back from a PDF: a quarter of a second.
@settings(suppress_health_check=[HealthCheck.filter_too_much], max_examples=20)
@given(items=_ITEMS, credit=_RICH, note=_RICH)
def test_the_editions_of_any_issue_agree(
    context: EditionContext, items: list[dict[str, str]], credit: str, note: str
) -> None:
    _require_agreement(context, items, credit, note)


@pytest.mark.slow
@settings(suppress_health_check=[HealthCheck.filter_too_much], max_examples=120)
@given(items=_ITEMS, credit=_RICH, note=_RICH)
def test_the_editions_of_a_hundred_issues_agree(
    context: EditionContext, items: list[dict[str, str]], credit: str, note: str
) -> None:
    _require_agreement(context, items, credit, note)


def _require_agreement(context: EditionContext, items: list[dict[str, str]], credit: str, note: str) -> None:
    """Write an issue as a draft, and see that each edition says all of it and has all of its links, in order."""
    folder = context.template_path[0].parent
    draft = {
        "volume": 2,
        "number": 1,
        "date": "DATE",
        "image": {"file": "lead.jpg", "alt": "A picture", "credit": credit},
        "items": items,
        "note": note,
    }
    path = folder / "drafts" / "2.1.yaml"
    text = yaml.safe_dump(draft, allow_unicode=True, sort_keys=False, width=10_000, default_style='"')
    path.write_text(re.sub(r'"(volume|number)": !!int ', r'"\1": ', text).replace('"DATE"', "2024-01-02"))
    found = read_draft(path)
    assume(found.issue is not None)
    issue = found.issue
    assert issue is not None
    assert issue.image is not None
    assert issue.image.credit is not None

    pdf = render_pdf(context, issue)
    html = Page(render_html(context, issue, write_default, place_beside))
    web = Page(render_web(context, issue, pdf))
    plain = render_text(context, issue, write_default)
    credit_line = [issue.image.credit.plain()]
    headlines = [item.headline.plain() for item in issue.items]
    details = [paragraph for item in issue.items for paragraph in item.detail.plain().split("\n\n")]
    texts = (html.text, web.text, re.sub(r"(?m)^ *\[\d+\] .*$", "", plain), pdf_text(pdf, folder))
    for name, edition in zip(("html", "web", "text", "pdf"), texts, strict=True):
        said, place = letters(edition), 0
        # The text begins with the news.
        opening = headlines + credit_line if name == "text" else credit_line + headlines
        for words in opening + details:
            if name == "pdf" and RIGHT_TO_LEFT.search(words):
                # pdftotext has an order of its own for words from right to left, and for a ligature's letters.
                shown = [sorted(word) for word in RIGHT_TO_LEFT.findall(edition)]
                assert all(sorted(word) in shown for word in RIGHT_TO_LEFT.findall(words)), words
                continue
            place = said.find(letters(words), place)
            assert place >= 0, (name, words)
            place += len(letters(words))
    links = [link.href for words in (*issue.texts(), context.about) for link in words.links()]
    assert _among(links, html.outward) == links
    assert _among(links, web.outward) == links
    assert re.findall(r"(?m)^ *\[\d+\] (.*)$", plain) == links
    # A link over two lines is two places to click.
    assert _unrepeated(_among(links, pdf_links(pdf, folder))) == _unrepeated(links)


def _among(wanted: list[str], found: list[str]) -> list[str]:
    return [link for link in found if link in wanted]


def _unrepeated(links: list[str]) -> list[str]:
    return [link for number, link in enumerate(links) if number == 0 or links[number - 1] != link]
