"""Pages that mean harm: nothing of them reaches a terminal or a draft as it is, and each comes to an end."""

import json
import unicodedata
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from newsletter.articles import Article, UnreadableArticle, read_article, reading
from newsletter.articles.markdown_link import write_link
from newsletter.articles.pdf_article import read_pdf_article
from newsletter.articles.reading import read_article_apart

_ADDRESS = "https://example.org/a"
_EVIL = (
    "Boats \x1b[31mred\x1b]8;;https://evil.example\x07 \u202eback\u2066 \x9b2J\r\nsubject: x\x00 {{ secret }} ](x) <b>"
)


def read(html: str) -> Article:
    return read_article(html.encode("utf-8", "surrogatepass"), _ADDRESS)


def try_to(read_it: Callable[[], Article]) -> Article | UnreadableArticle:
    """Return the article, or how it was refused; anything else that is raised fails the test."""
    try:
        return read_it()
    except UnreadableArticle as refused:
        return refused


def words_of(article: Article) -> list[str]:
    return [article.title, article.outlet or "", article.address or "", article.language or "", *article.authors]


def is_harmless(text: str) -> bool:
    return len(text) <= 2000 and not any(
        unicodedata.category(letter) in ("Cc", "Cs", "Co", "Zl", "Zp") for letter in text
    )


@pytest.mark.parametrize(
    "html",
    [
        f"<h1>{_EVIL}</h1><p>By Jane {_EVIL}</p>",
        f'<meta property="og:title" content="{_EVIL}"><meta name="author" content="{_EVIL}"><p>x</p>',
        f'<script type="application/ld+json">{json.dumps({"@type": "Report", "name": _EVIL})}</script>x',
        f'<title>{_EVIL}</title><meta property="og:site_name" content="{_EVIL}"><p class=byline>By {_EVIL}</p>',
        "<!-- saved from url=(0030)https://example.org/\x1b[2J\u202e --><h1>Boats are back</h1>",
        f'<html lang="{_EVIL}"><title>Boats are back</title><link rel=canonical href="https://example.org/{_EVIL}">x',
        '<script type="application/ld+json">{"@type":"Report","name":"Boats \\ud800 \\u202e \\u001b[2J"}</script>x',
    ],
)  # fmt: skip
def test_nothing_that_a_terminal_obeys_is_left(html: str) -> None:
    for address in (_ADDRESS, None):
        article = read_article(html.encode(), address)
        assert article.title.startswith("Boats")
        assert all(map(is_harmless, words_of(article)))
    assert "{{" not in write_link(article.title, article.address).replace("\\{\\{", "")


@pytest.mark.parametrize(
    "html",
    [
        pytest.param(f"<title>{'x ' * 500_000}</title><p>x", id="a title of a megabyte"),
        pytest.param(f"<title>{'| ' * 300_000}</title><p>x", id="a title of separators"),
        pytest.param(f"<h1>Boats</h1>{'<div>' * 50_000}deep", id="deep nesting"),
        pytest.param(f"<h1>Boats</h1>{'<b><i>' * 20_000}", id="formatting that is not closed"),
        pytest.param(f"<h1>Boats</h1>{'<p class=byline>By ' * 4_000}", id="bylines without end"),
        pytest.param(f"<h1>Boats</h1><p>By {'a, ' * 200_000}", id="a byline of a megabyte"),
        pytest.param(f"<h1>Boats</h1><p>{'1' * 500_000}", id="digits without end"),
        pytest.param(f"<h1>Boats</h1>{'<time>June 1</time>' * 4_000}", id="dates without end"),
        pytest.param(f"<h1>Boats</h1>{'<meta name=author content=a>' * 4_000}x", id="authors without end"),
        pytest.param(
            f'<h1>Boats</h1><script type="application/ld+json">{"[" * 100_000}</script>x', id="JSON, deep"
        ),
        pytest.param(
            f'<h1>Boats</h1><script type="application/ld+json">{"[" * 900}{"]" * 900}</script>x', id="JSON, less deep"
        ),
        pytest.param(
            '<h1>Boats</h1><script type="application/ld+json">'
            + json.dumps({"@graph": [{"@type": "Article", "author": {"@id": "a"}, "@id": "a"}] * 10_000})
            + "</script>x",
            id="JSON, circles",
        ),
        pytest.param(
            f'<h1>Boats</h1><script type="application/ld+json">{{"a": "{"<!--" * 100_000}</script>x', id="JSON, broken"
        ),
        pytest.param(
            '<!DOCTYPE html [<!ENTITY a "boats"><!ENTITY b "&a;&a;&a;&a;"><!ENTITY c "&b;&b;&b;&b;">]>'
            f"<h1>Boats</h1><p>{'&c;' * 10_000}",
            id="entities within entities",
        ),
        pytest.param(
            '<?xml version="1.0"?><!DOCTYPE html [<!ENTITY x SYSTEM "file:///etc/hostname">]><html><h1>Boats</h1>&x;',
            id="an entity of a file",
        ),
        pytest.param(f"<h1>Boats</h1>{'<!--' * 100_000}", id="comments that are not closed"),
    ],
)  # fmt: skip
def test_a_page_without_measure_comes_to_an_end(html: str) -> None:
    article = try_to(lambda: read(html))
    if isinstance(article, UnreadableArticle):
        return
    assert all(map(is_harmless, words_of(article)))
    assert len(article.title) <= 301
    assert len(article.authors) <= 50


