"""Typographic quotes and dashes: every edition shows the same ones, and none where they are not asked for."""

import re
from pathlib import Path

import pytest
from conftest import ROOT, Publication
from visible_text import Page, pdf_text

from newsletter.checks.inbox_line import check_inbox_line
from newsletter.editions import EditionContext, place_beside, render_html, render_pdf, render_text, render_web
from newsletter.editions.glyphs import find_missing_glyphs
from newsletter.editions.site import export_site
from newsletter.editions.web import render_article
from newsletter.field import write_default
from newsletter.issue.draft import load_issue, read_draft
from newsletter.issue.draft_source import DraftSource
from newsletter.issue.model import Issue
from newsletter.web.preview.page_state import _facts
from newsletter.web.preview.rendered_draft import RenderedDraft

DRAFT = """\
volume: 2
number: 11
date: 2024-05-02
title: The "spring" issue
subject: It's "here"
preheader: "Don't wait - \\"read\\""
image: {file: 2.10-lead.jpg, alt: The "harbour" at night, credit: Bob's "own"}
items:
  - headline: Who says "no"?
    detail: >-
      "So **it's** so" - [said "he](https://example.org/a--b)", `"code"--`
  - headline: Rock 'n' roll
    detail: Only for "some".
    only_for: [board]
sections:
  - title: The "numbers"
    figures: [{number: "5'10\\"", text: The "height" of it}]
    quote: {text: It's nothing - she says, by: O'Brien}
note: And "so" on...
"""
WORDS = [
    "“harbour” at night", "Bob’s “own”", "Who says “no”?", "“So it’s so” – said “he”", '"code"--', "The “numbers”",
    "5′10″", "The “height” of it", "It’s nothing – she says", "O’Brien", "And “so” on…", "Tell us what isn’t right",
]  # fmt: skip


@pytest.fixture
def issue(publication: Publication) -> Issue:
    path = publication.draft("2.11", DRAFT)
    (path.parent / "2.10-lead.jpg").write_bytes((ROOT / "drafts/2.10-lead.jpg").read_bytes())
    publication.environ["NEWSLETTER_PUBLICATION__ABOUT"] = "Tell us what isn't right."
    publication.environ["NEWSLETTER_PUBLICATION__WEBSITE"] = "https://example.org/digest/"
    return load_issue(path)


def _ask(publication: Publication, language: str = "en") -> EditionContext:
    publication.environ["NEWSLETTER_TYPOGRAPHY__QUOTES"] = "true"
    publication.environ["NEWSLETTER_PUBLICATION__LANGUAGE"] = language
    return publication.context


def _join(text: str) -> str:
    """Return a text without what differs by edition: ends of lines, hyphens there, marks of styles and of notes."""
    return re.sub(r"\s|\u00ad|\u2060|[*`]|\[\d+\]", "", text).casefold()


def test_every_edition_shows_the_same_marks(publication: Publication, issue: Issue, tmp_path: Path) -> None:
    context = _ask(publication)
    pdf = render_pdf(context, issue)
    html, web = render_html(context, issue, write_default, place_beside), render_web(context, issue, pdf)
    text = render_text(context, issue, write_default)
    assert 'alt="The “harbour” at night"' in html
    assert 'alt="The “harbour” at night"' in web
    shown = {
        "html": Page(html).text,
        "web": Page(web).text,
        "article": Page(render_article(context, issue)).text,
        "text": text,
        "pdf": pdf_text(pdf, tmp_path),
    }
    for edition, said in shown.items():
        for words in WORDS:
            if words == WORDS[0] or (edition == "article" and words == WORDS[-1]):
                continue
            assert _join(words) in _join(said), (edition, words)
    assert "https://example.org/a--b" in Page(html).links
    assert "https://example.org/a--b" in text


def test_subject_preheader_and_title_have_them(publication: Publication, issue: Issue) -> None:
    context = _ask(publication)
    assert context.subject(issue) == "It’s “here”"
    assert context.preheader(issue) == "Don’t wait – “read”"
    assert context.title(issue) == "The “spring” issue"
    own = load_issue(publication.draft("2.11", DRAFT.replace("subject:", "# subject:").replace("preheader:", "# p:")))
    assert context.subject(own) == "Who says “no”?"
    assert context.preheader(own) == "Rock ’n’ roll"
    assert context.preheader(own.seen_by(frozenset())).startswith("“So it’s so”")


def test_the_site_and_its_feed_have_them(publication: Publication, issue: Issue, tmp_path: Path) -> None:
    context = _ask(publication)
    site = export_site(context, [read_draft(issue.path)], tmp_path / "site")
    assert site.built == ["2.11"]
    assert "The “spring” issue" in Page((tmp_path / "site/index.html").read_text(encoding="utf-8")).text
    assert "Who says “no”?" in Page((tmp_path / "site/index.html").read_text(encoding="utf-8")).text
    feed = (tmp_path / "site/feed.xml").read_text(encoding="utf-8")
    assert "It’s nothing – she says" in feed


def test_without_the_setting_every_edition_shows_what_was_typed(publication: Publication, issue: Issue) -> None:
    context = publication.context
    assert context.typeset(issue) is issue
    text = render_text(context, issue, write_default)
    assert "’" not in text
    assert 'Who says "no"?' in text
    assert context.subject(issue) == 'It\'s "here"'


def test_the_draft_is_known_by_the_same_hash(publication: Publication, issue: Issue) -> None:
    before = read_draft(issue.path).sha256
    render_text(_ask(publication), issue, write_default)
    assert read_draft(issue.path).sha256 == before
    assert load_issue(issue.path) == issue


def test_french_spaces_are_kept_in_every_edition(publication: Publication, issue: Issue, tmp_path: Path) -> None:
    context = _ask(publication, "fr")
    assert find_missing_glyphs(context, issue) == []
    words = "Who says «\u202fno\u202f»\u202f?"
    pdf = render_pdf(context, issue)
    assert _join(words) in _join(pdf_text(pdf, tmp_path))
    for edition in (
        render_html(context, issue, write_default, place_beside),
        render_web(context, issue, pdf),
        render_text(context, issue, write_default),
    ):
        assert words in edition


def test_what_is_said_of_an_issue_follows(publication: Publication, issue: Issue) -> None:
    """The preview lists links by the words that readers see, and the subject is compared with them."""
    context = _ask(publication)
    rendered = RenderedDraft(1, publication.workspace, issue, DRAFT)
    facts = _facts(rendered, None)
    assert facts["subject"] == "It’s “here”"
    assert {"text": "said “he", "href": "https://example.org/a--b"} in facts["links"]
    own = load_issue(publication.draft("2.11", DRAFT.replace("subject:", "# subject:").replace("preheader:", "# p:")))
    source = DraftSource(own.path, own.path.read_text(encoding="utf-8"))
    assert list(check_inbox_line(source, context, own)) == []
