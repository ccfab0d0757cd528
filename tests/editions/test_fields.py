"""What differs by reader, in the editions that one reader gets and in those that nobody in particular does."""

from pathlib import Path

import pytest
from conftest import Publication
from visible_text import Page, pdf_links

from newsletter.editions import render_html, render_pdf, render_text, render_web, write_default
from newsletter.editions.edition_files import export_editions
from newsletter.editions.feed import build_feed
from newsletter.editions.web import Download
from newsletter.editions.web import Page as Listed
from newsletter.issue.draft import load_issue
from newsletter.issue.model import Issue

DRAFT = """\
volume: 1
number: 1
date: 2023-01-02
subject: >-
  {{ name | Reader }}, the news
preheader: >-
  From {{ city }} and elsewhere
items:
  - headline: >-
      News
    detail: >-
      See [your page](https://example.org/{{ city | no where }}/?who={{ email }}), or
      [write](mailto:desk@example.org?subject={{ name | a reader }})
"""
VALUES = {"name": "Ada & Søn", "city": "Ulm/Donau", "email": "ada+1@example.org"}
HREF = "https://example.org/Ulm%2FDonau/?who=ada%2B1%40example.org"
SHOWN = "https://example.org/no%20where/?who="


@pytest.fixture
def issue(publication: Publication) -> Issue:
    return load_issue(publication.draft("1.1", DRAFT))


def _values(name: str, default: str) -> str:
    return VALUES.get(name) or default


def test_a_reader_gets_their_own_links(publication: Publication, issue: Issue) -> None:
    page = Page(render_html(publication.context, issue, _values, lambda picture: picture.name))
    assert {HREF, "mailto:desk@example.org?subject=Ada%20%26%20S%C3%B8n"} <= set(page.links)
    text = render_text(publication.context, issue, _values)
    assert f"[1] {HREF}\n" in text
    assert "[2] mailto:desk@example.org?subject=Ada%20%26%20S%C3%B8n\n" in text


def test_a_reader_gets_their_own_inbox_line(publication: Publication, issue: Issue) -> None:
    html = render_html(publication.context, issue, _values, lambda picture: picture.name)
    assert "<title>Ada &amp; Søn, the news</title>" in html
    assert "From Ulm/Donau and elsewhere" in html
    assert publication.context.subject(issue, _values) == "Ada & Søn, the news"
    assert publication.context.subject(issue) == "Reader, the news"


def test_a_subject_made_of_a_headline_has_its_fields(publication: Publication) -> None:
    text = (
        DRAFT.partition("subject")[0]
        + "items"
        + DRAFT.partition("items")[2].replace("News", "*News* for {{ name | you }}")
    )
    issue = load_issue(publication.draft("1.1", text))
    assert publication.context.subject(issue, _values) == "News for Ada & Søn"
    assert publication.context.subject(issue) == "News for you"


def test_the_way_out_is_the_readers_own(publication: Publication, issue: Issue) -> None:
    publication.environ["NEWSLETTER_LIST__UNSUBSCRIBE"] = "mailto:leave@example.org?subject=leave%20{{ email }}"
    left = "mailto:leave@example.org?subject=leave%20ada%2B1%40example.org"
    page = Page(render_html(publication.context, issue, _values, lambda picture: picture.name))
    assert left in page.links
    assert f"Unsubscribe: {left}\n" in render_text(publication.context, issue, _values)


def test_what_nobody_in_particular_gets_shows_the_defaults(
    publication: Publication, issue: Issue, tmp_path: Path
) -> None:
    context = publication.context
    pdf = render_pdf(context, issue)
    web = render_web(context, issue, pdf)
    assert SHOWN in pdf_links(pdf, tmp_path)
    assert SHOWN in Page(web).links
    assert '<meta property="og:title" content="News">' in web
    assert "From  and elsewhere" in web
    feed = build_feed(
        context, [Listed(issue, "Vol. 1.1", context.title(issue), "today", Download("1.1.pdf", 1))]
    ).decode()
    assert "<title>News</title>" in feed
    assert SHOWN in feed
    written = export_editions(context, issue, ["html", "text"], tmp_path / "out")
    assert SHOWN in Page(written["html"].read_text()).links
    assert SHOWN in written["text"].read_text()
    assert "{{" not in web + feed + written["html"].read_text() + render_text(context, issue, write_default)
