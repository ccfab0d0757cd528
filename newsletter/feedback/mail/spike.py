"""Spikes of bounces: so many subscribers at once that the fault may be a provider's, and not theirs.

A provider's outage looks like thousands of closed mailboxes. To believe it would lose those subscribers for good, so a
person decides about a share of the list, or of one domain, above a limit.
"""

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import StrEnum

from newsletter.address import domain_of
from newsletter.config.mail_settings import InboxSettings
from newsletter.text import format_count

FEWEST = 3  # subscribers: fewer are never held back, however short the list is
WINDOW_H = 24  # bounces of one outage come over hours, and a mailbox may be read every few minutes


class SpikeDecision(StrEnum):
    """A person's decision about the bounces that are held back."""

    SUPPRESS = "suppress"  # the bounces are right: no more mail goes there
    IGNORE = "ignore"  # the bounces are wrong: each counts as a soft one
    LATER = "later"


@dataclass(frozen=True, slots=True, kw_only=True)
class Spike:
    """Subscribers who would be suppressed at once, and why that is many; `subscribers` are those of this run.

    With `bounced` False it is mails in their name, by which each would be asked whether they want to be unsubscribed.
    """

    subscribers: frozenset[str]
    why: str
    bounced: bool = True


NO_SPIKE = Spike(subscribers=frozenset(), why="")


def find_spike(
    subscribers: Collection[str], recent: Collection[str], listed: Mapping[str, int], inbox: InboxSettings
) -> Spike:
    """Return those of the subscribers whom a run would suppress who are too many at once; maybe none.

    `recent` were suppressed for bounces within the last WINDOW_H hours, `listed` says how many subscribers each domain
    has.
    """
    new = frozenset(subscribers)
    if not new:
        return NO_SPIKE
    all_affected = new | frozenset(recent)
    if _is_too_many(len(all_affected), total := sum(listed.values()), inbox.bounces):
        return Spike(subscribers=new, why=_describe_share(len(all_affected), total, "the list", inbox.bounces))
    bounced = Counter(map(domain_of, all_affected))
    affected = {
        domain: bounced[domain]
        for domain in sorted(set(map(domain_of, new)))
        if _is_too_many(bounced[domain], listed.get(domain, 0), inbox.domain_bounces)
    }
    shares = (
        _describe_share(count, listed.get(domain, 0), domain, inbox.domain_bounces)
        for domain, count in affected.items()
    )
    return Spike(subscribers=frozenset(key for key in new if domain_of(key) in affected), why="; ".join(shares))


def _is_too_many(count: int, total: int, percent: float) -> bool:
    return count >= FEWEST and percent < 100 and 100 * count > percent * total


def _describe_share(count: int, total: int, of_what: str, percent: float) -> str:
    share = f", {100 * count / total:.3g}% of them" if total else ""
    return f"{count:,} of {format_count(total, 'reader')} of {of_what}{share} (the limit is {percent:g}%)"
