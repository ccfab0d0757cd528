"""When so many readers bounce at once that the fault may be a provider's, and not theirs.

A provider's outage looks like thousands of closed mailboxes. To believe it would lose those readers for good, so a
share of the list, or of one domain, above a limit is for a person to decide.
"""

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import StrEnum

from newsletter.address import domain_of
from newsletter.config.settings import InboxSettings
from newsletter.text import format_count

FEWEST = 3  # readers: fewer are never held back, however short the list is
WINDOW_H = 24  # bounces of one outage come over hours, and a mailbox may be read every few minutes


class SpikeDecision(StrEnum):
    """What a person says of the bounces that are held back."""

    SUPPRESS = "suppress"  # they are right: no more mail goes there
    IGNORE = "ignore"  # they are wrong: each counts as a soft bounce
    LATER = "later"


@dataclass(frozen=True, slots=True, kw_only=True)
class Spike:
    """Readers who would be suppressed in one go, and why that is many; `readers` are those of this reading.

    With `bounced` False it is mails in their name, by which each would be asked whether they want to leave.
    """

    readers: frozenset[str]
    why: str
    bounced: bool = True


def find_spike(
    readers: Collection[str], recent: Collection[str], listed: Mapping[str, int], inbox: InboxSettings
) -> Spike:
    """Return those of the readers whom a reading would suppress who are too many at once; maybe none.

    `recent` were suppressed for bounces within the last WINDOW_H hours, `listed` says how many readers of each domain
    there are.
    """
    new = frozenset(readers)
    if not new:
        return Spike(readers=new, why="")
    together = new | frozenset(recent)
    if _too_many(len(together), total := sum(listed.values()), inbox.bounces):
        return Spike(readers=new, why=_share(len(together), total, "the list", inbox.bounces))
    bounced = Counter(map(_domain, together))
    affected = {
        domain: bounced[domain]
        for domain in sorted(set(map(_domain, new)))
        if _too_many(bounced[domain], listed.get(domain, 0), inbox.domain_bounces)
    }
    shares = (_share(count, listed.get(domain, 0), domain, inbox.domain_bounces) for domain, count in affected.items())
    return Spike(readers=frozenset(reader for reader in new if _domain(reader) in affected), why="; ".join(shares))


def _too_many(count: int, total: int, percent: float) -> bool:
    return count >= FEWEST and percent < 100 and 100 * count > percent * total


def _share(count: int, total: int, of_what: str, percent: float) -> str:
    share = f", {100 * count / total:.3g}% of them" if total else ""
    return f"{count:,} of {format_count(total, 'reader')} of {of_what}{share} (the limit is {percent:g}%)"


def _domain(reader: str) -> str:
    return domain_of(reader)
