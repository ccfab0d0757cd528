"""The page where readers choose, in a real browser: in three languages, light and dark, on a phone and a screen."""

from datetime import UTC, datetime
from itertools import product
from typing import Literal

import pytest
from browser import barriers, find_obstacles
from conftest import Publication
from playwright.sync_api import Browser
from service_server import PREFERENCES

from newsletter.actions.change_preferences import ReaderPreferences
from newsletter.address import SubscriberKey
from newsletter.clock import make_instant
from newsletter.subscribers.preferences import Frequency
from newsletter.subscribers.suppression_status import Suppression, SuppressionStatus
from newsletter.web.public.preference_pages import ChoiceState, PreferencePages, ReaderView

MODES: tuple[Literal["light", "dark"], ...] = ("light", "dark")
UNTIL = make_instant(datetime(2027, 2, 28, tzinfo=UTC))


def make_view(kind: str, *, full: bool) -> ReaderView:
    """Return what there is of a reader who has paused, has left, or has neither."""
    held = {"paused": [Suppression("paused", "", None, until=UNTIL)], "left": [Suppression("unsubscribed", "", None)]}
    preferences = ReaderPreferences(
        key=SubscriberKey("ada@example.org"),
        name="Ada Lovelace",
        address="ada.lovelace.with.a.long.name@very-long-domain.example.org",
        language="en",
        tags=frozenset({"energy"}),
        frequency=Frequency.ISSUES,
        status=SuppressionStatus(suppressions=held.get(kind, [])),
    )
    return ReaderView(preferences=preferences, leave="https://news.example.org/u/sample", full=full)


@pytest.mark.slow
@pytest.mark.parametrize("language", ["", "ja", "ar"])
def test_nothing_is_in_a_readers_way(browser: Browser, publication: Publication, language: str) -> None:
    toml = publication.root / "newsletter.toml"
    toml.write_text(toml.read_text() + PREFERENCES)
    publication.environ |= {"NEWSLETTER_LIST__SOURCE": "store", "NEWSLETTER_SERVICE__URL": "https://news.example.org"}
    pages = PreferencePages(publication.workspace)
    pages.renew(publication.workspace, several=True)
    page = browser.new_page()
    states = (ChoiceState.CHOOSE, ChoiceState.ADDRESS, ChoiceState.ERASE, ChoiceState.LATER)
    shown = [(state, make_view("", full=True)) for state in states]
    shown += [
        (ChoiceState.CHOOSE, make_view(kind, full=full)) for kind, full in product(("paused", "left"), (False, True))
    ]
    for width, mode in product((320, 1280), MODES):
        page.set_viewport_size({"width": width, "height": 800})
        page.emulate_media(color_scheme=mode)
        for state, view in shown:
            page.set_content(pages.render(state, language, view).decode())
            assert find_obstacles(page) == [], (width, mode, state)
            if width == 320:
                assert barriers(page) == [], (mode, state)
    page.close()
