"""The next issue's place in the calendar."""

import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.issue.numbering import IssueNumber, find_day_of_month, find_next_date, number_next_issue

D = datetime.date


@pytest.mark.parametrize(
    ("last", "cadence", "today", "expected"),
    [
        (D(2023, 5, 31), "biweekly", D(2023, 6, 1), D(2023, 6, 14)),
        (D(2023, 5, 31), "biweekly", D(2023, 6, 14), D(2023, 6, 14)),
        (D(2023, 5, 31), "biweekly", D(2023, 6, 15), D(2023, 6, 28)),
        (D(2023, 5, 31), "biweekly", D(2023, 5, 1), D(2023, 6, 14)),
        (D(2023, 5, 31), "weekly", D(2023, 5, 31), D(2023, 6, 7)),
        (D(2024, 1, 31), "monthly", D(2024, 2, 1), D(2024, 2, 29)),
        (D(2024, 1, 31), "monthly", D(2024, 3, 1), D(2024, 3, 31)),
        (D(2023, 12, 15), "monthly", D(2024, 1, 1), D(2024, 1, 15)),
    ],
)
def test_next_date(last: D, cadence: str, today: D, expected: D) -> None:
    assert find_next_date(last, cadence, today) == expected


def test_a_year_makes_a_volume_when_it_should() -> None:
    last = IssueNumber(2, 26, D(2023, 12, 27))
    assert number_next_issue(last, "biweekly", "yearly", D(2023, 12, 28)) == IssueNumber(3, 1, D(2024, 1, 10))
    assert number_next_issue(last, "biweekly", "never", D(2023, 12, 28)) == IssueNumber(2, 27, D(2024, 1, 10))
    assert number_next_issue(IssueNumber(3, 7, D(2024, 4, 17)), "weekly", "yearly", D(2024, 4, 18)) == IssueNumber(
        3, 8, D(2024, 4, 24)
    )


def test_the_first_issue_is_1_1_today() -> None:
    assert number_next_issue(None, "weekly", "yearly", D(2026, 1, 1)) == IssueNumber(1, 1, D(2026, 1, 1))


@given(st.dates(D(2000, 1, 1), D(2100, 1, 1)), st.integers(-400, 4000), st.sampled_from(["weekly", "biweekly"]))
def test_the_rhythm_is_kept(last: D, days: int, cadence: str) -> None:
    today = last + datetime.timedelta(days)
    date = find_next_date(last, cadence, today)
    step = 7 if cadence == "weekly" else 14
    assert date > last
    assert date >= today
    assert (date - last).days % step == 0
    assert date - datetime.timedelta(step) < max(today, last + datetime.timedelta(1))


def test_a_date_of_ones_own_decides_the_volume() -> None:
    last = IssueNumber(2, 26, D(2026, 11, 20))
    assert number_next_issue(last, "biweekly", "yearly", D(2026, 11, 22), D(2026, 12, 31)) == IssueNumber(
        2, 27, D(2026, 12, 31)
    )
    assert number_next_issue(last, "biweekly", "yearly", D(2026, 11, 22), D(2027, 1, 3)) == IssueNumber(
        3, 1, D(2027, 1, 3)
    )


@pytest.mark.parametrize(
    ("dates", "day"),
    [
        ([], None),
        ([D(2026, 11, 15)], 15),
        ([D(2026, 11, 30)], 30),
        ([D(2026, 11, 30), D(2026, 10, 31)], 31),
        ([D(2027, 2, 28), D(2027, 1, 30)], 30),
        ([D(2027, 2, 28), D(2027, 1, 31), D(2026, 12, 31)], 31),
        ([D(2027, 2, 28), D(2027, 1, 28)], 28),
        ([D(2027, 2, 28), D(2027, 1, 15)], 28),
        ([D(2026, 10, 15), D(2026, 9, 30)], 15),
        ([D(2027, 4, 30), D(2027, 3, 30), D(2027, 1, 31)], 30),
    ],
)
def test_the_day_that_a_monthly_series_keeps(dates: list[D], day: int | None) -> None:
    assert find_day_of_month(iter(dates)) == day


@given(st.dates(D(2000, 1, 1), D(2100, 1, 1)), st.integers(1, 40))
def test_a_monthly_rhythm_keeps_its_day_through_short_months(first: D, count: int) -> None:
    dates = [first]
    for _ in range(count):
        dates.append(find_next_date(dates[-1], "monthly", dates[-1], find_day_of_month(reversed(dates))))
    for number, date in enumerate(dates):
        month = first.month - 1 + number
        ahead = D(first.year + month // 12, month % 12 + 1, 1)
        longest = (D(ahead.year + ahead.month // 12, ahead.month % 12 + 1, 1) - ahead).days
        assert date == ahead.replace(day=min(first.day, longest))
