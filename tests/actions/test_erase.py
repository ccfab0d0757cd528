"""What is known of one reader, and their end: erased everywhere, with every report still balanced."""

import json
import sqlite3
import threading
from collections.abc import Iterable
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest
from conftest import Publication
from leases import crash_workers
from sqlalchemy import select

from newsletter.actions.erase import erase_subscriber
from newsletter.actions.find_copies import find_copies
from newsletter.actions.subscriber_record import read_subscriber_record
from newsletter.clock import make_instant
from newsletter.errors import DecisionNeeded, DeliveryError
from newsletter.ledger import workers
from newsletter.ledger.campaigns import Campaign, find_campaign
from newsletter.ledger.claims import record_and_claim
from newsletter.ledger.deliveries import NEVER, count_deliveries, stream_deliveries
from newsletter.ledger.erasure import TABLES, erase_from_store
from newsletter.ledger.freeze import freeze_batch
from newsletter.ledger.staging import Recipient, stage_recipients
from newsletter.ledger.states import State
from newsletter.ledger.templates import FrozenTemplate
from newsletter.ledger.workers import end_worker, register_worker
from newsletter.mail.message import Outcome, Result
from newsletter.publication import OpenPublication
from newsletter.store import Store, open_store
from newsletter.store.events import stream_events
from newsletter.store.schema import metadata
from newsletter.subscribers.event_recording import record_events
from newsletter.subscribers.feedback_events import Event, EventKind, EventSource
from newsletter.subscribers.secret_keys import SecretKeys, create_secret_keys, require_secret_keys
from newsletter.subscribers.suppression_status import read_suppression_statuses

ADA = "ada@example.org"
LIST = f"email,name\nb@example.org,B\n{ADA},Ada Lovelace\nc@example.org,C\n"


@pytest.fixture
def keys(publication: Publication) -> SecretKeys:
    publication.workspace.subscribers.write_text(LIST)
    create_secret_keys(publication.root)
    return require_secret_keys(publication.workspace)


def _freeze(store: Store, issue: str, readers: Iterable[str], **fields: str) -> None:
    campaign = Campaign(
        issue=issue, id=issue, subject="s", draft_sha256="d", rules=[[]], created_at=make_instant(datetime.now(UTC))
    )
    entries = [
        Recipient(
            subscriber=name,
            address=name.title(),
            fields={"name": f"Name of {name}", **fields},
            tags=frozenset({"board"}),
            template=0,
        )
        for name in readers
    ]
    with stage_recipients(store) as staged:
        staged.fill(entries, issue)
        with staged.durable() as connection:
            freeze_batch(
                connection, staged, campaign, "", [FrozenTemplate("1", b"{}")], known=find_campaign(store, issue)
            )


def _send(store: Store, issue: str, outcomes: dict[str, Outcome], reply: str = "") -> None:
    """Return a run that answers for some, and leaves the others claimed."""
    register_worker(store, issue, f"run {issue}")
    claims = record_and_claim(store, issue, f"run {issue}", want=99).deliveries
    answers = [
        claim.with_result(
            Result(key=claim.subscriber, outcome=outcomes[claim.subscriber], stage="rcpt", code=550, reply=reply),
            due=NEVER,
        )
        for claim in claims
        if claim.subscriber in outcomes
    ]
    record_and_claim(store, issue, f"run {issue}", results=answers)


def _everything(store: Store) -> str:
    with store.reading() as connection:
        return repr([connection.execute(select(table)).all() for table in metadata.sorted_tables])


def _states(store: Store, issue: str) -> dict[str, State]:
    return {row.subscriber: State(row.state) for row in stream_deliveries(store, issue)}


def _open(publication: Publication, store: Store) -> OpenPublication:
    return OpenPublication(publication.workspace, store=store)


def _say(store: Store, keys: SecretKeys, kind: EventKind, **evidence: str) -> None:
    record_events(
        store, keys, [Event(subscriber=ADA, kind=kind, source=EventSource.MAIL, issue="1.1", evidence=evidence)]
    )


def test_everything_that_is_known_of_a_reader(publication: Publication, store: Store, keys: SecretKeys) -> None:
    _freeze(store, "1.1", [ADA, "b@example.org"])
    _send(
        store, "1.1", {ADA: Outcome.REFUSED, "b@example.org": Outcome.REFUSED}, reply="550 <ada@example.org>: unknown"
    )
    _say(store, keys, EventKind.HARD, words="mailbox gone")
    known = read_subscriber_record(_open(publication, store), ADA)
    assert [(row.line, row.cells["name"]) for row in known.rows] == [(3, "Ada Lovelace")]
    assert [each.kind for each in known.status.suppressions] == ["bounced"]
    assert [(event.kind, event.issue, event.evidence) for event in known.events] == [
        ("hard bounce", "1.1", {"words": "mailbox gone"})
    ]
    (part,) = known.deliveries
    assert (part.issue, part.address, part.state, part.code) == ("1.1", "Ada@Example.Org", State.REFUSED, 550)
    assert part.fields == {"name": f"Name of {ADA}"}
    assert part.tags == {"board"}
    assert known.other_rows == 1
    nobody = read_subscriber_record(_open(publication, store), "da@example.org")
    assert not nobody.is_known
    assert nobody.other_rows == 0


