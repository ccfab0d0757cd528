"""Sending by jobs: what each job of a campaign does, by the publications that this worker knows."""

import logging
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from newsletter.actions.observer import SendObserver
from newsletter.actions.send_share import ShareReport, ShareResult, send_share
from newsletter.issue_name import IssueName
from newsletter.ledger.deliveries import count_deliveries
from newsletter.ledger.states import State
from newsletter.publication import OpenPublication
from newsletter.sending.handover_share import StopSwitch
from newsletter.worker.upkeep import telling

_LOG = logging.getLogger(__name__)


class SendingTasks:
    """Jobs of one worker that send, each in a thread of its own; `stop` ends them with what is in hand."""

    def __init__(self, publications: Iterable[OpenPublication]) -> None:
        self._publications = {str(one.workspace.publication_id): one for one in publications}
        self._switches: set[StopSwitch] = set()
        self._is_stopping = False

    @property
    def publications(self) -> list[str]:
        """The ids of the publications that this worker knows."""
        return [*self._publications]

    def stop(self) -> None:
        """End what is being sent with what is in hand; asked a second time, at once."""
        self._is_stopping = True
        for switch in list(self._switches):
            switch.ask()

    def send(self, publication: str, issue: str, failures: int = 0) -> None:
        """Send a share of a campaign."""
        known = self._publications[publication]
        with self._switch() as stop, telling(known, issue):
            report = send_share(
                known.with_current_settings(), IssueName(issue), stop, observer=_Log(known), failures=failures
            )
            _tell(known, issue, report)

    @contextmanager
    def _switch(self) -> Iterator[StopSwitch]:
        switch = StopSwitch()
        self._switches.add(switch)
        if self._is_stopping:
            switch.ask()
        try:
            yield switch
        finally:
            self._switches.discard(switch)


class _Log(SendObserver):
    """Says in the log that a share begins, and that it ended."""

    def __init__(self, publication: OpenPublication) -> None:
        self._publication = publication

    def begin(self, issue: IssueName, waiting: int) -> None:
        _LOG.info("%s: sending, with %s still waiting in all", _name(self._publication, issue), f"{waiting:,}")


def _tell(publication: OpenPublication, issue: str, report: ShareReport) -> None:
    if report.error is not None:
        _LOG.warning(
            "%s: %s %s %s", _name(publication, issue), report.result, report.error.message, report.error.next_step
        )
    elif report.result is not ShareResult.NOTHING:
        counts = count_deliveries(publication.store, IssueName(issue))
        _LOG.info("%s: %s; accepted by now %s", _name(publication, issue), report.result, f"{counts[State.ACCEPTED]:,}")


def _name(publication: OpenPublication, issue: str) -> str:
    return f"{publication.workspace.shown_name} {issue}".strip()
