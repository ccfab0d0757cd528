"""How a list has grown: by month, by source, each person once a month; on both databases."""

from datetime import date

import pytest
from sqlalchemy import insert, update

from newsletter.address import SubscriberKey
from newsletter.clock import parse_instant
from newsletter.store import Store
from newsletter.store.schema import subscribers, suppressions
from newsletter.subscribers.consent import Consent
from newsletter.subscribers.event_recording import record_events
from newsletter.subscribers.feedback_events import Event, EventKind, EventSource
from newsletter.subscribers.growth import (
    Change,
    Growth,
    GrowthSum,
    MonthlySum,
    find_month,
    read_changes,
    read_joined,
    read_signed_up,
)
from newsletter.subscribers.stored_subscribers import StoredSubscriber, add_consents, save_subscribers

NOVEMBER = date(2026, 11, 30)


def _say(store: Store, key: str, kind: EventKind, source: EventSource, at: str) -> None:
    event = Event(subscriber=SubscriberKey(key), kind=kind, source=source, said_at=parse_instant(at))
    record_events(store, None, [event])


def _changes(store: Store) -> set[tuple[str, str, str, int]]:
    with store.reading() as connection:
        return {(each.month, each.change.value, each.source, each.people) for each in read_changes(connection)}


def test_who_left_counts_once_a_month_and_by_where_it_was_said(store: Store) -> None:
    _say(store, "ada@example.org", EventKind.UNSUBSCRIBED, EventSource.ONE_CLICK, "2026-09-01T00:00:00Z")
    _say(store, "ada@example.org", EventKind.RETURNED, EventSource.PAGE, "2026-09-02T00:00:00Z")
    _say(store, "ada@example.org", EventKind.UNSUBSCRIBED, EventSource.ONE_CLICK, "2026-09-03T00:00:00Z")
    _say(store, "olga@example.net", EventKind.UNSUBSCRIBED, EventSource.ONE_CLICK, "2026-09-30T23:59:59+00:00")
    _say(store, "tom@example.com", EventKind.UNSUBSCRIBED, EventSource.PAGE, "2026-09-30T23:59:59-01:00")
    _say(store, "eva@example.com", EventKind.COMPLAINED, EventSource.MAIL, "2026-10-05T00:00:00Z")
    assert _changes(store) == {
        ("2026-09", "left", "one-click", 2),
        ("2026-09", "came back", "page", 1),
        ("2026-10", "left", "page", 1),
        ("2026-10", "complained", "mail", 1),
    }


def test_a_bounce_counts_whether_one_mail_was_enough_and_not_once_it_was_undone(store: Store) -> None:
    for key in ("ada@example.org", "olga@example.net"):
        _say(store, key, EventKind.HARD, EventSource.MAIL, "2026-10-05T00:00:00Z")
    _say(store, "olga@example.net", EventKind.UNDONE, EventSource.EDITOR, "2026-10-06T00:00:00Z")
    row = {"publication": "main", "subscriber": "soft@example.org", "cause": "bounced", "reason": "", "stage": "",
           "source": "mail", "batch": "", "words": "", "at": "2026-11-05T00:00:00.000+00:00"}  # fmt: skip
    with store.transaction() as connection:
        connection.execute(insert(suppressions), [row])
    assert _changes(store) == {("2026-10", "bounced", "mail", 1), ("2026-11", "bounced", "mail", 1)}


def test_who_joined_counts_by_the_first_consent_and_else_by_the_row(store: Store) -> None:
    people = {name: SubscriberKey(f"{name}@example.org") for name in ("ada", "bo", "cy", "di", "listed")}
    given = [
        {people["ada"]: Consent(given_at="2025-02-03T00:00:00.000+00:00", source="import")},
        {people["ada"]: Consent(given_at="2026-02-03T00:00:00.000+00:00", source="sign-up", evidence={"form": "page"})},
        {people["bo"]: Consent(given_at="2026-02-03T00:00:00.000+00:00", source="sign-up", evidence={"form": "fair"})},
        {people["bo"]: Consent(given_at="2026-03-03T00:00:00.000+00:00", source="reconfirmed")},
        {people["cy"]: Consent(given_at="2026-02-04T00:00:00.000+00:00", source="sign-up", evidence={"code": "x"})},
        {people["di"]: Consent(given_at="some day", source="import", evidence={"words": 'the "form": of March'})},
    ]
    with store.transaction() as connection:
        save_subscribers(connection, [StoredSubscriber(address=key) for key in people.values() if key != people["bo"]])
        connection.execute(update(subscribers).values(created_at="2026-01-01T00:00:00.000+00:00"))
        for each in given:
            add_consents(connection, each)
    with store.reading() as connection:
        found = {(each.month, each.source, each.people) for each in read_joined(connection)}
    # Who is off the list again has joined all the same.
    assert found == {("2025-02", "import", 1), ("2026-02", "fair", 1), ("2026-02", "sign-up", 1), ("", "import", 1),
                     ("2026-01", "list", 1)}  # fmt: skip


def test_who_was_added_to_a_list_in_a_file_has_joined(store: Store) -> None:
    for day in ("05", "06"):
        _say(store, "ada@example.org", EventKind.SIGNED_UP, EventSource.EDITOR, f"2026-10-{day}T00:00:00Z")
    with store.reading() as connection:
        assert list(read_signed_up(connection)) == [
            MonthlySum(month="2026-10", change=Change.JOINED, source="editor", people=1)
        ]


def test_months_have_no_gap_and_no_end_before_now() -> None:
    def joined(month: str, people: int) -> MonthlySum:
        return MonthlySum(month=month, change=Change.JOINED, source="page", people=people)

    growth = Growth(sums=[joined("1970-01", 9), joined("2025-12", 2), joined("2026-10", 3), joined("2099-01", 4)])
    months = growth.count_by_month(NOVEMBER, 12)
    assert list(months) == ["2025-12", *(f"2026-{number:02}" for number in range(1, 12))]
    assert [counts[Change.JOINED] for counts in months.values()] == [2, *[0] * 9, 3, 0]
    assert list(growth.count_by_month(NOVEMBER, 3)) == ["2026-10", "2026-11"]
    assert Growth().count_by_month(NOVEMBER, 12) == {}
    assert growth.count_by_source(Change.JOINED) == {"page": 18}


def test_as_many_sources_as_people_are_few_sums() -> None:
    found = GrowthSum()
    for number in range(3000):
        found.add("2026-10", Change.JOINED, f"meeting {number}")
        found.add("2026-10", Change.LEFT, "one-click")
    growth = found.growth
    assert len(growth.sums) == 502
    assert growth.count_by_source(Change.JOINED).most_common(1) == [("elsewhere", 2500)]
    assert growth.count_by_source(Change.LEFT) == {"one-click": 3000}


@pytest.mark.parametrize(
    ("moment", "month"),
    [("2026-11-30T10:00:00Z", "2026-11"), ("2026-11-30", "2026-11"), ("2026-13-01", ""), ("", ""), ("20261130", ""),
     ("some day", "")],
)  # fmt: skip
def test_what_is_no_moment_has_no_month(moment: str, month: str) -> None:
    assert find_month(moment) == month
