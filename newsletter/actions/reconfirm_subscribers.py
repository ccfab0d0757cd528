"""Reconfirmation: readers whose consent is old are asked whether they still want the newsletter, by age alone.

Stages: choose whom to ask, by when they last agreed; ask the editor; queue a mail to each, which the service or
`send_reconfirmations` sends; and later suppress those who were reached and have not answered, as one batch that can be
undone. Nothing depends on whether anybody opened or clicked anything.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from itertools import islice

from newsletter.campaigns.reader_languages import LanguageChooser
from newsletter.clock import Instant, make_instant
from newsletter.publication import OpenPublication
from newsletter.store import suppressions
from newsletter.store.erased import find_erased, hold_off_erasing, hold_off_writing
from newsletter.subscribers.consent_age import find_last_agreed
from newsletter.subscribers.consent_words import keep_words
from newsletter.subscribers.feedback_events import SuppressionKind
from newsletter.subscribers.reader_requests import ReaderRequest, RequestKind, RequestState, add_requests
from newsletter.subscribers.reconfirming import keep_silent, suppress_silent
from newsletter.subscribers.secret_keys import require_secret_keys
from newsletter.subscribers.subscriber import Subscriber
from newsletter.subscribers.suppression_status import with_suppression_status
from newsletter.transactional.mail_kinds import MailKind, MailState
from newsletter.transactional.messages import MessageWriter
from newsletter.transactional.reconfirmations import (
    count_asked_mails,
    count_confirmed,
    count_unanswered,
    find_asked,
    list_unanswered,
    queue_reconfirmations,
)
from newsletter.transactional.sender import SentMails, TransactionalSender

_GROUP = 500  # few enough for either database's parameters
RECONFIRM = "reconfirm"  # as the source of requests and of consents


class AskingGroup(StrEnum):
    """What asking means for somebody on the list."""

    OLDER = "older"  # agreed too long ago
    UNKNOWN = "unknown"  # nobody knows when they agreed
    RECENT = "recent"
    ASKED = "asked"  # before, and can still answer
    NOT_MAILED = "not mailed"


@dataclass(frozen=True, kw_only=True)
class AskingPlan:
    """Whom asking would be about, in numbers. Who last agreed before `before`, or nobody knows when, is asked."""

    before: Instant
    counts: Counter[AskingGroup]

    @property
    def to_ask(self) -> int:
        return self.counts[AskingGroup.OLDER] + self.counts[AskingGroup.UNKNOWN]


@dataclass(frozen=True, kw_only=True)
class FinishPlan:
    """Whom finishing would be about: those reached before `before` who have not answered are suppressed.

    `confirmed` have answered; `mails` are those to all who have not, by what became of them.
    """

    before: Instant
    unanswered: int
    confirmed: int
    mails: Counter[MailState] = field(default_factory=Counter)

    @property
    def has_time(self) -> int:
        """Return how many were reached later, and may still answer."""
        return max(0, self.mails[MailState.ACCEPTED] - self.unanswered)


def ask_subscribers(publication: OpenPublication, age: timedelta, confirm: Callable[[AskingPlan], bool]) -> int:
    """Queue a mail to everybody who last agreed longer ago than `age`, as `confirm` agrees to; return to how many.

    Who was asked before and can still answer is not asked again, so that it can be done twice, or go on where it was
    broken off. Raises ConfigError where the mails' links would lead nowhere, and ListError without a list.
    """
    publication.refuse_without_erasure_keys()
    require_writer(publication)
    before = make_instant(datetime.now(UTC) - age)
    counts = Counter(group for group, _ in _sort_subscribers(publication, before))
    plan = AskingPlan(before=before, counts=counts)
    if not plan.to_ask or not confirm(plan):
        return 0
    chosen = (
        reader
        for group, reader in _sort_subscribers(publication, before)
        if group in (AskingGroup.OLDER, AskingGroup.UNKNOWN)
    )
    languages = LanguageChooser(publication.config, [*publication.config.translations])
    asked = 0
    while readers := list(islice(chosen, _GROUP)):
        asked += _queue(publication, readers, languages)
    return asked


def require_writer(publication: OpenPublication) -> MessageWriter:
    """Return what writes mails to single readers. Raises ConfigError where their links would lead nowhere."""
    return MessageWriter(publication.workspace, publication.store, require_secret_keys(publication.workspace))


def send_reconfirmations(publication: OpenPublication) -> SentMails:
    """Send the queued mails of this kind that are due, until none is, or the server takes no more.

    Raises ConfigError where their links would lead nowhere, and DeliveryError for a store that can't be used.
    """
    require_writer(publication)
    sender = TransactionalSender(publication.store)
    counts = Counter[MailState]()
    while True:
        sent = sender.send_due(
            lambda: require_writer(publication), publication.load_backend, kinds=[MailKind.RECONFIRM]
        )
        counts += sent.counts
        if sent.rest_s or not sent.has_more:
            return SentMails(counts=counts, rest_s=sent.rest_s, why=sent.why)


def finish_reconfirmation(publication: OpenPublication, after: timedelta, confirm: Callable[[FinishPlan], bool]) -> int:
    """Suppress who was reached longer ago than `after` and has not answered, as `confirm` agrees to; return how many.

    They are one batch, which `undo_finish` undoes. Their links still work: who presses the button later gets it again.
    """
    publication.refuse_without_erasure_keys()
    store = publication.store
    before = make_instant(datetime.now(UTC) - after)
    with store.reading() as connection:
        plan = FinishPlan(
            before=before,
            unanswered=count_unanswered(connection, before),
            confirmed=count_confirmed(connection),
            mails=count_asked_mails(connection),
        )
    if not confirm(plan) or not plan.unanswered:
        return 0
    moment = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    batch = suppressions.name_batch(moment, store.publication)
    suppressed = last = 0
    while True:
        with store.transaction() as connection:
            hold_off_writing(connection)
            group = list_unanswered(connection, before, last, _GROUP)
            if not group:
                return suppressed
            last = group[-1].request
            suppressed += suppress_silent(connection, publication.keys, [each.subscriber for each in group], batch)


def undo_finish(publication: OpenPublication, confirm: Callable[[str, int], bool]) -> int:
    """Lift the suppressions of the newest batch, as `confirm` agrees to, given its name and how many they are."""
    publication.refuse_without_erasure_keys()
    store = publication.store
    with store.reading() as connection:
        batches = suppressions.list_batches(connection, SuppressionKind.UNCONFIRMED)
    if not batches:
        return 0
    name = max(batches)
    readers = sorted(batches[name])
    if not confirm(name, len(readers)):
        return 0
    lifted = 0
    for begin in range(0, len(readers), _GROUP):
        lifted += keep_silent(store, readers[begin : begin + _GROUP], name)
    return lifted


def _sort_subscribers(publication: OpenPublication, before: Instant) -> Iterator[tuple[AskingGroup, Subscriber]]:
    """Yield everybody on the list with what asking means for them. Streams."""
    store, source = publication.store, publication.require_subscribers()
    rows = with_suppression_status(store, publication.keys, source.read_subscribers(), source.read_statuses())
    while group := list(islice(rows, _GROUP)):
        readers = [(row, status.mailable) for row, status in group if isinstance(row, Subscriber)]
        mailable = [row for row, is_mailable in readers if is_mailable]
        with store.reading() as connection:
            agreed = find_last_agreed(connection, mailable)
            asked = find_asked(connection, [row.key for row in mailable])
        for row, is_mailable in readers:
            if not is_mailable:
                yield AskingGroup.NOT_MAILED, row
            elif row.key in asked:
                yield AskingGroup.ASKED, row
            elif row.key not in agreed:
                yield AskingGroup.UNKNOWN, row
            else:
                yield AskingGroup.OLDER if agreed[row.key] < before else AskingGroup.RECENT, row


def _queue(publication: OpenPublication, readers: list[Subscriber], languages: LanguageChooser) -> int:
    """Queue a mail to each of these readers with the request that it asks; return to how many."""
    keys = publication.keys
    digests = {reader.key: keys.digest(reader.key) for reader in readers} if keys else {}
    with publication.store.transaction() as connection:
        hold_off_erasing(connection)
        erased = find_erased(connection, list(digests.values()))
        asked = find_asked(connection, [reader.key for reader in readers])
        chosen = [each for each in readers if each.key not in asked and digests.get(each.key) not in erased]
        spoken = [languages.choose_tag(each.fields) for each in chosen]
        words = {tag: keep_words(connection, publication.config.in_language(tag).consent_words) for tag in {*spoken}}
        requests = [
            ReaderRequest(
                kind=RequestKind.RECONFIRM,
                address=each.address,
                language=tag,
                source=RECONFIRM,
                words_sha256=words[tag],
                state=RequestState.ASKED,
            )
            for each, tag in zip(chosen, spoken, strict=True)
        ]
        numbers = add_requests(connection, requests)
        queue_reconfirmations(connection, dict(zip(numbers, requests, strict=True)))
    return len(chosen)
