"""Several publications in one database: each reads, claims, suppresses and erases its own rows alone."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import select

from newsletter.clock import parse_instant
from newsletter.ledger.campaigns import Campaign, cancel_campaign, find_campaign, list_issues, list_unfinished
from newsletter.ledger.claims import record_and_claim
from newsletter.ledger.deliveries import (
    count_deliveries,
    find_delivery,
    find_delivery_by_number,
    list_deliveries,
    stream_deliveries,
)
from newsletter.ledger.erasure import erase_from_store, list_known_subscribers
from newsletter.ledger.freeze import freeze_batch
from newsletter.ledger.issue_tests import list_tested_texts, record_test
from newsletter.ledger.schedule import hold_all_campaigns, list_scheduled, schedule_campaign
from newsletter.ledger.staging import Recipient, stage_recipients
from newsletter.ledger.states import State
from newsletter.ledger.templates import FrozenTemplate, list_current_templates
from newsletter.ledger.workers import find_last_sent, find_lease, register_worker, settle_expired
from newsletter.store import Store, open_store, suppressions
from newsletter.store.engine import publication_of
from newsletter.store.erased import add_erased, list_erased_digests
from newsletter.store.events import StoredEvent, add_events, list_events, stream_events
from newsletter.store.generations import current_generation, list_generations
from newsletter.store.handled_mails import add_handled, was_handled
from newsletter.store.publication_facts import read_fact, write_fact
from newsletter.store.publications import EVERY, has_other_publications, list_publications, publications_in
from newsletter.store.schema import metadata
from newsletter.store.suppression_rule import is_suppressed
from newsletter.workspace import MAIN, PublicationId

ADA, BOB = "ada@example.org", "bob@example.org"
AT = "2026-11-01T09:00:00.000+00:00"


@pytest.fixture
def both(place: Path | str) -> Iterator[tuple[Store, Store]]:
    """Two publications in one database: the first has sent an issue by the name of the second's."""
    with (
        closing(open_store(place, publication=PublicationId("first"))) as first,
        closing(open_store(place, publication=PublicationId("second"))) as second,
    ):
        for store in (first, second):
            _freeze(store, [ADA, BOB])
        yield first, second


def _freeze(store: Store, names: list[str]) -> None:
    campaign = Campaign(
        issue="1.1", id=str(store.publication), subject="s", draft_sha256="d", rules=[[]], created_at=parse_instant(AT)
    )
    with stage_recipients(store) as staged:
        recipients = [Recipient(subscriber=one, address=one, fields={}, tags=frozenset(), template=0) for one in names]
        staged.fill(recipients, "1.1")
        with staged.durable() as connection:
            freeze_batch(connection, staged, campaign, "", [FrozenTemplate(str(store.publication), b"{}")])


def test_a_store_is_the_main_publication_s_unless_it_is_said_otherwise(place: Path | str) -> None:
    with closing(open_store(place)) as store, store.reading() as connection:
        assert store.publication == publication_of(connection) == MAIN


def test_the_key_of_every_table_but_one_begins_with_the_publication() -> None:
    for table in metadata.sorted_tables:
        keyed = [column.name for column in table.primary_key] in (["id"], ["key"])
        assert table.name == "meta" or "publication" in table.c
        assert keyed or next(iter(table.primary_key)).name == "publication"


def test_an_issue_of_one_name_is_two_campaigns(both: tuple[Store, Store]) -> None:
    first, second = both
    register_worker(first, "1.1", "worker of the first")
    claimed = record_and_claim(first, "1.1", "worker of the first", want=100).deliveries
    assert [delivery.subscriber for delivery in claimed] == [ADA, BOB]
    assert count_deliveries(second, "1.1").by_state == {State.PENDING: 2}
    assert find_delivery_by_number(second, claimed[0].id) is None
    theirs = find_delivery(second, "1.1", ADA)
    assert theirs is not None
    assert theirs.id not in {delivery.id for delivery in claimed}
    assert len(list(list_deliveries(second, ADA))) == 1
    assert {delivery.state for delivery in stream_deliveries(second, "1.1")} == {State.PENDING}
    assert [template.variant for template in list_current_templates(second, "1.1")] == ["second"]
    assert (find_last_sent(first), find_last_sent(second)) == ("1.1", None)
    assert find_lease(second, "1.1") is None
    assert settle_expired(second, "1.1") is None


def test_what_is_cancelled_scheduled_and_tested_is_one_publication_s(both: tuple[Store, Store]) -> None:
    first, second = both
    with second.transaction() as connection:
        schedule_campaign(connection, "1.1", parse_instant(AT), parse_instant(AT))
    record_test(second, "1.1", "text")
    assert list_scheduled(first) == []
    assert list_tested_texts(first, "1.1") == {}
    with first.transaction() as connection:
        assert hold_all_campaigns(connection) == []
    assert cancel_campaign(first, "1.1") == 2
    campaign = find_campaign(second, "1.1")
    assert campaign is not None
    assert (campaign.id, campaign.cancelled_at, campaign.due_at) == ("second", None, parse_instant(AT))
    assert (list_issues(second), list_unfinished(second), list_unfinished(first)) == (["1.1"], ["1.1"], [])


