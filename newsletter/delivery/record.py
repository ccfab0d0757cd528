"""The note beside a draft that its sending has begun: drafts/2.10.sent.toml, for the editors to commit.

It names no address. A second laptop with an empty store reads in it that the issue is out already.
"""

import os
import tomllib
from pathlib import Path

from newsletter.delivery.ledger import Campaign
from newsletter.delivery.states import Counts
from newsletter.errors import DecisionNeeded


def read_campaign_id(path: Path) -> str | None:
    """The campaign that the record at `path` names; None when there is no record. Raises DecisionNeeded."""
    try:
        return str(tomllib.loads(path.read_text(encoding="utf-8"))["campaign"])
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, KeyError) as error:
        raise DecisionNeeded(
            f"The record {path} can't be read, so it is not known whether the issue went out.",
            next_step="Restore the file from git, or ask whoever sent the issue.",
        ) from error


def refuse_foreign_record(path: Path, known: str | None = None) -> None:
    """Raises DecisionNeeded when the record names a campaign other than the `known` one."""
    campaign = read_campaign_id(path)
    if campaign is not None and campaign != known:
        raise DecisionNeeded(
            f"This issue has been sent from elsewhere: {path.name} names the campaign {campaign}, "
            "which is not in this machine's state.",
            next_step="Send from the machine (or with the state, .newsletter/state.db) that began it. "
            f"Only if you know that nobody got the issue: delete {path} and send again.",
        )


def write_record(path: Path, campaign: Campaign, counts: Counts, finished_at: str | None) -> None:
    """Write the record whole or not at all."""
    lines = [
        "# This issue has been sent, or is being sent. Commit this file: it keeps another machine from",
        "# sending the issue a second time.",
        f'campaign = "{campaign.id}"',
        f'draft_sha256 = "{campaign.draft_sha256}"',
        f'began_at = "{campaign.created_at}"',
        *([f'finished_at = "{finished_at}"'] if finished_at else []),
        "",
        "[readers]",
        *(f"{state.value} = {count}" for state, count in counts.by_state.items()),
        f"total = {counts.total}",
    ]
    draft = path.with_suffix(".toml.new")
    with draft.open("w", encoding="utf-8") as file:
        file.write("\n".join(lines) + "\n")
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
