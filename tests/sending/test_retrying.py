"""Who is put off is tried again in the same send; a server that asks for less, breaks or refuses too many is met."""

import json
import re
import signal
from collections import Counter

import pytest
from conftest import ROOT, Publication
from smtp_server import POLITE, Server, kill_at, scripted

LATER = "450 4.2.1 Mailbox busy"


def _states(publication: Publication) -> dict[str, int]:
    (status,) = json.loads(publication.run("status", "2.10", "--json").stdout)
    return {name: count for name, count in status["readers"].items() if count}


@pytest.fixture
def digest(publication: Publication, server: Server) -> Publication:
    publication.through(server)
    publication.environ["NEWSLETTER_SEND__RETRIES"] = "0.001,0.001,0.001"
    return publication


def _until_the_nth_try(server: Server, readers: list[str], times: int) -> Counter[str]:
    """Put these readers off until they have been tried so often."""
    tried: Counter[str] = Counter()
    server.refuse_when = lambda reader: _count(tried, reader) <= times and reader in readers
    server.refuse |= dict.fromkeys(readers, LATER)
    return tried


def _count(tried: Counter[str], reader: str) -> int:
    tried[reader] += 1
    return tried[reader]


def test_who_is_put_off_is_tried_again_within_the_send(digest: Publication, server: Server) -> None:
    readers = digest.readers(12)
    tried = _until_the_nth_try(server, readers[3:6], 2)
    done = digest.run("send", "2.10", "--yes")
    assert done.returncode == 0, done.stdout + done.stderr
    assert {tried[reader] for reader in readers[3:6]} == {3}
    assert server.copies() == Counter(readers)
    assert "12 on the list = 12 accepted" in done.stdout


@pytest.mark.slow
def test_after_the_last_wait_they_stay_for_a_later_send(digest: Publication, server: Server) -> None:
    readers = digest.readers(5)
    tried = _until_the_nth_try(server, readers[:1], 100)
    done = digest.run("send", "2.10", "--yes")
    assert done.returncode == 1
    assert tried[readers[0]] == 4
    assert "4 accepted + 0 refused + 1 deferred" in done.stdout
    assert LATER in done.stdout
    server.refuse.clear()
    assert digest.run("send", "2.10", "--yes").returncode == 0
    assert server.copies() == Counter(readers)


@pytest.mark.slow
def test_without_retries_a_send_ends_at_once(digest: Publication, server: Server) -> None:
    digest.environ["NEWSLETTER_SEND__RETRIES"] = ""
    readers = digest.readers(5)
    tried = _until_the_nth_try(server, readers[:1], 100)
    assert digest.run("send", "2.10", "--yes").returncode == 1
    assert tried[readers[0]] == 1


@pytest.mark.slow
def test_a_send_that_waits_for_a_retry_can_be_stopped(digest: Publication, server: Server) -> None:
    digest.environ["NEWSLETTER_SEND__RETRIES"] = "60"
    readers = digest.readers(5)
    server.refuse[readers[0]] = LATER
    waiting = digest.start("send", "2.10", "--yes")
    assert waiting.stderr is not None
    words = waiting.stderr.readline()
    assert "put off by the server: again at" in words
    waiting.send_signal(signal.SIGTERM)
    out, err = waiting.communicate(timeout=30)
    assert "Traceback" not in err
    assert waiting.returncode == 1
    assert "4 accepted + 0 refused + 1 deferred + 0 unknown" in out


@pytest.mark.slow
def test_a_server_that_restarts_in_the_middle_is_waited_for(publication: Publication) -> None:
    readers = publication.readers(40)
    greetings: list[str] = []
    texts_taken: list[str] = []

    def answer(command: str) -> bytes | None:
        if command == "EHLO":
            greetings.append(command)
            if 1 < len(greetings) < 5:
                return b"421 4.3.2 shutting down\r\n"
        if command == "TEXT":
            texts_taken.append(command)
            if len(texts_taken) == 10:
                return b"250 ok\r\n421 4.3.2 shutting down\r\n"
        return POLITE[command]

    with scripted(answer) as (port, texts):
        publication.environ |= {
            "NEWSLETTER_SMTP__HOST": "127.0.0.1", "NEWSLETTER_SMTP__PORT": str(port),
            "NEWSLETTER_SMTP__SECURITY": "none", "NEWSLETTER_SMTP__CONNECTIONS": "1",
        }  # fmt: skip
        done = publication.run("send", "2.10", "--yes")
    assert done.returncode == 0, done.stdout + done.stderr
    assert len(texts) == len(readers)


