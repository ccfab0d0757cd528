"""The pages where readers join, confirm and choose say nothing in English of their own in any other language."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from itertools import chain

import pytest
from conftest import copy_sample
from leftover_english import (
    IN_OTHER_SCRIPTS,
    LANGUAGES,
    find_english,
    find_latin,
    list_pieces,
    list_texts_of,
    read_words,
)

from newsletter.actions.change_preferences import ReaderPreferences
from newsletter.address import SubscriberKey
from newsletter.clock import make_instant
from newsletter.editions import EditionContext
from newsletter.editions.sign_up_offer import make_sign_up_offer
from newsletter.editions.web import render_snippet
from newsletter.subscribers.feedback_events import SuppressionKind
from newsletter.subscribers.preferences import Frequency
from newsletter.subscribers.suppression_status import Suppression, SuppressionStatus
from newsletter.translation import name_language
from newsletter.web.public.preference_pages import ChoiceState, PreferencePages, ReaderView
from newsletter.web.public.sign_up_pages import ConfirmPages, ConfirmState, FormState, SignUpPages
from newsletter.workspace import Workspace

_PAUSED = Suppression(SuppressionKind.PAUSED, "", None, until=make_instant(datetime(2027, 1, 8, tzinfo=UTC)))
_LEFT = Suppression(SuppressionKind.UNSUBSCRIBED, "", None)
# What readers see of the publication's own is in no language.
_SETTINGS = {
    "PUBLICATION__TITLE": "Quux", "PUBLICATION__CONTACT": "qua@qux.example.net",
    "SERVICE__URL": "https://qux.example.net", "LIST__SOURCE": "store", "SIGNUP__ASK_NAME": "true",
    "SIGNUP__MAIL": "quo@qux.example.net", "SIGNUP__PROOF_OF_WORK": "true",
}  # fmt: skip
_IN_FILE = {"NEWSLETTER_LIST__SOURCE": "csv"}
_CHOICES = '\n[preferences]\ntopics = { quopi = "Quopi" }\nsummary = "quavi"\n'


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Mapping[str, str]]:
    """Return the words of each page, by its name, in each language; the English ones as ""."""
    publication = copy_sample(tmp_path_factory.mktemp("words") / "digest")
    publication.environ |= {f"NEWSLETTER_{name}": value for name, value in _SETTINGS.items()}
    toml = publication.root / "newsletter.toml"
    tables = "".join(f"[languages.{language}]\n" for language in LANGUAGES)
    toml.write_text(toml.read_text(encoding="utf-8") + _CHOICES + tables, encoding="utf-8")
    stored, in_file = publication.workspace, replace(publication, environ=publication.environ | _IN_FILE).workspace
    views = {"forwarded": _view(full=False), "on pause": _view(_PAUSED), "left": _view(_LEFT)}
    made = (
        _JoiningPages(stored),
        _ChoosingPages(stored, views, in_each_state=True),
        _ChoosingPages(in_file, {"list in a file": _view()}),
    )
    return {language: dict(chain(*(each.render(language) for each in made))) for language in ("", *LANGUAGES)}


class _JoiningPages:
    """The pages where readers join and confirm."""

    def __init__(self, workspace: Workspace) -> None:
        self._context = EditionContext.from_workspace(workspace)
        self._join, self._confirm = SignUpPages(workspace), ConfirmPages(workspace)

    def render(self, language: str) -> Iterator[tuple[str, str]]:
        """Yield each page's name, and its words in a language."""
        for state in FormState:
            yield f"join: {state}", read_words(self._join.fill(state, language).decode())
        for state in ConfirmState:
            yield f"confirm: {state}", read_words(self._confirm.find(state, language).decode())
        context = self._context.in_language(language)
        offer = make_sign_up_offer(context.config, has_form=True)
        assert offer
        yield "snippet", read_words(render_snippet(context, offer))


class _ChoosingPages:
    """The page where readers choose: in each state, or as readers in other positions first see it."""

    def __init__(self, workspace: Workspace, views: Mapping[str, ReaderView], *, in_each_state: bool = False) -> None:
        self._views, self._in_each_state = views, in_each_state
        self._pages = PreferencePages(workspace)
        self._pages.renew(workspace, several=True)

    def render(self, language: str) -> Iterator[tuple[str, str]]:
        """Yield each page's name, and its words in a language."""
        for name, view in self._views.items():
            page = self._pages.render(ChoiceState.CHOOSE, language, view)
            yield f"choose: {name}", read_words(page.decode())
        for state in ChoiceState if self._in_each_state else ():
            yield f"choose: {state}", read_words(self._pages.render(state, language, _view()).decode())


def _view(*suppressions: Suppression, full: bool = True) -> ReaderView:
    reader = ReaderPreferences(
        key=SubscriberKey("quy@qux.example.net"),
        name="Quy",
        address="quy@qux.example.net",
        language="de",
        tags=frozenset(),
        frequency=Frequency.ISSUES,
        status=SuppressionStatus(suppressions=suppressions),
    )
    return ReaderView(preferences=reader, leave="https://qux.example.net/u/qua", full=full)


def test_the_look_for_english_finds_it_on_each_page(pages: Mapping[str, Mapping[str, str]]) -> None:
    found = {name: find_english(words) for name, words in pages[""].items()}
    assert [name for name, english in found.items() if len(english) < 2] == []
    assert "two weeks" in found["choose: choose"]
    assert "get it again" in found["choose: left"]
    assert "your name, if you like" in found["snippet"]
    templates = (f"templates/{name}.html.j2" for name in ("subscribe", "confirm", "preferences", "web-sign-up"))
    assert list_pieces(list_texts_of(*templates)) - set().union(*found.values()) == set(), "each page is looked at"


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_page_says_nothing_in_english(pages: Mapping[str, Mapping[str, str]], language: str) -> None:
    assert {
        name: english for name, words in pages[language].items() if (english := find_english(words, language))
    } == {}
    assert pages[language].keys() == pages[""].keys()


@pytest.mark.parametrize("language", IN_OTHER_SCRIPTS)
def test_no_latin_word_is_left_but_names(pages: Mapping[str, Mapping[str, str]], language: str) -> None:
    languages = {word for tag in LANGUAGES for word in re.findall("[A-Za-z]{2,}", name_language(tag))}
    names = {"Quux", "Quy", "Quopi", "quavi", "JavaScript", "English"} | languages
    assert {name: left for name, words in pages[language].items() if (left := find_latin(words, names))} == {}
