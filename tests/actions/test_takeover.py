"""Commands beside a process that stands still and holds its campaign: what waits for its end, and in which words."""

import asyncio
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager

import pytest
from conftest import Publication
from frozen import Frozen, Pigeons
from leases import crash_workers

from newsletter.actions.deliver import sole_sender
from newsletter.actions.reconcile import Evidence, reconcile
from newsletter.actions.send import send
from newsletter.backends import Feed, Limits
from newsletter.campaigns.options import SendOptions
from newsletter.errors import DeliveryError
from newsletter.ledger import workers
from newsletter.ledger.claims import record_and_claim
from newsletter.ledger.states import State
from newsletter.ledger.workers import LeaseLost, register_worker
from newsletter.mail.message import Message, Outcome, Result
from newsletter.publication import OpenPublication
from newsletter.store import open_store


@contextmanager
def _standing_still(publication: Publication) -> Iterator[Frozen]:
    """Yield a campaign whose sender holds it, has two messages in hand, and was stopped for longer than its lease."""
    with closing(open_store(publication.workspace.database)) as store:
        campaign = Frozen(publication, store, 5)
        with store.sole("2.10"):
            register_worker(store, "2.10", "stopped", host="press")
            record_and_claim(store, "2.10", "stopped", want=2)
            crash_workers(store, "2.10")
            yield campaign


def test_nothing_is_settled_while_a_stopped_process_may_still_send_it(publication: Publication) -> None:
    with _standing_still(publication) as campaign, OpenPublication(publication.workspace) as opened:
        with pytest.raises(DeliveryError, match=r"holds 2\.10 and sends nothing") as caught:
            reconcile(opened, "2.10", Evidence(others=State.PENDING), lambda _found: True)
        assert "on press" in caught.value.next_step
        assert campaign.states() == {State.PENDING: 3, State.UNKNOWN: 2}


def test_a_lease_that_ran_out_is_no_leave_to_settle_either(publication: Publication) -> None:
    with closing(open_store(publication.workspace.database)) as store:
        campaign = Frozen(publication, store, 5)
        with store.sole("2.10"), OpenPublication(publication.workspace) as opened:
            register_worker(store, "2.10", "stopped", lease_s=-1)
            record_and_claim(store, "2.10", "stopped", want=2, lease_s=-1)
            with pytest.raises(DeliveryError, match=r"holds 2\.10 and sends nothing"):
                reconcile(opened, "2.10", Evidence(others=State.PENDING), lambda _found: True)
        assert campaign.states() == {State.PENDING: 3, State.SENDING: 2}
        with OpenPublication(publication.workspace) as opened:  # the process has ended
            reconcile(opened, "2.10", Evidence(others=State.PENDING), lambda _found: True)
        assert campaign.states() == {State.PENDING: 5}


def test_who_can_not_take_over_is_told_that_nobody_sends(publication: Publication) -> None:
    """The lease was settled by one that ended early, so that the campaign can't be taken over a second time."""
    with _standing_still(publication) as campaign, closing(open_store(publication.workspace.database)) as other:
        with pytest.raises(DeliveryError, match="it waits for an answer") as caught, sole_sender(other, "2.10"):
            raise AssertionError("it is held")
        assert "end it on press" in caught.value.next_step
        assert campaign.states()[State.UNKNOWN] == 2


def test_who_was_taken_over_from_is_not_told_to_go_on(
    publication: Publication, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workers, "LEASE_S", 0.2)

    async def carry(pigeons: Pigeons, feed: Feed, message: Message) -> None:
        if pigeons.carried == 1:
            time.sleep(0.3)  # all of the worker is to stand still
            register_worker(opened.store, "2.10", "another", lease_s=3600)
        feed.answer(Result(key=message.key, outcome=Outcome.ACCEPTED, stage="text", code=250, reply="ok"))
        await asyncio.sleep(0.01)

    publication.readers(20)
    backend = Pigeons(carry, Limits(connections=1, window=1))
    with (
        OpenPublication(publication.workspace, backend=backend) as opened,
        pytest.raises(LeaseLost, match="has taken over") as caught,
    ):
        send(opened, opened.draft("2.10"), SendOptions(), confirm=lambda _proposal: True)
    assert "newsletter send" not in caught.value.next_step
