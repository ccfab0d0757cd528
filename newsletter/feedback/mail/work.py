"""The inbox worked through: each mail is read, proved, judged, written down, and filed. One at a time in memory."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cache, lru_cache, partial
from pathlib import Path

from newsletter import ledger
from newsletter.address import domain_of, local_part_of, normalise_address, subscriber_key
from newsletter.config import Config
from newsletter.errors import ListError, NewsletterError, Problem
from newsletter.feedback.mail import brake, readings
from newsletter.feedback.mail.asking import ask_readers, needless, recently_asked
from newsletter.feedback.mail.authentication_results import vouched
from newsletter.feedback.mail.brake import Answer, Crowd
from newsletter.feedback.mail.confirmation import Confirmation
from newsletter.feedback.mail.proof import Prover
from newsletter.feedback.mail.reading import Kind as Read
from newsletter.feedback.mail.reading import Reading, read
from newsletter.feedback.mail.sources import Mail, Source
from newsletter.feedback.mail.verdict import Action, Verdict, judge
from newsletter.store import Store, suppressions
from newsletter.store.events import agree, agreed_at, was_handled
from newsletter.subscribers.csv_source import read_rows
from newsletter.subscribers.feedback_events import (
    EventKind,
    SoftRule,
    SuppressionKind,
    record_events,
    why_ignored,
    would_suppress,
)
from newsletter.subscribers.secret_keys import SecretKeys
from newsletter.subscribers.subscriber import Subscriber
from newsletter.subscribers.tokens import TokenSigner


@dataclass(frozen=True, slots=True, kw_only=True)
class Handled:
    """One mail, by its source's name for it, and what was, or in a dry run would be, done.

    `met_before`: it was left to a person by an earlier run already.
    """

    file: str
    verdict: Verdict
    moved: bool = False
    met_before: bool = False


@dataclass(frozen=True, kw_only=True)
class Desk:
    """What judging mail takes: the state, the keys (None where there are none), the rules, and the editors' list.

    `confirmation` asks readers in whose name somebody has written; None where nobody can be asked.
    """

    store: Store
    keys: SecretKeys | None
    config: Config
    list_path: Path
    confirmation: Confirmation | None = None


Decide = Callable[[Crowd], Answer]


def leave_for_later(_crowd: Crowd) -> Answer:
    """Decide nothing, where nobody is there to do it."""
    return Answer.LATER


def work_through(
    desk: Desk, source: Source, *, dry_run: bool = False, again: bool = False, decide: Decide = leave_for_later
) -> Iterator[Handled]:
    """Deal with each mail that was not dealt with before, or, `again`, with all of them. Streams.

    A mail that is left to a person stays where it is; where mails are moved, it is met again until somebody has taken
    it away. Bounces that suppress a reader come last, since it matters how many they are: `decide` is asked when they
    are too many. Raises NewsletterError when the source or the store fails; what was yielded is done.
    """
    tokens = TokenSigner(desk.keys, desk.config.subscriber_list.id) if desk.keys else None
    prover = Prover(desk.store, tokens, desk.config)
    inbox = desk.config.inbox
    soft = SoftRule(inbox.soft_bounces, inbox.soft_days)
    find_reader = _reader_finder(desk)
    filing = _Filing(desk=desk, source=source, soft=soft, dry_run=dry_run, again=again)
    bounces: list[tuple[Mail, Verdict]] = []
    wishes: list[tuple[Mail, Verdict]] = []
    for mail in source.mails(_nothing if again else _handled_before(desk.store, with_left=not filing.moves)):
        verdict = _effective(_weighed(_judged(mail, prover, find_reader, inbox.authserv_id), desk.store, soft), desk)
        if verdict.action is Action.SUPPRESS and verdict.kind is not Read.COMPLAINT:
            bounces.append((replace(mail, data=b""), verdict))
        elif verdict.action is Action.CONFIRM and not filing.was_settled(mail):
            wishes.append((replace(mail, data=b""), verdict))
        else:
            yield filing.settle(mail, verdict)
    yield from _ask_readers(filing, wishes, decide)
    yield from _suppress(filing, bounces, decide)


@dataclass(frozen=True, kw_only=True)
class _Filing:
    """Writes down what mails say, and puts each away; on a dry run neither."""

    desk: Desk
    source: Source
    soft: SoftRule
    dry_run: bool
    again: bool

    @property
    def moves(self) -> bool:
        return self.desk.config.inbox.after == "move"

    def was_settled(self, mail: Mail) -> bool:
        """Return whether an earlier reading dealt with the mail: what an editor has undone since stays undone."""
        return self.again and _was_handled(self.desk.store, mail.key)

    def settle(self, mail: Mail, verdict: Verdict, *, counts: bool = True, dealt_with: bool = True) -> Handled:
        """Act on a verdict. Without `counts` the rule for soft bounces is left out; without `dealt_with` all is."""
        store = self.desk.store
        left = verdict.action in (Action.ASK, Action.HOLD)
        key = _left(mail.key, verdict.action) if left else mail.key
        met_before = left and _was_handled(store, key)
        moved = False
        if dealt_with and not self.dry_run and not self.was_settled(mail):
            events = [verdict.event] if verdict.event and not left else []
            record_events(store, self.desk.keys, events, self.soft if counts else None, handled=[key])
            moved = not left and _filed(self.source, mail) and self.moves
        return Handled(file=mail.name, verdict=verdict, moved=moved, met_before=met_before)


def _ask_readers(filing: _Filing, wishes: Sequence[tuple[Mail, Verdict]], decide: Decide) -> Iterator[Handled]:
    """Ask the readers in whose name somebody wants to leave whether they do."""
    desk = filing.desk
    if filing.dry_run:
        for mail, verdict in wishes:
            yield filing.settle(mail, needless(desk.store, desk.keys, mail, verdict) or verdict)
        return
    crowd_of = partial(_crowd, desk, asked=True)
    for one in ask_readers(desk.store, desk.keys, desk.confirmation, wishes, crowd_of, decide):
        yield filing.settle(one.mail, one.verdict, dealt_with=one.dealt_with)


def _suppress(filing: _Filing, bounces: Sequence[tuple[Mail, Verdict]], decide: Decide) -> Iterator[Handled]:
    """Suppress whose mail bounced, unless they are too many at once and a person does not believe it."""
    desk = filing.desk
    new = [verdict for mail, verdict in bounces if not filing.was_settled(mail)]
    crowd = _crowd(desk, new)
    answer = decide(crowd) if crowd.readers and not filing.dry_run else Answer.LATER
    if crowd.readers and answer is not Answer.LATER:
        with desk.store.transaction() as connection:
            agree(connection)
    name = readings.name_now()
    for mail, verdict in bounces:
        held = crowd.readers if verdict in new else frozenset[str]()
        verdict = _after(verdict, answer if verdict.address in held else Answer.SUPPRESS, crowd, name)
        yield filing.settle(mail, verdict, counts=verdict.action is not Action.COUNT)


def _crowd(desk: Desk, verdicts: Sequence[Verdict], *, asked: bool = False) -> Crowd:
    """Return those of the readers whom these would suppress, or have `asked`, who are too many at once."""
    readers = {verdict.address for verdict in verdicts}
    since = (datetime.now(UTC) - timedelta(hours=brake.WINDOW_H)).isoformat(timespec="milliseconds")
    with desk.store.reading() as connection:
        since = max(since, agreed_at(connection))
        bounced = suppressions.since(connection, SuppressionKind.BOUNCED, since)
    recent = recently_asked(desk.store, since) if asked else set(bounced)
    if len(readers | recent) < brake.FEWEST or not readers:
        return Crowd(readers=frozenset(), why="")
    crowd = brake.crowd_of(readers, recent, _domains(desk, verdicts), desk.config.inbox)
    return replace(crowd, bounced=not asked)


def _domains(desk: Desk, verdicts: Sequence[Verdict]) -> Mapping[str, int]:
    """Return how many readers each domain has: by the list, or without one by the issue that most bounces name."""
    with suppress(ListError):
        rows = (row for row in read_rows(desk.list_path) if isinstance(row, Subscriber))
        if found := Counter(domain_of(row.key) for row in rows):
            return found
    ((issue, _),) = Counter(verdict.issue for verdict in verdicts).most_common(1)
    return ledger.domains_of(desk.store, issue)


def _after(verdict: Verdict, answer: Answer, crowd: Crowd, reading: str) -> Verdict:
    """Return what becomes of a bounce, once it is known how many there are and what a person says of that."""
    if verdict.event is None:
        return verdict
    evidence = {**verdict.event.evidence, readings.READING: reading}
    if answer is Answer.SUPPRESS:
        return replace(verdict, event=replace(verdict.event, evidence=evidence))
    if answer is Answer.LATER:
        why = f"{verdict.why}; too many at once: {crowd.why}"
        return replace(verdict, action=Action.HOLD, why=why, held_because=crowd.why)
    evidence["note"] = f"not believed: {crowd.why}"
    event = replace(verdict.event, kind=EventKind.SOFT, evidence=evidence)
    return replace(verdict, action=Action.COUNT, why=f"{verdict.why}; not believed, as you said", event=event)


def _filed(source: Source, mail: Mail) -> bool:
    """A mail that can't be moved is told in the end, and keeps no other from being read."""
    try:
        source.file(mail)
    except NewsletterError as error:
        source.unread.append(
            Problem(path=mail.name, code="move", message=error.message.rstrip("."), next_step=error.next_step)
        )
        return False
    return True


