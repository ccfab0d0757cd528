"""Sections in the email and on the web page: each part by the element that means it, in one order."""

import re
from pathlib import Path

import pytest
from conftest import Publication
from visible_text import Page

from newsletter.editions import EditionContext, place_beside, render_html, render_web, write_default
from newsletter.editions.web import render_article
from newsletter.issue.draft import load_issue
from newsletter.issue.model import Issue

DRAFT = """\
volume: 2
number: 11
date: 2023-06-14
items:
  - {headline: First, detail: A detail., link: "https://www.example.org/first"}
  - {headline: Second, detail: A detail., link: "mailto:second@example.org"}
sections:
  - title: Economy
    image: {file: 2.10-lead.jpg, alt: A ferry, caption: The ferry, credit: Somebody, link: "https://example.org/ferry"}
    text: What moved the markets.
    items: [{headline: Third, detail: With its detail., image: {file: 2.10-lead.jpg, alt: A ferry again}}]
  - title: In that number
    figures: [{number: "$2.9 billion", text: What it cost., link: "https://example.org/cost"}]
  - title: Upcoming
    events:
      - {date: 2024-05-02, time: "9:30", until: 2024-05-03, title: A conference, place: A hall,
         link: "https://example.org/conference"}
      - {date: 2024-06-01, title: A day}
  - quote: {text: Nobody has said so before., by: Ada, link: "https://example.org/said"}
  - quote: {text: Nobody knows who., link: "https://example.org/unknown"}
  - title: New
    people:
      - {name: Bea, role: Director, text: Comes from elsewhere., image: {file: 2.10-lead.jpg, alt: Bea},
         link: "https://example.org/bea"}
      - {name: Cyd}
  - button: {text: Register, link: "https://example.org/register"}
"""
WORDS = (
    "Economy The ferry Image: Somebody What moved the markets. Third With its detail. In that number $2.9 billion "
    "What it cost. Upcoming May 2–3, 2024, 09:30 A conference A hall June 1, 2024 A day Nobody has said so before. Ada "
    "Nobody knows who. Read at example.org New Bea Director Comes from elsewhere. Cyd Register"
)
HEADINGS = ["Economy", "Third", "In that number", "Upcoming", "New", "Bea", "Cyd"]


@pytest.fixture
def issue(publication: Publication) -> Issue:
    return load_issue(publication.draft("2.11", DRAFT))


def _html(context: EditionContext, issue: Issue) -> str:
    return render_html(context, issue, write_default, place_beside)


def _headings(html: str) -> list[tuple[str, str]]:
    found = re.findall(r"<(h[1-6])[^>]*>(.*?)</\1>", html, re.DOTALL)
    return [(tag, re.sub(r"<[^>]*>", "", words).strip()) for tag, words in found]


def test_both_say_the_same_in_the_same_order(publication: Publication, issue: Issue) -> None:
    for html in (_html(publication.context, issue), render_web(publication.context, issue, None)):
        page = Page(re.sub(r"<br>|</(?:p|h\d|td|th|dt|a)>", r"\g<0> ", html))
        assert WORDS in page.text
        outward = page.outward
        begin = outward.index("https://www.example.org/first")
        assert outward[begin : begin + 10] == [
            "https://www.example.org/first", "mailto:second@example.org", "https://example.org/ferry",
            "https://example.org/cost", "https://example.org/conference", "https://example.org/said",
            "https://example.org/unknown", "https://example.org/bea", "https://example.org/register",
            outward[begin + 9],
        ]  # fmt: skip
        assert [values["alt"] for tag, values in page.tags if tag == "img"] == ["A ferry", "A ferry again", "Bea"]
        assert "Read at example.org" in page.text
        assert "Write to second@example.org" in page.text


def test_the_web_pages_parts_are_what_they_mean(publication: Publication, issue: Issue) -> None:
    html = render_web(publication.context, issue, None)
    tags = [tag for tag, _ in Page(html).tags]
    assert {tag: tags.count(tag) for tag in ("dl", "dt", "dd", "blockquote", "figure", "figcaption", "time")} == {
        "dl": 1, "dt": 1, "dd": 1, "blockquote": 2, "figure": 4, "figcaption": 2, "time": 3,
    }  # fmt: skip
    assert '<time datetime="2024-05-02T09:30">' in html
    assert [pair for pair in _headings(html) if pair[1] in HEADINGS] == [
        ("h2", "Economy"), ("h3", "Third"), ("h2", "In that number"), ("h2", "Upcoming"), ("h2", "New"),
        ("h3", "Bea"), ("h3", "Cyd"),
    ]  # fmt: skip


def test_the_emails_parts_are_what_mail_clients_know(publication: Publication, issue: Issue) -> None:
    html = _html(publication.context, issue)
    page = Page(html)
    tags = [tag for tag, _ in page.tags]
    assert not {"figure", "figcaption", "time", "section", "nav"} & set(tags)
    # What is a table to look at says so to screen readers; what is one stays one.
    tables = [values.get("class") for tag, values in page.tags if tag == "table" and values.get("role") is None]
    assert tables == ["events"]
    assert [values["scope"] for tag, values in page.tags if tag == "th"] == ["row", "row"]
    # A button that Outlook shows too: its colour is the cell's.
    assert re.search(r'<td[^>]*bgcolor="#1a4f8b"[^>]*>\s*<a href="https://example.org/register"', html)
    assert [pair[1] for pair in _headings(html) if pair[1] in HEADINGS] == HEADINGS


