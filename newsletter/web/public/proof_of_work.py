"""Proof of work (ALTCHA): a browser finds a number before its form is taken, which costs whoever sends thousands.

Nothing is asked of a third party: the challenge is made and checked here, and the script that solves it comes from
here. A challenge is good once.
"""

import json
from base64 import b64decode
from collections import OrderedDict
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from altcha.v1 import ChallengeOptions, create_challenge, verify_solution

from newsletter.web.public.shared_counts import SharedCounts

SCRIPT = Path(__file__).with_name("proof.js")
_HARDEST = 100_000  # numbers to try at most: a second of a phone
_GOOD_FOR = timedelta(hours=24)
_USED = 20_000  # that are remembered: more than [signup] hourly takes in a day where it is as it comes
_LONGEST = 2_000
_FIELDS = ("algorithm", "challenge", "salt", "signature")


class ProofsOfWork:
    """Maker and checker of challenges. `keys` are those of the forms, the newest first.

    `shared` is where several processes note together which were used.
    """

    def __init__(self, keys: Callable[[], Sequence[bytes]], shared: SharedCounts | None = None) -> None:
        self._keys = keys
        self._shared = shared
        self._used: OrderedDict[str, None] = OrderedDict()

    def make_challenge(self) -> str:
        """Return a challenge for the script, as JSON."""
        challenge = create_challenge(
            ChallengeOptions(
                algorithm="SHA-256",
                max_number=_HARDEST,
                hmac_key=self._keys()[0],
                expires=datetime.now(UTC) + _GOOD_FOR,
            )
        )
        names = ("algorithm", "challenge", "max_number", "salt", "signature")
        return json.dumps({name: getattr(challenge, name) for name in names})

    def take(self, proof: str) -> bool:
        """Return whether a proof is right, and use up its challenge."""
        payload = _read(proof)
        if payload is None or payload["signature"] in self._used:
            return False
        if not any(verify_solution(payload, key)[0] for key in self._keys()):
            return False
        if self._shared:
            return self._shared.use_up(payload["signature"], _GOOD_FOR.total_seconds())
        self._used[payload["signature"]] = None
        while len(self._used) > _USED:
            self._used.popitem(last=False)
        return True


def _read(proof: str) -> Any:
    """Return what a proof says, None for what is none: the library expects each value to be of its type."""
    try:
        payload = json.loads(b64decode(proof[:_LONGEST].encode("ascii"), validate=True))
    except (ValueError, RecursionError):
        return None
    is_proof = (
        isinstance(payload, dict)
        and all(isinstance(payload.get(name), str) for name in _FIELDS)
        and type(payload.get("number")) is int
        and payload["algorithm"] == "SHA-256"
    )
    return payload if is_proof else None
