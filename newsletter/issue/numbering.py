"""The next issue's volume, number and date."""

import calendar
import datetime
from dataclasses import dataclass
from typing import Literal

Cadence = Literal["weekly", "biweekly", "monthly"]


@dataclass(frozen=True)
class Slot:
    """One place in a publication's calendar."""

    volume: int
    number: int
    date: datetime.date


def next_slot(
    last: Slot | None,
    cadence: Cadence,
    new_volume: Literal["yearly", "never"],
    today: datetime.date,
    date: datetime.date | None = None,
) -> Slot:
    """The issue after `last`: on `date`, or on the first day of its rhythm that is not past.

    A yearly volume moves on by one for each calendar year between the two, and its numbers start at 1.
    """
    if last is None:
        return Slot(1, 1, date or today)
    date = date or next_date(last.date, cadence, today)
    years = date.year - last.date.year
    if new_volume == "yearly" and years > 0:
        return Slot(last.volume + years, 1, date)
    return Slot(last.volume, last.number + 1, date)


def next_date(last: datetime.date, cadence: Cadence, today: datetime.date) -> datetime.date:
    """The first date after `last` in its rhythm that is `today` or later."""
    if cadence == "monthly":
        months = 1
        while (date := _months_after(last, months)) < today:
            months += 1
        return date
    step = 7 if cadence == "weekly" else 14
    behind = max((today - last).days, 1)
    return last + datetime.timedelta(days=-(-behind // step) * step)


def _months_after(date: datetime.date, months: int) -> datetime.date:
    years, month = divmod(date.month - 1 + months, 12)
    year = date.year + years
    return date.replace(year=year, month=month + 1, day=min(date.day, calendar.monthrange(year, month + 1)[1]))
