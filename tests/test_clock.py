"""Moments and durations: what an editor writes is what is meant, or is answered with what to write instead."""

import re
from contextlib import suppress
from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.clock import (
    WrongTime,
    describe_distance,
    describe_duration,
    format_instant,
    format_moment,
    make_instant,
    parse_age,
    parse_duration,
    parse_instant,
    parse_moment,
)

NEW_YORK = ZoneInfo("America/New_York")
NOW = datetime(2026, 11, 22, 12, 17, tzinfo=UTC)
ZONES = st.sampled_from(
    [
        "America/New_York",
        "Europe/London",
        "Australia/Lord_Howe",
        "Asia/Kathmandu",
        "Pacific/Apia",
        "UTC",
        "Africa/Cairo",
    ]
).map(ZoneInfo)
LOCAL = st.integers(0, 518_400).map(  # what clocks show, in minutes of a year that begins a little later
    lambda minutes: NOW.replace(tzinfo=None) + timedelta(days=3, minutes=minutes)
)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-12-01 09:00", "2026-12-01T09:00:00-05:00"),
        (" 2026-12-01  9:00 ", "2026-12-01T09:00:00-05:00"),
        ("2026-12-01 09:00:30", "2026-12-01T09:00:30-05:00"),
        ("2026-12-01 09:00 America/New_York", "2026-12-01T09:00:00-05:00"),
        ("2026-12-01 09:00 Europe/Berlin", "2026-12-01T09:00:00+01:00"),
        ("2026-12-01T09:00:00Z", "2026-12-01T09:00:00+00:00"),
        ("2026-12-01T09:00+05:30", "2026-12-01T09:00:00+05:30"),
        ("2026-12-01 09:00 -0330", "2026-12-01T09:00:00-03:30"),
        ("tomorrow 09:00", "2026-11-23T09:00:00-05:00"),
        ("Today 23:59", "2026-11-22T23:59:00-05:00"),
        ("today 9am", "2026-11-22T09:00:00-05:00"),
        ("tomorrow 9:00", "2026-11-23T09:00:00-05:00"),
        ("tomorrow at 9 a.m.", "2026-11-23T09:00:00-05:00"),
        ("tomorrow, 9:30 PM Europe/Berlin", "2026-11-23T21:30:00+01:00"),
        ("2026-12-01 9:00 pm", "2026-12-01T21:00:00-05:00"),
        ("tomorrow noon", "2026-11-23T12:00:00-05:00"),
        ("tomorrow 21", "2026-11-23T21:00:00-05:00"),
        ("Friday 9am", "2026-11-27T09:00:00-05:00"),
        ("on tues 11:59 pm", "2026-11-24T23:59:00-05:00"),
        ("this saturday 0:00", "2026-11-28T00:00:00-05:00"),
        ("in 1 hour", "2026-11-22T13:17:00+00:00"),
        ("in an hour and 30 minutes", "2026-11-22T13:47:00+00:00"),
        ("In 90 min", "2026-11-22T13:47:00+00:00"),
        ("in 1d12h", "2026-11-24T00:17:00+00:00"),
        ("in 2 weeks, 1 day", "2026-12-07T12:17:00+00:00"),
        ("tomorrow 00:30 Asia/Tokyo", "2026-11-23T00:30:00+09:00"),  # it is still the 22nd there too
    ],
)
def test_a_moment_is_in_the_publications_zone_unless_it_names_another(text: str, moment: str) -> None:
    assert parse_moment(text, NEW_YORK, NOW).isoformat() == moment


@pytest.mark.parametrize(
    ("text", "says", "advises"),
    [
        ("", "is not a moment", '"2026-12-01 09:00"'),
        ("2026-12-01", "a day and a time of day", '"2026-12-01 09:00"'),
        ("09:00", "a day and a time of day", '"2026-12-01 09:00"'),
        ("1.12.2026 09:00", "is not a moment", '"2026-12-01 09:00"'),
        ("2026-02-30 09:00", "There is no such moment", '"2026-12-01 09:00"'),
        ("2026-12-01 24:00", "There is no such moment", "2026"),
        ("2026-12-01 9:00 uhr", "'uhr' is not a time zone", "Hours are 0 to 23"),
        ("tomorrow 9", "before noon or after", "Write 09:00 or 21:00"),
        ("tomorrow 12", "before noon or after", "Write 12:00 or 00:00"),
        ("tomorrow 12pm", "some read it as noon, and others as midnight", "12:00"),
        ("tomorrow 12:30 a.m.", "some read it as noon, and others as midnight", "00:30"),
        ("tomorrow midnight", "a midnight at each end", "00:00"),
        ("tomorrow 13pm", "There is no such moment", "tomorrow 9am"),
        ("tomorrow 0am", "There is no such moment", "tomorrow 9am"),
        ("today 6am", "is past: it is 2026-11-22 07:17", "still to come"),
        ("next friday 9am", "can mean 2026-11-27 or 2026-12-04", "2026-11-27 or 2026-12-04"),
        ("sunday 9am", "can mean 2026-11-22 or 2026-11-29", "instead of the day's name: 2026-11-22"),
        ("12/1/2026 9am", "is not a moment", '"2026-12-01 09:00"'),
        ("9am", "a day and a time of day", "tomorrow 9am"),
        ("tonight", "is not a moment", "tomorrow 9am"),
        ("in 0 hours", "is not a moment", "in 90 minutes"),
        ("in 1 month", "is not a moment", "in 90 minutes"),
        ("in 30 minutes 1 hour", "is not a moment", "in 90 minutes"),
        ("in half an hour", "is not a moment", "in 90 minutes"),
        ("in 53 weeks", "more than a year away", "a date"),
        ("2026-12-01 09:00 new_york", "'new_york' is not a time zone", "Did you mean America/New_York?"),
        ("2026-12-01 09:00 ../../etc/passwd", "is not a time zone", "America/New_York"),
        ("2026-11-22 07:17", "is past: it is 2026-11-22 07:17 America/New_York now", "still to come"),
        ("1999-12-31 23:59", "is past", "still to come"),
        ("0001-01-01 00:00+14:00", "is past", "still to come"),
        ("2062-12-01 09:00", "more than a year away", "Look at the year"),
        ("9999-12-31 23:59-12:00", "more than a year away", "Look at the year"),
    ],
)
def test_what_is_no_moment_to_come_is_answered_with_what_to_write(text: str, says: str, advises: str) -> None:
    with pytest.raises(WrongTime) as wrong:
        parse_moment(text, NEW_YORK, NOW)
    assert says in wrong.value.message
    assert advises in wrong.value.next_step
    assert wrong.value.exit_status == 2


