"""The blocks of a text as HTML: each by the element that means it, in the email and on the web page."""

import re
from dataclasses import replace
from pathlib import Path

import pytest
from conftest import Publication
from visible_text import Page

from newsletter.editions import place_beside, render_html, render_web
from newsletter.editions.html_blocks import HtmlWriter, make_page_writer
from newsletter.editions.link_targets import LinkTargets
from newsletter.editions.web import render_article
from newsletter.field import Field, write_default
from newsletter.issue.blocks import (
    Block,
    CodeBlock,
    Footnote,
    FootnoteMark,
    Heading,
    LineBreak,
    Link,
    ListBlock,
    Paragraph,
    PictureBlock,
    Quotation,
    RichText,
    Span,
    TableBlock,
    TextRun,
    ThematicBreak,
)
from newsletter.issue.draft import load_issue

SHOWN = {"src": "2.10-1.jpg", "width": 536, "height": 268}


def _spans(text: str) -> tuple[Span, ...]:
    return (TextRun(text=text),)


def _paragraph(text: str) -> Paragraph:
    return Paragraph(_spans(text))


def _link(address: str, words: str = "words") -> Link:
    return Link(address=(address,), runs=(TextRun(text=words),))


def _writer(*, is_email: bool, page: str = "") -> HtmlWriter:
    return HtmlWriter(write_default, "en", lambda href: href, lambda _file: SHOWN, is_email=is_email, page=page)


def _write(*blocks: Block, is_email: bool = False) -> str:
    return re.sub(r">\s+<", "><", "".join(_writer(is_email=is_email).blocks(RichText(blocks))))


LIST = ListBlock(
    (
        (_paragraph("one"), ListBlock(((_paragraph("in"),), (_paragraph("ner"),)), first=3)),
        (_paragraph("two"),),
    )
)
TABLE = TableBlock((_spans("Year"), _spans("Cost")), ((_spans("2023"), _spans("$2")),), ("", "right"))


@pytest.mark.parametrize(
    ("block", "html"),
    [
        (Paragraph((TextRun(text="a"), LineBreak(), TextRun(text="<b>"))), "<p>a<br>&lt;b&gt;</p>"),
        (Heading(_spans("Why")), '<h2 class="subhead">Why</h2>'),
        (LIST, '<ul class="bullets"><li>one\n<ol class="numbers" start="3"><li>in</li><li>ner</li></ol></li>'
               "<li>two</li></ul>"),
        (ListBlock(((_paragraph("a"), _paragraph("b")),), first=1),
         '<ol class="numbers"><li><p>a</p><p>b</p></li></ol>'),
        (Quotation((_paragraph("a"), Quotation((_paragraph("b"),)))),
         '<blockquote class="quotation"><p>a</p><blockquote class="quotation"><p>b</p></blockquote></blockquote>'),
        (CodeBlock("\nx < 1\n  y", "python"), '<pre dir="ltr"><code>\n\nx &lt; 1\n  y</code></pre>'),
        (ThematicBreak(), '<hr class="across">'),
        (TABLE, '<table class="data"><thead><tr><th scope="col">Year</th><th scope="col" class="right">Cost</th></tr>'
                '</thead><tbody><tr><td>2023</td><td class="right">$2</td></tr></tbody></table>'),
        (PictureBlock("a.jpg", 'Three "bars"', _spans("Rain")),
         '<figure class="picture"><img src="2.10-1.jpg" alt="Three &#34;bars&#34;" width="536" height="268">'
         "<figcaption>Rain</figcaption></figure>"),
    ],
)  # fmt: skip
def test_a_block_is_the_element_that_means_it(block: Block, html: str) -> None:
    assert _write(block) == html


def test_the_styles_of_words() -> None:
    runs = (
        TextRun(text="old", strike=True, strong=True),
        TextRun(text="2", script="super"),
        TextRun(text="2", script="sub"),
        TextRun(text="日本語", language="ja", emphasis=True),
        TextRun(text="שלום", language="he"),
    )
    assert _write(Paragraph(runs)) == (
        '<p><strong><s>old</s></strong><sup>2</sup><sub>2</sub><span lang="ja">'
        '<em style="font-style: normal; -webkit-text-emphasis: dot; text-emphasis: dot">日本語</em></span>'
        '<span lang="he" dir="rtl">שלום</span></p>'
    )


