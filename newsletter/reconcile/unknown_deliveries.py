"""Unknown deliveries, settled: a person says who has the issue, or lets a mail server's log tell it.

Stages: make the Message-ID of every unknown delivery, search files for them, judge each delivery, and, once a person
agrees, record that. Deliveries are read and written in a stream, however many they are.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from io import BufferedReader
from itertools import islice
from pathlib import Path

from newsletter.address import EmailAddress, normalise_address, subscriber_key
from newsletter.errors import DecisionNeeded, ListError
from newsletter.issue_name import IssueName
from newsletter.ledger.deliveries import stream_deliveries
from newsletter.ledger.states import State
from newsletter.ledger.templates import read_template
from newsletter.ledger.unknown import settle_unknown
from newsletter.mail.headers import derive_message_id
from newsletter.mail.message import join_reply
from newsletter.mail.message_template import MessageTemplate
from newsletter.reconcile.mail_log import FoundMessageIds, find_arrivals, find_message_ids, open_log
from newsletter.store import Store
from newsletter.text import format_count

_GROUP = 1000
_HAS_IT = "an editor says that it arrived"
_HAS_IT_NOT = "an editor says that it did not arrive"


@dataclass(frozen=True, slots=True, kw_only=True)
class UnknownDelivery:
    """A delivery that may have arrived or not; `message_id` is in angle brackets, as in the message."""

    reader: str
    address: EmailAddress
    message_id: str
    at: str | None
    words: str

    @property
    def id(self) -> bytes:
        """The Message-ID in the one spelling in which files are searched for it."""
        digest, _, domain = self.message_id.strip("<>").partition("@")
        return f"{digest}@{domain.lower()}".encode()


@dataclass(frozen=True, kw_only=True)
class Findings:
    """Evidence of what arrived: for recipients by name, for those in files, and for all others (None: nothing)."""

    arrived: frozenset[str] = frozenset()
    not_arrived: frozenset[str] = frozenset()
    found_ids: FoundMessageIds = field(default_factory=FoundMessageIds)
    others: State | None = None

    def judge(self, unknown: UnknownDelivery) -> tuple[State, str] | None:
        """Return accepted or pending with the reason; None for one that stays unknown."""
        if unknown.reader in self.arrived:
            return State.ACCEPTED, _HAS_IT
        if unknown.reader in self.not_arrived:
            return State.PENDING, _HAS_IT_NOT
        if unknown.id in self.found_ids.arrived:
            return State.ACCEPTED, "its Message-ID was found where it arrived"
        if unknown.id in self.found_ids.begun or self.others is None:
            return None
        if self.others is State.ACCEPTED:
            return State.ACCEPTED, _HAS_IT
        return State.PENDING, "its Message-ID was not found" if self.found_ids.has_ids else _HAS_IT_NOT


def stream_unknown_deliveries(store: Store, issue: IssueName) -> Iterator[UnknownDelivery]:
    """Yield unknown deliveries in the list's order, with their Message-IDs."""

    @lru_cache
    def read_seed(number: int) -> tuple[str, str]:
        compiled = MessageTemplate.from_bytes(read_template(store, number))
        return compiled.seed, compiled.domain

    for row in stream_deliveries(store, issue, only=State.UNKNOWN):
        seed, domain = read_seed(row.template)
        yield UnknownDelivery(
            reader=row.subscriber,
            address=row.address,
            message_id=derive_message_id(seed, row.subscriber, domain),
            at=row.at,
            words=join_reply(row.code, row.enhanced, row.reply),
        )


def parse_addresses(addresses: Iterable[str]) -> frozenset[str]:
    """Return the keys of recipients by their addresses. Raises ListError for what is no address."""
    readers = set()
    for address in addresses:
        try:
            readers.add(subscriber_key(normalise_address(address)))
        except ValueError as error:
            raise ListError(f"{address!r} is no address: {error}", next_step="Write it as name@example.org.") from error
    return frozenset(readers)


def search_files(
    store: Store,
    issue: IssueName,
    id_files: Sequence[Path],
    logs: Sequence[Path],
    pipe: BufferedReader,
    *,
    all_else: bool,
) -> FoundMessageIds:
    """Return which unknown deliveries the files name. `all_else`: those not found are to count as not arrived.

    Raises NewsletterError for a file that can't be read, and DecisionNeeded for one that can't be the right one.
    """
    found_ids = FoundMessageIds()
    if not (id_files or logs):
        return found_ids
    ours = {one.id for one in stream_unknown_deliveries(store, issue)}
    for find, path in [*((find_message_ids, path) for path in id_files), *((find_arrivals, path) for path in logs)]:
        with open_log(path, pipe) as file:
            find(file, ours, found_ids)
    if logs and not found_ids.has_lines:
        raise DecisionNeeded(
            f"No line of Postfix or Exim is in {', '.join(map(str, logs))}.",
            next_step="If it names the messages that arrived, and no others: --message-ids instead of --log.",
        )
    if all_else and not found_ids.has_ids:
        # The log of another day, or of another machine, must not have everyone sent a second copy.
        raise DecisionNeeded(
            "No message of this publication is named there, so it can't show who is without one.",
            next_step="See that it is the right file and the right day. If you know it otherwise: --none-arrived.",
        )
    return found_ids


def require_unknown(store: Store, issue: IssueName, found: Findings) -> None:
    """Check that each recipient who was named is unknown, and on one side only. Raises DecisionNeeded."""
    if both := sorted(found.arrived & found.not_arrived):
        raise DecisionNeeded(f"{both[0]} can't both have it and be without.", next_step="Name each reader once.")
    known = {
        one.reader for one in stream_unknown_deliveries(store, issue) if one.reader in found.arrived | found.not_arrived
    }
    unmatched = sorted((found.arrived | found.not_arrived) - known)
    if unmatched:
        raise DecisionNeeded(
            f"{format_count(len(unmatched), 'reader')} of those named "
            f"{'is' if len(unmatched) == 1 else 'are'} not among the unknown of {issue}: {', '.join(unmatched[:5])}.",
            next_step=f"`newsletter reconcile {issue}` shows who is.",
        )


def count_verdicts(store: Store, issue: IssueName, found: Findings) -> Counter[State]:
    """Return how many would be accepted, wait, and stay unknown."""
    sides = (found.judge(one) for one in stream_unknown_deliveries(store, issue))
    return Counter(State.UNKNOWN if side is None else side[0] for side in sides)


def settle_deliveries(store: Store, issue: IssueName, found: Findings) -> None:
    """Record what was found out, a thousand deliveries at a time: no verdict depends on another."""
    everyone = stream_unknown_deliveries(store, issue)
    while group := list(islice(everyone, _GROUP)):
        by_reason: dict[str, dict[str, State]] = {}
        for one in group:
            if side := found.judge(one):
                by_reason.setdefault(side[1], {})[one.reader] = side[0]
        for reason, verdicts in by_reason.items():
            settle_unknown(store, issue, verdicts, reason)
