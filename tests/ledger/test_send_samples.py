"""Samples of a sending add up to what came of its messages, and have a bound however long it takes."""

import itertools
from datetime import timedelta

import pytest
from sqlalchemy import insert, select

from newsletter.clock import Instant, parse_instant
from newsletter.issue_name import IssueName
from newsletter.ledger.send_samples import (
    MOST,
    SampledHold,
    SendSample,
    add_sample,
    find_last_sample,
    list_samples,
)
from newsletter.store import Store
from newsletter.store.schema import campaigns, send_samples

ISSUE = IssueName("1.1")
BEGAN = parse_instant("2026-11-30T09:00:00+00:00")


@pytest.fixture(autouse=True)
def campaign(store: Store) -> None:
    row = {
        "publication": store.publication, "issue": ISSUE, "id": "id", "kind": "issue", "subject": "", "rules": "[]",
        "draft_sha256": "", "created_at": "2026-11-30T08:00:00+00:00", "runs": 1, "left_out": 0,
    }  # fmt: skip
    with store.transaction() as connection:
        connection.execute(insert(campaigns).values(row))


def _sample(number: int = 0, worker: str = "w", **known: object) -> SendSample:
    began, at = (Instant(BEGAN + timedelta(seconds=10 * one)) for one in (number, number + 1))
    counts = {"accepted": number, "refused": 1, "put_off": 2}
    return SendSample(worker=worker, began_at=began, at=at, **counts, **known)


def test_a_sample_is_read_as_it_was_added_and_the_last_is_found(store: Store) -> None:
    hold = SampledHold(
        kind="quota",
        words="the server takes 100 an hour",
        limit=100.0,
        evidence="452 4.5.3 Enough",
        until=Instant(BEGAN),
    )
    first, last = _sample(1, rate=14.5, hold=hold, ends_at=Instant(BEGAN + timedelta(hours=1))), _sample(2, "w2")
    with store.transaction() as connection:
        assert find_last_sample(connection, ISSUE) is None
        add_sample(connection, ISSUE, last)
        add_sample(connection, ISSUE, first)
    with store.reading() as connection:
        assert list_samples(connection, ISSUE) == [first, last]
        assert find_last_sample(connection, ISSUE) == last
        assert list_samples(connection, IssueName("1.2")) == []


def test_a_server_s_words_are_kept_without_addresses_and_controls(store: Store) -> None:
    hold = SampledHold(kind="rate", words="14 a second", evidence="450 <ada@example.org>: \x1b[2J\0 " + "x" * 5000)
    with store.transaction() as connection:
        add_sample(connection, ISSUE, _sample(hold=hold))
        kept = connection.scalar(select(send_samples.c.hold))
        sample = find_last_sample(connection, ISSUE)
    assert kept is not None
    assert "ada" not in kept
    assert len(kept) < 2000
    assert sample is not None
    assert sample.hold is not None
    assert sample.hold.evidence.startswith("450 … \\x1b[2J\\x00 xxx")


def test_a_long_sending_has_fewer_and_longer_samples_that_add_up(store: Store) -> None:
    hold = SampledHold(kind="outage", words="the server takes nothing")
    joined = []
    with store.transaction() as connection:
        add_sample(connection, ISSUE, _sample(5, "another"))
        for number in range(MOST + 2):
            joined += [number] * add_sample(connection, ISSUE, _sample(number, hold=hold if number == 4 else None))
    assert joined == [MOST]
    with store.reading() as connection:
        samples = [one for one in list_samples(connection, ISSUE) if one.worker == "w"]
        assert len(list_samples(connection, ISSUE)) == len(samples) + 1
    assert len(samples) == MOST // 2 + 2
    assert sum(one.accepted for one in samples) == sum(range(MOST + 2))
    assert {one.refused for one in samples[:-2]} == {2}
    assert [one.seconds for one in samples[-3:]] == [20.0, 10.0, 10.0]
    assert all(one.at == following.began_at for one, following in itertools.pairwise(samples))
    assert [number for number, one in enumerate(samples) if one.hold] == [2]
