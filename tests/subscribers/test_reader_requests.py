"""Rows of readers' requests, on both databases: they are kept as asked, counted, and deleted when nobody confirms."""

from datetime import UTC, datetime, timedelta

import pytest

from newsletter.clock import parse_instant
from newsletter.store import Store
from newsletter.store.engine import now
from newsletter.subscribers.consent_words import digest_words, find_words, keep_words
from newsletter.subscribers.reader_requests import (
    VALID_DAYS,
    ReaderRequest,
    RequestKind,
    RequestState,
    add_requests,
    count_addresses,
    count_open,
    delete_stale_requests,
    find_request,
    list_new_requests,
    list_requests_of,
    note_confirmed,
    set_state,
)
from newsletter.workspace import PublicationId

ADA = "Ada@example.org"


def _ago(**length: float) -> str:
    return (datetime.now(UTC) - timedelta(**length)).isoformat(timespec="milliseconds")


def _join(address: str = ADA, **given: object) -> ReaderRequest:
    return ReaderRequest(**{"kind": RequestKind.JOIN, "address": address, **given})


def test_a_request_is_kept_as_it_was_asked(store: Store) -> None:
    before = now()
    with store.transaction() as connection:
        digest = keep_words(connection, "I want it.")
        assert keep_words(connection, "I want it.") == digest == digest_words("I want it.")
        whole = _join(
            previous="olga@example.net", fields={"name": "Ada 李"}, tags=frozenset({"b", "a"}), language="ja",
            source="archive", words_sha256=digest, commit_id="0" * 40, network="192.0.2.1",
        )  # fmt: skip
        first, second = add_requests(connection, [whole, _join("ben@example.org")])
    with store.reading() as connection:
        found, other = find_request(connection, first), find_request(connection, second)
        assert find_request(connection, second + 1) is None
        assert find_words(connection, digest) == "I want it."
        assert find_words(connection, digest_words("other")) == find_words(connection, None) == ""
    assert found
    assert other
    assert found == ReaderRequest(**{
        **{name: getattr(whole, name) for name in ReaderRequest.__dataclass_fields__},
        "id": first, "requested_at": found.requested_at,
    })  # fmt: skip
    assert found.subscriber == "ada@example.org"
    assert before <= found.requested_at <= now()
    assert found.expires_at == parse_instant(found.requested_at).timestamp() + 7 * 86_400
    assert other == _join("ben@example.org", id=second, requested_at=other.requested_at)


def test_they_are_decided_about_in_turn_and_found_by_either_address(store: Store) -> None:
    with store.transaction() as connection:
        first, second, third = add_requests(
            connection, [_join(), _join("b@example.org", previous="ada@example.org"), _join("c@example.org")]
        )
        assert [each.id for each in list_new_requests(connection, RequestKind.JOIN, 2)] == [first, second]
        set_state(connection, [first], RequestState.ASKED)
        set_state(connection, [second], RequestState.DROPPED)
        set_state(connection, [], RequestState.CONFIRMED)
        assert [each.id for each in list_new_requests(connection, RequestKind.JOIN, 2)] == [third]
        assert list_new_requests(connection, RequestKind.RECONFIRM, 2) == []
        assert count_open(connection, RequestKind.JOIN) == 2
        assert count_open(connection, RequestKind.RECONFIRM) == 0
        assert [each.id for each in list_requests_of(connection, "ada@example.org")] == [first, second]
        assert [each.state for each in list_requests_of(connection, "ada@example.org")] == ["asked", "dropped"]


def test_a_confirmation_is_noted_once_by_each_side(store: Store) -> None:
    with store.transaction() as connection:
        (number,) = add_requests(connection, [_join()])
        assert note_confirmed(connection, number)
        assert not note_confirmed(connection, number)
        assert note_confirmed(connection, number, previous=True)
        assert not note_confirmed(connection, number, previous=True)
        assert not note_confirmed(connection, number + 1)
        found = find_request(connection, number)
    assert found
    assert found.confirmed_at
    assert found.previous_confirmed_at
    assert found.state is RequestState.NEW


def test_an_address_counts_once_in_an_hour_whatever_became_of_it(store: Store) -> None:
    with store.transaction() as connection:
        numbers = add_requests(connection, [
            *[_join() for _ in range(5)], _join("ADA@example.org"), _join("b@example.org"),
            _join("c@example.org", requested_at=_ago(minutes=61)),
            ReaderRequest(kind=RequestKind.RECONFIRM, address="d@example.org"),
        ])  # fmt: skip
        set_state(connection, numbers[1:], RequestState.DROPPED)
        assert count_addresses(connection, RequestKind.JOIN, hours=1) == 2
        assert count_addresses(connection, RequestKind.JOIN, hours=2) == 3


@pytest.mark.parametrize("kind", RequestKind)
def test_what_nobody_confirms_goes_and_what_was_confirmed_stays(store: Store, kind: RequestKind) -> None:
    old, young = _ago(days=VALID_DAYS[kind], minutes=1), _ago(days=VALID_DAYS[kind] - 0.01)
    with store.transaction() as connection:
        for state in RequestState:
            add_requests(connection, [
                ReaderRequest(kind=kind, address=f"{state}{day}@example.org", state=state, requested_at=moment)
                for day, moment in enumerate([old, young, now()])
            ])  # fmt: skip
        assert delete_stale_requests(connection, most_dropped=100) == 4
        left = {
            state: [day for day in range(3) if list_requests_of(connection, f"{state}{day}@example.org")]
            for state in RequestState
        }
    assert left == {"new": [1, 2], "asked": [1, 2], "confirmed": [0, 1, 2], "dropped": [2]}


def test_of_dropped_ones_the_newest_are_kept(store: Store) -> None:
    with store.transaction() as connection:
        numbers = add_requests(connection, [_join(f"a{n}@example.org", state=RequestState.DROPPED) for n in range(9)])
        (kept,) = add_requests(connection, [_join()])
        assert delete_stale_requests(connection, most_dropped=9) == 0
        assert delete_stale_requests(connection, most_dropped=2) == 7
        assert [find_request(connection, number) is not None for number in numbers] == [False] * 7 + [True] * 2
        assert find_request(connection, kept)


def test_another_publications_are_none_of_ours(store: Store) -> None:
    with store.transaction() as connection:
        keep_words(connection, "I want it.")
        (number,) = add_requests(connection, [_join(state=RequestState.DROPPED, requested_at=_ago(days=2))])
    with store.of(PublicationId("other")).transaction() as connection:
        assert find_request(connection, number) is None
        assert find_words(connection, digest_words("I want it.")) == ""
        assert (
            list_new_requests(connection, RequestKind.JOIN, 9) == list_requests_of(connection, "ada@example.org") == []
        )
        assert not note_confirmed(connection, number)
        set_state(connection, [number], RequestState.CONFIRMED)
        assert count_open(connection, RequestKind.JOIN) == count_addresses(connection, RequestKind.JOIN, hours=99) == 0
        assert delete_stale_requests(connection, most_dropped=0) == 0
    with store.reading() as connection:
        found = find_request(connection, number)
    assert found
    assert found.state is RequestState.DROPPED