def test_nothing_of_an_erased_reader_is_left_but_the_hash(
    publication: Publication, store: Store, keys: SecretKeys
) -> None:
    others = ["b@example.org", "nada@example.org", "ada@example.org.example"]
    _freeze(store, "1.1", [ADA, *others])
    _send(store, "1.1", dict.fromkeys([ADA, *others], Outcome.REFUSED), reply="forwards to <ADA@example.org>: full")
    for kind in (EventKind.HARD, EventKind.SOFT, EventKind.COMPLAINED, EventKind.UNSUBSCRIBED):
        _say(store, keys, kind, words=f"about {ADA}")
    before = count_deliveries(store, "1.1")
    done = erase_subscriber(_open(publication, store), ADA)
    assert (done.list_rows, done.store_rows.events, done.store_rows.causes, done.store_rows.deliveries) == (1, 4, 3, 1)
    assert done.store_rows.mentions == 3
    assert done.swept
    left = _everything(store)
    assert "Ada Lovelace" not in left
    # Their names are other people's: nobody else's data has gone with theirs.
    for other in others[1:]:
        assert f"'{other}'" in left
        left = left.replace(f"Name of {other}", "").replace(other, "").replace(other.title(), "")
    assert ADA not in left.lower()
    assert publication.workspace.subscribers.read_text() == LIST.replace(f"{ADA},Ada Lovelace\n", "")
    after = count_deliveries(store, "1.1")
    # Nobody can try a copy again whose reader is gone.
    assert (after.total, after[State.REFUSED], after[State.CANCELLED]) == (before.total, 3, 1)
    (name,) = [reader for reader in _states(store, "1.1") if reader.endswith("@forgotten.invalid")]
    assert name == f"{keys.digest(ADA)[:16]}@forgotten.invalid"
    (standing,) = read_suppression_statuses(store, keys, [ADA])
    assert standing.erased
    known = read_subscriber_record(_open(publication, store), ADA)
    assert not known.is_known
    again = erase_subscriber(_open(publication, store), ADA)
    assert (again.list_rows, again.store_rows.events, again.store_rows.deliveries) == (0, 0, 0)


@pytest.mark.parametrize(
    ("outcome", "state"),
    [
        (Outcome.ACCEPTED, State.ACCEPTED), (Outcome.REFUSED, State.CANCELLED), (Outcome.DEFERRED, State.SUPPRESSED),
        (Outcome.UNKNOWN, State.CANCELLED), (None, State.SUPPRESSED),
    ],
)  # fmt: skip
def test_what_becomes_of_a_copy(
    publication: Publication, store: Store, keys: SecretKeys, outcome: Outcome | None, state: State
) -> None:
    _freeze(store, "1.1", [ADA, "b@example.org"])
    publication.workspace.record("1.1").write_text("old")
    if outcome is not None:
        _send(store, "1.1", {"b@example.org": Outcome.ACCEPTED, ADA: outcome})
    done = erase_subscriber(_open(publication, store), ADA)
    states = _states(store, "1.1")
    assert states.pop("b@example.org") is (State.ACCEPTED if outcome else State.PENDING)
    assert list(states.values()) == [state]
    assert count_deliveries(store, "1.1").total == 2
    noted = publication.workspace.record("1.1").read_text()
    assert ("total = 2" in noted) == (list(done.store_rows.issues) == ["1.1"]) == (state is not State.ACCEPTED)
    campaign = find_campaign(store, "1.1")
    assert campaign is not None
    # Where nobody waits any more the campaign has come to its end.
    assert (campaign.finished_at is not None) == (outcome in (Outcome.DEFERRED, Outcome.UNKNOWN, Outcome.REFUSED))


def test_nobody_is_erased_while_a_copy_is_under_way_to_them(
    publication: Publication, store: Store, keys: SecretKeys, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workers, "LEASE_S", 2.0)
    _freeze(store, "1.1", [ADA])
    _send(store, "1.1", {})
    with store.sole("1.1"), pytest.raises(DeliveryError, match="under way to this reader"):
        erase_subscriber(_open(publication, store), ADA)
    with pytest.raises(DeliveryError, match="under way to this reader"):
        erase_from_store(store, ADA, lambda _number: "x", keys.digest(ADA), keys.fingerprint)
    assert publication.workspace.subscribers.read_text() == LIST
    # The run has died: then it is not known whether they have it.
    erase_subscriber(_open(publication, store), ADA)
    assert list(_states(store, "1.1").values()) == [State.CANCELLED]


