"""`newsletter send` as an editor meets it: a real process, a real server."""

import json
import re
import signal
import sqlite3
from collections import Counter
from contextlib import closing
from email import message_from_bytes, policy

import pytest
from click.testing import CliRunner
from conftest import Publication
from frozen import Frozen
from smtp_server import Server, kill_at, silent_after_text

import newsletter
from newsletter import files
from newsletter.campaigns.options import Changes, SendOptions
from newsletter.cli import cli
from newsletter.errors import DeliveryError
from newsletter.ledger.states import State
from newsletter.store import Store


def _readers(publication: Publication) -> dict[str, int]:
    (status,) = json.loads(publication.run("status", "2.10", "--json").stdout)
    return {name: count for name, count in status["readers"].items() if count}


def _text(data: bytes) -> str:
    return str(message_from_bytes(data, policy=policy.default).get_body(("plain",)).get_content())


def test_it_shows_asks_sends_and_reports(digest: Publication, server: Server) -> None:
    no = digest.run("send", "2.10", stdin="n\n")
    assert no.returncode == 1
    assert "Subject   Leaders align" in no.stdout
    assert "From      Pacific Alliance Digest <digest@example.org>" in no.stdout
    assert "To        25 readers of subscribers.csv" in no.stdout
    assert "Through   smtp at 127.0.0.1" in no.stdout
    assert "Nothing was sent." in no.stdout
    assert "Dated     Wednesday, 2023-05-31" in no.stdout
    assert server.stored == []
    assert not (digest.root / "drafts/2.10.sent.toml").exists()
    yes = digest.run("send", "2.10", stdin="y\n")
    assert yes.returncode == 0, yes.stderr
    assert "25 on the list = 25 accepted + 0 refused + 0 deferred + 0 unknown + 0 pending + 0 suppressed" in yes.stdout
    assert server.copies() == Counter({recipient: 1 for recipient, _ in server.stored})
    assert len(server.stored) == 25
    assert server.senders == {"bounces@example.org"}
    message = message_from_bytes(server.message("jorgensen@example.net"), policy=policy.default)
    assert "Dear Jørgensen, Søren, the second half" in message.get_body(("plain",)).get_content()


def test_done_is_done(digest: Publication, server: Server) -> None:
    digest.run("send", "2.10", "--yes")
    again = digest.run("send", "2.10", "--yes")
    assert again.returncode == 0
    assert "2.10 has been sent already; nothing is sent now." in again.stdout
    assert len(server.stored) == 25


@pytest.mark.slow
def test_the_record_names_counts_and_no_address(digest: Publication) -> None:
    digest.run("send", "2.10", "--yes")
    record = (digest.root / "drafts/2.10.sent.toml").read_text()
    assert re.search(r'^campaign = "[0-9a-f]{16}"$', record, re.MULTILINE)
    assert "accepted = 25" in record
    assert "total = 25" in record
    assert "finished_at" in record
    assert "@" not in record


@pytest.mark.slow
def test_a_store_deleted_between_two_sends(digest: Publication, server: Server) -> None:
    digest.run("send", "2.10", "--yes")
    for path in (digest.root / ".newsletter").iterdir():
        path.unlink()
    refused = digest.run("send", "2.10", "--yes")
    assert refused.returncode == 1
    assert "sent from elsewhere" in refused.stderr
    assert "2.10.sent.toml" in refused.stderr
    assert "delete" in refused.stderr
    assert len(server.stored) == 25


@pytest.mark.slow
def test_a_changed_draft_is_answered_with_three_ways(digest: Publication, server: Server) -> None:
    digest.readers(20)
    first = {f"reader{number:04}@example.org" for number in range(10)}
    for number in range(10, 20):
        server.refuse[f"reader{number:04}@example.org"] = "450 4.2.1 later"
    assert digest.run("send", "2.10", "--yes").returncode == 1
    server.refuse.clear()
    draft = digest.root / "drafts/2.10.yaml"
    draft.write_text(draft.read_text().replace("Leaders align", "LEADERS ALIGN"))
    asked = digest.run("send", "2.10", "--yes")
    assert asked.returncode == 1
    assert "has changed since" in asked.stderr
    for way in ("--continue", "--with-changes", "newsletter cancel 2.10"):
        assert way in asked.stderr
    assert set(server.copies()) == first


