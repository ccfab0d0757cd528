"""Readers are told where to join: in emails, and on the website by a form or a link."""

import re
from dataclasses import replace

import pytest
from conftest import Publication
from translated import translate

from newsletter.editions import EditionContext, place_beside, render_html, render_text, write_default
from newsletter.editions.web import render_index, render_web
from newsletter.issue.draft import load_issue
from newsletter.issue.model import Issue
from newsletter.publication import OpenPublication
from newsletter.subscribers.consent_words import digest_words

SERVICE = "https://news.example.org/digest"
FORM = re.compile(r'<form class="sign-up".*?</form>', re.DOTALL)


@pytest.fixture
def open_to_all(publication: Publication) -> Publication:
    translate(publication, "ja")
    publication.environ |= {"NEWSLETTER_SERVICE__URL": SERVICE, "NEWSLETTER_LIST__SOURCE": "store"}
    return publication


def _render(context: EditionContext, issue: Issue) -> tuple[str, str, str]:
    page = render_web(context, issue, None)
    return render_html(context, issue, write_default, place_beside), render_text(context, issue, write_default), page


@pytest.mark.parametrize(("language", "more"), [("", ""), ("ja", "&language=ja")])
def test_emails_have_a_link_for_whom_they_were_forwarded_to(open_to_all: Publication, language: str, more: str) -> None:
    context = open_to_all.context.in_language(language)
    html, text, page = _render(context, OpenPublication(open_to_all.workspace).issue("3.8", language))
    link = f"{SERVICE}/subscribe?source=forwarded{more}"
    assert f'href="{link.replace("&", "&amp;")}"' in html
    assert link in text
    assert f'href="{SERVICE}/subscribe{more.replace("&", "?")}"' in page, "an export for elsewhere has a link"
    assert not FORM.search(page)


@pytest.mark.parametrize("language", ["", "ja"])
def test_pages_that_the_service_serves_have_a_form(open_to_all: Publication, language: str) -> None:
    open_to_all.environ["NEWSLETTER_SIGNUP__ASK_NAME"] = "true"
    context = replace(open_to_all.context.in_language(language), has_form=True)
    issue = OpenPublication(open_to_all.workspace).issue("3.8", language)
    for page in (render_web(context, issue, None), render_index(context, [])):
        (form,) = FORM.findall(page)
        assert f'method="post" action="{SERVICE}/subscribe"' in form
        assert set(re.findall(r'name="(\w+)"', form)) == {"email", "name", "remark", "words", "language", "source"}
        hidden = dict(re.findall(r'name="(\w+)" value="([^"]*)"', form))
        words = context.config.consent_words
        assert hidden == {"words": digest_words(words), "language": language or "en", "source": "archive"}
        assert words in form
        assert "stamp" not in form, "these pages are kept by browsers and proxies"
    assert not FORM.search(render_html(context, issue, write_default, place_beside))


@pytest.mark.parametrize(
    "environ",
    [{}, {"NEWSLETTER_SERVICE__URL": SERVICE}, {"NEWSLETTER_LIST__SOURCE": "store"},
     {"NEWSLETTER_SERVICE__URL": SERVICE, "NEWSLETTER_LIST__SOURCE": "store", "NEWSLETTER_SIGNUP__OPEN": "false"}],
)  # fmt: skip
def test_where_nobody_can_join_nothing_is_offered(publication: Publication, environ: dict[str, str]) -> None:
    publication.environ |= environ
    context = replace(publication.context, has_form=True)
    for edition in (*_render(context, load_issue(publication.workspace.find_draft("2.10"))), render_index(context, [])):
        assert "/subscribe" not in edition
        assert "forwarded" not in edition