@pytest.mark.parametrize("is_email", [True, False])
def test_footnotes_lead_there_and_back(is_email: bool) -> None:
    writer = _writer(is_email=is_email)
    text = RichText(
        (Paragraph((TextRun(text="a"), FootnoteMark(1), FootnoteMark(2), FootnoteMark(1))),),
        (Footnote(1, (_paragraph("first"),)), Footnote(2, (CodeBlock("x"), _paragraph("second")))),
    )
    page = Page("".join([*writer.blocks(text), *writer.blocks(text)]))
    anchors = [values["id"] for tag, values in page.tags if values.get("id")]
    assert len(set(anchors)) == len(anchors) == 8
    assert {link.removeprefix("#") for link in page.links} == set(anchors)
    named = [values.get("name") for tag, values in page.tags if values.get("id")]
    assert named == (anchors if is_email else [None] * 8)
    assert page.text == "a121 1 first 2 x second a121 1 first 2 x second"


def test_an_anchor_stands_before_the_first_words_whatever_they_are_in() -> None:
    anchor = '<a id="item-1" name="item-1"></a>'
    for block, begin in (
        (_paragraph("words"), f"<p>{anchor}words"),
        (LIST, f'<ul class="bullets">\n<li>{anchor}one'),
        (Quotation((_paragraph("words"),)), f'<blockquote class="quotation">\n<p>{anchor}words'),
        (Heading(_spans("words")), f'<h2 class="subhead">{anchor}words'),
        (TABLE, f'<p class="anchor">{anchor}</p><table class="data"'),
        (CodeBlock("x"), f'<p class="anchor">{anchor}</p><table class="code"'),
        # Word's engine sets a list's number on the line, and in the size, of the entry's first paragraph.
        (PictureBlock("a.jpg", "Bars"), f'<p class="figure">{anchor}<img'),
    ):
        written = "".join(_writer(is_email=True).blocks(RichText((block,)), anchor="item-1"))
        assert written.startswith(begin)
        assert written.count(anchor) == 1


@pytest.mark.parametrize(("room", "indented", "width"), [(None, False, 536), (502, False, 502), (502, True, 476)])
def test_a_picture_in_the_email_is_as_wide_as_there_is_room(room: int | None, indented: bool, width: int) -> None:
    """Word's engine goes by the attribute alone, and widens the column for a picture that is too wide."""
    picture = PictureBlock("a.jpg", "Bars", _spans("Rain"))
    block = ListBlock(((_paragraph("a"), picture),)) if indented else picture
    page = Page("".join(_writer(is_email=True).blocks(RichText((block,)), room=room)))
    (image,) = [values for tag, values in page.tags if tag == "img"]
    assert (image["width"], image["style"]) == (str(width), f"max-width: {width}px")
    assert not {"figure", "figcaption"} & {tag for tag, _ in page.tags}


def test_a_table_that_is_wider_than_a_phone_is_scrolled_and_its_short_words_stay_whole() -> None:
    cells = tuple(_spans(word) for word in ("Institution", "Established", "Publications", "w" * 40))
    for is_email in (False, True):
        html = _write(TableBlock(cells, (cells,), ("", "", "", "right")), is_email=is_email)
        assert '<div class="wide" tabindex="0"><table' in html
        assert html.startswith("<table" if is_email else "<div")
        assert html.count('class="right long"') == 2
        assert "wide" not in _write(TABLE, is_email=is_email)


def test_a_text_of_more_than_paragraphs_is_not_cut_down_to_them() -> None:
    with pytest.raises(ValueError, match="holds more than paragraphs"):
        _writer(is_email=True).paragraphs(RichText((_paragraph("a"), LIST)))
    assert make_page_writer("en").paragraphs(RichText((_paragraph("a"),))) == ["a"]


