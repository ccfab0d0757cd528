"""Settling the unknown: a person says who of them has the issue, or has it looked up in what their server wrote down.

Stages: make the Message-ID of everyone unknown, look for them in files, put everyone to one side or leave them, and,
once a person agrees, write that down. Readers are read and written in a stream, however many they are.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from io import BufferedReader
from itertools import islice
from pathlib import Path

from newsletter.address import normalise_address, subscriber_key
from newsletter.errors import DecisionNeeded, ListError
from newsletter.ledger.deliveries import stream_deliveries
from newsletter.ledger.states import State
from newsletter.ledger.templates import read_template
from newsletter.ledger.unknown import settle_unknown
from newsletter.mail.headers import message_id
from newsletter.mail.message import reply_line
from newsletter.mail.message_template import MessageTemplate
from newsletter.reconcile.mail_log import Traces, find_arrivals, find_ids, opened
from newsletter.store import Store
from newsletter.text import format_count

_GROUP = 1000
_HAS_IT = "an editor says that it arrived"
_HAS_IT_NOT = "an editor says that it did not arrive"


@dataclass(frozen=True, slots=True, kw_only=True)
class Unknown:
    """A reader who may have the issue or not; `message_id` stands between angle brackets, as in the message."""

    reader: str
    address: str
    message_id: str
    at: str | None
    words: str

    @property
    def id(self) -> bytes:
        """The Message-ID as a log's reader looks for it."""
        digest, _, domain = self.message_id.strip("<>").partition("@")
        return f"{digest}@{domain.lower()}".encode()


@dataclass(frozen=True, kw_only=True)
class Findings:
    """What a person has found out: of readers by name, of those that files name, of all the others (None: nothing)."""

    arrived: frozenset[str] = frozenset()
    not_arrived: frozenset[str] = frozenset()
    traces: Traces = field(default_factory=Traces)
    others: State | None = None

    def verdict(self, unknown: Unknown) -> tuple[State, str] | None:
        """Accepted, pending, or None for one who stays unknown; and why."""
        if unknown.reader in self.arrived:
            return State.ACCEPTED, _HAS_IT
        if unknown.reader in self.not_arrived:
            return State.PENDING, _HAS_IT_NOT
        if unknown.id in self.traces.arrived:
            return State.ACCEPTED, "its Message-ID was found where it arrived"
        if unknown.id in self.traces.begun or self.others is None:
            return None
        if self.others is State.ACCEPTED:
            return State.ACCEPTED, _HAS_IT
        return State.PENDING, "its Message-ID was not found" if self.traces.has_ids else _HAS_IT_NOT


def unknowns(store: Store, issue: str) -> Iterator[Unknown]:
    """Everyone unknown, in the list's order, with the Message-ID of their copy. Streams."""

    @lru_cache
    def template(number: int) -> tuple[str, str]:
        compiled = MessageTemplate.from_bytes(read_template(store, number))
        return compiled.seed, compiled.domain

    for row in stream_deliveries(store, issue, only=State.UNKNOWN):
        seed, domain = template(row.template)
        yield Unknown(
            reader=row.reader,
            address=row.address,
            message_id=message_id(seed, row.reader, domain),
            at=row.at,
            words=reply_line(row.code, row.enhanced, row.reply),
        )


def named_readers(addresses: Iterable[str]) -> frozenset[str]:
    """Readers by what a person calls them. Raises ListError for what is no address."""
    readers = set()
    for address in addresses:
        try:
            readers.add(subscriber_key(normalise_address(address)))
        except ValueError as error:
            raise ListError(f"{address!r} is no address: {error}", next_step="Write it as name@example.org.") from error
    return frozenset(readers)


def look_up(
    store: Store, issue: str, id_files: Sequence[Path], logs: Sequence[Path], pipe: BufferedReader, *, all_else: bool
) -> Traces:
    """What the files tell of the unknown. `all_else` says that whoever is not found will count as without.

    Raises NewsletterError for a file that can't be read, and DecisionNeeded for one that can't be the right one.
    """
    traces = Traces()
    if not (id_files or logs):
        return traces
    ours = {one.id for one in unknowns(store, issue)}
    for find, path in [*((find_ids, path) for path in id_files), *((find_arrivals, path) for path in logs)]:
        with opened(path, pipe) as file:
            find(file, ours, traces)
    if logs and not traces.has_lines:
        raise DecisionNeeded(
            f"No line of Postfix or Exim is in {', '.join(map(str, logs))}.",
            next_step="If it names the messages that arrived, and no others: --message-ids instead of --log.",
        )
    if all_else and not traces.has_ids:
        # The log of another day, or of another machine, must not have everyone sent a second copy.
        raise DecisionNeeded(
            "No message of this publication is named there, so it can't show who is without one.",
            next_step="See that it is the right file and the right day. If you know it otherwise: --none-arrived.",
        )
    return traces


def refuse_others(store: Store, issue: str, found: Findings) -> None:
    """Raises DecisionNeeded when a reader who was named is not among the unknown, or on both sides."""
    if both := sorted(found.arrived & found.not_arrived):
        raise DecisionNeeded(f"{both[0]} can't both have it and be without.", next_step="Name each reader once.")
    known = {one.reader for one in unknowns(store, issue) if one.reader in found.arrived | found.not_arrived}
    strangers = sorted((found.arrived | found.not_arrived) - known)
    if strangers:
        raise DecisionNeeded(
            f"{format_count(len(strangers), 'reader')} of those named "
            f"{'is' if len(strangers) == 1 else 'are'} not among the unknown of {issue}: {', '.join(strangers[:5])}.",
            next_step=f"`newsletter reconcile {issue}` shows who is.",
        )


def tally(store: Store, issue: str, found: Findings) -> Counter[State]:
    """How many would be accepted, wait, and stay unknown."""
    sides = (found.verdict(one) for one in unknowns(store, issue))
    return Counter(State.UNKNOWN if side is None else side[0] for side in sides)


def settle(store: Store, issue: str, found: Findings) -> None:
    """Write down what was found out, a thousand readers at a time: no decision has need of another."""
    everyone = unknowns(store, issue)
    while group := list(islice(everyone, _GROUP)):
        by_reason: dict[str, dict[str, State]] = {}
        for one in group:
            if side := found.verdict(one):
                by_reason.setdefault(side[1], {})[one.reader] = side[0]
        for reason, verdicts in by_reason.items():
            settle_unknown(store, issue, verdicts, reason)