def test_who_left_one_publication_gets_the_other(both: tuple[Store, Store]) -> None:
    first, second = both
    with first.transaction() as connection:
        suppressions.suppress(connection, ADA, "unsubscribed")
    with second.transaction() as connection:
        assert suppressions.list_causes(connection, ADA) == {}
        assert suppressions.count_suppressed(connection) == 0
        assert not suppressions.unsuppress(connection, ADA)
    for store, expected in ((first, [BOB]), (second, [ADA, BOB])):
        register_worker(store, "1.1", f"of the {store.publication}")
        claimed = record_and_claim(store, "1.1", f"of the {store.publication}", want=9).deliveries
        assert [delivery.subscriber for delivery in claimed] == expected


@pytest.mark.parametrize(
    ("cause", "everywhere"), [("bounced", True), ("complained", True), ("unsubscribed", True), ("bounced", False)]
)
def test_what_comes_during_a_send_keeps_the_other_publication_s_worker_from_mailing(
    both: tuple[Store, Store], cause: str, everywhere: bool
) -> None:
    first, second = both
    register_worker(second, "1.1", "worker")
    (claimed,) = record_and_claim(second, "1.1", "worker", want=1).deliveries
    assert claimed.subscriber == ADA
    with first.transaction() as connection:
        # Not everywhere: as an earlier version wrote it.
        suppressions.suppress(connection, BOB, cause, everywhere=everywhere)
    assert record_and_claim(second, "1.1", "worker", want=9).deliveries == []
    assert count_deliveries(second, "1.1").by_state == {State.SENDING: 1, State.SUPPRESSED: 1}
    with second.transaction() as connection:
        assert suppressions.unsuppress(connection, BOB)
        assert suppressions.list_causes(connection, BOB) == {}
    with stage_recipients(second) as staged:
        recipient = Recipient(subscriber=BOB, address=BOB, fields={}, tags=frozenset(), template=0)
        staged.fill([recipient], None)
        assert staged.counts() == (1, 0)


def test_a_table_s_publications_are_read_by_steps_along_its_index(both: tuple[Store, Store]) -> None:
    first, second = both
    with first.transaction() as connection:
        suppressions.suppress(connection, ADA, "bounced", everywhere=True)
    with second.transaction() as connection:
        suppressions.suppress(connection, ADA, "unsubscribed")
        found = connection.scalars(publications_in(metadata.tables["suppressions"])).all()
        assert found == [EVERY, "second"]
        assert list_publications(connection) == ["first", "second"]
        assert has_other_publications(connection)


def test_whoever_is_suppressed_is_looked_for_by_the_whole_index(both: tuple[Store, Store]) -> None:
    """A scan of all suppressions for each recipient took a second each on PostgreSQL, where 100,000 were suppressed."""
    rows = metadata.tables["deliveries"].c
    with both[0].transaction() as connection:
        asked = select(rows.id).where(is_suppressed(PublicationId("first"), rows.subscriber))
        text = str(asked.compile(connection, compile_kwargs={"literal_binds": True}))
        if connection.dialect.name == "sqlite":
            plan = " ".join(row[3] for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {text}"))
            assert "SEARCH suppressions USING COVERING INDEX" in plan
            assert "(publication=? AND subscriber=?)" in plan
        else:
            connection.exec_driver_sql("SET LOCAL enable_seqscan = off")
            plan = " ".join(row[0] for row in connection.exec_driver_sql(f"EXPLAIN {text}".replace("%", "%%")))
            assert "((publication)::text = ANY (" in plan


def test_events_facts_and_the_erased_are_kept_apart(both: tuple[Store, Store]) -> None:
    first, second = both
    with first.transaction() as connection:
        add_events(connection, [StoredEvent(ADA, "unsubscribed", "page", "1.1", {}, AT, AT)])
        write_fact(connection, "erased_by", "a key")
        add_erased(connection, "digest")
        add_handled(connection, ["mail"])
        known = current_generation(connection)
    with second.reading() as connection:
        assert list(stream_events(connection)) == list_events(connection, ADA) == []
        assert read_fact(connection, "erased_by") == ""
        assert list_erased_digests(connection) == frozenset()
        assert not was_handled(connection, "mail")
        assert known not in list_generations(connection)


def test_an_erasure_takes_out_of_one_publication(both: tuple[Store, Store]) -> None:
    first, second = both
    erase_from_store(first, ADA, lambda _number: "x@forgotten.invalid", "digest", "key")
    with second.reading() as connection:
        assert sorted(list_known_subscribers(connection)) == [ADA, BOB]
    with first.reading() as connection:
        assert sorted(list_known_subscribers(connection)) == [BOB, "x@forgotten.invalid"]
        names = select(metadata.tables["deliveries"].c.subscriber).order_by("id")
        assert connection.scalars(names).all() == ["x@forgotten.invalid", BOB, ADA, BOB]
