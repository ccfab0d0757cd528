"""Moments and durations as a person writes them, and as a person reads them."""

import re
from datetime import UTC, date, datetime, time, timedelta, timezone, tzinfo
from typing import NewType
from zoneinfo import ZoneInfo, available_timezones

from newsletter.errors import NewsletterError

_FURTHEST = timedelta(days=366)  # what is further away is a slip of the hand
_DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_MOMENT = re.compile(
    r"(?P<day>[0-9]{4}-[0-9]{2}-[0-9]{2}|today|tomorrow|(?:(?:next|this|on) )?(?:mon|tues?|wed(?:nes)?|thu(?:rs?)?|fri|"
    r"sat(?:ur)?|sun)(?:day)?)(?:T|,?\s+)(?:at\s+)?"
    r"(?P<time>noon|midnight|(?P<hour>[0-9]{1,2})(?:[:.](?P<minute>[0-9]{2})(?::(?P<second>[0-9]{2}))?)?"
    r"(?:\s*(?P<half>[ap])\.?m\.?(?![A-Za-z]))?)\s*(?P<zone>\S*)",
    re.IGNORECASE,
)
_LENGTH = re.compile(r"(?P<number>[0-9]{1,6}|an?(?= ))\s*(?P<unit>[a-z]+)(?:,? and |,? |(?=[0-9])|$)", re.IGNORECASE)
_LENGTHS = {
    **dict.fromkeys(("m", "min", "mins", "minute", "minutes"), timedelta(minutes=1)),
    **dict.fromkeys(("h", "hr", "hrs", "hour", "hours"), timedelta(hours=1)),
    **dict.fromkeys(("d", "day", "days"), timedelta(days=1)),
    **dict.fromkeys(("w", "week", "weeks"), timedelta(weeks=1)),
}
_OFFSET = re.compile(r"(?P<sign>[+-])(?P<hours>[01][0-9]|2[0-3]):?(?P<minutes>[0-5][0-9])?")
_DURATION = re.compile(
    r"(?:(?P<days>[0-9]{1,6})d)?\s*(?:(?P<hours>[0-9]{1,6})h)?\s*(?:(?P<minutes>[0-9]{1,6})m)?", re.IGNORECASE
)
_AGE = re.compile(r"(?P<number>[0-9]{1,5})\s*(?P<unit>d(?:ays?)?|w(?:eeks?)?|m(?:onths?)?|y(?:ears?)?)", re.IGNORECASE)
_AGE_DAYS = {"d": 1.0, "w": 7.0, "m": 365.25 / 12, "y": 365.25}
_OLDEST_DAYS = 100 * 365.25
_FORMS = (
    'Write it as "2026-12-01 09:00", "2026-12-01 09:00 America/New_York", "2026-12-01T14:00:00Z", "tomorrow 9am" '
    'or "in 1 hour".'
)


# A moment as the program has it: aware, and in UTC. It is text only in the store, in files and in JSON.
Instant = NewType("Instant", datetime)


class WrongTime(NewsletterError):
    """A moment or a duration that has to be written otherwise on the command line."""

    exit_status = 2


def make_instant(moment: datetime) -> Instant:
    """Return the instant of an aware moment in any zone."""
    return Instant(moment.astimezone(UTC))


def parse_instant(text: str) -> Instant:
    """Return the instant that the store or a file has, in ISO 8601; without a zone, or cut short, it is UTC."""
    moment = datetime.fromisoformat(text)
    return Instant(moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC))


def format_instant(instant: Instant) -> str:
    """Return the instant in ISO 8601, to the second or, where it has a fraction of one, to the millisecond."""
    return instant.isoformat(timespec="milliseconds" if instant.microsecond else "seconds")