@pytest.mark.slow
@pytest.mark.parametrize("go_on", [False, True])
def test_too_many_refusals_stop_it_and_a_person_is_asked(digest: Publication, server: Server, go_on: bool) -> None:
    readers = digest.readers(200)
    server.refuse |= dict.fromkeys(readers[::4], "550 5.7.1 Your domain is on a list of ours")
    done = digest.run("send", "2.10", stdin=f"y\n{'y' if go_on else 'n'}\n")
    assert "of the first" in done.stdout
    assert "were refused" in done.stdout
    assert "550 5.7.1 Your domain is on a list of ours" in done.stdout
    assert "Go on all the same?" in done.stdout
    states = _states(digest)
    if go_on:
        assert states == {"accepted": 150, "refused": 50}
    else:
        assert states["pending"] >= 60
        assert "sending" not in states
    assert done.returncode == 1


@pytest.mark.slow
def test_nobody_to_ask_about_refusals_stops_it(digest: Publication, server: Server) -> None:
    readers = digest.readers(200)
    server.refuse |= dict.fromkeys(readers[::4], "550 5.7.1 Your domain is on a list of ours")
    done = digest.run("send", "2.10", "--yes")
    assert done.returncode == 1
    assert "were refused" in done.stderr
    assert _states(digest)["pending"] >= 60
    digest.environ["NEWSLETTER_SEND__REFUSALS"] = "100"
    digest.run("send", "2.10", "--yes")
    assert _states(digest) == {"accepted": 150, "refused": 50}


@pytest.mark.slow
def test_refused_readers_can_be_tried_again(digest: Publication, server: Server) -> None:
    readers = digest.readers(10)
    server.refuse |= dict.fromkeys(readers[:3], "550 5.1.1 Not here yet")
    assert digest.run("send", "2.10", "--yes").returncode == 1
    server.refuse.clear()
    assert "already" in digest.run("send", "2.10", "--yes").stdout
    no = digest.run("retry", "2.10", "--state", "refused", stdin="n\n")
    assert "3 readers of the frozen list still to be tried" in no.stdout
    assert _states(digest) == {"accepted": 7, "refused": 3}
    done = digest.run("retry", "2.10", "--state", "refused", "--yes")
    assert done.returncode == 0, done.stdout + done.stderr
    assert server.copies() == Counter(readers)
    assert "nobody is refused, or waits" in digest.run("retry", "2.10", "--state", "refused", "--yes").stdout


@pytest.mark.slow
def test_readers_who_came_since_get_it_and_no_one_else(digest: Publication, server: Server) -> None:
    digest.readers(5)
    assert digest.run("send", "2.10", "--yes").returncode == 0
    readers = digest.readers(8)
    assert "already" in digest.run("send", "2.10", "--yes").stdout
    done = digest.run("send", "2.10", "--to-new", "--yes")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "To        3 readers of subscribers.csv" in done.stdout
    assert server.copies() == Counter(readers)
    assert "nobody came onto the list since" in digest.run("send", "2.10", "--to-new", "--yes").stdout


@pytest.mark.slow
def test_new_readers_get_the_old_text_only_when_that_is_said(digest: Publication, server: Server) -> None:
    digest.readers(2)
    digest.run("send", "2.10", "--yes")
    digest.readers(3)
    draft = digest.root / "drafts/2.10.yaml"
    draft.write_text(draft.read_text().replace("Leaders align", "LEADERS ALIGN"))
    assert "has changed since" in digest.run("send", "2.10", "--to-new", "--yes").stderr
    assert digest.run("send", "2.10", "--to-new", "--yes", "--continue").returncode == 0
    assert b"LEADERS" not in server.message("reader0002@example.org")


@pytest.mark.slow
def test_nobody_new_before_the_first_send_or_after_a_cancel(digest: Publication, server: Server) -> None:
    digest.readers(4)
    assert "has not been sent yet" in digest.run("send", "2.10", "--to-new", "--yes").stderr
    assert "has not been sent yet" in digest.run("retry", "2.10", "--state", "refused", "--yes").stderr
    server.refuse["reader0001@example.org"] = LATER
    digest.environ["NEWSLETTER_SEND__RETRIES"] = ""
    digest.run("send", "2.10", "--yes")
    assert digest.run("cancel", "2.10", "--yes").returncode == 0
    digest.readers(6)
    assert "was cancelled" in digest.run("send", "2.10", "--to-new", "--yes").stderr
    assert len(server.stored) == 3


@pytest.mark.slow
def test_the_limits_hold_and_a_connection_carries_no_more_than_it_may(digest: Publication, server: Server) -> None:
    digest.environ |= {"NEWSLETTER_SMTP__MESSAGES_PER_CONNECTION": "3", "NEWSLETTER_SMTP__CONNECTIONS": "1"}
    digest.readers(10)
    assert digest.run("send", "2.10", "--yes").returncode == 0
    assert server.sessions == 4
    assert len(server.stored) == 10


