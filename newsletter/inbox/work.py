"""The inbox worked through: each mail is read, proved, judged, written down, and filed. One at a time in memory."""

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cache, lru_cache
from pathlib import Path

from newsletter.address import normalise
from newsletter.audience.events import SoftRule, record, void, would_suppress
from newsletter.audience.keys import Keys
from newsletter.audience.subscribers import Subscriber, read_rows, reader_key
from newsletter.audience.tokens import Tokens
from newsletter.config import Config
from newsletter.delivery import ledger
from newsletter.errors import ListError, NewsletterError, Problem
from newsletter.inbox.proof import Prover
from newsletter.inbox.reading import Reading, read
from newsletter.inbox.sources import Mail, Source
from newsletter.inbox.verdict import Action, Verdict, judge
from newsletter.store import Store
from newsletter.store.events import was_handled


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
    """What judging mail takes: the state, the keys (None where there are none), the rules, and the editors' list."""

    store: Store
    keys: Keys | None
    config: Config
    list_path: Path


def work_through(desk: Desk, source: Source, *, dry_run: bool = False, again: bool = False) -> Iterator[Handled]:
    """Deal with each mail that was not dealt with before, or, `again`, with all of them. Streams.

    A mail that is left to a person stays where it is; where mails are moved, it is met again until somebody has taken
    it away. Raises NewsletterError when the source or the store fails; what was yielded is done.
    """
    tokens = Tokens(desk.keys, desk.config.reader_list.id) if desk.keys else None
    prover = Prover(desk.store, tokens, desk.config)
    inbox = desk.config.inbox
    soft = SoftRule(inbox.soft_bounces, inbox.soft_days)
    find_reader = _reader_finder(desk)
    moves = inbox.after == "move"
    for mail in source.mails(_nothing if again else _handled_before(desk.store, with_left=not moves)):
        verdict = _effective(_weighed(_judged(mail, prover, find_reader), desk.store, soft), desk)
        left = verdict.action is Action.ASK
        met_before = left and _was_handled(desk.store, _left(mail.key))
        moved = False
        if not dry_run and not (again and _was_handled(desk.store, mail.key)):  # what an editor has undone stays undone
            events = [verdict.event] if verdict.event else []
            record(desk.store, desk.keys, events, soft, handled=[_left(mail.key) if left else mail.key])
            moved = not left and _filed(source, mail) and moves
        yield Handled(file=mail.name, verdict=verdict, moved=moved, met_before=met_before)


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


def _judged(mail: Mail, prover: Prover, find_reader: Callable[[str], str | None]) -> Verdict:
    reading = read(mail.data, cut_off=mail.cut_off)
    reading = replace(reading, received_at=_received_at(mail, reading))
    return judge(reading, prover.prove(reading, mail.data), prover.asked_in_subject(reading), find_reader)


def _weighed(verdict: Verdict, store: Store, soft: SoftRule) -> Verdict:
    """A soft bounce too many has the effect of a hard one."""
    if verdict.event is None or not would_suppress(store, verdict.event, soft):
        return verdict
    why = f"{verdict.why}; it is soft bounce number {soft.bounces} within {soft.days:g} days"
    return replace(verdict, action=Action.SUPPRESS, why=why)


def _received_at(mail: Mail, reading: Reading) -> str:
    """When the mail came here: by what the mailbox notes, and by what its server wrote on top of the mail.

    The earlier one: what was moved or copied may have the moment of that. Empty, which means now, where neither is
    known.
    """
    return min(filter(None, (mail.received_at, reading.received_at)), default="")


def _effective(verdict: Verdict, desk: Desk) -> Verdict:
    """What is reported is what is recorded: an event that will not be written down does nothing."""
    why = void(desk.store, desk.keys, verdict.event) if verdict.event else None
    if why is None:
        return verdict
    return replace(verdict, action=Action.NOTHING, why=f"{verdict.why}; {why}", event=None)


def _nothing(_key: str) -> bool:
    return False


def _left(key: str) -> str:
    """What a mail that was left to a person is known by: it is not dealt with, and never moved."""
    return f"left {key}"


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
            reader = reader_key(normalise(address))
        except ValueError:
            return None
        if any(ledger.copies_of(desk.store, reader)):
            return reader
        return reader if hash(reader) in listed() and _is_listed(desk.list_path, reader) else None

    @cache
    def listed() -> frozenset[int]:
        """The list's readers, so that a thousand strangers' mails don't have it read a thousand times."""
        with suppress(ListError):  # a machine that only reads mail may have no list
            return frozenset(hash(row.reader) for row in read_rows(desk.list_path) if isinstance(row, Subscriber))
        return frozenset()

    return find_reader


def _is_listed(path: Path, reader: str) -> bool:
    """For sure: two readers may share a hash."""
    name = reader.partition("@")[0]
    rows = read_rows(path, lambda _number, line: name in line.casefold())
    return any(isinstance(row, Subscriber) and row.reader == reader for row in rows)
