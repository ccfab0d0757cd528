"""The hold of this machine on the carried state, noted beside the state: by which commit, and until when."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from newsletter.carried_state.manifest import CarriedFile
from newsletter.clock import format_instant, make_instant, parse_instant
from newsletter.errors import DecisionNeeded
from newsletter.files import open_private

_NAME = "carried.json"


@dataclass(frozen=True, kw_only=True)
class Hold:
    """A hold on the carried state until a moment, by the commit on the branch that says so.

    `files` are those of that commit, and `image` is the digest of the database that they make.
    """

    holder: str
    until: datetime
    commit: str
    files: Sequence[CarriedFile]
    image: str


def write_hold(folder: Path, hold: Hold) -> None:
    """Note the hold in the folder of the state."""
    told = {
        "holder": hold.holder,
        "until": format_instant(make_instant(hold.until)),
        "commit": hold.commit,
        "files": [[file.name, file.digest, file.size] for file in hold.files],
        "image": hold.image,
    }
    with open_private(folder / _NAME) as file:
        json.dump(told, file, indent=1)


def read_hold(folder: Path) -> Hold | None:
    """Return what was noted of a hold; None where nothing was. Raises DecisionNeeded for a note that can't be read."""
    path = folder / _NAME
    try:
        told: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return Hold(
            holder=str(told["holder"]),
            until=parse_instant(told["until"]),
            commit=str(told["commit"]),
            files=[CarriedFile(name=str(n), digest=str(d), size=int(s)) for n, d, s in told["files"]],
            image=str(told["image"]),
        )
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DecisionNeeded(
            f"{path} can't be read, so it is not known whether this machine holds the state.",
            next_step="Move the folder .newsletter away, and take the state again: newsletter state take",
        ) from error


def remove_hold(folder: Path) -> None:
    """Remove the note, when the state was given back."""
    (folder / _NAME).unlink(missing_ok=True)
