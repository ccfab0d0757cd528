"""Days of publication in many languages, as the page shows them."""

import datetime

import pytest

from newsletter.articles.publication_dates import choose_date, find_date, find_date_in_address

_DAY = datetime.date(2023, 6, 1)


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("2023-06-01", None),
        ("2023-06-01T23:30:00-04:00", None),  # in universal time it is the second
        ("2023/6/1", None),
        ("20230601", None),
        ("June 1, 2023", "en"),
        ("By John RoeJune 1, 2023", "en"),
        ("Thursday, 1st of June 2023, 10.30am", "en"),
        ("Jun. 1 2023", "en-US"),
        ("1-Jun-2023", "en"),
        ("Thu, 01 Jun 2023 10:00:00 GMT", None),
        ("06/01/2023", "en-US"),
        ("01/06/2023", "en-GB"),
        ("01.06.2023", "de"),
        ("1. Juni 2023", "de-AT"),
        ("1er juin 2023", "fr"),
        ("1 de junio de 2023", "es"),
        ("1 czerwca 2023", "pl"),
        ("1 июня 2023 г.", "ru"),
        ("1 Haziran 2023", "tr"),
        ("1 giugno 2023", None),
        ("2023年6月1日", "ja"),
        ("令和5年6月1日", "ja"),
        ("2023년 6월 1일", "ko"),
        ("May 2 to June 1, 2023", "en"),
    ],
)
def test_a_day_is_found(text: str, language: str | None) -> None:
    found = find_date(text, language)
    assert found is not None
    assert found.day == _DAY


@pytest.mark.parametrize(
    ("text", "language"),
    [("06/01/2023", "en"), ("06/01/2023", None), ("June 2023", "en"), ("2023", None), ("31 février 2023", "fr"),
     ("2023-13-01", None), ("June 1, 0023", "en"), ("4.6.8.2023", "de"), ("", None), ("1 2023-06-0111", None)],
)  # fmt: skip
def test_what_could_be_two_days_or_none_is_left_out(text: str, language: str | None) -> None:
    assert find_date(text, language) is None


@pytest.mark.parametrize(
    ("claimed", "shown", "chosen"),
    [
        ("2023-06-02T03:30:00Z", "June 1, 2023", "2023-06-01"),  # the evening before, where it was written
        ("2023-06-01T03:30:00+09:00", "May 31, 2023", "2023-06-01"),  # the page's own zone is right
        ("2023-06-02T03:30:00Z", "June 9, 2023", "2023-06-02"),  # another date than that of publication
        ("2023-06-02T03:30:00Z", "", "2023-06-02"),
        ("", "June 1, 2023", "2023-06-01"),
    ],
)
def test_the_date_is_that_which_readers_see(claimed: str, shown: str, chosen: str) -> None:
    assert choose_date(find_date(claimed), find_date(shown)) == datetime.date.fromisoformat(chosen)


def test_an_address_may_hold_the_day() -> None:
    assert find_date_in_address("https://harbortimes.example/2023/06/01/world/pier") == _DAY
    assert find_date_in_address("https://harbortimes.example/2023/06/pier") is None
    assert find_date_in_address(None) is None