def test_words_of_a_link_that_leads_nowhere_stay() -> None:
    writer = HtmlWriter(write_default, "en", lambda _href: None, lambda _file: SHOWN, is_email=False)
    assert writer.blocks(RichText((Paragraph((_link("#3"),)),))) == ["<p>words</p>"]


DRAFT = """\
volume: 2
number: 11
date: 2023-06-14
items:
  - {headline: First, detail: A detail., only_for: [board]}
  - {headline: Second, detail: A detail.}
sections:
  - items: [{headline: Third, detail: A detail.}]
"""
PAGE = "https://example.org/digest/2.11.html"


@pytest.mark.parametrize(
    ("href", "email", "page", "whole"),
    [
        ("#1", None, None, None),
        ("#2", f"{PAGE}#item-1", "#item-1", f"{PAGE}#item-1"),
        ("#3", f"{PAGE}#item-2", "#item-2", f"{PAGE}#item-2"),
        ("#4", None, None, None),
        ("issue:2.9", *("https://example.org/digest/2.9.html", "2.9.html", "https://example.org/digest/2.9.html")),
        ("/about", "https://example.org/about", "/about", "https://example.org/about"),
        ("all.html?a=1", *("https://example.org/digest/all.html?a=1", "all.html?a=1"),
         "https://example.org/digest/all.html?a=1"),
        ("https://example.net/#a", *["https://example.net/#a"] * 3),
        ("mailto:a@example.org", *["mailto:a@example.org"] * 3),
    ],
)  # fmt: skip
def test_short_addresses(publication: Publication, href: str, email: str, page: str, whole: str) -> None:
    seen = load_issue(publication.draft("2.11", DRAFT)).seen_by(frozenset())
    targets = publication.context.link_targets(seen)
    assert (targets.in_email(href), targets.on_page(href), targets.whole(href)) == (email, page, whole)


def test_an_item_that_the_page_does_not_have_is_in_the_mail(publication: Publication) -> None:
    whole = load_issue(publication.draft("2.11", DRAFT))
    targets = publication.context.link_targets(whole.seen_by(frozenset({"board"})))
    # The page has one item fewer, so that the same item is another in number there.
    assert (targets.in_email("#1"), targets.in_email("#2")) == ("#item-1", f"{PAGE}#item-1")
    nowhere = publication.context.config.publication.model_copy(update={"website": None})
    assert LinkTargets(nowhere, whole).in_email("#2") == "#item-2"
    assert LinkTargets(nowhere, whole).on_page("issue:2.9") == "2.9.html"


def test_fields_are_filled_in_every_block() -> None:
    run, link = (
        TextRun(text="Reader", field="name"),
        Link(address=("https://example.org/?a=", Field("name", "x&y")), runs=(TextRun(text="go"),)),
    )
    spans: tuple[Span, ...] = (run, link)
    blocks = (Heading(spans), ListBlock(((Paragraph(spans),),)), replace(TABLE, header=(spans, spans)))
    html = "".join(_writer(is_email=True).blocks(RichText(blocks)))
    assert html.count("Reader") == html.count('href="https://example.org/?a=x%26y"') == 4


def test_a_page_of_no_issue_has_no_pictures() -> None:
    with pytest.raises(ValueError, match="belongs to no issue"):
        make_page_writer("en").blocks(RichText((PictureBlock("a.jpg", "Bars"),)))


def test_short_addresses_in_a_draft_lead_there(publication: Publication, everything: Path) -> None:
    context, issue = publication.context, load_issue(everything).seen_by(frozenset())
    website = "https://example.org/digest"
    email = Page(render_html(context, issue, write_default, place_beside)).links
    assert {f"{website}/2.11.html#item-2", f"{website}/2.11.html#item-1", f"{website}/2.10.html"} <= set(email)
    assert "https://example.org/about" in email
    assert {"#item-2", "#item-1", "2.10.html", "/about"} <= set(Page(render_web(context, issue, None)).links)
    feed = Page(render_article(context, issue)).links
    assert {f"{website}/2.11.html#item-2", f"{website}/2.10.html", "https://example.org/about"} <= set(feed)
    assert all("://" in link or link.startswith("mailto:") for link in feed)
