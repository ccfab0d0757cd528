"""The link to a reader's preferences is beside the one to leave by, where a service is there to answer it."""

import re

from conftest import Publication

from newsletter.editions import place_beside, render_html, render_text, write_default
from newsletter.issue.draft import load_issue


def _render(publication: Publication) -> tuple[str, str]:
    context, issue = publication.context, load_issue(publication.workspace.find_draft("2.10"))
    return render_html(context, issue, write_default, place_beside), render_text(context, issue, write_default)


def test_both_emails_lead_to_the_preferences_of_a_service(publication: Publication) -> None:
    publication.environ["NEWSLETTER_SERVICE__URL"] = "https://news.example.org/digest"
    html, text = _render(publication)
    assert re.findall('href="(https://news.example.org/digest/[pu]/[^"]*)"[^>]*>([^<]*)<', html) == [
        ("https://news.example.org/digest/u/sample", "Unsubscribe"),
        ("https://news.example.org/digest/p/sample", "Preferences"),
    ]
    assert (
        "Unsubscribe: https://news.example.org/digest/u/sample\nPreferences: https://news.example.org/digest/p/sample\n"
    ) in text


def test_without_a_service_there_is_no_such_link(publication: Publication) -> None:
    html, text = _render(publication)
    assert "Preferences" not in html + text
    assert re.search(r"Unsubscribe: mailto:\S+\n\n", text)
