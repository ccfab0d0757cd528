"""A person settles the unknown: by name, by Message-IDs, by a mail log; the ledger follows, and nothing else moves."""

import json
import re
from contextlib import closing
from datetime import UTC, datetime
from email import message_from_bytes, policy
from io import BufferedReader, BytesIO
from pathlib import Path

import pytest
from conftest import Publication
from leases import crash_workers
from smtp_server import Server

from newsletter.clock import make_instant
from newsletter.errors import DecisionNeeded, ListError
from newsletter.ledger.campaigns import Campaign, find_campaign
from newsletter.ledger.claims import record_and_claim
from newsletter.ledger.deliveries import count_deliveries, stream_deliveries
from newsletter.ledger.freeze import freeze_batch
from newsletter.ledger.staging import Recipient, stage_recipients
from newsletter.ledger.states import State
from newsletter.ledger.templates import FrozenTemplate
from newsletter.ledger.unknown import settle_unknown
from newsletter.ledger.workers import register_worker
from newsletter.mail.message_template import MessageTemplate
from newsletter.reconcile.mail_log import FoundMessageIds
from newsletter.reconcile.unknown_deliveries import (
    Findings,
    count_verdicts,
    parse_addresses,
    require_unknown,
    search_files,
    settle_deliveries,
    stream_unknown_deliveries,
)
from newsletter.store import Store, open_store

CAMPAIGN = Campaign(
    issue="1.1", id="c", subject="s", draft_sha256="d", rules=[[]], created_at=make_instant(datetime.now(UTC))
)
TEMPLATE = MessageTemplate(seed="c", sender="a@example.org", domain="Example.org", header=b"", body=(b"text",))
NO_PIPE = BufferedReader(BytesIO())


@pytest.fixture
def crashed(store: Store) -> Store:
    """Ten readers; a run that died with the first four in hand, and one that was answered."""
    entries = [
        Recipient(subscriber=f"r{n}@example.org", address=f"R{n}@example.org", fields={}, tags=frozenset(), template=0)
        for n in range(10)
    ]
    with stage_recipients(store) as staged:
        staged.fill(entries, None)
        with staged.durable() as connection:
            freeze_batch(connection, staged, CAMPAIGN, "", [FrozenTemplate("1", TEMPLATE.to_bytes())])
    register_worker(store, "1.1", "run")
    record_and_claim(store, "1.1", "run", want=4)
    crash_workers(store, "1.1")
    return store


def _states(store: Store) -> dict[str, State]:
    return {row.subscriber: State(row.state) for row in stream_deliveries(store, "1.1")}


def _settle(store: Store, found: Findings) -> None:
    settle_deliveries(store, "1.1", found)


def test_each_unknown_has_the_message_id_of_its_copy(crashed: Store) -> None:
    for one in stream_unknown_deliveries(crashed, "1.1"):
        sent = message_from_bytes(TEMPLATE.render(one.reader, one.address, {}).data, policy=policy.default)
        assert one.message_id == sent["Message-ID"]
    assert [one.reader for one in stream_unknown_deliveries(crashed, "1.1")] == [f"r{n}@example.org" for n in range(4)]


def test_a_word_for_some_leaves_the_others(crashed: Store) -> None:
    found = Findings(arrived=parse_addresses(["R1@example.ORG"]), not_arrived=parse_addresses(["r2@example.org"]))
    require_unknown(crashed, "1.1", found)
    assert count_verdicts(crashed, "1.1", found) == {State.ACCEPTED: 1, State.PENDING: 1, State.UNKNOWN: 2}
    _settle(crashed, found)
    states = _states(crashed)
    assert (states["r1@example.org"], states["r2@example.org"]) == (State.ACCEPTED, State.PENDING)
    assert states["r0@example.org"] is states["r3@example.org"] is State.UNKNOWN
    assert count_deliveries(crashed, "1.1").total == 10
    (told,) = stream_deliveries(crashed, "1.1", only=State.ACCEPTED)
    assert (told.stage, told.reply, told.code) == ("reconcile", "an editor says that it arrived", None)