def _half_sent(digest: Publication, server: Server) -> None:
    test_a_changed_draft_is_answered_with_three_ways(digest, server)


@pytest.mark.slow
def test_continue_sends_the_text_as_it_was(digest: Publication, server: Server) -> None:
    _half_sent(digest, server)
    assert digest.run("send", "2.10", "--yes", "--continue").returncode == 0
    assert len(server.stored) == 20
    assert b"LEADERS" not in b"".join(data for _, data in server.stored)


@pytest.mark.slow
def test_a_draft_that_was_renamed_is_sent_on_as_it_was_frozen(digest: Publication, server: Server) -> None:
    _half_sent(digest, server)
    draft = digest.root / "drafts/2.10.yaml"
    draft.rename(draft.with_name("2.11.yaml"))
    for command in (("send", "2.10"), ("retry", "2.10", "--state", "deferred")):
        lost = digest.run(*command, "--yes")
        assert lost.returncode == 1
        assert "There is no draft '2.10'." in lost.stderr
        assert f"Was it renamed? newsletter {' '.join(command)} --continue" in lost.stderr
    assert digest.run("send", "2.10", "--yes", "--with-changes").returncode == 1
    assert digest.run("send", "2.10", "--yes", "--continue").returncode == 0
    assert len(server.stored) == 20
    assert b"LEADERS" not in b"".join(data for _, data in server.stored)
    over = digest.run("send", "2.10", "--yes")
    assert (over.returncode, "renamed" in over.stderr) == (1, False)


@pytest.mark.slow
def test_who_was_frozen_and_not_reached_gets_it_though_the_draft_is_gone(opened: Store, digest: Publication) -> None:
    Frozen(digest, opened, 3)
    (digest.root / "drafts/2.10.yaml").unlink()
    digest.readers(9)
    with newsletter.Publication.open(digest.root, digest.environ) as api:
        result = api.send("2.10", SendOptions(changes=Changes.CONTINUE), confirm=lambda _proposal: True)
    assert result.complete
    assert result.counts.by_state == {State.ACCEPTED: 3}


@pytest.mark.slow
def test_with_changes_sends_the_new_text_to_those_without(digest: Publication, server: Server) -> None:
    _half_sent(digest, server)
    assert digest.run("send", "2.10", "--yes", "--with-changes").returncode == 0
    assert set(server.copies().values()) == {1}
    new = {recipient for recipient, data in server.stored if b"LEADERS" in data}
    assert new == {f"reader{number:04}@example.org" for number in range(10, 20)}
    assert "already" in digest.run("send", "2.10", "--yes").stdout


@pytest.mark.slow
def test_cancel_leaves_the_rest_without(digest: Publication, server: Server) -> None:
    _half_sent(digest, server)
    cancelled = digest.run("cancel", "2.10", "--yes")
    assert cancelled.returncode == 0
    assert "cancelled for 10 readers" in cancelled.stdout
    assert _readers(digest) == {"accepted": 10, "cancelled": 10}
    assert digest.run("send", "2.10", "--yes").returncode == 0
    assert len(server.stored) == 10
    assert "cancelled = 10" in (digest.root / "drafts/2.10.sent.toml").read_text()


def test_the_suppressed_get_nothing(digest: Publication, server: Server) -> None:
    digest.readers(5)
    kept = digest.run("subscribers", "suppress", "Reader0002@Example.org", "--reason", "asked by phone")
    assert kept.returncode == 0
    sent = digest.run("send", "2.10", "--yes")
    assert sent.returncode == 0
    assert "Left out  1 who must not be mailed: newsletter subscribers list --suppressed" in sent.stdout
    assert "5 on the list = 4 accepted + 0 refused + 0 deferred + 0 unknown + 0 pending + 1 suppressed" in sent.stdout
    assert "reader0002@example.org" not in server.copies()
    assert digest.run("subscribers", "unsuppress", "reader0002@example.org").returncode == 0


