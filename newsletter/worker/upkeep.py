"""What workers do from time to time, whichever of them is the first, and what came of it, in the log."""

import logging
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from time import monotonic

from newsletter.actions.check_links import check_links
from newsletter.actions.look_after_handovers import look_after_handovers
from newsletter.actions.process_feedback import FeedbackOptions, choose_readers, find_mailbox, process_feedback
from newsletter.actions.reconfirm_subscribers import send_reconfirmations
from newsletter.actions.run_outbox import open_handing_outbox
from newsletter.actions.status import list_unsent_drafts
from newsletter.errors import NewsletterError
from newsletter.feedback.mail.decision import Action
from newsletter.issue_name import IssueName
from newsletter.publication import OpenPublication
from newsletter.schedule.scheduler import Scheduler, ScheduleResult
from newsletter.text import format_count
from newsletter.transactional.mail_kinds import MailKind, MailState
from newsletter.transactional.queue import has_work

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class PeriodicTask:
    """Task that is done at the times of a crontab line, for each publication."""

    name: str
    cron: str
    work: Callable[[str], None]


class Upkeep:
    """Upkeep of the publications that a worker knows; each method is given one by its id, and raises nothing."""

    def __init__(self, publications: Iterable[OpenPublication]) -> None:
        every = list(publications)
        self._publications = {str(one.workspace.publication_id): one for one in every}
        self._readers = {one.workspace.folder for one in choose_readers(every)}
        self._outboxes: dict[str, Scheduler] = {}
        self._looking = threading.Lock()
        self._mails_rest_until: dict[str, float] = {}

    @property
    def timetable(self) -> list[PeriodicTask]:
        """What is done when."""
        return [
            PeriodicTask(name="newsletter.look_after", cron="* * * * *", work=self.look_after),
            PeriodicTask(name="newsletter.send_mails", cron="* * * * *", work=self.send_mails),
            PeriodicTask(name="newsletter.read_inbox", cron="*/5 * * * *", work=self.read_inbox),
            # At night in most of the world's offices that have this publication's time; it asks each link once a day.
            PeriodicTask(name="newsletter.check_links", cron="23 3 * * *", work=self.check_links),
        ]

    def look_after(self, publication: str, *, is_start: bool = False) -> None:
        """Put in jobs that were lost, and hand over what is due in the outbox."""
        known = self._publications[publication]
        with telling(known):
            look_after_handovers(known.store, is_start=is_start)
            self.look_at_outbox(publication)

    def look_at_outbox(self, publication: str) -> None:
        """Hand over what is due in the outbox."""
        known = self._publications[publication]
        with telling(known), self._looking:
            if publication not in self._outboxes:
                self._outboxes[publication] = open_handing_outbox(known, _make_teller(known))
            self._outboxes[publication].look()

    def send_mails(self, publication: str) -> None:
        """Send the mails that ask readers whether they want to stay; `newsletter serve` sends all kinds."""
        known = self._publications[publication]
        if monotonic() < self._mails_rest_until.get(publication, 0.0):
            return
        with telling(known):
            with known.store.reading() as connection:
                if not has_work(connection, [MailKind.RECONFIRM]):
                    return
            sent = send_reconfirmations(known.with_current_settings())
            self._mails_rest_until[publication] = monotonic() + sent.rest_s
            if sent.counts or sent.why:
                counted = format_count(sent.counts[MailState.ACCEPTED], "mail")
                _LOG.info("%s: %s sent that ask readers whether they want to stay. %s", _name(known), counted, sent.why)

    def read_inbox(self, publication: str) -> None:
        """Act on the mail that came back. What a person has to decide about stays for `newsletter inbox read`."""
        with telling(self._publications[publication]):
            known = self._publications[publication].with_current_settings()
            if known.workspace.folder not in self._readers or find_mailbox(known) is None:
                return
            actions = Counter[Action]()
            with process_feedback(known, FeedbackOptions()) as run:
                actions.update(mail.decision.action for mail in run.mails if not mail.met_before)
                for problem in run.unread:
                    _LOG.warning("%s: %s", _name(known), problem.message)
            if actions:
                counted = ", ".join(f"{action.value} {count:,}" for action, count in actions.most_common())
                _LOG.info("%s: read mail that came back: %s", _name(known), counted)

    def check_links(self, publication: str) -> None:
        """Ask the links of drafts that were not sent yet, so that a check and the preview know the answers."""
        with telling(self._publications[publication]):
            known = self._publications[publication].with_current_settings()
            for path in list_unsent_drafts(known):
                report = check_links(known, known.read_draft(path))
                if report.problems:
                    name, counted = _name(known, path.stem), format_count(len(report.problems), "link")
                    _LOG.warning("%s: %s in trouble: newsletter draft check %s --links", name, counted, path.stem)


@contextmanager
def telling(publication: OpenPublication, issue: str = "") -> Iterator[None]:
    """Say in the log what was wrong, and go on: what the ledger says is to be done is put in again by `look_after`."""
    try:
        yield
    except NewsletterError as error:
        _LOG.warning("%s: %s %s", _name(publication, issue), error.message, error.next_step)
    except Exception:  # noqa: BLE001  # whatever it is, the worker goes on with what else there is to do
        _LOG.exception("%s: a fault of the program, not yours. Report what follows.", _name(publication, issue))


def _make_teller(publication: OpenPublication) -> Callable[[IssueName, ScheduleResult, NewsletterError | None], None]:
    def tell(issue: IssueName, result: ScheduleResult, error: NewsletterError | None) -> None:
        said = "handed over to the workers" if result is ScheduleResult.SENT else result.value
        reason = f" {error.message} {error.next_step}" if error else ""
        level = logging.INFO if result in (ScheduleResult.SENT, ScheduleResult.BUSY) else logging.WARNING
        _LOG.log(level, "%s: %s in the outbox.%s", _name(publication, issue), said, reason)

    return tell


def _name(publication: OpenPublication, issue: str = "") -> str:
    return f"{publication.workspace.shown_name} {issue}".strip()