def test_who_did_not_get_it_is_claimed_again_and_who_did_is_not(crashed: Store) -> None:
    _settle(crashed, Findings(arrived=parse_addresses(["r0@example.org"]), others=State.PENDING))
    register_worker(crashed, "1.1", "next")
    claimed = {claim.subscriber for claim in record_and_claim(crashed, "1.1", "next", want=100).deliveries}
    assert claimed == {f"r{n}@example.org" for n in range(1, 10)}


def test_only_the_unknown_are_anybodys_to_decide_about(crashed: Store) -> None:
    settle_unknown(crashed, "1.1", {"r9@example.org": State.ACCEPTED, "nobody@example.org": State.ACCEPTED}, "no")
    assert _states(crashed)["r9@example.org"] is State.PENDING
    for name in ("r9@example.org", "nobody@example.org"):
        with pytest.raises(DecisionNeeded, match="not among the unknown"):
            require_unknown(crashed, "1.1", Findings(arrived=parse_addresses([name])))
    both = parse_addresses(["r0@example.org"])
    with pytest.raises(DecisionNeeded, match="can't both"):
        require_unknown(crashed, "1.1", Findings(arrived=both, not_arrived=both))
    with pytest.raises(ListError, match="no address"):
        parse_addresses(["nobody"])


def test_the_campaign_ends_with_its_last_question_and_opens_with_a_no(crashed: Store) -> None:
    register_worker(crashed, "1.1", "next")
    waiting = record_and_claim(crashed, "1.1", "next", want=100).deliveries
    crash_workers(crashed, "1.1")
    _settle(crashed, Findings(arrived=frozenset(claim.subscriber for claim in waiting)))
    assert find_campaign(crashed, "1.1").finished_at  # type: ignore[union-attr]  # it is there
    _settle(crashed, Findings(not_arrived=parse_addresses(["r0@example.org"])))
    assert find_campaign(crashed, "1.1").finished_at is None  # type: ignore[union-attr]  # it is there
    register_worker(crashed, "1.1", "last")
    record_and_claim(crashed, "1.1", "last", want=1)
    crash_workers(crashed, "1.1")
    _settle(crashed, Findings(others=State.ACCEPTED))
    assert find_campaign(crashed, "1.1").finished_at  # type: ignore[union-attr]  # it is there
    assert count_deliveries(crashed, "1.1").complete


def test_a_list_of_ids_settles_those_in_it(crashed: Store, tmp_path: Path) -> None:
    ids = [one.message_id for one in stream_unknown_deliveries(crashed, "1.1")]
    (tmp_path / "ids.txt").write_text(f"{ids[0]}\n junk,{ids[2].strip('<>').upper()}\n{ids[3].strip('<>')};\n<x@y>\n")
    found_ids = search_files(crashed, "1.1", [tmp_path / "ids.txt"], [], NO_PIPE, all_else=True)
    assert count_verdicts(crashed, "1.1", Findings(found_ids=found_ids)) == {State.ACCEPTED: 2, State.UNKNOWN: 2}
    _settle(crashed, Findings(found_ids=found_ids, others=State.PENDING))
    assert [_states(crashed)[f"r{n}@example.org"] for n in range(4)] == [
        State.ACCEPTED, State.PENDING, State.PENDING, State.ACCEPTED
    ]  # fmt: skip


