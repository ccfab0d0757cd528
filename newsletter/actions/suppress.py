"""Suppressions: an address that must never be mailed, one that may be again, and those that another state knows."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from newsletter.campaigns.unknown_campaigns import UnknownCampaign, vouch
from newsletter.errors import DecisionNeeded
from newsletter.publication import OpenPublication
from newsletter.subscribers import suppression
from newsletter.subscribers.subscriber import parse_subscriber_key
from newsletter.subscribers.suppression_status import SuppressionStatus, read_suppression_statuses


@dataclass(frozen=True, kw_only=True)
class SuppressionChange:
    """Change of what keeps an address from being mailed; `key` is the address in its one spelling."""

    key: str
    before: SuppressionStatus
    after: SuppressionStatus


@dataclass(frozen=True, kw_only=True)
class BroughtSuppressions:
    """Suppressions that a file added, and the campaigns of which more people left than are known here now."""

    imported: suppression.ImportedSuppressions
    still_unknown: Sequence[UnknownCampaign]


def suppress(publication: OpenPublication, address: str, reason: str, *, everywhere: bool = False) -> SuppressionChange:
    """Never mail an address again, whatever the list says; nothing is written about a person who was erased.

    With `everywhere` no publication of the database does; that they bounced or complained is for all in any case. It
    may be said of anybody, also where nobody can tell who was erased. Raises ListError for what is no address.
    """
    store, keys, key = publication.store, publication.keys, parse_subscriber_key(address)
    (before,) = read_suppression_statuses(store, keys, [key])
    if not before.erased:
        suppression.suppress(store, keys, key, reason, everywhere=everywhere)
    (after,) = read_suppression_statuses(store, keys, [key])
    return SuppressionChange(key=key, before=before, after=after)


def unsuppress(publication: OpenPublication, address: str, *, everywhere: bool = False) -> bool:
    """Lift all that keeps an address from being mailed; return whether anything did.

    It is for this publication, whatever keeps the others from it, or, `everywhere`, for each of the database; that mail
    to them bounced is lifted for all in any case. Raises DecisionNeeded for a person who was erased.
    """
    publication.refuse_without_erasure_keys()
    store, keys, key = publication.store, publication.keys, parse_subscriber_key(address)
    (status,) = read_suppression_statuses(store, keys, [key])
    if status.erased:
        raise DecisionNeeded(
            f"{key} was erased on {status.erased:%Y-%m-%d}.",
            next_step=f"Did they ask to come back? newsletter subscribers add {key} --again",
        )
    return suppression.unsuppress(store, keys, key, everywhere=everywhere)


def import_suppressions(publication: OpenPublication, file: Path, reason: str) -> BroughtSuppressions:
    """Suppress everyone in a file that `subscribers export --suppressed` wrote, as it says; `reason` where it doesn't.

    A campaign that sent records name and this state does not know counts as known afterwards, when enough came.
    """
    publication.refuse_without_erasure_keys()
    settings = publication.config.subscriber_list
    imported = suppression.import_suppressions(
        publication.store, publication.keys, file, reason, honour=settings.honour, ignore=settings.ignore
    )
    still_unknown: Sequence[UnknownCampaign] = ()
    if imported.whole:
        still_unknown = vouch(publication.store, publication.workspace.drafts, complete=False)
    return BroughtSuppressions(imported=imported, still_unknown=still_unknown)
