"""A page that readers could not leave by is not shown, whatever a template has come to."""

import re
from pathlib import Path

import pytest
from conftest import ROOT, Publication

from newsletter.web.public.unsubscribe_pages import PageState, UnsubscribePages

SHIPPED = (ROOT / "templates/leave.html.j2").read_text(encoding="utf-8")


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
        (SHIPPED.replace('<form method="post">', '<!-- <form method="post"> -->'), "leave"),
        (
            SHIPPED.replace('<button name="action" value="leave">', '<!--<button name="action" value="leave">-->'),
            "leave",
        ),
        (
            SHIPPED.replace('<button class="second" name="action" value="return">{{ _("Undo', '<button>{{ _("Undo'),
            "return",
        ),
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


def test_nothing_is_promised_that_may_not_hold(publication: Publication) -> None:
    later = re.sub(
        "<style>.*?</style>", "", UnsubscribePages(publication.workspace)[PageState.LATER].decode(), flags=re.DOTALL
    )
    assert "may not have been noted" in later
    assert "Nothing has been changed" not in later
