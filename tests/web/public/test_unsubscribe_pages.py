"""A page that readers could not leave by is not shown, whatever a template has come to."""

import re
from pathlib import Path

import pytest
from conftest import ROOT, Publication

from newsletter.web.public.unsubscribe_pages import PageState, UnsubscribePages

SHIPPED = (ROOT / "templates/leave.html.j2").read_text(encoding="utf-8")
LEAVE = """<button{% if class %} class="{{ class }}"{% endif %} name="action" value="leave">"""
# As a template that was ejected before there were several newsletters in one database.
OLDER = """{% macro heading(title) %}{{ {"ask": "Leave?", "left": "Left", "returned": "Back", "bounced": "Bounced",
"held": "Held", "thanks": "Thanks", "unknown": "Unknown", "later": "Later"}[state] }}{% endmacro %}
<h2>{{ heading("x") }}</h2>{% if state in ("ask", "returned") %}<form method="post"><button name="action" value="leave">
Go</button></form>{% elif state in ("left", "bounced") %}<form method="post"><button name="action" value="return">Back
</button></form>{% endif %}"""


@pytest.fixture
def template(publication: Publication) -> Path:
    path = publication.root / "templates/leave.html.j2"
    path.parent.mkdir()
    path.write_text(SHIPPED.replace("It comes to you by email.", "By email."))
    return path


@pytest.mark.parametrize(
    ("text", "lacking"),
    [
        ("", "leave"),
        (SHIPPED[: SHIPPED.index("</style>")].partition("{% include")[0], "leave"),
        (SHIPPED.replace("</style>", ""), "leave"),
        (SHIPPED.replace("</title>", ""), "leave"),
        (SHIPPED.replace('value="leave"', 'value="go"'), "leave"),
        (SHIPPED.replace('name="action" value="leave"', 'value="leave"'), "leave"),
        (SHIPPED.replace('method="post"', ""), "leave"),
        (SHIPPED.replace('<form method="post" class="answers">', '<!-- <form method="post"> -->'), "leave"),
        (SHIPPED.replace(LEAVE, f"<!--{LEAVE}-->"), "leave"),
        (SHIPPED.replace('name="action" value="return">{{ _("Undo: keep sending it', '>{{ _("Undo: it'), "return"),
    ],
)
def test_a_page_that_has_lost_its_button_is_not_taken(
    publication: Publication, template: Path, caplog: pytest.LogCaptureFixture, text: str, lacking: str
) -> None:
    pages = UnsubscribePages(publication.workspace)
    good = {state: pages[state] for state in PageState}
    assert b"By email." in good[PageState.ASK]
    template.write_text(text)
    for _ in range(2):
        pages.renew(publication.workspace)
    assert {state: pages[state] for state in PageState} == good
    (told,) = caplog.records
    assert "leave.html.j2" in told.getMessage()
    assert f'name="action" value="{lacking}"' in told.getMessage()
    assert "Mend the template" in told.getMessage()
    template.write_text(SHIPPED)
    pages.renew(publication.workspace)
    assert b"It comes to you by email." in pages[PageState.ASK]


def test_other_controls_do_as_well(publication: Publication, template: Path) -> None:
    template.write_text(
        "<style>p > a { color: red }</style><FORM METHOD=POST><input type=hidden name=action "
        "value={{ 'return' if state == 'left' else 'leave' }}><input type=submit></FORM>"
    )
    assert UnsubscribePages(publication.workspace)[PageState.LEFT].startswith(b"<style>")


def test_a_restyled_page_that_knows_no_bounces_leaves_the_way_back_to_the_program_s_own(
    publication: Publication, template: Path
) -> None:
    template.write_text(template.read_text().replace('state == "bounced"', 'state == "none"'))
    pages = UnsubscribePages(publication.workspace)
    assert b"By email." in pages[PageState.ASK]
    assert b'value="return"' in pages[PageState.BOUNCED]


def test_everything_can_be_left_where_there_are_several_newsletters(publication: Publication) -> None:
    several = False
    pages = UnsubscribePages(publication.workspace, lambda: several)
    alone = pages[PageState.ASK]
    several = True
    pages.renew(publication.workspace)
    assert [b'value="leave-all"' in page for page in (alone, pages[PageState.ASK])] == [False, True]
    assert b'value="leave-all"' in pages[PageState.LEFT], "a mail client's button leaves one"
    assert b'value="return-all"' in pages[PageState.LEFT_ALL]


def test_an_older_restyled_page_stays_and_the_program_s_own_says_that_everything_is_left(
    publication: Publication, template: Path, caplog: pytest.LogCaptureFixture
) -> None:
    template.write_text(OLDER)
    pages = UnsubscribePages(publication.workspace, lambda: True)
    pages.renew(publication.workspace)
    assert b"<h2>Leave?</h2>" in pages[PageState.ASK]
    assert b"<h2>Left</h2>" in pages[PageState.LEFT]
    assert b'value="return-all"' in pages[PageState.LEFT_ALL]
    assert b"You want our newsletters again" in pages[PageState.RETURNED_ALL]
    (told,) = caplog.records
    assert 'value="leave-all"' in told.getMessage()


def test_nothing_is_promised_that_may_not_hold(publication: Publication) -> None:
    later = re.sub(
        "<style>.*?</style>", "", UnsubscribePages(publication.workspace)[PageState.LATER].decode(), flags=re.DOTALL
    )
    assert "may not have been noted" in later
    assert "Nothing has been changed" not in later