def test_what_has_begun_to_arrive_stays_unknown_whatever_is_said_of_the_others(crashed: Store, tmp_path: Path) -> None:
    ids = [one.message_id for one in stream_unknown_deliveries(crashed, "1.1")]
    (tmp_path / "mail.log").write_text(
        f"Nov 22 11:44:01 mx postfix/cleanup[1]: AAAAAA: message-id={ids[0]}\n"
        f"Nov 22 11:44:01 mx postfix/cleanup[1]: BBBBBB: message-id={ids[1]}\n"
        "Nov 22 11:44:01 mx postfix/qmgr[1]: BBBBBB: from=<a@example.org>, size=1, nrcpt=1 (queue active)\n"
    )
    found_ids = search_files(crashed, "1.1", [], [tmp_path / "mail.log"], NO_PIPE, all_else=True)
    _settle(crashed, Findings(found_ids=found_ids, others=State.PENDING))
    assert [_states(crashed)[f"r{n}@example.org"] for n in range(4)] == [
        State.UNKNOWN, State.ACCEPTED, State.PENDING, State.PENDING
    ]  # fmt: skip


def test_a_file_that_names_none_of_us_says_nothing_of_the_others(crashed: Store, tmp_path: Path) -> None:
    (tmp_path / "mail.log").write_text("Nov 22 11:44:01 mx postfix/qmgr[1]: BBBBBB: removed\n")
    (tmp_path / "other.log").write_text("Nov 22 11:44:01 mx other[1]: message accepted\n")
    assert search_files(crashed, "1.1", [], [tmp_path / "mail.log"], NO_PIPE, all_else=False).arrived == set()
    with pytest.raises(DecisionNeeded, match="can't show who is without"):
        search_files(crashed, "1.1", [], [tmp_path / "mail.log"], NO_PIPE, all_else=True)
    with pytest.raises(DecisionNeeded, match="No line of Postfix or Exim"):
        search_files(crashed, "1.1", [], [tmp_path / "other.log"], NO_PIPE, all_else=False)


def test_thousands_are_settled_group_by_group(store: Store) -> None:
    names = (f"r{n}@example.org" for n in range(2500))
    entries = (Recipient(subscriber=name, address=name, fields={}, tags=frozenset(), template=0) for name in names)
    with stage_recipients(store) as staged:
        staged.fill(entries, None)
        with staged.durable() as connection:
            freeze_batch(connection, staged, CAMPAIGN, "", [FrozenTemplate("1", TEMPLATE.to_bytes())])
    register_worker(store, "1.1", "run")
    record_and_claim(store, "1.1", "run", want=2400)
    crash_workers(store, "1.1")
    even = FoundMessageIds(
        arrived={one.id for number, one in enumerate(stream_unknown_deliveries(store, "1.1")) if number % 2 == 0}
    )
    _settle(store, Findings(found_ids=even, others=State.PENDING))
    counts = count_deliveries(store, "1.1")
    assert (counts[State.ACCEPTED], counts[State.PENDING], counts[State.UNKNOWN]) == (1200, 1300, 0)


@pytest.fixture
def digest(publication: Publication, server: Server) -> Publication:
    """Eight readers; the server hangs up under the text of three, having taken that of the first of them."""
    publication.through(server)
    publication.readers(8)
    for number in (2, 5):
        server.answer[f"reader{number:04}@example.org"] = "450 4.0.0 never said"
    server.answer["reader0000@example.org"] = "250 2.0.0 never said"
    server.on_reply = lambda _number, text: "drop" if "never said" in text else None
    publication.run("send", "2.10", "--yes")
    server.on_reply = lambda _number, _text: None
    server.answer.clear()
    while "deferred" in (left := _readers(publication)) or "pending" in left:
        assert publication.run("send", "2.10", "--yes").returncode == 1
    assert left == {"accepted": 8 - len(UNKNOWN), "unknown": len(UNKNOWN)}
    return publication


UNKNOWN = [f"reader{number:04}@example.org" for number in (0, 2, 5)]


def _readers(publication: Publication) -> dict[str, int]:
    (status,) = json.loads(publication.run("status", "2.10", "--json").stdout)
    return {name: count for name, count in status["readers"].items() if count}


def _copies(server: Server) -> dict[str, int]:
    return {address: server.copies()[address] for address in UNKNOWN}


