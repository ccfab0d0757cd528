"""The numbers that a server's reply names: how long to wait, a quota and its window, the largest message."""

import re
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

SHORTEST_WAIT_S, LONGEST_WAIT_S = 1.0, 3600.0
MINUTE_S, HOUR_S, DAY_S = 60.0, 3600.0, 86_400.0
_SOON_S = 600.0  # a send waits so long by itself; for a longer quota it ends, and goes on when that is open
_MONTH_S = 30 * DAY_S
_MOST = 10**9  # messages in a window, and a larger number is something else
_UNITS = {"s": 1.0, "m": MINUTE_S, "h": HOUR_S, "d": DAY_S, "w": 7 * DAY_S}
_UNIT = r"(s(?:ec(?:ond)?s?)?|m(?:in(?:ute)?s?)?|h(?:(?:ou)?rs?)?|d(?:ays?)?)\b"
_WAIT = re.compile(
    r"\b(?:try(?: it)? again|retry|come back|resend|wait|try|again|resets?|greylisted|deferred|blocked|available)\b"
    r"(?:\W+(?:please|again|it|the message|at least|about|limit|quota|is|will be|only|another)\b)*\W+"
    rf"(?:in|after|for|within|of)?\s*(\d{{1,6}})\s*{_UNIT}",
    re.IGNORECASE,
)
_CLOCK_WAIT = re.compile(r"\b(?:in|after|for)\s+(\d{1,3}):([0-5]\d):([0-5]\d)\b", re.IGNORECASE)  # milter-greylist's
_BARE_WAIT = re.compile(r"\bretry[- ]after\b\W{0,3}(\d{1,6})\b(?!\s*[a-z:/.-])", re.IGNORECASE)  # seconds, as in HTTP
_SET_BACK = re.compile(
    r"\b(?:resets?|again|until|renewed|opens?|available)\b.{0,12}?"
    r"\b(\d{4}-\d\d-\d\d)[T ]([012]\d:[0-5]\d)(?::([0-5]\d))?\s*(?:Z|UTC|GMT)\b",
    re.IGNORECASE,
)
_WINDOW_NAMES = (
    (1.0, r"per[- ]second|(?:a|each|every) second|/ ?s(?:ec)?"),
    (MINUTE_S, r"per[- ]minute|(?:a|each|every|this|last|one) minute|/ ?min|in last 60|per 60 ?s\w*"),
    (HOUR_S, r"hourly|per[- ]hour|(?:an|each|every|this|last|one) hour|/ ?h(?:our)?|60 minutes"),
    (DAY_S, r"daily|per[- ]day|(?:a|each|every|this|one) day|(?:for )?today|24[ -]?h(?:ou)?rs?|/ ?day|last day"),
    (7 * DAY_S, r"weekly|per[- ]week|(?:a|each|this) week"),
    (_MONTH_S, r"monthly|per[- ]month|(?:a|each|this) month|plan"),
)
_WINDOWS = [(seconds, re.compile(rf"(?<![a-z\d])(?:{name})\b", re.IGNORECASE)) for seconds, name in _WINDOW_NAMES]
_ODD_WINDOW = re.compile(
    rf"\b(?:per|in|within|every|last)\s+(?:the\s+)?(?:last\s+)?(\d{{1,5}})\s*{_UNIT}", re.IGNORECASE
)
_USED_OF = re.compile(r"\((\d{1,9})/(\d{1,9})\b")  # cPanel's: used, allowed
_NUMBERS = (
    re.compile(
        r"\b(\d{1,3}(?:,\d{3})+|\d{1,9})\s+(?:outgoing |outbound )?(?:messages?|e?-?mails?|recipients?)\b", re.I
    ),
    re.compile(
        r"\b(?:limit|quota|maximum|max|allowed)\b(?:\s+(?:of|is|was|to))?\W{1,3}(\d{1,3}(?:,\d{3})+|\d{1,9})\b", re.I
    ),
)
_BYTES = {"": 1, "b": 1, "k": 1024, "m": 1024**2, "g": 1024**3}
_SIZE_UNIT = r"(?:(b)(?:ytes?)?|octets?|([kmg])i?(?:b(?:ytes?)?)?)?\b"
_LARGEST = re.compile(
    r"\b(?:limit|limits|maximum|max|most|larger than|exceeds?|bigger than|allowed|up to|takes|size)\b"
    r"[^\d\n]{0,50}?(\d{1,3}(?:,\d{3})+|\d+(?:\.\d+)?)\s*" + _SIZE_UNIT,
    re.IGNORECASE,
)
_LEAST_BYTES = 1024  # what is less is no size, but a code or a version