@pytest.mark.slow
def test_waves(digest: Publication, server: Server) -> None:
    digest.readers(10)
    assert digest.run("send", "2.10", "--yes", "--tag", "EVEN").returncode == 0
    assert len(server.stored) == 5
    assert "already" in digest.run("send", "2.10", "--yes", "--tag", "even").stdout
    rest = digest.run("send", "2.10", "--yes")
    assert "To        5 readers of subscribers.csv" in rest.stdout
    assert set(server.copies().values()) == {1}
    assert len(server.stored) == 10
    assert digest.run("send", "2.10", "--yes", "--tag", "nobody").returncode == 0
    nobody = digest.run("send", "3.7", "--yes", "--tag", "nobody")
    assert nobody.returncode == 1
    assert "No reader in subscribers.csv has the tag 'nobody'" in nobody.stderr


def test_items_for_some_readers_reach_only_them(digest: Publication, server: Server) -> None:
    digest.readers(6)
    draft = digest.root / "drafts/2.10.yaml"
    draft.write_text(
        draft.read_text().replace("    detail: >-\n      A day", "    only_for: [even]\n    detail: >-\n      A day")
    )
    assert digest.run("send", "2.10", "--yes").returncode == 0
    with_item = {recipient for recipient, data in server.stored if b"A day before the G7" in data}
    assert with_item == {f"reader{number:04}@example.org" for number in (0, 2, 4)}
    assert len(server.stored) == 6


@pytest.mark.slow
def test_a_test_is_marked_and_touches_no_campaign(digest: Publication, server: Server) -> None:
    sent = digest.run("send", "2.10", "--test", "ada.okafor@example.org", "--test", "testers")
    assert sent.returncode == 0, sent.stderr
    assert set(server.copies()) == {"ada.okafor@example.org", "editor@example.org"}
    for _, data in server.stored:
        message = message_from_bytes(data, policy=policy.default)
        assert message["Subject"].startswith("[TEST] Leaders align")
    assert "Dear Ada Okafor," in _text(server.message("ada.okafor@example.org"))
    assert "Dear reader," in _text(server.message("editor@example.org"))
    assert json.loads(digest.run("status", "--json").stdout) == []
    assert not (digest.root / "drafts/2.10.sent.toml").exists()


def test_a_dry_run_writes_every_message_and_sends_none(digest: Publication, server: Server) -> None:
    assert digest.run("send", "2.10", "--dry-run").returncode == 0
    files = sorted((digest.root / "build/2.10/dry-run").iterdir())
    assert len(files) == 25
    to = {message_from_bytes(path.read_bytes(), policy=policy.default)["To"].addresses[0].addr_spec for path in files}
    assert len(to) == 25
    assert server.replies == 0
    assert json.loads(digest.run("status", "--json").stdout) == []


@pytest.mark.slow
def test_without_a_name_only_the_one_unsent_issue(digest: Publication, server: Server) -> None:
    several = digest.run("send", stdin="y\n")
    assert several.returncode == 1
    assert "3 drafts have not been sent: 1.4, 2.10, 3.7" in several.stderr
    never = digest.run("send", "--yes")
    assert never.returncode == 2
    assert server.stored == []
    (digest.root / "drafts/1.4.yaml").unlink()
    (digest.root / "drafts/3.7.yaml").unlink()
    assert digest.run("send", stdin="y\n").returncode == 0
    assert len(server.stored) == 25


@pytest.mark.slow
def test_another_list(digest: Publication, server: Server) -> None:
    (digest.root / "board.csv").write_text("email\na@example.org\nb@example.org\nbroken\nA@example.org\n")
    digest.environ["NEWSLETTER_LIST__UNUSABLE"] = "25"
    sent = digest.run("send", "2.10", "--yes", "--list", "board.csv")
    assert sent.returncode == 1
    assert "To        2 readers of board.csv" in sent.stdout
    assert "1 row that can't be used" in sent.stdout
    assert "1 row with an address that is in an earlier row" in sent.stdout


def test_a_value_that_some_readers_lack_stops_before_the_first(digest: Publication, server: Server) -> None:
    draft = digest.root / "drafts/2.10.yaml"
    draft.write_text(draft.read_text().replace("{{ name | reader }}", "{{ city }} {{ nmae }}"))
    (digest.root / "subscribers.csv").write_text("email,city\na@example.org,Oslo\nb@example.org,\nc@example.org,\n")
    stopped = digest.run("send", "2.10", "--yes")
    assert stopped.returncode == 1
    assert 'subscribers.csv:3: 2 readers have no "city"' in stopped.stderr
    assert re.search(r'drafts/2\.10\.yaml:\d+:\d+: 3 readers have no "nmae"', stopped.stderr)
    assert "Did you mean 'name'?" in stopped.stderr
    assert "{{ city | reader }}" in stopped.stderr
    assert server.stored == []
    assert json.loads(digest.run("status", "--json").stdout) == []