def _judged(mail: Mail, prover: Prover, find_reader: Callable[[str], str | None], authserv_id: str | None) -> Verdict:
    reading = read(mail.data, cut_off=mail.cut_off)
    reading = replace(reading, received_at=_received_at(mail, reading))
    proof, asked = prover.prove(reading, mail.data), prover.asked_in_subject(reading)
    return judge(reading, proof, asked, find_reader, vouched(reading, authserv_id or ""))


def _weighed(verdict: Verdict, store: Store, soft: SoftRule) -> Verdict:
    """A soft bounce too many has the effect of a hard one."""
    if verdict.event is None or not would_suppress(store, verdict.event, soft):
        return verdict
    why = f"{verdict.why}; it is soft bounce number {soft.bounces} within {soft.days:g} days"
    return replace(verdict, action=Action.SUPPRESS, why=why)


def _received_at(mail: Mail, reading: Reading) -> str:
    """Return when the mail came here, by what the mailbox notes, and by what its server wrote on top of the mail.

    The earlier one: what was moved or copied may have the moment of that. Empty, which means now, where neither is
    known.
    """
    return min(filter(None, (mail.received_at, reading.received_at)), default="")


def _effective(verdict: Verdict, desk: Desk) -> Verdict:
    """Return the verdict as it will be recorded: an event that will not be written down does nothing."""
    why = why_ignored(desk.store, desk.keys, verdict.event) if verdict.event else None
    if why is None:
        return verdict
    return replace(verdict, action=Action.NOTHING, why=f"{verdict.why}; {why}", event=None)


