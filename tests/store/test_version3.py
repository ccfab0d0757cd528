"""A store of version 3, made by its program: nothing is lost, and its half-sent campaign goes on to the byte."""

import io
import json
import shutil
import sqlite3
import tarfile
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest
from conftest import Publication
from old_stores import COUNTERS_3, VERSION_3, lay_store
from smtp_server import Server
from sqlalchemy import select

from newsletter.actions.deliver import deliver
from newsletter.ledger import workers as ledger_workers
from newsletter.ledger.campaigns import find_campaign
from newsletter.ledger.deliveries import count_deliveries
from newsletter.ledger.schedule import list_scheduled
from newsletter.ledger.states import State
from newsletter.ledger.workers import settle_expired
from newsletter.publication import OpenPublication
from newsletter.store import Store, open_store, suppressions
from newsletter.store.erased import list_erased
from newsletter.store.events import stream_events
from newsletter.store.generations import list_generations
from newsletter.store.handled_mails import was_handled
from newsletter.store.publication_facts import read_erasing_key
from newsletter.store.schema import deliveries, workers
from newsletter.store.schema import suppressions as kept

# When the program of version 3 went on, which its messages' Dates say, and the key that their links are signed with.
WENT_ON_AT = "2026-11-30T06:25:54.772+00:00"
KEYS = """\
tokens = ["G9gFYHuTdb4sr06yDXtO2th_e3stxTZ1arJEY-NsQXs"]
forgotten = "rvSHRB4V2Dp33ebtcT6uQBwEXFi9O-bIgAhJeW3g9CU"
"""
SENDERS = {
    "bounces+19-2yp3g3fyc4dlagpo@example.org",
    "bounces+26-hilyg5swltw5c4bc@example.org",
    "bounces+27-thplzsubdwp27kor@example.org",
    "bounces+28-o6qsmp2a7dxaken2@example.org",
    "bounces+29-yrlhgj2u4n3vfocs@example.org",
    "bounces+30-dbamcpmue3y3c425@example.org",
}


def _recorded() -> dict[str, bytes]:
    """Return what the program of version 3 sent when it went on, by recipient."""
    packed = Path(__file__).with_name("version3_messages.tar.xz").read_bytes()
    with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
        files = ((member, archive.extractfile(member)) for member in archive)
        return {member.name.removesuffix(".eml"): file.read() for member, file in files if file}


@pytest.fixture
def old(place: Path | str, request: pytest.FixtureRequest) -> Path | str:
    return lay_store(place, VERSION_3, request, COUNTERS_3)


@pytest.fixture
def upgraded(old: Path | str) -> Store:  # type: ignore[misc]  # a generator, to pytest
    with closing(open_store(old)) as upgraded:
        yield upgraded


@pytest.fixture
def half_sent(publication: Publication, old: Path | str) -> Publication:
    """Return the publication whose sending version 3 began, with its keys and without the list."""
    (publication.root / ".newsletter").mkdir(mode=0o700)
    keys = publication.root / ".newsletter/keys.toml"
    keys.write_text(KEYS)
    keys.chmod(0o600)
    if isinstance(old, Path):
        shutil.copyfile(old, publication.root / ".newsletter/state.db")
    else:
        publication.environ["NEWSLETTER_STORE__URL"] = old
    publication.environ |= {"NEWSLETTER_SERVICE__URL": "https://news.example.org", "NEWSLETTER_SENDER__VERP": "+"}
    return publication