def test_what_a_crash_has_kept_from_its_end_is_done_by_doing_it_again(
    publication: Publication, store: Store, keys: SecretKeys
) -> None:
    """The state is written first: a crash leaves the row, of somebody to whom nothing is sent."""
    _say(store, keys, EventKind.COMPLAINED)
    erase_from_store(store, ADA, lambda _number: "x", keys.digest(ADA), keys.fingerprint)
    (standing,) = read_suppression_statuses(store, keys, [ADA])
    assert not standing.mailable
    assert erase_subscriber(_open(publication, store), ADA).list_rows == 1
    assert ADA not in publication.workspace.subscribers.read_text()


def test_a_list_that_cannot_be_written_keeps_the_state_as_it_was(
    publication: Publication, store: Store, keys: SecretKeys
) -> None:
    _say(store, keys, EventKind.COMPLAINED)
    before = _everything(store)
    (publication.root / ".subscribers.new.csv").mkdir()
    with pytest.raises(Exception, match="can't be written"):
        erase_subscriber(_open(publication, store), ADA)
    assert _everything(store) == before


def test_who_came_back_can_be_erased_again(publication: Publication, store: Store, keys: SecretKeys) -> None:
    for _ in range(3):
        _freeze(store, "1.1", [ADA])
        erase_subscriber(_open(publication, store), ADA)
        _say(store, keys, EventKind.SIGNED_UP)
    assert len(_states(store, "1.1")) == 3
    assert _states(store, "1.1").keys() > {f"{keys.digest(ADA)[:16]}-3@forgotten.invalid"}


def test_one_command_changes_the_list_at_a_time(
    publication: Publication, store: Store, keys: SecretKeys, monkeypatch: pytest.MonkeyPatch
) -> None:
    with store.sole("list"):
        waiting = threading.Thread(target=erase_subscriber, args=(_open(publication, store), ADA))
        waiting.start()
        waiting.join(0.2)
    waiting.join(60)
    (standing,) = read_suppression_statuses(store, keys, [ADA])
    assert standing.erased  # whoever came second has waited a moment
    monkeypatch.setattr("newsletter.subscribers.list_changes._PATIENCE_S", 0.01)
    with store.sole("list"), pytest.raises(DecisionNeeded, match="Another command"):
        erase_subscriber(_open(publication, store), ADA)


def test_the_file_is_written_anew_when_nobody_sends(publication: Publication, store: Store, keys: SecretKeys) -> None:
    _freeze(store, "1.1", ["b@example.org"])
    with store.sole("1.1"):
        assert not erase_subscriber(_open(publication, store), ADA).swept
    register_worker(store, "1.1", "took over", lease_s=3600)  # it holds another lock
    assert not erase_subscriber(_open(publication, store), ADA).swept
    end_worker(store, "1.1", "took over")
    assert erase_subscriber(_open(publication, store), ADA).swept


def test_no_trace_is_left_in_the_file_either(publication: Publication, keys: SecretKeys, opened: Store) -> None:
    """Also of what other programs changed before, which SQLite leaves between the rows where it isn't told not to."""
    path = publication.root / ".newsletter/state.db"
    _freeze(opened, "1.1", [ADA, *(f"r{n}@example.org" for n in range(50))])
    _send(opened, "1.1", {ADA: Outcome.REFUSED}, reply=f"550 {ADA} unknown " + "x" * 500)
    _say(opened, keys, EventKind.COMPLAINED, words="Ada Lovelace says no")
    with closing(sqlite3.connect(path)) as careless:
        careless.execute("PRAGMA secure_delete = OFF")
        careless.execute("INSERT INTO handled VALUES ('main', 'Ada Lovelace, who was moved', 'x')")
        careless.execute("DELETE FROM handled")
        careless.commit()
        careless.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    assert b"Ada Lovelace, who was moved" in path.read_bytes()
    crash_workers(opened, "1.1")
    assert erase_subscriber(_open(publication, opened), ADA).swept
    kept = b"".join(file.read_bytes() for file in sorted(path.parent.iterdir()) if file.name.startswith("state.db"))
    assert b"b@example.org" not in kept
    for word in (ADA.encode(), b"Ada ", b"Lovelace"):  # three letters alone are in many a random number
        assert word.lower() not in kept.lower()
    assert keys.digest(ADA).encode() in kept