class NamedQuota(NamedTuple):
    """A quota as a reply names it: so many messages in a window. None: the words don't say.

    `opens_in_s` is how many seconds from now the window opens again, where the words say that.
    """

    window_s: float | None = None
    messages: int | None = None
    opens_in_s: float | None = None


def read_wait(reply: str) -> float | None:
    """Return after how many seconds a reply asks to be tried again, from a second to an hour; None when it doesn't."""
    wait = _read_any_wait(reply)
    return None if wait is None else min(max(wait, SHORTEST_WAIT_S), LONGEST_WAIT_S)


def read_quota(reply: str, now: datetime | None = None) -> NamedQuota:
    """Return the window, the number and the end of a quota, as far as a reply names them.

    `now` is the wall clock, for a reply that names a moment.
    """
    messages = _read_number(reply)
    opens_in = _read_any_wait(reply)
    if opens_in is None and (moment := _SET_BACK.search(reply)):
        try:
            at = datetime.fromisoformat(f"{moment[1]}T{moment[2]}:{moment[3] or '00'}+00:00")
        except ValueError:
            at = None
        if at is not None and timedelta(0) < (left := at - (now or datetime.now(UTC))) <= timedelta(seconds=_MONTH_S):
            opens_in = left.total_seconds()
    return NamedQuota(_read_window(_WAIT.sub("", reply)), messages, opens_in)


def opens_soon(reply: str) -> bool:
    """Return whether a quota is open again so soon that waiting for it is a matter of the rate."""
    quota = read_quota(reply)
    waits = [seconds for seconds in (quota.opens_in_s, quota.window_s) if seconds is not None]
    return bool(waits) and min(waits) <= _SOON_S


def read_size(reply: str) -> int | None:
    """Return the largest message that a reply names, in bytes; None when it names none."""
    for found in _LARGEST.finditer(reply):
        number = float(found[1].replace(",", ""))
        size = number * _BYTES[(found[3] or found[2] or "").lower()]
        if _LEAST_BYTES <= size <= 2**50:
            return int(size)
    return None


def _read_any_wait(reply: str) -> float | None:
    if clock := _CLOCK_WAIT.search(reply):
        hours, minutes, seconds = map(int, clock.groups())
        return hours * HOUR_S + minutes * MINUTE_S + seconds
    if wait := _WAIT.search(reply):
        return int(wait[1]) * _UNITS[wait[2][0].lower()]
    if wait := _BARE_WAIT.search(reply):
        return float(wait[1])
    return None


def _read_window(reply: str) -> float | None:
    if (odd := _ODD_WINDOW.search(reply)) and 0 < (seconds := int(odd[1]) * _UNITS[odd[2][0].lower()]) <= _MONTH_S:
        return seconds
    return next((seconds for seconds, name in _WINDOWS if name.search(reply)), None)


def _read_number(reply: str) -> int | None:
    used = _USED_OF.search(reply)
    found = [used[2]] if used else [match[1] for number in _NUMBERS if (match := number.search(reply))]
    return next((count for each in found if 0 < (count := int(each.replace(",", ""))) <= _MOST), None)