@pytest.mark.slow
def test_tags_are_no_field_and_that_is_said_at_the_field(digest: Publication, server: Server) -> None:
    draft = digest.root / "drafts/2.10.yaml"
    draft.write_text(draft.read_text().replace("{{ name | reader }}", "{{ tags }}"))
    (digest.root / "subscribers.csv").write_text("email,tags\na@example.org,board\n")
    stopped = digest.run("send", "2.10", "--yes")
    assert re.search(r'drafts/2\.10\.yaml:\d+:\d+: 1 reader has no "tags"', stopped.stderr)
    assert "Fields are: email, name." in stopped.stderr


def test_the_example_headlines_are_not_sent(digest: Publication, server: Server) -> None:
    made = digest.run("draft", "new", "--volume", "9").stdout.split(":")[0]
    stopped = digest.run("send", made, "--yes")
    assert stopped.returncode == 1
    assert "10 texts of" in stopped.stderr
    assert "still the example's" in stopped.stderr
    assert server.stored == []


@pytest.mark.slow
def test_not_accepted_is_a_safe_spreadsheet(digest: Publication, server: Server) -> None:
    (digest.root / "subscribers.csv").write_text("email\n+a@example.org\nb@example.org\n")
    server.refuse["+a@example.org"] = "550 =HYPERLINK(1)"
    assert digest.run("send", "2.10", "--yes").returncode == 1
    text = (digest.root / "build/2.10/not-accepted.csv").read_text()
    assert text.splitlines()[1] == "'+a@example.org,refused,rcpt,550,,'=HYPERLINK(1)"


@pytest.mark.slow
def test_two_at_once(digest: Publication, server: Server) -> None:
    digest.readers(100)
    second = []
    server.on_reply = lambda count, _text: second.append(digest.run("send", "2.10", "--yes")) if count == 50 else None
    first = digest.run("send", "2.10", "--yes")
    assert first.returncode == 0
    assert second[0].returncode == 1
    assert "Another process is sending 2.10" in second[0].stderr
    assert set(server.copies().values()) == {1}


@pytest.mark.slow
def test_the_state_is_private_and_the_database_sound(digest: Publication) -> None:
    digest.run("send", "2.10", "--yes")
    folder = digest.root / ".newsletter"
    assert folder.stat().st_mode & 0o077 == 0
    with closing(sqlite3.connect(folder / "state.db")) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert connection.execute("PRAGMA foreign_key_check").fetchall() == []


@pytest.mark.slow
def test_a_state_that_can_not_be_made_is_answered(digest: Publication) -> None:
    (digest.root / ".newsletter").write_text("in the way")
    done = digest.run("send", "2.10", "--yes")
    assert done.returncode == 1
    assert "can't be made" in done.stderr
    assert "[store] url" in done.stderr


@pytest.mark.slow
def test_a_killed_send_that_had_claimed_the_last_readers_ends(digest: Publication, server: Server) -> None:
    digest.readers(8)
    running = []
    kill_at(server, 30, lambda: running[0].pid)
    running.append(digest.start("send", "2.10", "--yes"))
    running[0].communicate(timeout=60)
    with closing(sqlite3.connect(digest.root / ".newsletter/state.db")) as connection, connection:
        connection.execute("UPDATE deliveries SET state = 'sending' WHERE state = 'pending'")
    for flight in (digest.root / ".newsletter").glob("flight-*"):
        flight.unlink()  # as after a power cut: the ledger alone speaks
    again = digest.run("send", "2.10", "--yes")
    assert again.returncode == 1
    assert "0 pending" in again.stdout
    assert "sending" not in _readers(digest)
    assert _readers(digest)["unknown"] >= 1
    record = (digest.root / "drafts/2.10.sent.toml").read_text()
    assert "finished_at" in record
    assert "unknown = " in record


