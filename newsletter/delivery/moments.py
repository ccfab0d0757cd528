"""Moments and durations as a person writes them, and as a person reads them."""

import re
from datetime import UTC, date, datetime, time, timedelta, timezone, tzinfo
from zoneinfo import ZoneInfo, available_timezones

from newsletter.errors import NewsletterError, counted

_FURTHEST = timedelta(days=366)  # what is further away is a slip of the hand
_MOMENT = re.compile(
    r"(?P<day>[0-9]{4}-[0-9]{2}-[0-9]{2}|today|tomorrow)(?:T|\s+)"
    r"(?P<hour>[0-9]{1,2}):(?P<minute>[0-9]{2})(?::(?P<second>[0-9]{2}))?\s*(?P<zone>\S*)",
    re.IGNORECASE,
)
_OFFSET = re.compile(r"(?P<sign>[+-])(?P<hours>[01][0-9]|2[0-3]):?(?P<minutes>[0-5][0-9])?")
_DURATION = re.compile(
    r"(?:(?P<days>[0-9]{1,6})d)?\s*(?:(?P<hours>[0-9]{1,6})h)?\s*(?:(?P<minutes>[0-9]{1,6})m)?", re.IGNORECASE
)
_FORMS = (
    'Write it as "2026-12-01 09:00", "2026-12-01 09:00 America/New_York", "2026-12-01T14:00:00Z" or "tomorrow 09:00".'
)
_UNITS = (("day", 86_400), ("hour", 3_600), ("minute", 60), ("second", 1))


class WrongTime(NewsletterError):
    """A moment or a duration on the command line has to be written otherwise."""

    exit_status = 2


def parse_moment(text: str, default_zone: tzinfo, now: datetime) -> datetime:
    """The moment to come that `text` names; without a zone of its own it is in `default_zone`.

    Raises WrongTime for what is no moment, is past or too far away, and for a time of day that the clocks of that
    zone leave out or show twice on that day.
    """
    written = _MOMENT.fullmatch(text.strip())
    if not written:
        raise WrongTime(f"{text!r} is not a moment: it takes a day and a time of day.", next_step=_FORMS)
    zone = _zone(written["zone"]) if written["zone"] else default_zone
    try:
        at = time(int(written["hour"]), int(written["minute"]), int(written["second"] or 0))
        local = datetime.combine(_day(written["day"], now.astimezone(zone).date()), at)
    except ValueError as error:
        raise WrongTime(f"There is no such moment as {text!r}: {error}.", next_step=_FORMS) from error
    ahead = local - now.astimezone(zone).replace(tzinfo=None)
    if ahead > _FURTHEST:
        raise WrongTime(f"{text!r} is more than a year away.", next_step="Look at the year.")
    moment = _placed(local, zone) if ahead > -timedelta(days=1) else now
    if moment <= now:
        raise WrongTime(
            f"{text!r} is past: it is {shown(now, zone)} now.", next_step="Name a moment that is still to come."
        )
    return moment


def parse_duration(text: str) -> timedelta:
    """How long `text` says: minutes, hours and days, as in 90m, 2h, 1d or 1d12h. Raises WrongTime."""
    written = _DURATION.fullmatch(text.strip())
    duration = timedelta(
        **{unit: int(number or 0) for unit, number in (written.groupdict() if written else {}).items()}
    )
    if not duration:
        raise WrongTime(f"{text!r} is not a length of time.", next_step="Write it as 90m, 2h, 1d or 1d12h.")
    if duration > _FURTHEST:
        raise WrongTime(f"{text!r} is more than a year.", next_step="Write less, such as 2h or 1d.")
    return duration


def shown(moment: datetime, zone: tzinfo) -> str:
    """The moment on the clocks of a zone, with the zone's name."""
    return f"{moment.astimezone(zone):%Y-%m-%d %H:%M} {zone}"


def how_long(duration: timedelta) -> str:
    """`3 days 4 hours`, `5 minutes`: the two largest units, rounded down."""
    left = max(0, int(duration.total_seconds()))
    parts = []
    for unit, seconds in _UNITS:
        parts.append((left // seconds, unit))
        left %= seconds
    first = next((index for index, (number, _) in enumerate(parts) if number), len(parts) - 1)
    told = [counted(number, unit) for number, unit in parts[first : first + 2] if number]
    return " ".join(told) or "less than a second"


def when(moment: datetime, now: datetime) -> str:
    """`in 3 days 4 hours`, or `5 minutes ago`."""
    return f"in {how_long(moment - now)}" if moment > now else f"{how_long(now - moment)} ago"


def _day(written: str, today: date) -> date:
    relative = {"today": 0, "tomorrow": 1}.get(written.casefold())
    return date.fromisoformat(written) if relative is None else today + timedelta(days=relative)


def _zone(written: str) -> tzinfo:
    if written in ("Z", "z"):
        return UTC
    if offset := _OFFSET.fullmatch(written):
        away = timedelta(hours=int(offset["hours"]), minutes=int(offset["minutes"] or 0))
        return timezone(-away if offset["sign"] == "-" else away)
    try:
        return ZoneInfo(written)
    except (KeyError, ValueError, OSError) as error:
        name = written.casefold()
        near = (zone for zone in sorted(available_timezones()) if f"/{zone.casefold()}".endswith(f"/{name}"))
        meant = "".join(f"Did you mean {zone}? " for zone in [*near][:1])
        raise WrongTime(f"{written!r} is not a time zone.", next_step=f"{meant}{_FORMS} Hours are 0 to 23.") from error


def _placed(local: datetime, zone: tzinfo) -> datetime:
    """The moment at which the clocks of the zone show this. Raises WrongTime when they never do, or twice (PEP 495)."""
    first, second = (local.replace(tzinfo=zone, fold=fold) for fold in (0, 1))
    before, after = first.utcoffset(), second.utcoffset()
    if before is None or after is None or before == after:
        return first
    if before < after:
        later, earlier = (moment.astimezone(UTC).astimezone(zone) for moment in (first, second))
        raise WrongTime(
            f"The clocks of {zone} go forward on {local:%Y-%m-%d}, and never show {local:%H:%M}.",
            next_step=f'Write "{_whole(earlier)}" or "{_whole(later)}".',
        )
    raise WrongTime(
        f"The clocks of {zone} go back on {local:%Y-%m-%d}, and show {local:%H:%M} twice.",
        next_step=f'Write "{_whole(first)}" for the first time, "{_whole(second)}" for the second.',
    )


def _whole(moment: datetime) -> str:
    return moment.isoformat(sep=" ", timespec="minutes")
