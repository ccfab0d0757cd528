"""The manifest of a carried state: who holds it until when, and which files it is made of, in what order."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from newsletter.carried_state.sealing import NotOurs, Seal
from newsletter.clock import format_instant, make_instant, parse_instant

NAME = "state.json"
_FORM = 1


@dataclass(frozen=True, kw_only=True)
class CarriedFile:
    """A file of the carried state: its name, and the digest and the number of its encrypted bytes."""

    name: str
    digest: str
    size: int


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """Manifest of a carried state; it is held until `until`, by nobody where `holder` is empty.

    The first of the files has the whole state, each further one what has changed since the one before. `run` is where
    a person sees what the holder does, such as the page of a runner's job. `next_at` is when somebody has to look who
    looks for what is due, None while nothing is, known only of a state that nobody holds.
    """

    holder: str = ""
    until: datetime | None = None
    run: str = ""
    next_at: datetime | None = None
    files: Sequence[CarriedFile] = ()

    def is_held(self, now: datetime) -> bool:
        """Return whether somebody holds the state."""
        return bool(self.holder) and self.until is not None and now < self.until

    def held_by(self, holder: str, until: datetime, run: str = "") -> "Manifest":
        """Return the manifest of the same state in another's hands."""
        return replace(self, holder=holder, until=until, run=run, next_at=None)

    def is_due(self, now: datetime) -> bool:
        """Return whether something is due, or may be: who had it last may have been killed."""
        return bool(self.holder) or (self.next_at is not None and self.next_at <= now)

    def write(self, seal: Seal) -> bytes:
        """Return the manifest as its file has it, with the proof of who wrote it."""
        told = {
            "form": _FORM,
            "holder": self.holder,
            "until": format_instant(make_instant(self.until)) if self.until else None,
            "run": self.run,
            "next": format_instant(make_instant(self.next_at)) if self.next_at else None,
            "files": [[file.name, file.digest, file.size] for file in self.files],
        }
        return json.dumps({**told, "proof": seal.prove(_flatten(told))}, indent=1).encode()


def read_manifest(data: bytes, seal: Seal) -> Manifest:
    """Return the manifest in a file. Raises NotOurs for one that no holder of the identity has written."""
    try:
        told: dict[str, Any] = json.loads(data)
        proof = str(told.pop("proof"))
        if told["form"] != _FORM:
            raise NotOurs("a later version of the program has written it")
        if not seal.is_proved(_flatten(told), proof):
            raise NotOurs("it was not written by a holder of the same identity")
        return Manifest(
            holder=str(told["holder"]),
            until=parse_instant(told["until"]) if told["until"] else None,
            run=str(told["run"]),
            next_at=parse_instant(told["next"]) if told["next"] else None,
            files=[CarriedFile(name=str(n), digest=str(d), size=int(s)) for n, d, s in told["files"]],
        )
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise NotOurs("its state.json can't be read") from error


def _flatten(told: dict[str, Any]) -> bytes:
    return json.dumps(told, sort_keys=True, separators=(",", ":")).encode()
