"""What an inbox shows of an issue beside the sender's name, and what the web calls it."""

import re
from pathlib import Path
from xml.etree import ElementTree

import pytest
from conftest import ROOT, Publication

from newsletter.editions.site import export_site
from newsletter.errors import ConfigError
from newsletter.issue.draft import load_issue, read_draft
from newsletter.issue.model import Issue

NEWS = "Leaders align on coercion and deterrence ahead of the Hiroshima summit"
SHORT = """\
volume: 2
number: 11
date: 2023-06-14
items:
  - headline: The news
    detail: >-
      It goes on *here*.

      And here.
"""


def _issue(publication: Publication, name: str = "2.10") -> Issue:
    return load_issue(publication.root / "drafts" / f"{name}.yaml")


def test_the_default_subject_begins_with_the_news_and_not_with_what_the_sender_says(publication: Publication) -> None:
    """On a phone 40 characters are all there is, and the name beside them says the title."""
    assert publication.context.subject(_issue(publication)) == NEWS


@pytest.mark.parametrize("sender", ["Example Institute <digest@example.org>", "digest@example.org"])
def test_where_the_sender_has_another_name_title_and_number_follow_the_news(
    publication: Publication, sender: str
) -> None:
    publication.environ["NEWSLETTER_SENDER__FROM"] = sender
    issue = load_issue(publication.draft("2.11", SHORT))
    assert publication.context.subject(issue) == "The news · Pacific Alliance Digest 2.11"


def test_title_and_number_are_left_out_where_they_would_not_be_seen(publication: Publication) -> None:
    publication.environ["NEWSLETTER_SENDER__FROM"] = "Example Institute <digest@example.org>"
    assert publication.context.subject(_issue(publication)) == NEWS


@pytest.mark.parametrize(
    ("pattern", "subject"),
    [
        ("{headline}", "The news"),
        ("{title} {number}: {headline}", "Pacific Alliance Digest 2.11: The news"),
        ("{number} ({date})", "2.11 (June 14, 2023)"),
    ],
)
def test_the_default_subject_follows_the_pattern_in_the_configuration(
    publication: Publication, pattern: str, subject: str
) -> None:
    publication.environ["NEWSLETTER_EMAIL__SUBJECT"] = pattern
    issue = load_issue(publication.draft("2.11", SHORT))
    assert publication.context.subject(issue) == subject
    own = load_issue(publication.draft("2.11", SHORT.replace("items:", "subject: My own\nitems:")))
    assert publication.context.subject(own) == "My own"


@pytest.mark.parametrize("pattern", ["News", "{headlin}", "{headline", "{{ name }}: {headline}", "{headline!r}"])
def test_a_pattern_that_makes_no_subject_is_refused(publication: Publication, pattern: str) -> None:
    publication.environ["NEWSLETTER_EMAIL__SUBJECT"] = pattern
    with pytest.raises(ConfigError) as caught:
        _ = publication.context
    (problem,) = caught.value.problems
    assert "NEWSLETTER_EMAIL__SUBJECT" in problem.place


def test_the_preheader_goes_on_where_the_subject_ends(publication: Publication) -> None:
    context, issue = publication.context, _issue(publication)
    assert context.preheader(issue).startswith("Education: quantum and chip partnerships")
    assert NEWS not in context.preheader(issue)
    own = issue.model_copy(update={"subject": ("A summer of summits",)})
    assert context.preheader(own).startswith(f"{NEWS} · Education")
    publication.environ["NEWSLETTER_EMAIL__SUBJECT"] = "{title} {number}"
    assert publication.context.preheader(issue).startswith(f"{NEWS} · Education")


def test_the_preheader_of_a_single_item_goes_on_with_its_detail(publication: Publication) -> None:
    issue = load_issue(publication.draft("2.11", SHORT))
    assert publication.context.subject(issue) == "The news"
    assert publication.context.preheader(issue) == "It goes on here."


@pytest.mark.parametrize(
    ("subject", "title"),
    [
        ("", "Leaders <align> on **coercion**"),
        ("subject: A summer & its summits\n", "A summer & its summits"),
        ("subject: 'News for {{ name | you }}'\n", "Leaders <align> on **coercion**"),
    ],
)
def test_page_index_share_card_and_feed_call_an_issue_the_same(
    publication: Publication, subject: str, title: str, tmp_path: Path
) -> None:
    text = (ROOT / "drafts/2.10.yaml").read_text()
    text = text.replace("Leaders align on coercion", "Leaders \\<align> on **coercion**")
    path = publication.draft("2.10", text.replace("intro:", f"{subject}intro:"))
    title = title.replace("*", "") + ("" if title.startswith("A ") else " and deterrence ahead of the Hiroshima summit")
    export_site(publication.context, [read_draft(path)], tmp_path / "site")
    page, index = ((tmp_path / "site" / name).read_text() for name in ("2.10.html", "index.html"))
    shown = title.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    assert re.findall("<title>(.*?)</title>", page) == [shown]
    assert re.findall('property="og:title" content="(.*?)"', page) == [shown]
    assert re.findall("<h3><a .*?>(.*?)</a></h3>", index) == [shown]
    entry = ElementTree.parse(tmp_path / "site/feed.xml").find(".//{*}entry/{*}title")
    assert entry is not None
    assert entry.text == title
    assert f'"headline": "{title}"'.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e") in page


def test_no_headline_of_an_issue_is_missing_or_doubled_in_the_index(publication: Publication, tmp_path: Path) -> None:
    drafts = [read_draft(path) for path in publication.workspace.draft_paths()]
    export_site(publication.context, drafts, tmp_path / "site")
    index = (tmp_path / "site/index.html").read_text()
    for draft in drafts:
        assert draft.issue
        assert index.count(draft.issue.items[0].headline.plain().replace('"', "&quot;")) == 1


def test_a_headline_that_the_subject_begins_with_is_not_said_again(publication: Publication) -> None:
    issue = _issue(publication, "1.4")
    assert publication.context.subject(issue).startswith("Economy and security at one table")
    assert publication.context.preheader(issue).startswith("Science Council of Japan")
