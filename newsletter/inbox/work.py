"""The inbox worked through: each mail is read, proved, judged, written down, and filed. One at a time in memory."""

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

from newsletter.address import normalise
from newsletter.audience.events import SoftRule, record, would_suppress
from newsletter.audience.keys import Keys
from newsletter.audience.subscribers import Subscriber, read_rows, reader_key
from newsletter.audience.tokens import Tokens
from newsletter.config import Config
from newsletter.delivery import ledger
from newsletter.errors import ListError
from newsletter.inbox.proof import Prover
from newsletter.inbox.reading import read
from newsletter.inbox.sources import Mail, Source
from newsletter.inbox.verdict import Action, Verdict, judge
from newsletter.store import Store
from newsletter.store.events import was_handled


@dataclass(frozen=True, slots=True, kw_only=True)
class Handled:
    """One mail, by its source's name for it, and what was, or in a dry run would be, done."""

    file: str
    verdict: Verdict


@dataclass(frozen=True, kw_only=True)
class Desk:
    """What judging mail takes: the state, the keys (None where there are none), the rules, and the editors' list."""

    store: Store
    keys: Keys | None
    config: Config
    list_path: Path


def work_through(desk: Desk, source: Source, *, dry_run: bool = False, again: bool = False) -> Iterator[Handled]:
    """Deal with each mail that was not dealt with before, or, `again`, with all of them. Streams.

    A mail that is left to a person stays where it is; where mails are moved, it is met again until it is gone. Raises
    NewsletterError when the source or the store fails; what was yielded is done.
    """
    tokens = Tokens(desk.keys, desk.config.reader_list.id) if desk.keys else None
    prover = Prover(desk.store, tokens, desk.config)
    inbox = desk.config.inbox
    soft = SoftRule(inbox.soft_bounces, inbox.soft_days)
    is_reader = _reader_test(desk)
    stays = inbox.after == "leave"
    for mail in source.mails(_nothing if again else _handled_before(desk.store)):
        verdict = _weighed(_judged(mail, prover, is_reader), desk.store, soft)
        left = verdict.action is Action.ASK
        if not dry_run:
            events = [verdict.event] if verdict.event else []
            record(desk.store, desk.keys, events, soft, handled=[mail.key] if stays or not left else [])
            if not left:
                source.file(mail)
        yield Handled(file=mail.name, verdict=verdict)


def _judged(mail: Mail, prover: Prover, is_reader: Callable[[str], bool]) -> Verdict:
    reading = read(mail.data, cut_off=mail.cut_off)
    return judge(reading, prover.prove(reading, mail.data), is_reader)


def _weighed(verdict: Verdict, store: Store, soft: SoftRule) -> Verdict:
    """A soft bounce too many has the effect of a hard one."""
    if verdict.event is None or not would_suppress(store, verdict.event, soft):
        return verdict
    why = f"{verdict.why}; it is soft bounce number {soft.bounces} within {soft.days:g} days"
    return replace(verdict, action=Action.SUPPRESS, why=why)


def _nothing(_key: str) -> bool:
    return False


def _handled_before(store: Store) -> Callable[[str], bool]:
    def known(key: str) -> bool:
        with store.reading() as connection:
            return was_handled(connection, key)

    return known


def _reader_test(desk: Desk) -> Callable[[str], bool]:
    """Is an address a reader's: is it on the list, or was anything ever sent there?"""

    @lru_cache(maxsize=1000)
    def is_reader(address: str) -> bool:
        try:
            reader = reader_key(normalise(address))
        except ValueError:
            return False
        if any(ledger.copies_of(desk.store, reader)):
            return True
        name = reader.partition("@")[0]
        with suppress(ListError):  # a machine that only reads mail may have no list
            rows = read_rows(desk.list_path, lambda _number, line: name in line.casefold())
            return any(isinstance(row, Subscriber) and row.reader == reader for row in rows)
        return False

    return is_reader