@pytest.mark.slow
@pytest.mark.parametrize("look", ["digest", "briefing"])
def test_nothing_in_the_email_needs_what_words_engine_lacks(
    publication: Publication, everything: Path, look: str
) -> None:
    """It knows no padding of paragraphs, sets in definitions, and goes by the attributes of tables and pictures."""
    publication.environ["NEWSLETTER_THEME__LOOK"] = look
    page = Page(_html(publication.context, load_issue(everything)))
    assert not {"dl", "dt", "dd"} & {tag for tag, _ in page.tags}
    shown = [(tag, values) for tag, values in page.tags if tag in ("p", "h1", "h2", "h3", "h4", "h5", "div")]
    set_in = [values for _, values in shown if re.search(r"padding-(?:left|right)", values.get("style") or "")]
    assert not set_in
    ours = [values for tag, values in page.tags if tag == "img" or (tag == "table" and values.get("class"))]
    (code,) = [values["style"] for tag, values in page.tags if tag == "pre"]
    assert "margin:0;" in code  # or else it is below every line
    found = {values["class"] for values in ours}
    assert found >= {"lead", "picture", "face", "code", "data", "frame", "events", "person"}
    assert all(values.get("width") for values in ours)
    first = re.findall(r'<li[^>]*>\s*<p class="(\w+)"', _html(publication.context, load_issue(everything)))
    assert "figure" in first
    assert "anchor" not in first


@pytest.mark.parametrize(("contents", "listed"), [("auto", 4), ("yes", 4), ("no", 0)])
def test_contents_lead_to_the_sections(publication: Publication, contents: str, listed: int) -> None:
    issue = load_issue(publication.draft("2.11", f"contents: {contents}\n{DRAFT}"))
    for html in (_html(publication.context, issue), render_web(publication.context, issue, None)):
        page = Page(html)
        assert page.text.count("In this issue") == (listed > 0)
        links = [link for link in page.links if link.startswith("#section-")]
        assert links == [f"#section-{number}" for number in range(1, listed + 1)]
        ids = [values["id"] for _, values in page.tags if values.get("id")]
        assert len(set(ids)) == len(ids)
        assert {link[1:] for link in links} <= set(ids)


def test_few_sections_need_no_contents(publication: Publication) -> None:
    draft = DRAFT.replace("  - title: New\n    people", "  - people")
    issue = load_issue(publication.draft("2.11", draft))
    assert "In this issue" not in Page(_html(publication.context, issue)).text


@pytest.mark.parametrize("headlines", ["list", "above", "both"])
def test_headlines_are_listed_or_above_their_details(publication: Publication, issue: Issue, headlines: str) -> None:
    publication.environ["NEWSLETTER_LAYOUT__HEADLINES"] = headlines
    for html in (_html(publication.context, issue), render_web(publication.context, issue, None)):
        found = [pair for pair in _headings(html) if pair[1] in ("Headlines", "Details", "First", "Second")]
        listed, above = [("h2", "Headlines"), ("h2", "Details")], [("h3", "First"), ("h3", "Second")]
        assert found == {
            "list": listed, "above": [("h2", "Headlines"), *above], "both": [*listed, *above],
        }[headlines]  # fmt: skip
        page = Page(html)
        assert page.text.count("First") - page.text.split("Headlines")[0].count("First") == 1 + (headlines == "both")
        anchors = [values["id"] for _, values in page.tags if (values.get("id") or "").startswith("item-")]
        assert anchors == ["item-1", "item-2", "item-3"]


def test_listed_headlines_lead_to_the_web_page_where_each_has_its_own_above(
    publication: Publication, issue: Issue
) -> None:
    """Many mail clients know no links within a mail; details that are only numbered would be found by number."""
    publication.environ["NEWSLETTER_LAYOUT__HEADLINES"] = "both"
    page = "https://example.org/digest/2.11.html"
    assert f"{page}#item-2" in Page(_html(publication.context, issue)).links
    publication.environ["NEWSLETTER_LAYOUT__HEADLINES"] = "list"
    assert f"{page}#item-2" not in Page(_html(publication.context, issue)).links


def test_the_feed_has_whole_addresses(publication: Publication, issue: Issue) -> None:
    page = Page(render_article(publication.context, issue))
    assert all("://" in link or link.startswith("mailto:") for link in page.links)
    sources = [values["src"] for tag, values in page.tags if tag == "img"]
    assert sources == ["https://example.org/digest/2.11-1.jpg"] * 3


def test_sections_alone_are_an_issue(publication: Publication) -> None:
    draft = DRAFT[: DRAFT.index("items:")] + DRAFT[DRAFT.index("sections:") :]
    issue = load_issue(publication.draft("2.11", draft))
    for html in (_html(publication.context, issue), render_web(publication.context, issue, None)):
        text = Page(html).text
        assert "Headlines" not in text
        assert "Details" not in text
        assert "Economy" in text


def test_an_issue_without_a_lead_image_is_shared_with_its_first_picture(publication: Publication, issue: Issue) -> None:
    html = render_web(publication.context, issue, None)
    said = {values.get("property"): values.get("content") for tag, values in Page(html).tags if tag == "meta"}
    assert said["og:image"] == "https://example.org/digest/2.11-1.jpg"
    assert said["og:image:alt"] == "A ferry"
    assert '"image": "https://example.org/digest/2.11-1.jpg"' in html
