"""The unsubscribe page that a reader's link opens, in each state. It is the same for all, and never names a reader."""

import base64
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from enum import StrEnum
from pathlib import Path

from newsletter.editions import EditionContext
from newsletter.editions.html import make_filters
from newsletter.editions.html_blocks import make_page_writer
from newsletter.editions.pictures import Picture
from newsletter.editions.template_engine import fill_template, find_template, refuse_open_blocks, template_error
from newsletter.errors import TemplateError
from newsletter.web.public.error_line import error_line
from newsletter.web.public.page_forms import has_submit_button
from newsletter.workspace import Workspace

TEMPLATE = "leave.html.j2"
_LOG = logging.getLogger(__name__)


class PageState(StrEnum):
    """The state of the unsubscribe page, which its template knows as `state`."""

    ASK = "ask"  # leave?
    LEFT = "left"
    LEFT_ALL = "left-all"  # everything that comes from the database's publications
    RETURNED = "returned"
    RETURNED_ALL = "returned-all"
    BOUNCED = "bounced"  # nothing is sent, since mail came back
    HELD = "held"  # nothing is sent, for a reason that only an editor can lift
    THANKS = "thanks"  # for a reason
    UNKNOWN = "unknown"  # no link of ours
    LATER = "later"  # nothing can be written down now


_NEEDED = {PageState.ASK: "leave", PageState.LEFT: "return"}
# By the program's own page, where a restyled one does not know this state.
_OFFERED = {PageState.BOUNCED: "return", PageState.LEFT_ALL: "return-all", PageState.RETURNED_ALL: "leave"}
_LEAVE_ALL = "leave-all"
_NO_LEAVE_ALL = (
    'In this %s readers find no button for leaving everything: <button name="action" value="leave-all">. It stays as '
    "it is, and they can leave one newsletter at a time."
)


class UnsubscribePages:
    """The unsubscribe page in each state, rendered before anybody asks for it.

    `is_one_of_several` says whether the database holds other publications: then readers can leave all of them at once.
    That does not depend on what somebody gets: a link is forwarded, and whoever opens it is not to learn from a button
    that its reader has other newsletters, nor which.
    """

    def __init__(self, workspace: Workspace, is_one_of_several: Callable[[], bool] = lambda: False) -> None:
        self._is_one_of_several = is_one_of_several
        self._logged = ""
        self._lacks_leave_all = False
        self._pages: Mapping[str, Mapping[PageState, bytes]] = {}
        self.languages: tuple[str, ...] = ()  # the publication's own first
        self.renew(workspace)

    def __getitem__(self, state: PageState) -> bytes:
        return self._pages[""][state]

    def find(self, state: PageState, language: str) -> bytes:
        """Return the page in a language, or in the publication's own: for "", and for one that is declared no more."""
        return self._pages.get(language, self._pages[""])[state]

    def renew(self, workspace: Workspace) -> None:
        """Render the pages from the templates as they are now. A broken template leaves the last good pages in use.

        Where there have been none yet, the program's own template is used.
        """
        try:
            context, several, failure = EditionContext.from_workspace(workspace), self._is_one_of_several(), ""
            self._pages = _render_languages(context, several=several)
            self.languages = context.config.languages
            self._warn(several=several)
        except Exception as error:  # noqa: BLE001  # readers can still leave
            failure = error_line(error)
            if not self._pages:
                context = _plain(EditionContext.from_workspace(workspace))
                self._pages = _render_languages(context, several=False)
                self.languages = context.config.languages
        if failure and failure != self._logged:
            _LOG.error("The page for readers who leave stays as it was: %s", failure)
        self._logged = failure

    def _warn(self, *, several: bool) -> None:
        """Say once that a restyled page lacks the button for leaving everything."""
        lacks = several and not has_submit_button(self[PageState.ASK].decode(), _LEAVE_ALL)
        if lacks and not self._lacks_leave_all:
            _LOG.warning(_NO_LEAVE_ALL, TEMPLATE)
        self._lacks_leave_all = lacks


def _plain(context: EditionContext) -> EditionContext:
    """Return the context with nothing of the publication's own but its name and its colours, nor of the workspace's."""
    theme = context.config.theme.model_copy(update={"logo": None})
    config = context.config.model_copy(update={"theme": theme})
    return replace(context, config=config, template_path=context.template_path[-1:])


def _render_languages(context: EditionContext, *, several: bool) -> dict[str, dict[PageState, bytes]]:
    """Render the page in each state and language, the publication's own as an empty one. Raises what `_render` does."""
    languages = ("", *context.config.translations)
    return {language: _render(context.in_language(language), several=several) for language in languages}


def _render(context: EditionContext, *, several: bool) -> dict[PageState, bytes]:
    """Render the page in each state. Raises TemplateError, and ConfigError for the logo or the standing note."""
    words = {
        "publication": context.config.publication,
        "theme": context.config.theme,
        "logo": context.place_logo(_within),
        "several": several,
    }
    pages = {}
    for state in PageState:
        offered = _OFFERED.get(state)
        try:
            html = _fill_template(context, context.template_path, words, state)
            refuse_open_blocks(html, TEMPLATE, context.template_path)
        except TemplateError:
            if not offered:
                raise
            html = ""
        if offered and not has_submit_button(html, offered):
            html = _fill_template(context, context.template_path[-1:], words, state)
        if (action := _NEEDED.get(state)) and not has_submit_button(html, action):
            lost = f'its page "{state}" has no <form method="post"> with <button name="action" value="{action}">'
            raise template_error(find_template(TEMPLATE, context.template_path), 0, lost)
        pages[state] = html.encode()
    return pages


def _fill_template(
    context: EditionContext, template_path: Sequence[Path], words: Mapping[str, object], state: PageState
) -> str:
    filters = make_filters(make_page_writer(context.config.publication.language))
    return fill_template(
        TEMPLATE,
        tuple(template_path),
        {**words, "state": state.value},
        autoescape=True,
        filters=filters,
        translator=context.translator,
    )


def _within(picture: Picture) -> str:
    """Return a picture as a data: address, so that the page needs no other file."""
    return f"data:image/{picture.kind};base64,{base64.b64encode(picture.data).decode('ascii')}"