@pytest.mark.slow
def test_cancel_settles_what_a_crash_left(digest: Publication, server: Server) -> None:
    digest.readers(50)
    running = []
    kill_at(server, 60, lambda: running[0].pid)
    running.append(digest.start("send", "2.10", "--yes"))
    running[0].communicate(timeout=60)
    assert digest.run("cancel", "2.10", "--yes").returncode == 0
    assert set(_readers(digest)) == {"accepted", "cancelled"}
    assert "was cancelled on" in digest.run("send", "2.10", "--yes").stdout


@pytest.mark.slow
def test_cancel_means_nobody_else(digest: Publication, server: Server) -> None:
    digest.readers(10)
    digest.run("send", "2.10", "--yes", "--tag", "even")
    (digest.root / "drafts/2.10.yaml").rename(digest.root / "2.10.yaml")
    assert "5 accepted" in digest.run("status", "2.10").stdout
    assert digest.run("cancel", "2.10", "--yes").returncode == 0
    (digest.root / "2.10.yaml").rename(digest.root / "drafts/2.10.yaml")
    assert "was cancelled on" in digest.run("send", "2.10", "--yes").stdout
    assert len(server.stored) == 5


@pytest.mark.slow
def test_an_issue_that_only_a_wave_has_is_not_sent_yet(digest: Publication, server: Server) -> None:
    digest.readers(10)
    digest.run("send", "2.10", "--yes", "--tag", "even")
    assert "2.10\t2023-05-31\tunfinished" in digest.run("draft", "list").stdout
    digest.run("send", "2.10", "--yes")
    assert "2.10\t2023-05-31\tsent" in digest.run("draft", "list").stdout


@pytest.mark.slow
def test_a_tag_can_not_narrow_what_is_under_way(digest: Publication, server: Server) -> None:
    digest.readers(10)
    server.refuse["reader0001@example.org"] = "450 4.2.1 later"
    digest.run("send", "2.10", "--yes")
    narrowed = digest.run("send", "2.10", "--yes", "--tag", "even")
    assert narrowed.returncode == 1
    assert "not all of them have the tag 'even'" in narrowed.stderr


@pytest.mark.slow
def test_an_item_for_some_is_for_them_alone_whatever_the_draft_says_later(digest: Publication, server: Server) -> None:
    digest.readers(6)
    draft = digest.root / "drafts/2.10.yaml"
    text = draft.read_text()
    draft.write_text(text.replace("    detail: >-\n      A day", "    only_for: [even]\n    detail: >-\n      A day"))
    digest.run("send", "2.10", "--yes", "--tag", "even")
    draft.write_text(text.replace("A day before", "One day before"))
    assert digest.run("send", "2.10", "--yes", "--continue").returncode == 0
    assert {recipient for recipient, data in server.stored if b"A day before" in data} == {
        "reader0000@example.org", "reader0002@example.org", "reader0004@example.org",
    }  # fmt: skip
    assert len(server.stored) == 6


@pytest.mark.slow
def test_a_wave_with_another_configuration_is_another_text(digest: Publication, server: Server) -> None:
    digest.readers(10)
    digest.run("send", "2.10", "--yes", "--tag", "even")
    digest.environ["NEWSLETTER_PUBLICATION__TITLE"] = "Atlantic Digest"
    asked = digest.run("send", "2.10", "--yes")
    assert asked.returncode == 1
    assert "has changed since" in asked.stderr
    frozen = digest.run("send", "2.10", "--yes", "--continue")
    assert "Subject   Leaders align" in frozen.stdout
    assert "Text      as it was when the sending began" in frozen.stdout
    assert len(server.stored) == 10
    assert not any(b"Atlantic" in data for _, data in server.stored)


@pytest.mark.slow
def test_an_older_copy_of_the_state_is_refused(digest: Publication, server: Server) -> None:
    digest.readers(10)
    digest.run("send", "2.10", "--yes", "--tag", "even")
    state = digest.root / ".newsletter/state.db"
    old = state.read_bytes()
    digest.run("send", "2.10", "--yes")
    state.write_bytes(old)
    refused = digest.run("send", "2.10", "--yes")
    assert refused.returncode == 1
    assert "older than 2.10.sent.toml" in refused.stderr
    assert len(server.stored) == 10