@given(st.integers(0, 20), st.integers(0, 20), st.integers(0, 90), st.booleans())
def test_a_length_from_now_is_the_sum_of_its_parts(days: int, hours: int, minutes: int, long: bool) -> None:
    parts = [(days, "day", "d"), (hours, "hour", "h"), (minutes, "minute", "m")]
    units = [f"{n} {word}{'s' * (n != 1)}" if long else f"{n}{letter}" for n, word, letter in parts if n]
    if units:
        moment = parse_moment(f"in {' '.join(units) if long else ''.join(units)}", NEW_YORK, NOW)
        assert moment - NOW == timedelta(days=days, hours=hours, minutes=minutes)


@given(st.text(st.sampled_from("in tomrwfday 0129:.apm,hour-+/"), max_size=24))
def test_whatever_words_are_a_moment_to_come_or_wrong(text: str) -> None:
    for written in (text, f"tomorrow {text}", f"in {text}", f"friday {text}"):
        with suppress(WrongTime):
            assert NOW < parse_moment(written, NEW_YORK, NOW) <= NOW + timedelta(days=367)


def _advised(text: str) -> list[datetime]:
    """Return the moments that are to be written instead of `text`; each of them can be."""
    with pytest.raises(WrongTime) as wrong:
        parse_moment(text, NEW_YORK, NOW)
    written = re.findall('"([^"]+)"', wrong.value.next_step)
    return [parse_moment(moment, NEW_YORK, NOW) for moment in written]


def test_an_hour_that_the_clocks_leave_out_is_answered_with_its_neighbours() -> None:
    before, after = _advised("2027-03-14 02:30")
    assert (before, after) == (datetime(2027, 3, 14, 6, 30, tzinfo=UTC), datetime(2027, 3, 14, 7, 30, tzinfo=UTC))
    assert [f"{moment.astimezone(NEW_YORK):%H:%M}" for moment in (before, after)] == ["01:30", "03:30"]


def test_an_hour_that_comes_twice_is_answered_with_both() -> None:
    first, second = _advised("2027-11-07 01:30")
    assert (first, second) == (datetime(2027, 11, 7, 5, 30, tzinfo=UTC), datetime(2027, 11, 7, 6, 30, tzinfo=UTC))


@given(LOCAL, ZONES, ZONES)
def test_the_clocks_of_the_zone_show_what_was_written_or_it_is_refused(
    local: datetime, zone: ZoneInfo, default: ZoneInfo
) -> None:
    try:
        moment = parse_moment(f"{local:%Y-%m-%d %H:%M} {zone}", default, NOW)
    except WrongTime:
        seen = {local.replace(tzinfo=zone, fold=fold).utcoffset() for fold in (0, 1)}
        assert len(seen) == 2, "only where the clocks are set"
        return
    assert moment.astimezone(UTC).astimezone(zone).replace(tzinfo=None) == local
    assert format_moment(moment, zone) == f"{local:%Y-%m-%d %H:%M} {zone}"
    assert parse_moment(moment.isoformat(), default, NOW) == moment


@given(LOCAL, st.integers(-14 * 60, 14 * 60))
def test_with_an_offset_every_moment_can_be_written(local: datetime, minutes: int) -> None:
    moment = local.replace(tzinfo=timezone(timedelta(minutes=minutes)))
    assert parse_moment(moment.isoformat(), NEW_YORK, NOW) == moment


