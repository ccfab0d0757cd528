"""The next issue's volume, number and date."""

import calendar
import datetime
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from newsletter.issue_name import Numbering

Cadence = Literal["weekly", "biweekly", "monthly"]


@dataclass(frozen=True)
class IssueNumber:
    """An issue's volume, number and date; without volume and number it is named by its date."""

    volume: int | None
    number: int | None
    date: datetime.date

    @property
    def name(self) -> str:
        """Return the name of its draft: `2.10`, `10`, or `2024-05-16`."""
        return ".".join(str(part) for part in (self.volume, self.number) if part) or self.date.isoformat()


def number_next_issue(
    last: IssueNumber | None,
    cadence: Cadence,
    new_volume: Literal["yearly", "never"],
    today: datetime.date,
    date: datetime.date | None = None,
    day: int | None = None,
    numbering: Numbering = "volume",
) -> IssueNumber:
    """Return the issue after `last`: on `date`, or on the first day of its rhythm that is not past.

    `day` is the day of the month that a monthly rhythm keeps (`find_day_of_month`), that of `last` when left out.

    A yearly volume moves on by one for each calendar year between the two, and its numbers start at 1.
    """
    date = date or (find_next_date(last.date, cadence, today, day) if last else today)
    volume, number = (last.volume or 1, last.number or 0) if last else (1, 0)
    if numbering == "number":
        return IssueNumber(None, number + 1, date)
    if numbering != "volume":
        return IssueNumber(None, None, date)
    years = date.year - last.date.year if last else 0
    if new_volume == "yearly" and years > 0:
        return IssueNumber(volume + years, 1, date)
    return IssueNumber(volume, number + 1, date)


def find_next_date(
    last: datetime.date, cadence: Cadence, today: datetime.date, day: int | None = None
) -> datetime.date:
    """Return the first date after `last` in its rhythm that is `today` or later; `day` as for `number_next_issue`."""
    if cadence == "monthly":
        months = 1
        while (date := _add_months(last, months, day or last.day)) < today:
            months += 1
        return date
    step = 7 if cadence == "weekly" else 14
    behind = max((today - last).days, 1)
    return last + datetime.timedelta(days=-(-behind // step) * step)


def find_day_of_month(newest_first: Iterable[datetime.date]) -> int | None:
    """Return the day that the dates of a monthly series keep: 31 for October 31 and November 30, None for no date.

    A date on its month's last day may stand for a later day that the month lacks, so that the date before it decides.
    """
    day = None
    for date in newest_first:
        if day is not None and date.day <= day:
            break
        day = date.day
        if day != calendar.monthrange(date.year, date.month)[1]:
            break
    return day


def _add_months(date: datetime.date, months: int, day: int) -> datetime.date:
    years, month = divmod(date.month - 1 + months, 12)
    year = date.year + years
    return date.replace(year=year, month=month + 1, day=min(day, calendar.monthrange(year, month + 1)[1]))