@pytest.mark.slow
def test_a_lost_record_is_written_again(digest: Publication, server: Server) -> None:
    digest.run("send", "2.10", "--yes")
    record = digest.root / "drafts/2.10.sent.toml"
    before = record.read_text()
    record.unlink()
    assert "already" in digest.run("send", "2.10", "--yes").stdout
    assert record.read_text() == before


@pytest.mark.slow
def test_a_test_and_a_dry_run_exclude_each_other(digest: Publication, server: Server) -> None:
    done = digest.run("send", "2.10", "--test", "me@example.org", "--dry-run")
    assert done.returncode == 2
    assert server.stored == []


@pytest.mark.slow
def test_a_tester_of_whom_nothing_is_known_sees_the_fields_names(digest: Publication, server: Server) -> None:
    draft = digest.root / "drafts/2.10.yaml"
    draft.write_text(draft.read_text().replace("{{ name | reader }}", "{{ town }}"))
    assert digest.run("send", "2.10", "--test", "me@example.org").returncode == 0
    assert "Dear [town]," in _text(server.message("me@example.org"))


@pytest.mark.slow
def test_every_tester_is_answered_when_the_connection_breaks(digest: Publication, server: Server) -> None:
    data: list[str] = []
    server.on_reply = lambda _, text: (
        "drop" if text.startswith("354") and (data.append(text) or len(data) == 2) else None
    )
    done = digest.run("send", "2.10", "--test", "a@example.org", "--test", "b@example.org", "--test", "c@example.org")
    assert done.returncode == 1
    assert "a@example.org: accepted" in done.stdout
    assert "b@example.org: deferred" in done.stdout
    assert "c@example.org: deferred (the connection was lost before its turn)" in done.stdout