@pytest.mark.parametrize(
    "claims",
    [
        None, 7, "x", [], [None, 7, "x", [[]]], {"@type": None}, {"@type": 7}, {"@type": ["NewsArticle", 7, None]},
        {"@type": "NewsArticle", "headline": 7, "author": 7, "datePublished": 7, "publisher": 7, "isPartOf": [7, None]},
        {"@type": "NewsArticle", "headline": {"@value": ["x"]}, "author": [{"name": {"name": 7}}, {"@id": 7}, None]},
        {"@type": "NewsArticle", "mainEntityOfPage": [{"@id": 7}, {"url": []}, None, "javascript:alert(1)"]},
        {"@type": "NewsArticle", "author": {"@id": "a"}, "@id": "a"},
        {"@graph": {"@type": "NewsArticle"}, "@context": []},
        {"@type": "NewsArticle", "datePublished": "2023-99-99T99:99:99Z", "inLanguage": {"name": "x"}},
    ],
)  # fmt: skip
def test_claims_of_any_shape_are_passed_over(claims: object) -> None:
    html = f'<script type="application/ld+json">{json.dumps(claims)}</script><h1>Boats are back</h1><p>x</p>'
    article = read(html)
    assert article == Article(title="Boats are back", outlet="example.org", address=_ADDRESS)


@pytest.mark.parametrize(
    "claimed",
    ["https://evil.example/a", "javascript:alert(1)", "https://example.org@evil.example/", "//evil.example/a", "https://[",
     "http://example.org:99999/", "/", "https://example.org.evil.example/a", "https://notexample.org/a", "x" * 3000],
)  # fmt: skip
def test_a_page_speaks_for_its_own_site_alone(claimed: str) -> None:
    article = read(f'<link rel="canonical" href="{claimed}"><h1>Boats are back</h1>')
    assert article.address == _ADDRESS


_PIECES = st.sampled_from(
    [
        "<p>", "</p>", "<div class=byline>", "<h1>", "</h1>", "<title>", "<time datetime=", "By ",
        "Jane Doe", ", ", " and ", "June 1, 2023", "2023-06-01T00:00:00Z",
        "<script type=application/ld+json>", "</script>", '{"@type":"NewsArticle"', '"author":', "[", "{",
        "}", "<meta name=author content='", "'>", "<!--", "-->", "&amp;", "&#0;", "&#x202e;", "\x00",
        "\x1b[1m", "<figure>", "<svg>", "<template>", "<frameset>", "<table><tr>", "<a rel=author>", "|",
        "日本語", "\ufffe", "<html lang=", "<plaintext>",
    ]
)  # fmt: skip


@settings(max_examples=40)
@given(st.lists(_PIECES, max_size=40).map("".join))
def test_any_page_is_cited_or_refused_in_plain_words(html: str) -> None:
    found = try_to(lambda: read(html))
    if isinstance(found, UnreadableArticle):
        assert found.message
        assert found.next_step
    else:
        assert found.title
        assert all(map(is_harmless, words_of(found)))


@settings(max_examples=20)
@given(st.binary(max_size=300))
def test_any_bytes_are_cited_or_refused(data: bytes) -> None:
    for found in (try_to(lambda: read_article(data)), try_to(lambda: read_pdf_article(b"%PDF-1.4\n" + data, _ADDRESS))):
        assert is_harmless(found.message if isinstance(found, UnreadableArticle) else found.title)


@pytest.mark.slow
def test_a_page_that_keeps_its_parser_busy_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each attribute of an element is compared with all before it."""
    monkeypatch.setattr(reading, "MOST_SECONDS", 2)
    attributes = " ".join(f"a{number}=b" for number in range(100_000))
    with pytest.raises(UnreadableArticle, match="more time or memory"):
        read_article_apart(f"<title>Harbors and their cost</title><p {attributes}>words".encode(), _ADDRESS)


@pytest.mark.slow
def test_a_large_page_is_read_apart_as_it_is_here() -> None:
    page = f"<title>Harbors and their cost</title><h1>Harbors and their cost</h1><p>{'words ' * 10_000}".encode()
    assert read_article_apart(page, _ADDRESS) == read_article(page, _ADDRESS)
