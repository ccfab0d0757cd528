"""Campaigns that sent records name and this state does not know, and so not who left because of them.

A state that is new on a machine, or older than the records, would mail them again. So nothing is sent until the other
state's suppressions have been brought here, or a person has said that nobody had left. Both are noted for the campaigns
that were unknown then, so that a later one asks again. A record's generation decides, since others who leave here
can't bring it about; where an earlier version noted none, the number of suppressions does, and the question is
remembered.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from newsletter.campaigns.sent_record import SentRecord, read_record
from newsletter.errors import DecisionNeeded
from newsletter.issue_name import IssueName, order_name
from newsletter.ledger.campaigns import list_campaign_ids
from newsletter.store import Store
from newsletter.store.generations import list_generations, note_generations
from newsletter.store.publication_facts import list_facts, read_fact, remove_facts, write_fact
from newsletter.store.suppressions import count_suppressed
from newsletter.subscribers.feedback_events import LIFTING
from newsletter.text import format_count

FLAG = "--nobody-left"
_VOUCHED = "vouched"  # a fact: JSON, what was known of a campaign when a person vouched for it
_ASKED = "asked:"  # a fact, with a campaign's id: its record has no generation, and the question is not answered
_SHOWN = 3


@dataclass(frozen=True, kw_only=True)
class UnknownCampaign:
    """An issue's record, and how many suppressions it counts that are not here (0: its campaign is unknown)."""

    issue: IssueName
    record: SentRecord
    lacking: int


def refuse_unknown_campaigns(store: Store | None, drafts: Path) -> None:
    """Raise DecisionNeeded when a record in `drafts` shows that people may have left whom this store doesn't know.

    Without a store nobody is known to have left.
    """
    unknown = list_unknown_campaigns(store, drafts)
    if not unknown:
        return
    names = [one.issue for one in unknown]
    shown = ", ".join(names[-_SHOWN:]) + (f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else "")
    counts = [one.record.suppressions for one in unknown if one.record.suppressions is not None]
    here = 0
    if store:
        with store.transaction() as connection:
            here = count_suppressed(connection)
            for key in [f"{_ASKED}{one.record.campaign}" for one in unknown if one.record.generation is None]:
                write_fact(connection, key, "")
    most = max(counts, default=0)
    lack = f"; {format_count(most, 'suppression')} stood by then, and {here:,} are here" if most > here else ""
    raise DecisionNeeded(
        f"This state does not know who left: {shown} went out from another state, or from a newer copy of it{lack}.",
        next_step="Whoever unsubscribed or bounced would be mailed again. Bring the other state along (the whole "
        ".newsletter folder, or the right [store] url).\n"
        "Or bring who must not be mailed. There: newsletter subscribers export FILE --suppressed; "
        "here: newsletter subscribers suppress --from FILE\n"
        f"Only if you know that nobody had left or bounced: the same command with {FLAG}",
    )


def list_unknown_campaigns(store: Store | None, drafts: Path) -> list[UnknownCampaign]:
    """Return the records of campaigns that people may have left by, and that the store knows too little of.

    Raises DecisionNeeded for a record that can't be read.
    """
    found = {path.name.removesuffix(".sent.toml"): read_record(path) for path in sorted(drafts.glob("*.sent.toml"))}
    known: frozenset[str] = frozenset()
    generations: frozenset[str] = frozenset()
    asked: frozenset[str] = frozenset()
    ever, vouched = 0, {}
    if store:
        with store.reading() as connection:
            known = list_campaign_ids(connection)
            ever = count_suppressed(connection, LIFTING)
            generations = list_generations(connection)
            asked = list_facts(connection, _ASKED)
        vouched = _read_vouched(store)
    unknown = []
    for issue, record in found.items():
        if record is None or not _matters(record):
            continue
        lacking = max(0, (record.suppressions or 0) - ever)
        older = bool(lacking) or f"{_ASKED}{record.campaign}" in asked
        if record.generation is not None:
            older = record.generation not in generations
        if (older and record.generation) or (
            (older or record.campaign not in known) and not _is_vouched(record, vouched)
        ):
            unknown.append(UnknownCampaign(issue=IssueName(issue), record=record, lacking=lacking))
    return sorted(unknown, key=lambda one: order_name(one.issue))


def vouch(store: Store, drafts: Path, *, complete: bool) -> list[UnknownCampaign]:
    """Note that this store knows everybody who left by what it does not know; return what stays unknown.

    With `complete` it is a person's word. Without, suppressions were brought here, and a record that counts more of
    them than there are shows that some are missing.
    """
    unknown = list_unknown_campaigns(store, drafts)
    known = {one.record.campaign: _count_losses(one.record) for one in unknown if complete or not one.lacking}
    if known:
        words = json.dumps({**_read_vouched(store), **known})
        with store.transaction() as connection:
            write_fact(connection, _VOUCHED, words)
            answered = [one.record for one in unknown if one.record.campaign in known]
            note_generations(connection, {record.generation for record in answered if record.generation})
            remove_facts(connection, [f"{_ASKED}{campaign}" for campaign in known])
    return [one for one in unknown if one.record.campaign not in known]


def _matters(record: SentRecord) -> bool:
    """Return whether somebody can have left by it, or was known to have left before."""
    return bool(record.suppressions) or (record.runs > 0 and not record.in_vain)


def _count_losses(record: SentRecord) -> list[int]:
    return [record.runs, record.suppressions or 0]


def _is_vouched(record: SentRecord, vouched: Mapping[str, list[int]]) -> bool:
    """Return whether a person vouched for it, and it has not been sent to more, nor have more left, since."""
    seen = vouched.get(record.campaign)
    return seen is not None and all(now <= then for now, then in zip(_count_losses(record), seen, strict=True))


def _read_vouched(store: Store) -> dict[str, list[int]]:
    with store.reading() as connection:
        words = read_fact(connection, _VOUCHED)
    known: dict[str, list[int]] = json.loads(words) if words else {}
    return known
