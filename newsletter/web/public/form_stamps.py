"""Stamps of the service's own forms: signed, with the moment at which the form was made."""

from collections.abc import Callable, Sequence
from hashlib import sha256
from time import time

from itsdangerous import BadSignature, Signer

_YOUNGEST_S, _OLDEST_S = 2.0, 86_400.0  # people need longer than that, and tabs stay open for a day
_LONGEST = 200


class FormStamps:
    """Writer and reader of stamps. `keys` are those of the forms, the newest first; `clock` seconds since 1970."""

    def __init__(self, keys: Callable[[], Sequence[bytes]], clock: Callable[[], float] = time) -> None:
        self._keys = keys
        self._clock = clock

    def write(self) -> str:
        """Return the stamp of a form that is made now."""
        return self._signer().sign(f"{self._clock():.2f}".replace(".", "-")).decode("ascii")

    def is_good(self, stamp: str) -> bool:
        """Return whether a form was made by this service, at least 2 seconds and at most 24 hours ago."""
        try:
            written = self._signer().unsign(stamp[:_LONGEST].encode("ascii")).decode("ascii")
        except (BadSignature, UnicodeError):
            return False
        age = self._clock() - float(written.replace("-", "."))
        return _YOUNGEST_S <= age <= _OLDEST_S

    def _signer(self) -> Signer:
        # itsdangerous wants the newest last
        return Signer(list(reversed(self._keys())), salt=b"newsletter-press form", digest_method=sha256)
