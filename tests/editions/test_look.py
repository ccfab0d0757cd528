"""The look "briefing": the same words as in "digest", with headlines that lead and labels above sections."""

import re

import pytest
from conftest import Publication
from visible_text import Page, letters

from newsletter.checks import check_rendered
from newsletter.config.theme import Theme
from newsletter.editions import place_beside, render_html, render_web, write_default
from newsletter.issue.draft import load_issue
from newsletter.scaffold import eject


def _render(publication: Publication, look: str, headlines: str) -> list[str]:
    publication.environ |= {"NEWSLETTER_THEME__LOOK": look, "NEWSLETTER_LAYOUT__HEADLINES": headlines}
    issue = load_issue(publication.workspace.find_draft("2.10"))
    context = publication.context
    return [render_html(context, issue, write_default, place_beside), render_web(context, issue, None)]


@pytest.mark.parametrize("headlines", ["list", "above", "both"])
def test_both_looks_say_the_same(publication: Publication, headlines: str) -> None:
    for digest, briefing in zip(
        _render(publication, "digest", headlines), _render(publication, "briefing", headlines), strict=True
    ):
        one, other = Page(digest), Page(briefing)
        assert letters(one.text) == letters(other.text)
        assert one.links == other.links
        assert digest != briefing


def test_its_masthead_is_at_the_left_and_its_headlines_are_large(publication: Publication) -> None:
    email, web = _render(publication, "briefing", "above")
    for name, email_too in (("digest", False), ("briefing", True)):
        html = _render(publication, name, "above")[0]
        assert (re.search(r'<td align="left"[^>]*>\s*<div[^>]*>\s*<h1', html) is not None) is email_too
    sizes = [int(size) for size in re.findall(r'<h3 class="headline" style=[^>]*?font-size:(\d+)px', email)]
    assert sizes == [25] * 5
    # Without numbers: each has its headline.
    assert "<ol" not in email
    assert "<ol" not in web[web.index("<main") :]


def test_it_has_typefaces_of_its_own_for_headings_unless_some_are_chosen() -> None:
    assert "Source Serif 4" in Theme().css_heading_font
    assert "Helvetica" in Theme(look="briefing").css_heading_font
    assert Theme(look="briefing", heading_font=("Georgia", "serif")).css_heading_font == "Georgia, serif"


@pytest.mark.parametrize("headlines", ["list", "above"])
def test_mail_clients_can_show_it(publication: Publication, headlines: str) -> None:
    _render(publication, "briefing", headlines)
    report = check_rendered(publication.context, load_issue(publication.workspace.find_draft("2.10")))
    assert report.problems == ()


def test_its_styles_can_be_rewritten(publication: Publication) -> None:
    for sheet in eject(publication.root / "templates", ["email-briefing.css", "web-briefing.css"]):
        sheet.write_text("h1 { color: #123456; }\n")
    for html in _render(publication, "briefing", "list"):
        assert "#123456" in html
    for html in _render(publication, "digest", "list"):
        assert "#123456" not in html