def _nothing(_key: str) -> bool:
    return False


def _left(key: str, action: Action = Action.ASK) -> str:
    """Return what a mail that was left to a person is known by: it is not dealt with, and never moved."""
    return f"held {key}" if action is Action.HOLD else f"left {key}"


def _handled_before(store: Store, *, with_left: bool) -> Callable[[str], bool]:
    return lambda key: _was_handled(store, key) or (with_left and _was_handled(store, _left(key)))


def _was_handled(store: Store, key: str) -> bool:
    with store.reading() as connection:
        return was_handled(connection, key)


def _reader_finder(desk: Desk) -> Callable[[str], str | None]:
    """Finds the reader whom an address is on the list as, or was ever sent anything as."""

    @lru_cache(maxsize=1000)
    def find_reader(address: str) -> str | None:
        try:
            reader = subscriber_key(normalise_address(address))
        except ValueError:
            return None
        if any(ledger.copies_of(desk.store, reader)):
            return reader
        return reader if hash(reader) in listed() and _is_listed(desk.list_path, reader) else None

    @cache
    def listed() -> frozenset[int]:
        """The list's readers, so that a thousand strangers' mails don't have it read a thousand times."""
        with suppress(ListError):  # a machine that only reads mail may have no list
            return frozenset(hash(row.key) for row in read_rows(desk.list_path) if isinstance(row, Subscriber))
        return frozenset()

    return find_reader


def _is_listed(path: Path, reader: str) -> bool:
    """For sure: two readers may share a hash."""
    name = local_part_of(reader)
    rows = read_rows(path, lambda _number, line: name in line.casefold())
    return any(isinstance(row, Subscriber) and row.key == reader for row in rows)
