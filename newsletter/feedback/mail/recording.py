"""Recording of what was decided about mails, in groups: a transaction for each mail takes longer than all the rest.

The events of a mail and the note that it was handled are written in one transaction. The mail is filed after that, so
that a crash between the two loses nothing: the next run meets the mail again, and knows that it was handled.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from newsletter.errors import NewsletterError, Problem
from newsletter.feedback.mail.decision import Action, Decision
from newsletter.feedback.mail.sources import MailSource, StoredMail
from newsletter.store import Store
from newsletter.subscribers.event_recording import SoftRule, record_events
from newsletter.subscribers.feedback_events import Event
from newsletter.subscribers.secret_keys import SecretKeys
from newsletter.workspace import PublicationId

_GROUP = 100  # mails; a larger one saves little more
_LEFT = (Action.ASK, Action.HOLD)


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessedMail:
    """A mail, by its source's name for it, and what was done about it, or would be in a dry run.

    `met_before`: it was left to a person by an earlier run already.
    """

    file: str
    decision: Decision
    moved: bool = False
    met_before: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class DecidedMail:
    """A mail and what is done about it, with the rule for soft bounces if it counts.

    Without `is_recorded` nothing is done but to tell of it: on a dry run, or when the next run is to try again.
    """

    mail: StoredMail
    decision: Decision
    soft: SoftRule | None
    is_recorded: bool
    met_before: bool

    @property
    def is_left(self) -> bool:
        """Return whether it is left to a person: it is not dealt with, and never moved."""
        return self.decision.action in _LEFT

    @property
    def events(self) -> Sequence[Event]:
        return [self.decision.event] if self.decision.event and not self.is_left else []

    @property
    def handled_key(self) -> str:
        """Return the key under which it is known from then on."""
        return key_of_left(self.mail.key, self.decision.action) if self.is_left else self.mail.key


class MailRecorder:
    """Mails that wait for the transaction in which all of them are recorded.

    A decision may rest on what was recorded of its subscriber: while `concerns` is true, `record_waiting` comes first.
    """

    def __init__(
        self,
        store_of: Callable[[PublicationId | None], Store],
        keys: SecretKeys | None,
        source: MailSource,
        *,
        moves: bool,
    ) -> None:
        self._store_of = store_of
        self._keys = keys
        self._source = source
        self._moves = moves
        self._waiting: list[DecidedMail] = []
        self._subscribers: set[str] = set()
        self._keys_waiting: set[str] = set()

    @property
    def is_full(self) -> bool:
        """Return whether so many wait that they should be recorded."""
        return len(self._waiting) >= _GROUP

    def holds(self, key: str) -> bool:
        """Return whether a mail with this key waits."""
        return key in self._keys_waiting

    def concerns(self, decision: Decision) -> bool:
        """Return whether a mail that waits is about the same subscriber."""
        return not self._subscribers.isdisjoint(_list_subscribers(decision))

    def add(self, decided: DecidedMail) -> None:
        """Have a mail recorded with the others that wait."""
        self._waiting.append(decided)
        self._subscribers.update(_list_subscribers(decided.decision))
        self._keys_waiting.add(decided.mail.key)

    def record_waiting(self) -> Iterator[ProcessedMail]:
        """Record all that wait, then file and yield them in their order. Raises NewsletterError of the store."""
        waiting, self._waiting = self._waiting, []
        self._subscribers.clear()
        self._keys_waiting.clear()
        own = self._store_of(None)
        for soft, some in groupby((one for one in waiting if one.is_recorded), lambda one: one.soft):
            self._record(own, list(some), soft)
        for one in waiting:
            moved = one.is_recorded and not one.is_left and _file_mail(self._source, one.mail) and self._moves
            yield ProcessedMail(file=one.mail.name, decision=one.decision, moved=moved, met_before=one.met_before)

    def _record(self, own: Store, group: Sequence[DecidedMail], soft: SoftRule | None) -> None:
        def find_publication(one: DecidedMail) -> PublicationId:
            return one.decision.publication or own.publication

        for publication, theirs in groupby(group, find_publication):
            if publication != own.publication:
                # Before the mails count as handled: what is recorded twice is recorded once.
                record_events(self._store_of(publication), self._keys, _list_events(theirs), soft)
        ours = _list_events(one for one in group if find_publication(one) == own.publication)
        record_events(own, self._keys, ours, soft, handled=[one.handled_key for one in group])


def key_of_left(key: str, action: Action = Action.ASK) -> str:
    """Return the key under which a mail is known that was left to a person."""
    return f"held {key}" if action is Action.HOLD else f"left {key}"


def _list_events(group: Iterable[DecidedMail]) -> list[Event]:
    return [event for one in group for event in one.events]


def _list_subscribers(decision: Decision) -> list[str]:
    named = (decision.address, decision.event.subscriber if decision.event else None)
    return [subscriber for subscriber in named if subscriber]


def _file_mail(source: MailSource, mail: StoredMail) -> bool:
    """File a mail, and return whether that worked. One that can't be moved keeps no other from being read."""
    try:
        source.file(mail)
    except NewsletterError as error:
        source.unread.append(
            Problem(path=mail.name, code="move", message=error.message.rstrip("."), next_step=error.next_step)
        )
        return False
    return True
