"""The unsubscribe page that a reader's link opens, in each state. It is the same for all, and never names a reader."""

import logging
from collections.abc import Callable, Mapping
from enum import StrEnum

from newsletter.editions import EditionContext
from newsletter.web.public.page_forms import has_submit_button
from newsletter.web.public.reader_pages import PageDesign, ReaderPages
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


_DESIGN = PageDesign(
    TEMPLATE,
    "The page for readers who leave",
    tuple(PageState),
    needed={PageState.ASK: "leave", PageState.LEFT: "return"},
    offered={PageState.BOUNCED: "return", PageState.LEFT_ALL: "return-all", PageState.RETURNED_ALL: "leave"},
)
_LEAVE_ALL = "leave-all"
_NO_LEAVE_ALL = (
    'In this %s readers find no button for leaving everything: <button name="action" value="leave-all">. It stays as '
    "it is, and they can leave one newsletter at a time."
)


class UnsubscribePages(ReaderPages):
    """The unsubscribe page in each state.

    `is_one_of_several` says whether the database holds other publications: then readers can leave all of them at once.
    That does not depend on what somebody gets: a link is forwarded, and whoever opens it is not to learn from a button
    that its reader has other newsletters, nor which.
    """

    def __init__(self, workspace: Workspace, is_one_of_several: Callable[[], bool] = lambda: False) -> None:
        self._is_one_of_several = is_one_of_several
        self._lacks_leave_all = False
        super().__init__(_DESIGN, workspace)

    def _find_values(self) -> Mapping[str, object]:
        return {"several": self._is_one_of_several()}

    def _values(self, context: EditionContext, found: Mapping[str, object]) -> Mapping[str, object]:
        return {"several": False, "ask_reason": context.config.service.ask_reason, **found}

    def _check_pages(self, found: Mapping[str, object]) -> None:
        lacks = bool(found["several"]) and not has_submit_button(self[PageState.ASK].decode(), _LEAVE_ALL)
        if lacks and not self._lacks_leave_all:
            _LOG.warning(_NO_LEAVE_ALL, TEMPLATE)
        self._lacks_leave_all = lacks
