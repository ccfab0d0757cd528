"""The sent record beside a draft, drafts/2.10.sent.toml, for the editors to commit: its sending has begun.

It names no address. A second laptop with an empty store reads in it that the issue is out already.
"""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from newsletter.campaigns.issue_texts import join_hashes, split_hashes
from newsletter.clock import format_instant
from newsletter.errors import DecisionNeeded, DeliveryError
from newsletter.files import open_shared
from newsletter.issue_name import IssueName
from newsletter.ledger.campaigns import Campaign, find_campaign
from newsletter.ledger.deliveries import count_deliveries, count_languages
from newsletter.ledger.states import REACHED, State
from newsletter.store import Store
from newsletter.store.generations import current_generation, list_generations
from newsletter.store.suppressions import count_suppressed
from newsletter.text import format_count

_BRING = "Bring the whole .newsletter folder (every file in it) from the machine that sent last."


@dataclass(frozen=True, kw_only=True)
class SentRecord:
    """The contents of a sent record."""

    campaign: str
    runs: int
    finished: bool
    cancelled: bool
    scheduled: bool  # in the outbox, and nothing has been sent
    in_vain: bool  # it has ended, and nobody has the issue
    accepted: int
    draft_sha256: str | None  # of the texts that were sent, see campaigns/issue_texts.py
    suppressions: int | None  # how many people must not be mailed; None: an earlier version did not note it
    generation: str | None  # of the state that knew who had left, see store/generations.py; None: not noted


def read_record(path: Path) -> SentRecord | None:
    """Return the record at `path`; None when there is none. Raises DecisionNeeded when it can't be read."""
    try:
        noted = tomllib.loads(path.read_text(encoding="utf-8"))
        ended = "finished_at" in noted or "cancelled_at" in noted
        readers = noted.get("readers")
        by_state = readers if isinstance(readers, dict) else {}
        suppressions, generation = noted.get("suppressions"), noted.get("state_mark")
        return SentRecord(
            campaign=str(noted["campaign"]),
            runs=int(noted.get("runs", 0)),
            finished="finished_at" in noted,
            cancelled="cancelled_at" in noted,
            scheduled="due_at" in noted,
            in_vain=ended and bool(by_state) and not any(by_state.get(state) for state in REACHED),
            accepted=int(by_state.get(State.ACCEPTED, 0)),
            draft_sha256=_read_hashes(noted),
            suppressions=None if suppressions is None else int(suppressions),
            generation=None if generation is None else _check_generation(generation),
        )
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError) as error:
        raise DecisionNeeded(
            f"The record {path} can't be read, so it is not known whether the issue went out.",
            next_step="Restore the file from git, or ask whoever sent the issue.",
        ) from error


def refuse_foreign_record(path: Path, store: Store, campaign: Campaign | None) -> None:
    """Refuse an issue whose record tells of a sending that this store does not know all of: raises DecisionNeeded."""
    record = read_record(path)
    if record is None:
        return
    if campaign is None or record.campaign != campaign.id:
        if record.scheduled:
            issue = path.name.removesuffix(".sent.toml")
            raise DecisionNeeded(
                f"{issue} is in another machine's outbox: {path.name} names the campaign {record.campaign}, "
                "which is not in this machine's state.",
                next_step="Let that machine send it; or take it out there (newsletter outbox cancel "
                f"{issue}), which removes {path.name}, and bring that change here.\n"
                f"Only if you know that it will never leave from there: delete {path} and send it.",
            )
        raise DecisionNeeded(
            f"This issue has been sent from elsewhere: {path.name} names the campaign {record.campaign}, "
            "which is not in this machine's state.",
            next_step="Send from the machine that began it, or bring its whole .newsletter folder here "
            "(every file in it, while nothing is being sent).\n"
            "Or [store] url in newsletter.toml names another state than the one it was begun in.\n"
            f"Only if you know that nobody got the issue: delete {path} and send again.",
        )
    if record.runs > campaign.runs:
        raise DecisionNeeded(
            f"This machine's state is older than {path.name}: it knows of {campaign.runs} runs of this sending, "
            f"and there have been {record.runs}.",
            next_step=_BRING,
        )
    accepted = count_deliveries(store, campaign.issue)[State.ACCEPTED]
    if record.accepted > accepted:
        raise DecisionNeeded(
            f"This machine's state is older than {path.name}: it knows of {format_count(accepted, 'reader')} "
            f"who got this issue, and {record.accepted:,} have got it.",
            next_step=_BRING,
        )


def write_record(path: Path, store: Store, issue: IssueName) -> None:
    """Write the record of a campaign, whole or not at all. Raises DeliveryError when the folder can't be written.

    Of an issue in several languages it has each translation's hash, and how many readers are to get it.
    The generation of a state that knows what this one does not stays in it, so that the question stays until it is
    answered.
    """
    campaign = find_campaign(store, issue)
    if campaign is None:
        return
    counts, languages = count_deliveries(store, issue), count_languages(store, issue)
    own, *translations = split_hashes(campaign.draft_sha256).items()
    noted = _read_generation(path)
    with store.transaction() as connection:
        suppressed = count_suppressed(connection)
        known = list_generations(connection)
        generation = noted if noted and noted not in known else current_generation(connection)
    lines = [
        "# This issue has been sent, or is being sent, or is in the outbox. Commit this file: it keeps another",
        "# machine from sending the issue a second time.",
        f'campaign = "{campaign.id}"',
        f'draft_sha256 = "{own[1]}"',
        f"runs = {campaign.runs}",
        f"suppressions = {suppressed}",
        f'state_mark = "{generation}"',
        f'began_at = "{format_instant(campaign.created_at)}"',
        *([f'due_at = "{format_instant(campaign.due_at)}"'] if campaign.due_at and not campaign.runs else []),
        *([f'finished_at = "{format_instant(campaign.finished_at)}"'] if campaign.finished_at else []),
        *([f'cancelled_at = "{format_instant(campaign.cancelled_at)}"'] if campaign.cancelled_at else []),
        "",
        "[readers]",
        *(f"{state.value} = {count}" for state, count in counts.by_state.items()),
        f"total = {counts.total}",
        *(
            f'\n[translations.{language}]\ndraft_sha256 = "{digest}"\nreaders = {languages.get(language, 0)}'
            for language, digest in translations
        ),
    ]
    try:
        with open_shared(path) as file:
            file.write("\n".join(lines) + "\n")
    except OSError as error:
        raise DeliveryError(
            f"The record {path} can't be written: {error.strerror}.",
            next_step=f"See that {path.parent} can be written to and has room, and send again.",
        ) from error


def _read_hashes(noted: Mapping[str, Any]) -> str | None:
    """Return the hashes of the drafts as the store has them; None where an earlier version noted none."""
    if noted.get("draft_sha256") is None:
        return None
    translations = noted.get("translations", {})
    return join_hashes(
        {"": str(noted["draft_sha256"])} | {str(tag): str(each["draft_sha256"]) for tag, each in translations.items()}
    )


def _check_generation(generation: str) -> str:
    if not re.fullmatch("[0-9a-f]{16}", generation):
        raise ValueError(generation)
    return generation


def _read_generation(path: Path) -> str | None:
    try:
        record = read_record(path)
    except DecisionNeeded:  # it was read when the sending began; what happened to it since keeps nothing from its end
        return None
    return record.generation if record else None