def test_the_unknown_are_listed_with_their_message_ids(digest: Publication, server: Server) -> None:
    listed = digest.run("reconcile", "2.10")
    assert listed.returncode == 1
    rows = [line.split("\t") for line in listed.stdout.splitlines()[1:]]
    assert [row[0] for row in rows] == UNKNOWN
    assert rows[0][1] == message_from_bytes(server.message(UNKNOWN[0]), policy=policy.default)["Message-ID"]
    assert _readers(digest)["unknown"] == 3


@pytest.mark.slow
def test_a_person_says_who_has_it_and_the_others_get_it(digest: Publication, server: Server) -> None:
    no = digest.run("reconcile", "2.10", "--arrived", UNKNOWN[0], "--others-not-arrived", stdin="n\n")
    assert no.returncode == 1
    assert _readers(digest)["unknown"] == 3
    done = digest.run("reconcile", "2.10", "--arrived", UNKNOWN[0], "--others-not-arrived", stdin="y\n")
    assert done.returncode == 0, done.stderr
    assert "1 have it, 2 do not, 0 stay unknown" in done.stdout
    assert "8 on the list = 6 accepted + 0 refused + 0 deferred + 0 unknown + 2 pending" in done.stdout
    assert "pending = 2" in (digest.root / "drafts/2.10.sent.toml").read_text()
    assert digest.run("send", "2.10", "--yes").returncode == 0
    assert set(server.copies().values()) == {1}
    assert len(server.copies()) == 8
    again = digest.run("reconcile", "2.10", "--none-arrived", "--yes")
    assert again.returncode == 0
    assert "Nobody is unknown" in again.stdout


@pytest.mark.slow
def test_ids_come_through_a_pipe_too(digest: Publication, server: Server) -> None:
    text = "seen: " + message_from_bytes(server.message(UNKNOWN[0]), policy=policy.default)["Message-ID"]
    done = digest.run("reconcile", "2.10", "--message-ids", "-", "--yes", stdin=text)
    assert done.returncode == 1, done.stderr
    assert "1 have it, 0 do not, 2 stay unknown" in done.stdout
    nothing = digest.run("reconcile", "2.10", "--message-ids", "-", "--yes", stdin=text)
    assert nothing.returncode == 1
    assert "nothing was written down" in nothing.stdout
    assert _readers(digest) == {"accepted": 6, "unknown": 2}


@pytest.mark.slow
def test_all_or_none_closes_the_campaign(digest: Publication, server: Server) -> None:
    done = digest.run("reconcile", "2.10", "--all-arrived", "--yes")
    assert done.returncode == 0
    assert "finished_at" in (digest.root / "drafts/2.10.sent.toml").read_text()
    assert digest.run("send", "2.10", "--yes").returncode == 0
    assert _copies(server) == {UNKNOWN[0]: 1, UNKNOWN[1]: 0, UNKNOWN[2]: 0}


@pytest.mark.slow
def test_nothing_is_settled_while_it_is_being_sent(digest: Publication) -> None:
    with closing(open_store(digest.root / ".newsletter/state.db")) as store, store.sole("2.10"):
        refused = digest.run("reconcile", "2.10", "--none-arrived", "--yes")
    assert refused.returncode == 1
    assert "Another process is sending 2.10" in refused.stderr
    assert _readers(digest)["unknown"] == 3


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--all-arrived", "--none-arrived"], "give one of them alone"),
        (["--all-arrived", "--arrived", "a@example.org"], "give one of them alone"),
        (["--others-not-arrived"], "goes with what says who has it"),
        (["--log", "missing.log"], "does not exist"),
    ],
)
def test_contradictions_are_refused(publication: Publication, options: list[str], said: str) -> None:
    refused = publication.run("reconcile", "2.10", *options)
    assert refused.returncode == 2
    assert said in refused.stderr


def test_an_issue_that_was_never_sent_has_nothing_to_settle(publication: Publication) -> None:
    refused = publication.run("reconcile", "2.10")
    assert refused.returncode == 1
    assert "has not been sent from here" in refused.stderr
    assert not re.search("Traceback", refused.stderr)