@given(st.text() | st.from_regex(r"[0-9]{4}-[0-9]{2}-[0-9]{2}[ T][0-9]{1,2}:[0-9]{2} ?\S{0,20}", fullmatch=True))
def test_whatever_is_written_is_a_moment_to_come_or_wrong(text: str) -> None:
    try:
        moment = parse_moment(text, NEW_YORK, NOW)
    except WrongTime:
        return
    assert NOW < moment <= NOW + timedelta(days=367)


@pytest.mark.parametrize(
    ("text", "duration"),
    [
        ("90m", timedelta(minutes=90)),
        ("2h", timedelta(hours=2)),
        ("1d", timedelta(days=1)),
        ("1d12h", timedelta(hours=36)),
        (" 1H 30M ", timedelta(minutes=90)),
    ],
)
def test_a_duration_is_in_minutes_hours_and_days(text: str, duration: timedelta) -> None:
    assert parse_duration(text) == duration


@pytest.mark.parametrize("text", ["", "0m", "90", "2 hours", "-1h", "1h1h", "30m1h", "1.5h", "١h", "367d", "999999d"])
def test_what_is_no_duration_is_answered_with_how_to_write_one(text: str) -> None:
    with pytest.raises(WrongTime, match=re.escape(repr(text))) as wrong:
        parse_duration(text)
    assert "2h" in wrong.value.next_step


@given(st.integers(0, 365), st.integers(0, 23), st.integers(0, 59))
def test_a_duration_is_the_sum_of_its_parts(days: int, hours: int, minutes: int) -> None:
    expected = timedelta(days=days, hours=hours, minutes=minutes)
    if expected:
        assert parse_duration(f"{days}d{hours}h{minutes}m") == expected


@given(st.text())
def test_whatever_is_written_is_a_duration_or_wrong(text: str) -> None:
    try:
        duration = parse_duration(text)
    except WrongTime:
        return
    assert timedelta() < duration <= timedelta(days=366)


@pytest.mark.parametrize(
    ("duration", "words"),
    [
        (timedelta(days=3, hours=4, minutes=5), "3 days and 4 hours"),
        (timedelta(days=1, minutes=59), "1 day"),
        (timedelta(hours=1, minutes=1, seconds=1), "1 hour and 1 minute"),
        (timedelta(minutes=5, seconds=2), "5 minutes and 2 seconds"),
        (timedelta(seconds=59.9), "59 seconds"),
        (timedelta(seconds=0.4), "less than a second"),
        (timedelta(seconds=-3), "less than a second"),
    ],
)
def test_durations_are_told_in_their_two_largest_units(duration: timedelta, words: str) -> None:
    assert describe_duration(duration) == words


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "0 milliseconds"),
        (0.04, "40 milliseconds"),
        (0.9996, "999 milliseconds"),
        (1, "1 second"),
        (1.25, "1.2 seconds"),
        (9.99, "10 seconds"),
        (12.7, "12 seconds"),
        (192, "3 minutes and 12 seconds"),
        (7500, "2 hours and 5 minutes"),
        (3 * 86_400 + 7200, "3 days and 2 hours"),
    ],
)
def test_a_measured_duration_has_fractions_of_seconds(seconds: float, words: str) -> None:
    assert describe_duration(timedelta(seconds=seconds), measured=True) == words


def test_moments_are_told_from_now() -> None:
    assert describe_distance(NOW + timedelta(hours=2), NOW) == "in 2 hours"
    assert describe_distance(NOW - timedelta(minutes=5), NOW) == "5 minutes ago"


@given(st.datetimes(timezones=st.timezones()))
def test_an_instant_is_one_moment_in_every_zone_and_survives_the_store(moment: datetime) -> None:
    try:
        instant = make_instant(moment.replace(microsecond=moment.microsecond // 1000 * 1000))
    except OverflowError:
        return  # at the ends of the calendar
    assert instant.tzinfo is UTC
    assert parse_instant(format_instant(instant)) == instant


@pytest.mark.parametrize(
    ("text", "formatted"),
    [
        ("2026-11-30T09:30:00.123+00:00", "2026-11-30T09:30:00.123+00:00"),
        ("2026-11-30T09:30:00+00:00", "2026-11-30T09:30:00+00:00"),
        ("2026-11-30T10:30:00+01:00", "2026-11-30T09:30:00+00:00"),
        ("2026-11-30T09", "2026-11-30T09:00:00+00:00"),  # cut short, as answers are summed up by the hour
    ],
)
def test_a_text_of_the_store_is_an_instant(text: str, formatted: str) -> None:
    assert format_instant(parse_instant(text)) == formatted


@pytest.mark.parametrize(
    ("text", "days"),
    [("30d", 30), ("1 day", 1), ("6w", 42), ("12 months", 365.25), (" 3Y ", 1095.75), ("18m", 547.875)],
)
def test_an_age_is_in_days_weeks_months_or_years(text: str, days: float) -> None:
    assert parse_age(text) == timedelta(days=days)


@pytest.mark.parametrize("text", ["", "3", "0d", "-3y", "3 moons", "101y", "99999y", "3y 2m", "1e3d"])
def test_what_is_no_age_is_told(text: str) -> None:
    with pytest.raises(WrongTime, match="is not an age"):
        parse_age(text)
