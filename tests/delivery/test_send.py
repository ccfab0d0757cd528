"""`newsletter send` as an editor meets it: a real process, a real server."""

import json
import re
import sqlite3
from collections import Counter
from email import message_from_bytes, policy

import pytest
from conftest import Publication
from smtp_server import Server


def _readers(publication: Publication) -> dict[str, int]:
    (status,) = json.loads(publication.run("status", "2.10", "--json").stdout)
    return {name: count for name, count in status["readers"].items() if count}


def _text(data: bytes) -> str:
    return str(message_from_bytes(data, policy=policy.default).get_body(("plain",)).get_content())


@pytest.fixture
def digest(publication: Publication, server: Server) -> Publication:
    publication.through(server)
    return publication


def test_it_shows_asks_sends_and_reports(digest: Publication, server: Server) -> None:
    no = digest.run("send", "2.10", stdin="n\n")
    assert no.returncode == 1
    assert "Subject   Pacific Alliance Digest Vol. 2.10: Leaders align" in no.stdout
    assert "From      Pacific Alliance Digest <digest@example.org>" in no.stdout
    assert "To        25 readers of subscribers.csv" in no.stdout
    assert "Through   smtp at 127.0.0.1" in no.stdout
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


def test_the_record_names_counts_and_no_address(digest: Publication) -> None:
    digest.run("send", "2.10", "--yes")
    record = (digest.root / "drafts/2.10.sent.toml").read_text()
    assert re.search(r'^campaign = "[0-9a-f]{16}"$', record, re.MULTILINE)
    assert "accepted = 25" in record
    assert "total = 25" in record
    assert "finished_at" in record
    assert "@" not in record


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


def test_a_changed_draft_is_answered_with_three_ways(digest: Publication, server: Server) -> None:
    digest.readers(20)
    first = {f"reader{number:04}@example.org" for number in range(10)}
    for number in range(10, 20):
        server.refuse[f"reader{number:04}@example.org"] = "451 4.3.0 later"
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


def test_continue_sends_the_text_as_it_was(digest: Publication, server: Server) -> None:
    _half_sent(digest, server)
    assert digest.run("send", "2.10", "--yes", "--continue").returncode == 0
    assert len(server.stored) == 20
    assert b"LEADERS" not in b"".join(data for _, data in server.stored)


def test_with_changes_sends_the_new_text_to_those_without(digest: Publication, server: Server) -> None:
    _half_sent(digest, server)
    assert digest.run("send", "2.10", "--yes", "--with-changes").returncode == 0
    assert set(server.copies().values()) == {1}
    new = {recipient for recipient, data in server.stored if b"LEADERS" in data}
    assert new == {f"reader{number:04}@example.org" for number in range(10, 20)}
    assert "already" in digest.run("send", "2.10", "--yes").stdout


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
    assert "Left out  1 who asked to leave" in sent.stdout
    assert "5 on the list = 4 accepted + 0 refused + 0 deferred + 0 unknown + 0 pending + 1 suppressed" in sent.stdout
    assert "reader0002@example.org" not in server.copies()
    assert digest.run("subscribers", "unsuppress", "reader0002@example.org").returncode == 0


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


def test_a_test_is_marked_and_touches_no_campaign(digest: Publication, server: Server) -> None:
    sent = digest.run("send", "2.10", "--test", "ada.okafor@example.org", "--test", "testers")
    assert sent.returncode == 0, sent.stderr
    assert set(server.copies()) == {"ada.okafor@example.org", "editor@example.org"}
    for _, data in server.stored:
        message = message_from_bytes(data, policy=policy.default)
        assert message["Subject"].startswith("[TEST] Pacific Alliance Digest")
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


def test_another_list(digest: Publication, server: Server) -> None:
    (digest.root / "board.csv").write_text("email\na@example.org\nb@example.org\nbroken\nA@example.org\n")
    sent = digest.run("send", "2.10", "--yes", "--list", "board.csv")
    assert sent.returncode == 0
    assert "To        2 readers of board.csv" in sent.stdout
    assert "1 rows that can't be used" in sent.stdout
    assert "1 rows that repeat an address" in sent.stdout


def test_a_value_that_some_readers_lack_stops_before_the_first(digest: Publication, server: Server) -> None:
    draft = digest.root / "drafts/2.10.yaml"
    draft.write_text(draft.read_text().replace("{{ name | reader }}", "{{ city }} {{ nmae }}"))
    (digest.root / "subscribers.csv").write_text("email,city\na@example.org,Oslo\nb@example.org,\nc@example.org,\n")
    stopped = digest.run("send", "2.10", "--yes")
    assert stopped.returncode == 1
    assert 'subscribers.csv:3: 2 readers have no "city"' in stopped.stderr
    assert 'subscribers.csv:2: 3 readers have no "nmae"' in stopped.stderr
    assert "{{ city | reader }}" in stopped.stderr
    assert server.stored == []
    assert json.loads(digest.run("status", "--json").stdout) == []


def test_the_example_headlines_are_not_sent(digest: Publication, server: Server) -> None:
    made = digest.run("draft", "new", "--volume", "9").stdout.split(":")[0]
    stopped = digest.run("send", made, "--yes")
    assert stopped.returncode == 1
    assert "still the example's" in stopped.stderr
    assert server.stored == []


def test_not_accepted_is_a_safe_spreadsheet(digest: Publication, server: Server) -> None:
    (digest.root / "subscribers.csv").write_text("email\n+a@example.org\nb@example.org\n")
    server.refuse["+a@example.org"] = "550 =HYPERLINK(1)"
    assert digest.run("send", "2.10", "--yes").returncode == 1
    text = (digest.root / "build/2.10/not-accepted.csv").read_text()
    assert text.splitlines()[1] == "'+a@example.org,refused,rcpt,550,,'=HYPERLINK(1)"


def test_two_at_once(digest: Publication, server: Server) -> None:
    digest.readers(100)
    second = []
    server.on_reply = lambda count, _text: second.append(digest.run("send", "2.10", "--yes")) if count == 50 else None
    first = digest.run("send", "2.10", "--yes")
    assert first.returncode == 0
    assert second[0].returncode == 1
    assert "Another process is sending 2.10" in second[0].stderr
    assert set(server.copies().values()) == {1}


def test_the_state_is_private_and_the_database_sound(digest: Publication) -> None:
    digest.run("send", "2.10", "--yes")
    folder = digest.root / ".newsletter"
    assert folder.stat().st_mode & 0o077 == 0
    with sqlite3.connect(folder / "state.db") as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert connection.execute("PRAGMA foreign_key_check").fetchall() == []


def test_a_state_that_can_not_be_made_is_answered(digest: Publication) -> None:
    (digest.root / ".newsletter").write_text("in the way")
    done = digest.run("send", "2.10", "--yes")
    assert done.returncode == 1
    assert "can't be made" in done.stderr
    assert "[store] url" in done.stderr