def parse_moment(text: str, default_zone: tzinfo, now: datetime) -> datetime:
    """Return the moment to come that `text` names; without a zone of its own it is in `default_zone`.

    Raises WrongTime for what is no moment, what is past or too far away, what people understand differently ("9
    o'clock", "12am", "next friday"), and for a time of day that the clocks of that zone leave out or show twice then.
    """
    words = " ".join(text.split())
    if words.casefold().startswith("in "):
        return now + _distance(text, words[3:])
    parsed = _MOMENT.fullmatch(words)
    if not parsed:
        raise WrongTime(f"{text!r} is not a moment: it takes a day and a time of day.", next_step=_FORMS)
    zone = _zone(parsed["zone"]) if parsed["zone"] else default_zone
    here = now.astimezone(zone)
    try:
        local = datetime.combine(_day(parsed["day"], text, here.date()), _time_of_day(parsed, text))
    except ValueError as error:
        raise WrongTime(f"There is no such moment as {text!r}: {error}.", next_step=_FORMS) from error
    ahead = local - here.replace(tzinfo=None)
    if ahead > _FURTHEST:
        raise WrongTime(f"{text!r} is more than a year away.", next_step="Look at the year.")
    moment = _find_moment(local, zone) if ahead > -timedelta(days=1) else now
    if moment <= now:
        raise WrongTime(
            f"{text!r} is past: it is {format_moment(now, zone)} now.", next_step="Name a moment that is still to come."
        )
    return moment


def parse_duration(text: str) -> timedelta:
    """Return the duration that `text` names in minutes, hours and days, as in 90m, 2h, 1d or 1d12h.

    Raises WrongTime.
    """
    parsed = _DURATION.fullmatch(text.strip())
    duration = timedelta(**{unit: int(number or 0) for unit, number in (parsed.groupdict() if parsed else {}).items()})
    if not duration:
        raise WrongTime(f"{text!r} is not a length of time.", next_step="Write it as 90m, 2h, 1d or 1d12h.")
    if duration > _FURTHEST:
        raise WrongTime(f"{text!r} is more than a year.", next_step="Write less, such as 2h or 1d.")
    return duration


def parse_age(text: str) -> timedelta:
    """Return the age that `text` names in days, weeks, months or years, as in 3y, 18 months or 30d.

    A year has 365 days and a quarter, a month is its twelfth part. Raises WrongTime.
    """
    parsed = _AGE.fullmatch(text.strip())
    days = int(parsed["number"]) * _AGE_DAYS[parsed["unit"][0].lower()] if parsed else 0.0
    if not 0 < days <= _OLDEST_DAYS:
        raise WrongTime(f"{text!r} is not an age.", next_step="Write it as 3y, 18 months, 6w or 30d.")
    return timedelta(days=days)


def format_moment(moment: datetime, zone: tzinfo, *, seconds: bool = False) -> str:
    """Return a moment as the clocks of a zone show it, to the minute or to the second, with the zone's name."""
    return f"{moment.astimezone(zone):{'%Y-%m-%d %H:%M:%S' if seconds else '%Y-%m-%d %H:%M'}} {zone}"


def describe_duration(duration: timedelta, *, measured: bool = False) -> str:
    """Return a duration in its two largest units, rounded down: `3 days and 4 hours`, `5 minutes`.

    One that was `measured` is given to the millisecond below a second, and to a tenth of a second below ten.
    """
    from humanize import precisedelta  # which the command line's help can do without

    if duration < timedelta(seconds=1) and not measured:
        return "less than a second"
    if measured and duration < timedelta(seconds=10):
        unit, digits = ("milliseconds", "%d") if duration < timedelta(seconds=1) else ("seconds", "%.1f")
        return precisedelta(duration, minimum_unit=unit, format=digits)
    units = (("hours", timedelta(days=1)), ("minutes", timedelta(hours=1)), ("seconds", timedelta(0)))
    least = next(unit for unit, begins in units if duration >= begins)
    return precisedelta(duration, minimum_unit=least, suppress=["months", "years"], format="%d")


def describe_distance(moment: datetime, now: datetime) -> str:
    """Return how far a moment is: `in 3 days and 4 hours`, or `5 minutes ago`."""
    if moment > now:
        return f"in {describe_duration(moment - now)}"
    return f"{describe_duration(now - moment)} ago"


def _distance(text: str, length: str) -> timedelta:
    """Return how far from now `1 hour 30 minutes` is, the larger unit first; a day is 24 hours. Raises WrongTime."""
    distance, unit, place = timedelta(), _FURTHEST, 0
    while place < len(length) and (part := _LENGTH.match(length, place)):
        before, unit = unit, _LENGTHS.get(part["unit"].casefold(), _FURTHEST)
        if unit >= before:
            break
        distance += int(part["number"] if part["number"].isdecimal() else 1) * unit
        place = part.end()
    if place < len(length) or not distance:
        raise WrongTime(
            f"{text!r} is not a moment.", next_step='Write it as "in 90 minutes", "in 2 hours" or "in 3 days".'
        )
    if distance > _FURTHEST:
        raise WrongTime(f"{text!r} is more than a year away.", next_step="Write less, or a date.")
    return distance


