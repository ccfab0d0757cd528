"""SMTP extensions that a server announces in reply to EHLO, as far as they are used (RFC 5321, section 2.2)."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

_NUMBER = re.compile(r"[0-9]{1,18}")
_MAIL_MAX = re.compile(r"(?i:MAILMAX)=([1-9][0-9]{0,5})")  # RFC 9422, section 4.1


@dataclass(frozen=True, kw_only=True)
class Extensions:
    """Announced extensions.

    `size` is the largest text in bytes, 0 where none was named, None without the extension. `mail_max` is how many
    transactions a connection may carry, None where it was not said. Limits on a transaction's recipients (RCPTMAX,
    RCPTDOMAINMAX) are kept by themselves: each transaction has one.
    """

    pipelining: bool = False
    chunking: bool = False
    size: int | None = None
    mail_max: int | None = None


def read_extensions(announced: Mapping[str, str], *, may_chunk: bool) -> Extensions:
    """Return what is used of the extensions, by their names in lower case; `may_chunk` says whether CHUNKING may be."""
    return Extensions(
        pipelining="pipelining" in announced,
        chunking=may_chunk and "chunking" in announced,
        size=_read_size(announced.get("size")),
        mail_max=_read_mail_max(announced.get("limits", "")),
    )


def _read_size(value: str | None) -> int | None:
    """Return the largest text that the server takes (RFC 1870, section 4); 0 when it named no largest one."""
    if value is None:
        return None
    return int(value) if _NUMBER.fullmatch(value) else 0


def _read_mail_max(value: str) -> int | None:
    """Return MAILMAX among the limits; what is not of RFC 9422's form is ignored, as it asks (section 4)."""
    return next((int(found[1]) for limit in value.split() if (found := _MAIL_MAX.fullmatch(limit))), None)
