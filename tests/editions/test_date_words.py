"""Dates are written as each language writes them."""

import datetime
from typing import Any

import pytest

from newsletter.editions.date_words import format_date, format_event_time
from newsletter.issue.sections import UpcomingEvent


def _event(**values: Any) -> UpcomingEvent:
    return UpcomingEvent(title="A talk", **values)


@pytest.mark.parametrize(
    ("language", "one", "days", "months", "years"),
    [
        ("en", "May 2, 2024", "May 2–4, 2024", "May 2 – June 4, 2024", "May 2, 2024 – January 4, 2025"),
        ("en-GB", "2 May 2024", "2–4 May 2024", "2 May – 4 Jun 2024", "2 May 2024 – 4 Jan 2025"),
        ("de", "2. Mai 2024", "2.–4. Mai 2024", "2. Mai – 4. Juni 2024", "2. Mai 2024 – 4. Jan. 2025"),
        ("ja", "2024年5月2日", "2024年5月2日～4日", "2024年5月2日～6月4日", "2024年5月2日～2025年1月4日"),
        ("xx", "2024-05-02", "2024-05-02 – 2024-05-04", "2024-05-02 – 2024-06-04", "2024-05-02 – 2025-01-04"),
    ],
)
def test_days_in_words(language: str, one: str, days: str, months: str, years: str) -> None:
    assert format_date(datetime.date(2024, 5, 2), language) == one
    for until, words in (("2024-05-02", one), ("2024-05-04", days), ("2024-06-04", months), ("2025-01-04", years)):
        assert format_event_time(_event(date="2024-05-02", until=until), language) == words


@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("en", "May 2, 2024, 09:30"),
        ("de", "2. Mai 2024, 09:30"),
        ("ja", "2024年5月2日 09:30"),
        ("xx", "2024-05-02, 09:30"),
    ],
)
def test_the_time_stands_behind_the_day(language: str, words: str) -> None:
    assert format_event_time(_event(date="2024-05-02", time="9:30"), language) == words