def _time_of_day(parsed: re.Match[str], text: str) -> time:
    """Return the time of day. Raises ValueError for one that no clock shows, and WrongTime for one that is two."""
    named = parsed["time"].casefold()
    if named == "noon":
        return time(12)
    if named == "midnight":
        raise WrongTime(
            f"{text!r}: a day has a midnight at each end.", next_step="Write 00:00, with the day that begins then."
        )
    hour, minute, second = int(parsed["hour"]), int(parsed["minute"] or 0), int(parsed["second"] or 0)
    if parsed["half"]:
        if hour == 12:
            raise WrongTime(
                f"{text!r}: some read it as noon, and others as midnight.",
                next_step=f"Write 12:{minute:02} or 00:{minute:02}.",
            )
        if not 1 <= hour <= 11:
            raise ValueError("am and pm go with hours from 1 to 11")
        hour += 12 if parsed["half"].casefold() == "p" else 0
    elif not parsed["minute"] and 1 <= hour <= 12:
        raise WrongTime(
            f"{text!r}: is that before noon or after?",
            next_step=f"Write {hour:02}:00 or {hour + 12 if hour < 12 else 0:02}:00.",
        )
    return time(hour, minute, second)


def _day(day: str, text: str, today: date) -> date:
    """Return the day. Raises ValueError for one that no calendar has, and WrongTime for one that is two."""
    word = day.casefold()
    if word in ("today", "tomorrow"):
        return today + timedelta(days=word == "tomorrow")
    if word[0].isdecimal():
        return date.fromisoformat(word)
    which, _, name = word.rpartition(" ")
    number = next(number for number, known in enumerate(_DAYS) if known.startswith(name[:3]))
    ahead = (number - today.weekday()) % 7
    coming, after = today + timedelta(days=ahead), today + timedelta(days=ahead + 7)
    if which == "next" or not ahead:
        raise WrongTime(
            f"{text!r} can mean {coming} or {after}.",
            next_step=f"Write the date instead of the day's name: {coming} or {after}.",
        )
    return coming


def _zone(zone_name: str) -> tzinfo:
    if zone_name in ("Z", "z"):
        return UTC
    if offset := _OFFSET.fullmatch(zone_name):
        away = timedelta(hours=int(offset["hours"]), minutes=int(offset["minutes"] or 0))
        return timezone(-away if offset["sign"] == "-" else away)
    try:
        return ZoneInfo(zone_name)
    except (KeyError, ValueError, OSError) as error:
        name = zone_name.casefold()
        near = (zone for zone in sorted(available_timezones()) if f"/{zone.casefold()}".endswith(f"/{name}"))
        meant = "".join(f"Did you mean {zone}? " for zone in [*near][:1])
        raise WrongTime(
            f"{zone_name!r} is not a time zone.", next_step=f"{meant}{_FORMS} Hours are 0 to 23."
        ) from error


def _find_moment(local: datetime, zone: tzinfo) -> datetime:
    """Return the moment at which the clocks of the zone show this.

    Raises WrongTime when they never do, or twice (PEP 495).
    """
    first, second = (local.replace(tzinfo=zone, fold=fold) for fold in (0, 1))
    before, after = first.utcoffset(), second.utcoffset()
    if before is None or after is None or before == after:
        return first
    if before < after:
        later, earlier = (moment.astimezone(UTC).astimezone(zone) for moment in (first, second))
        raise WrongTime(
            f"The clocks of {zone} go forward on {local:%Y-%m-%d}, and never show {local:%H:%M}.",
            next_step=f'Write "{_format_with_offset(earlier)}" or "{_format_with_offset(later)}".',
        )
    raise WrongTime(
        f"The clocks of {zone} go back on {local:%Y-%m-%d}, and show {local:%H:%M} twice.",
        next_step=f'Write "{_format_with_offset(first)}" for the first time, "{_format_with_offset(second)}" for the '
        "second.",
    )


def _format_with_offset(moment: datetime) -> str:
    return moment.isoformat(sep=" ", timespec="minutes")