def test_files_and_tables_that_still_hold_the_address_are_named(
    publication: Publication, store: Store, keys: SecretKeys, tmp_path: Path
) -> None:
    root = publication.root
    (root / "build/2.10/dry-run").mkdir(parents=True)
    (root / "build/2.10/not-accepted.csv").write_text(f"address\n{ADA.upper()}\n")
    (root / "build/2.10/dry-run/000001.eml").write_text(f"To: Ada <{ADA}>\n")
    (root / "build/2.10/dry-run/000002.eml").write_text("To: nada@example.org, ada@example.org.uk\n")
    (root / "build/large.txt").write_text("x" * ((1 << 20) - 4) + " " + ADA)
    (root / ".newsletter/state.db.v1-backup").write_bytes(b"SQLite format 3\0...2.10ada@example.org{}")
    (root / "build/link").symlink_to(root / "build/2.10/not-accepted.csv")
    with store.transaction() as connection:
        connection.exec_driver_sql("CREATE TABLE deliveries_v1_backup AS SELECT 'ada@example.org' AS reader")
        connection.exec_driver_sql("CREATE TABLE meta_v1_backup AS SELECT 'ada@example.org' AS key")
    assert find_copies(_open(publication, store), ADA) == [
        *(str(root / name) for name in (
            "build/large.txt", "build/2.10/not-accepted.csv", "build/2.10/dry-run/000001.eml",
            ".newsletter/state.db.v1-backup",
        )),
        f"the table deliveries_v1_backup in {store.place}",
    ]  # fmt: skip


def test_copies_of_the_list_and_the_testers_are_named(publication: Publication, store: Store, keys: SecretKeys) -> None:
    root = publication.root
    copies = ("subscribers.csv~", ".subscribers.new.csv", ".said.new.csv", "board.csv")
    for name in copies:
        (root / name).write_text(f"email\n{ADA}\n")
    config = root / "newsletter.toml"
    config.write_text(config.read_text().replace('testers = ["', f'testers = ["{ADA}", "'))
    assert set(find_copies(_open(publication, store), ADA)) == {str(root / name) for name in (*copies, config.name)}
    assert find_copies(_open(publication, store), "b@example.org") == []  # that is the list itself


def test_an_address_goes_in_each_spelling_of_its_domain(
    publication: Publication, store: Store, keys: SecretKeys
) -> None:
    reader, spellings = (
        "li@xn--bcher-kva.example",
        ("li@bücher.example", "Li@BÜCHER.example.", "li@xn--bcher-kva.example"),
    )
    others = ["nali@bücher.example", "li@bücher.example.org"]
    _freeze(store, "1.1", ["b@example.org"], friends=" ".join([*spellings, *others]))
    _say(store, keys, EventKind.SOFT, words=f"asked <{spellings[0]}>, {others[0]}")
    assert read_subscriber_record(_open(publication, store), reader).other_rows == 2
    erase_subscriber(_open(publication, store), reader)
    assert read_subscriber_record(_open(publication, store), reader).other_rows == 0
    pseudonym = f"{keys.digest(reader)[:16]}@forgotten.invalid"
    with store.reading() as connection:
        fields = json.loads(connection.execute(select(TABLES[0].c.fields)).scalar_one())
        (event,) = stream_events(connection)
    assert fields["friends"].split() == [pseudonym, f"{pseudonym}.", pseudonym, *others]
    assert event.evidence["words"] == f"asked <{pseudonym}>, {others[0]}"
    (publication.root / "build").mkdir()
    for number, text in enumerate((*spellings, json.dumps(spellings[0]))):
        (publication.root / f"build/{number}").write_text(text)
    (publication.root / "build/other").write_text(" ".join(others))
    assert len(find_copies(_open(publication, store), reader)) == 4


def test_a_note_that_a_crash_has_left_wrong_is_written_anew(
    publication: Publication, store: Store, keys: SecretKeys
) -> None:
    _freeze(store, "1.1", [ADA, "b@example.org"])
    digest = keys.digest(ADA)
    erase_from_store(store, ADA, lambda _number: f"{digest[:16]}@forgotten.invalid", digest, keys.fingerprint)
    record = publication.workspace.record("1.1")
    record.write_text("as it was before")
    erase_subscriber(_open(publication, store), ADA)
    assert "suppressed = 1" in record.read_text()


def test_every_table_that_may_hold_an_address_is_swept() -> None:
    holding = {table.name for table in metadata.sorted_tables if "subscriber" in table.c}
    assert {table.name for table in TABLES} == holding | {"workers"}


def test_whoever_still_reads_the_old_file_is_in_the_way(
    publication: Publication, keys: SecretKeys, opened: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("newsletter.store.sqlite._LOCK_WAIT_S", 0.01)
    with closing(open_store(publication.workspace.database)) as other:
        with opened.reading() as connection:
            connection.execute(select(TABLES[0])).all()
            assert not erase_subscriber(_open(publication, other), ADA).swept
        assert erase_subscriber(_open(publication, other), ADA).swept