@pytest.mark.slow
def test_an_hours_limit_counts_what_an_earlier_run_has_sent(digest: Publication, server: Server) -> None:
    digest.environ["NEWSLETTER_SMTP__MESSAGES_PER_HOUR"] = "4"
    digest.readers(6)
    for expected in (4, 4):
        sending = digest.start("send", "2.10", "--yes")
        assert sending.stderr is not None
        line = sending.stderr.readline()
        assert re.search(r"4 of 6 readers.* at [0-9][0-9]:[0-9][0-9]", line) or "0 of 2 readers" in line
        assert "Ctrl-C leaves the others to a later send." in line
        assert len(server.stored) == expected
        sending.send_signal(signal.SIGTERM)
        out, _ = sending.communicate(timeout=30)
        assert "4 accepted + 0 refused + 0 deferred + 0 unknown + 2 pending" in out


@pytest.mark.slow
def test_two_senders_of_one_issue(digest: Publication, server: Server) -> None:
    readers = digest.readers(30)
    first: list = []
    second: list = []

    def on_reply(count: int, _text: str) -> None:
        if count == 20 and not second:
            second.append(digest.run("send", "2.10", "--yes"))

    server.on_reply = on_reply
    first.append(digest.start("send", "2.10", "--yes"))
    first[0].communicate(timeout=60)
    assert first[0].returncode == 0
    assert second[0].returncode == 1
    assert "Another process is sending 2.10 right now." in second[0].stderr
    assert server.copies() == Counter(readers)


@pytest.mark.slow
def test_a_sender_that_died_is_taken_over_from(digest: Publication, server: Server) -> None:
    readers = digest.readers(50)
    running: list = []
    kill_at(server, 60, lambda: running[0].pid)
    running.append(digest.start("send", "2.10", "--yes"))
    running[0].communicate(timeout=60)
    digest.run("send", "2.10", "--yes")
    assert max(server.copies().values()) == 1
    states = _states(digest)
    assert states["accepted"] + states.get("unknown", 0) == len(readers)


def _only_for(publication: Publication, tag: str, word: str) -> None:
    """Return the sample with its first item for one tag's readers alone, and with a word of this version."""
    draft = publication.root / "drafts/2.10.yaml"
    text = (ROOT / "drafts/2.10.yaml").read_text().replace("Leaders align", f"{word} align")
    draft.write_text(text.replace("  - headline:", f"  - only_for: [{tag}]\n    headline:", 1))


@pytest.mark.slow
def test_no_one_gets_items_by_rules_of_a_draft_before(publication: Publication, server: Server) -> None:
    publication.through(server)
    path = publication.root / "subscribers.csv"
    rows = ["email,name,tags", "p1@example.org,P,", "s1@example.org,S,secret", "p2@example.org,P,"]
    path.write_text("\n".join(rows) + "\n")
    _only_for(publication, "secret", "ONE")
    server.refuse["p2@example.org"] = LATER
    publication.run("send", "2.10", "--yes")
    server.refuse.clear()
    _only_for(publication, "open", "TWO")
    assert publication.run("send", "2.10", "--yes", "--with-changes").returncode == 0
    _only_for(publication, "open", "THREE")
    path.write_text("\n".join([*rows, "o1@example.org,O,open"]) + "\n")
    new = publication.run("send", "2.10", "--to-new", "--yes", "--continue")
    assert "would see other items than anyone before" in new.stderr
    assert "o1@example.org" not in server.copies()


@pytest.mark.slow
def test_trying_refused_readers_again_asks_which_text_they_get(digest: Publication, server: Server) -> None:
    readers = digest.readers(4)
    digest.environ["NEWSLETTER_SEND__RETRIES"] = ""
    server.refuse |= {readers[0]: "550 5.1.1 No", readers[1]: LATER}
    digest.run("send", "2.10", "--yes")
    server.refuse.clear()
    draft = digest.root / "drafts/2.10.yaml"
    draft.write_text(draft.read_text().replace("Leaders align", "LEADERS ALIGN"))
    digest.run("send", "2.10", "--yes", "--with-changes")
    assert b"LEADERS" in server.message(readers[1])
    asked = digest.run("retry", "2.10", "--state", "refused", "--yes")
    assert "newsletter retry 2.10 --state refused --with-changes" in asked.stderr
    assert digest.run("retry", "2.10", "--state", "refused", "--yes", "--with-changes").returncode == 0
    assert b"LEADERS" in server.message(readers[0])


@pytest.mark.slow
def test_only_those_of_a_wave_are_new_after_a_wave(digest: Publication, server: Server) -> None:
    digest.readers(6)
    assert digest.run("send", "2.10", "--tag", "even", "--yes").returncode == 0
    unclear = digest.run("send", "2.10", "--to-new", "--yes")
    assert "has gone only to readers tagged even" in unclear.stderr
    digest.readers(8)
    assert digest.run("send", "2.10", "--to-new", "--tag", "even", "--yes").returncode == 0
    assert len(server.stored) == 4
