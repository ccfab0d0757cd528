"""A sending leaves samples behind that add up and say what held it, and only so many however long it takes."""

import asyncio
import itertools
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from conftest import Publication
from frozen import Frozen, Pigeons

from newsletter.backends import Feed, Limits
from newsletter.issue_name import IssueName
from newsletter.ledger import send_samples
from newsletter.ledger.send_samples import list_samples
from newsletter.ledger.states import State
from newsletter.mail.message import Message, Outcome, Result
from newsletter.sending import send_sampler
from newsletter.sending.rules import SendingRules
from newsletter.store import open_store

ISSUE = IssueName("2.10")


@pytest.fixture
def freeze(publication: Publication, tmp_path: Path) -> Iterator[Callable[[int], Frozen]]:
    with closing(open_store(tmp_path / "state.db")) as store:
        yield lambda count: Frozen(publication, store, count)


async def _carry(pigeons: Pigeons, feed: Feed, message: Message) -> None:
    """Accept most messages; refuse every tenth, and put off every seventh."""
    outcome, code = Outcome.ACCEPTED, 250
    if pigeons.carried % 10 == 0:
        outcome, code = Outcome.REFUSED, 550
    elif pigeons.carried % 7 == 0:
        outcome, code = Outcome.DEFERRED, 452
    await asyncio.sleep(0)
    feed.answer(Result(key=message.key, outcome=outcome, stage="rcpt", code=code, reply="as the test says"))


def test_samples_add_up_and_say_what_held_the_send(
    freeze: Callable[[int], Frozen], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(send_sampler, "EVERY_S", 0.05)
    monkeypatch.setattr(send_samples, "MOST", 8)
    campaign = freeze(60)
    put_off = 0

    async def carry(pigeons: Pigeons, feed: Feed, message: Message) -> None:
        nonlocal put_off
        put_off += (pigeons.carried % 7 == 0) and (pigeons.carried % 10 != 0)
        await _carry(pigeons, feed, message)

    campaign.send(carry, Limits(per_second=80), SendingRules(waits=(0.2,)))
    with campaign.store.reading() as connection:
        samples = list_samples(connection, ISSUE)
    assert 1 < len(samples) <= 8
    states = campaign.states()
    assert sum(one.accepted for one in samples) == states[State.ACCEPTED]
    assert sum(one.refused for one in samples) == states[State.REFUSED]
    assert sum(one.put_off for one in samples) == put_off
    assert len({one.worker for one in samples}) == 1
    assert all(one.rate == 80 for one in samples)
    assert samples[0].hold is not None
    assert samples[0].ends_at is not None
    assert all(one.at == following.began_at for one, following in itertools.pairwise(samples))


def test_a_store_that_fails_at_a_sample_does_not_end_the_sending(
    freeze: Callable[[int], Frozen], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(send_sampler, "EVERY_S", 0.05)
    campaign = freeze(20)
    with campaign.store.transaction() as connection:
        connection.exec_driver_sql(
            "CREATE TRIGGER full BEFORE INSERT ON send_samples BEGIN SELECT RAISE(ABORT, 'disk is full'); END"
        )
    campaign.send(_carry, Limits(per_second=100))
    with campaign.store.reading() as connection:
        assert list_samples(connection, ISSUE) == []
    assert sum(campaign.states().values()) == 20
    assert State.PENDING not in campaign.states()


def test_the_first_sample_is_there_while_the_first_ten_seconds_last(freeze: Callable[[int], Frozen]) -> None:
    campaign = freeze(40)
    seen: list[bool] = []

    async def carry(_pigeons: Pigeons, feed: Feed, message: Message) -> None:
        with campaign.store.reading() as connection:
            seen.append(bool(list_samples(connection, ISSUE)))
        feed.answer(Result(key=message.key, outcome=Outcome.ACCEPTED, stage="text", code=250, reply="ok"))

    campaign.send(carry, Limits(per_second=20))
    assert any(seen)