def test_a_campaign_of_version_3_goes_on_to_the_byte(
    half_sent: Publication, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    half_sent.through(server)
    monkeypatch.setattr(ledger_workers, "now", lambda: WENT_ON_AT)
    with OpenPublication(half_sent.workspace) as opened:
        assert deliver(opened, "1.2")
        counts = count_deliveries(opened.store, "1.2")
    recorded = _recorded()
    assert dict(server.stored) == recorded
    assert len(server.stored) == len(recorded) == 6
    assert server.senders == SENDERS
    ended = {State.ACCEPTED: 9, State.REFUSED: 1, State.SUPPRESSED: 1, State.UNKNOWN: 4}
    assert counts.by_state == ended


def test_its_ledger_is_carried_over(upgraded: Store) -> None:
    campaign, later = find_campaign(upgraded, "1.2"), find_campaign(upgraded, "1.3")
    assert campaign is not None
    assert later is not None
    assert (campaign.kind, campaign.runs, campaign.batches) == ("issue", 1, {""})
    assert campaign.seed == "58b0dda96c8c6d356ddbae15a697380a"
    assert list_scheduled(upgraded) == ["1.3"]
    assert later.due_at == datetime(2026, 12, 24, 14, tzinfo=UTC)
    before = {State.ACCEPTED: 3, State.REFUSED: 1, State.DEFERRED: 1, State.SENDING: 4, State.PENDING: 5}
    assert count_deliveries(upgraded, "1.2").by_state == {**before, State.SUPPRESSED: 1}
    with upgraded.reading() as connection:
        rows = connection.execute(select(deliveries).where(deliveries.c.issue == "1.2")).all()
        (worker,) = connection.execute(select(workers)).all()
    assert {row.publication for row in rows} == {"main"}
    assert {row.id: row.attempts for row in rows if row.attempts} == {16: 1, 18: 1, 19: 1, 20: 1, 21: 1}
    assert {row.worker for row in rows if row.state == State.SENDING} == {worker.id}
    assert (worker.lease_until, worker.ended_at, worker.why) == (0.0, None, None)


def test_who_was_in_hand_is_settled_by_the_lease_that_it_never_had(upgraded: Store) -> None:
    assert settle_expired(upgraded, "1.2") is None
    counts = count_deliveries(upgraded, "1.2")
    assert (counts[State.SENDING], counts[State.UNKNOWN]) == (0, 4)


def test_suppressions_get_the_reason_stage_source_and_batch_of_their_events(upgraded: Store) -> None:
    columns = (kept.c.subscriber, kept.c.cause, kept.c.reason, kept.c.stage, kept.c.source, kept.c.batch)
    reading = "2026-11-02T09:00:00Z"
    with upgraded.reading() as connection:
        assert {tuple(row) for row in connection.execute(select(*columns))} == {
            ("asked@example.org", "unsubscribed", "unsubscribed", "", "editor", ""),
            ("reader0001@example.org", "unsubscribed", "unsubscribed", "", "one-click", ""),
            ("full@example.org", "bounced", "mailbox_full", "rcpt", "mail", reading),
            ("unknown@example.org", "bounced", "unknown_user", "", "mail", reading),
            ("spam@example.org", "complained", "complaint", "", "mail", ""),
            ("told@example.org", "suppressed", "manual", "", "editor", ""),
        }
        assert suppressions.list_batches(connection) == {reading: {"full@example.org", "unknown@example.org"}}


def test_events_keep_their_order_and_get_a_reason(upgraded: Store) -> None:
    with upgraded.reading() as connection:
        found = [(row.subscriber.partition("@")[0], row.kind, row.reason) for row in stream_events(connection)]
        (words,) = [row.evidence for row in stream_events(connection) if row.kind == "reason"]
    assert found == [
        ("asked", "unsubscribed", "unsubscribed"),
        ("reader0001", "unsubscribed", "unsubscribed"),
        ("reader0001", "reason", ""),
        ("full", "hard bounce", "mailbox_full"),
        ("unknown", "hard bounce", "unknown_user"),
        ("spam", "complained", "complaint"),
        ("soft", "soft bounce", "mailbox_full"),
        ("blocked", "blocked", "blocked_sender"),
        ("back", "unsubscribed", "unsubscribed"),
        ("back", "returned", ""),
        ("told", "suppressed", "manual"),
    ]
    assert words == {"words": "Too much mail, for me."}


def test_the_erased_the_mails_dealt_with_and_the_generation_are_known(upgraded: Store) -> None:
    with upgraded.reading() as connection:
        ((digest, _),) = list_erased(connection)
        assert digest.startswith("862cb2f84ecc01d1")
        assert read_erasing_key(connection) == "e7c8d43e245acde1"
        assert list_generations(connection) == {"8845d8d72555b6c6"}
        assert was_handled(connection, "mail-1")
        assert was_handled(connection, "mail-2")
        assert not was_handled(connection, "mail-3")


def test_the_records_of_version_3_are_those_of_this_state(half_sent: Publication) -> None:
    record = half_sent.root / "drafts/1.1.sent.toml"
    record.write_text('campaign = "elsewhere"\nruns = 1\nsuppressions = 7\nstate_mark = "8845d8d72555b6c6"\n')
    status = half_sent.run("status", "--json")
    assert status.returncode == 0, status.stderr
    assert "had version 3, and has version 6 now" in status.stderr
    assert [one["issue"] for one in json.loads(status.stdout)] == ["1.3", "1.2"]


def test_an_earlier_program_has_no_key_to_read_it_by(tmp_path: Path) -> None:
    """Every version looks for this before anything else, and refuses what is newer than itself."""
    open_store(tmp_path / "state.db").close()
    with closing(sqlite3.connect(tmp_path / "state.db")) as connection:
        assert connection.execute("SELECT value FROM meta WHERE key = 'schema_version'").fetchall() == [("6",)]