@pytest.mark.slow
def test_a_record_that_can_not_be_written_stops_with_words(
    digest: Publication, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(digest.root)
    monkeypatch.setattr(files, "token_hex", lambda _: "taken")
    (digest.root / "drafts/.2.10.sent.taken.new.toml").mkdir()
    done = CliRunner().invoke(cli, ["send", "2.10", "--yes"], env=digest.environment())
    assert isinstance(done.exception, DeliveryError)
    assert "The record" in done.exception.message
    assert "can't be written" in done.exception.message
    assert server.stored == []


@pytest.mark.slow
def test_a_second_interrupt_ends_at_once_with_a_report(digest: Publication) -> None:
    with silent_after_text() as (port, reached):
        digest.environ |= {
            "NEWSLETTER_SMTP__HOST": "127.0.0.1", "NEWSLETTER_SMTP__PORT": str(port),
            "NEWSLETTER_SMTP__SECURITY": "none", "NEWSLETTER_SMTP__CONNECTIONS": "1",
        }  # fmt: skip
        running = digest.start("send", "2.10", "--yes")
        assert reached.wait(timeout=30)
        running.send_signal(signal.SIGINT)
        assert running.stderr is not None
        assert "Finishing the messages in hand" in running.stderr.readline()
        running.send_signal(signal.SIGINT)
        out, err = running.communicate(timeout=20)
    assert running.returncode == 1
    assert "Traceback" not in err
    assert "25 on the list = 0 accepted" in out
    assert "Ended at once" in err
    assert "To go on: newsletter send 2.10" in err
    assert _readers(digest)["unknown"] <= 2


@pytest.mark.slow
def test_while_nobody_has_anything_the_list_and_the_draft_are_read_anew(digest: Publication, server: Server) -> None:
    digest.readers(5)
    port = digest.environ["NEWSLETTER_SMTP__PORT"]
    digest.environ["NEWSLETTER_SMTP__PORT"] = "1"
    assert "5 pending" in digest.run("send", "2.10", "--yes").stdout
    campaign = re.search('campaign = "(.*)"', (digest.root / "drafts/2.10.sent.toml").read_text())
    readers = digest.readers(7)
    draft = digest.root / "drafts/2.10.yaml"
    draft.write_text(draft.read_text().replace("A day before", "One day before"))
    digest.environ["NEWSLETTER_SMTP__PORT"] = port
    assert digest.run("send", "2.10", "--yes").returncode == 0
    assert server.copies() == Counter(readers)
    assert all(b"One day before" in data for _, data in server.stored)
    again = re.search('campaign = "(.*)"', (digest.root / "drafts/2.10.sent.toml").read_text())
    assert campaign is not None
    assert again is not None
    assert campaign[1] == again[1]


@pytest.mark.slow
def test_a_tag_that_nobody_has_is_pointed_out(digest: Publication, server: Server) -> None:
    draft = digest.root / "drafts/2.10.yaml"
    text = draft.read_text().replace(
        "    detail: >-\n      A day", "    only_for: [memmbers]\n    detail: >-\n      A day"
    )
    draft.write_text(text)
    assert "no reader here has the tag 'memmbers'" in digest.run("send", "2.10", stdin="n\n").stdout


@pytest.mark.slow
def test_going_on_adds_nobody_of_another_list(digest: Publication, server: Server) -> None:
    digest.readers(5)
    server.refuse["reader0001@example.org"] = "450 4.2.1 later"
    digest.run("send", "2.10", "--yes")
    server.refuse.clear()
    (digest.root / "other.csv").write_text("email\nx@example.org\n")
    done = digest.run("send", "2.10", "--yes", "--list", "other.csv")
    assert "the list as it was frozen, without those who left it since" in done.stdout
    assert "x@example.org" not in server.copies()


@pytest.mark.slow
def test_rows_that_could_not_be_used_are_in_the_report(digest: Publication, server: Server) -> None:
    (digest.root / "subscribers.csv").write_text("email\na@example.org\nbroken\n")
    digest.environ["NEWSLETTER_LIST__UNUSABLE"] = "50"
    assert "1 row of the list could not be used" in digest.run("send", "2.10", "--yes").stdout


@pytest.mark.slow
def test_what_is_at_its_end_can_not_be_cancelled(digest: Publication, server: Server) -> None:
    digest.run("send", "2.10", "--yes")
    done = digest.run("cancel", "2.10", "--yes")
    assert done.returncode == 1
    assert "nobody waits for it" in done.stderr


@pytest.mark.slow
def test_a_sending_that_began_anew_has_one_text_for_its_later_waves_too(digest: Publication, server: Server) -> None:
    digest.readers(4)
    port = digest.environ["NEWSLETTER_SMTP__PORT"]
    digest.environ["NEWSLETTER_SMTP__PORT"] = "1"
    digest.run("send", "2.10", "--yes")
    digest.environ["NEWSLETTER_SMTP__PORT"] = port
    assert digest.run("send", "2.10", "--yes", "--tag", "even").returncode == 0
    rest = digest.run("send", "2.10", "--yes")
    assert rest.returncode == 0, rest.stderr
    assert len(server.stored) == 4


def _with_problems(digest: Publication) -> None:
    draft = digest.workspace.find_draft("2.10")
    draft.write_text(draft.read_text().replace("Dear {{", "TODO: lorem ipsum, donâ€™t. Dear {{"))
    digest.readers(2)


@pytest.mark.slow
def test_what_the_check_calls_a_problem_is_not_sent_without_a_word_from_a_person(
    digest: Publication, server: Server
) -> None:
    _with_problems(digest)
    for moment in ([], ["--at", "in 3 hours"]):
        refused = digest.run("send", "2.10", "--yes", *moment)
        assert refused.returncode == 1
        assert "`draft check` finds 3 problems" in refused.stderr
        assert "--despite-problems" in refused.stderr
        assert "'TODO' looks like" in refused.stdout + refused.stderr
    asked = digest.run("send", "2.10", stdin="n\n")
    assert "Send it now all the same, with 3 problems?" in asked.stdout
    assert asked.returncode == 1
    assert "2.10" not in digest.run("outbox", "list").stdout
    assert not server.stored
    assert digest.run("send", "2.10", "--yes", "--despite-problems").returncode == 0
    assert len(server.stored) == 2
    # What is frozen had its question.
    digest.readers(3)
    assert digest.run("send", "2.10", "--yes").returncode == 0


@pytest.mark.slow
def test_a_draft_with_problems_is_scheduled_when_a_person_says_so(digest: Publication) -> None:
    _with_problems(digest)
    asked = digest.run("send", "2.10", "--at", "in 3 hours", stdin="y\n")
    assert "Put it into the outbox all the same, with 3 problems?" in asked.stdout
    assert asked.returncode == 0, asked.stderr
    assert "2.10" in digest.run("outbox", "list").stdout
