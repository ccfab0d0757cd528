"""The page where a reader chooses, rendered for each who opens it.

It is made from a template that a publication may restyle. One that is broken, or has lost what readers need, is left
aside for the program's own.
"""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from newsletter.actions.change_preferences import ReaderPreferences
from newsletter.editions import EditionContext
from newsletter.editions.date_words import format_date
from newsletter.editions.page_languages import list_page_languages
from newsletter.editions.shipped_look import use_shipped_look
from newsletter.subscribers.preferences import Frequency
from newsletter.web.public.error_line import error_line
from newsletter.web.public.page_forms import has_submit_button
from newsletter.web.public.reader_pages import embed_picture, fill_page_template, list_page_files
from newsletter.workspace import Workspace

TEMPLATE = "preferences.html.j2"
_LOG = logging.getLogger(__name__)


class ChoiceState(StrEnum):
    """The state of the page, which its template knows as `state`."""

    CHOOSE = "choose"
    SAVED = "saved"
    PAUSED = "paused"
    RESUMED = "resumed"
    MAILED = "mailed"  # the link to all that is known, if one may be sent
    ASKED = "asked"  # both addresses, if they may be
    ADDRESS = "address"  # no mail can go there
    ERASE = "erase"  # really?
    ERASED = "erased"
    ERASING = "erasing"
    MANY = "many"  # changes of one reader
    UNKNOWN = "unknown"  # no link of ours, or one that has ended
    LATER = "later"  # nothing can be written down now


# What readers can do nowhere else: a page without one of these is not shown.
_NEEDED = {ChoiceState.CHOOSE: ("pause", "record", "erase"), ChoiceState.ERASE: ("erase-yes",)}


@dataclass(frozen=True, slots=True, kw_only=True)
class ReaderView:
    """What a page shows of one reader. `full` is true only of a page whose link went to the reader's own address.

    `leave` is the address of their page to leave by, `typed` what they gave as a new address and is none.
    """

    preferences: ReaderPreferences
    leave: str
    full: bool
    typed: str = ""


class PreferencePages:
    """The page where readers choose, in the languages of a publication."""

    def __init__(self, workspace: Workspace) -> None:
        self._logged = ""
        self._is_own_good = True
        self._several = False
        self._made_from: object = None
        self._ready: dict[tuple[ChoiceState, str], bytes] = {}  # pages with nothing of a reader
        self._context = use_shipped_look(EditionContext.from_workspace(workspace))
        self._plain = self._context
        self.renew(workspace, several=False)

    def renew(self, workspace: Workspace, *, several: bool) -> None:
        """Take settings and templates as they are now. What is wrong is logged, and the program's own page shown.

        Nothing is looked at again while all of these are as they were.
        """
        try:
            made_from = (list_page_files(workspace), workspace.config, several)
            if made_from == self._made_from:
                return
            self._made_from = None
            context = EditionContext.from_workspace(workspace)
            self._plain = use_shipped_look(context)
            self._context, self._several = context, several
            failure = self._find_fault(context)
            self._is_own_good, self._made_from = not failure, made_from
        except Exception as error:  # noqa: BLE001  # readers can still leave
            failure, self._is_own_good = error_line(error), False
        self._ready = {}
        if failure and failure != self._logged:
            _LOG.error("The page where readers choose is the program's own: %s", failure)
        self._logged = failure

    def render(self, state: ChoiceState, language: str, view: ReaderView | None = None) -> bytes:
        """Return the page in one of the publication's languages, with what there is of a reader.

        One with nothing of a reader is rendered once: whoever tries out links is not to keep the service busy.
        """
        if view is not None:
            return self._render(state, language, view)
        ready = self._ready  # not a newer one, to which this page does not belong
        if (state, language) not in ready:
            ready[state, language] = self._render(state, language, None)
        return ready[state, language]

    def _render(self, state: ChoiceState, language: str, view: ReaderView | None) -> bytes:
        if self._is_own_good:
            try:
                return self._fill(self._context, state, language, self._describe(self._context, language, view))
            except Exception as error:  # noqa: BLE001  # a template that is just being saved
                _LOG.error("The page where readers choose is the program's own: %s", error_line(error))
        return self._fill(self._plain, state, language, self._describe(self._plain, language, view))

    def _find_fault(self, context: EditionContext) -> str:
        """Return what the publication's own template lacks, in words. Raises TemplateError and ConfigError."""
        sample = {**_NOBODY, "full": True, "may_move": True, "pauses": True, "leave": "x"}
        for state, needed in _NEEDED.items():
            html = self._fill(context, state, "", sample).decode()
            if lost := [name for name in needed if not has_submit_button(html, name)]:
                return f'{TEMPLATE}: the page "{state}" has no <button name="action" value="{lost[0]}">'
        return ""

    def _fill(self, context: EditionContext, state: ChoiceState, language: str, reader: Mapping[str, Any]) -> bytes:
        context = _in_language(context, language)
        words = {
            "publication": context.config.publication,
            "theme": context.config.theme,
            "logo": context.place_logo(embed_picture),
            "several": self._several,
            "reader": reader,
        }
        return fill_page_template(context, TEMPLATE, context.template_path, words, state).encode()

    def _describe(self, context: EditionContext, language: str, view: ReaderView | None) -> dict[str, Any]:
        if view is None:
            return dict(_NOBODY)
        config = _in_language(context, language).config
        chosen, offered = view.preferences, config.preferences
        until = chosen.paused_until
        known = {
            "full": view.full,
            "leave": view.leave,
            "has_left": chosen.has_left,
            "topics": [
                {"tag": tag, "words": words, "chosen": tag in chosen.tags} for tag, words in offered.topics.items()
            ],
            "languages": [
                {"tag": each.tag, "name": each.name, "direction": each.direction, "chosen": each.tag == chosen.language}
                for each in list_page_languages(config, config.languages, "preferences")
            ],
            "summary": offered.summary or "",
            "wants_summary": chosen.frequency is Frequency.SUMMARY,
            "pauses": offered.pause,
            "paused_until": format_date(until.date(), config.publication.language) if until else "",
        }
        if view.full:
            may_move = config.subscriber_list.source == "store" and bool(chosen.address)
            known |= {"name": chosen.name, "address": chosen.address, "may_move": may_move, "typed": view.typed}
        return {**_NOBODY, **known}


# What is known of somebody of whom nothing is.
_NOBODY: Mapping[str, Any] = {
    **dict.fromkeys(("full", "has_left", "wants_summary", "pauses", "may_move"), False),
    **dict.fromkeys(("leave", "summary", "paused_until", "name", "address", "typed"), ""),
    "topics": (),
    "languages": (),
}


def _in_language(context: EditionContext, language: str) -> EditionContext:
    try:
        return context.in_language(language)
    except KeyError:  # one that is declared no more
        return context
