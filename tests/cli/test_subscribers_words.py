"""What newsletter subscribers tells an editor: what is so, why, and what to do next."""

import csv
import io
import json
import os
import re
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from conftest import Publication

from newsletter.clock import make_instant
from newsletter.store import open_store
from newsletter.subscribers.event_recording import record_events
from newsletter.subscribers.feedback_events import Event, EventKind, EventSource
from newsletter.subscribers.secret_keys import create_secret_keys, find_secret_keys

OLGA = "olga.petrova@example.net"
TODAY = f"{datetime.now(UTC):%Y-%m-}"  # and a day, which may be another one by the time it is asked


def _say(publication: Publication, *events: Event) -> None:
    with closing(open_store(publication.workspace.database)) as store:
        record_events(store, find_secret_keys(publication.workspace), events)


def _told(publication: Publication, *args: str, stdin: str = "") -> tuple[int, str]:
    done = publication.run("subscribers", *args, stdin=stdin)
    assert "Traceback" not in done.stderr
    return done.returncode, done.stdout + done.stderr


def test_the_list_of_commands_says_what_each_is_for(publication: Publication) -> None:
    publication.environ["COLUMNS"] = "80"
    told = publication.run("subscribers", "--help").stdout.partition("Commands:")[2]
    assert "..." not in told
    assert len(told.strip().splitlines()) == 14  # one line each
    assert "Never mail an address again." in told
    assert "on the list who must not be mailed" in " ".join(
        publication.run("subscribers", "list", "--help").stdout.split()
    )


def test_without_a_list_the_next_step_is_one_there_is(publication: Publication) -> None:
    path = publication.root / "subscribers.csv"
    path.unlink()
    for args in (("list",), ("list", "--json"), ("stats",), ("export",), ("export", "--mailable"), ("check",)):
        done = publication.run("subscribers", *args)
        assert (done.returncode, done.stdout) == (1, ""), args
        assert "newsletter subscribers add ADDRESS" in done.stderr
        assert "--list" not in done.stderr
    for args in (("export", "--suppressed"), ("export", "--events"), ("show", OLGA)):
        assert publication.run("subscribers", *args).returncode == 0
    assert "other.csv" in _told(publication, "check", "other.csv")[1]
    assert "--list" in publication.run("send", "2.10", "--yes").stderr
    path.mkdir()
    status, told = _told(publication, "list")
    assert status == 1
    assert "Put the list there" not in told


def test_no_table_is_begun_that_cannot_be_shown(publication: Publication) -> None:
    (publication.root / "subscribers.csv").write_text("name\nAda\n")
    done = publication.run("subscribers", "list")
    assert (done.returncode, done.stdout) == (1, "")


@pytest.mark.parametrize("reason", ["erased", " Erased "])
def test_nobody_is_erased_by_a_reason(publication: Publication, reason: str) -> None:
    status, told = _told(publication, "suppress", OLGA, "--reason", reason)
    assert status == 2
    assert f"To erase a person: newsletter subscribers forget {OLGA}" in " ".join(told.split())
    (publication.root / "gone.csv").write_text(f"email\n{OLGA}\n")
    status, told = _told(publication, "suppress", "--from", "gone.csv", "--reason", reason)
    assert status == 2
    assert "newsletter subscribers forget ADDRESS" in " ".join(told.split())
    assert OLGA not in publication.run("subscribers", "export", "--suppressed").stdout


def test_whoever_gets_no_mail_already_is_said_to_be_so(publication: Publication) -> None:
    assert (
        "gets no more mail (has left the club)"
        in _told(publication, "suppress", OLGA, "--reason", "has left the club")[1]
    )
    _, told = _told(publication, "suppress", OLGA, "--reason", "moved")
    assert re.search(
        rf"{OLGA} gets no mail already: suppressed since {TODAY}\d\d \(has left the club\)\. That reason stays\.", told
    )
    _, told = _told(publication, "suppress", OLGA, "--reason", "bounced")
    assert re.search(
        r"gets no mail already: suppressed since .* \(has left the club\)\. Noted as well: bounced\.", told
    )
    _say(publication, Event(subscriber="b@example.org", kind=EventKind.HARD, source=EventSource.MAIL, issue="1.1"))
    _, told = _told(publication, "suppress", "b@example.org", "--reason", "bounced")
    assert re.search(rf"b@example.org gets no mail already: bounced since {TODAY}\d\d\. That reason stays\.", told)
    words = [row["newsletter_words"] for row in _csv(publication.run("subscribers", "export", "--suppressed").stdout)]
    assert words == ["", "has left the club", ""]


def test_whoever_bounced_is_asked_about_their_mailbox_and_not_their_wish(publication: Publication) -> None:
    _say(publication, Event(subscriber=OLGA, kind=EventKind.HARD, source=EventSource.MAIL, issue="1.1"))
    _, told = _told(publication, "add", OLGA)
    assert f"Does the mailbox work again? newsletter subscribers unsuppress {OLGA}" in told
    assert "come back" not in told
    _say(publication, Event(subscriber="gone@example.org", kind=EventKind.HARD, source=EventSource.MAIL, issue="1.1"))
    assert "unsuppress gone@example.org. Then add them." in _told(publication, "add", "gone@example.org")[1]
    _say(publication, Event(subscriber=OLGA, kind=EventKind.UNSUBSCRIBED, source=EventSource.PAGE))
    assert "Did they ask to come back?" in _told(publication, "add", OLGA)[1]


@pytest.mark.slow
def test_coming_back_counts_once(publication: Publication) -> None:
    create_secret_keys(publication.root)
    _say(publication, Event(subscriber=OLGA, kind=EventKind.UNSUBSCRIBED, source=EventSource.PAGE))
    _told(publication, "add", OLGA, "--again", "--evidence", "wrote on 9 May")
    known = json.loads(publication.run("subscribers", "show", OLGA, "--json").stdout)
    assert [(event["kind"], event["evidence"]) for event in known["events"]] == [
        ("unsubscribed", {}),
        ("allowed", {"words": "wrote on 9 May"}),
    ]
    assert known["state"] == "mailable"
    _told(publication, "forget", OLGA, "--yes")
    _told(publication, "add", OLGA, "--again", "--evidence", "asked anew")
    known = json.loads(publication.run("subscribers", "show", OLGA, "--json").stdout)
    assert [(event["kind"], event["evidence"]) for event in known["events"]] == [("signed up", {"words": "asked anew"})]
    assert known["state"] == "mailable"


@pytest.mark.slow
def test_what_is_known_is_told_in_plain_words(publication: Publication) -> None:
    publication.environ |= {"NEWSLETTER_SEND__BACKEND": "maildir"}
    said_at = (datetime.now(UTC) - timedelta(days=3)).replace(microsecond=0)
    _say(
        publication,
        Event(subscriber=OLGA, kind=EventKind.UNSUBSCRIBED, source=EventSource.ONE_CLICK, issue="1.1"),
        Event(
            subscriber=OLGA, kind=EventKind.HARD, source=EventSource.MAIL, issue="1.4", said_at=make_instant(said_at),
            evidence={"code": "5.1.1", "words": "no such\nuser", "proof": "the Message-ID"},
        ),
    )  # fmt: skip
    _told(publication, "suppress", OLGA, "--reason", "has left the club")
    assert publication.run("send", "2.10", "--yes").returncode == 0
    told = publication.run("subscribers", "show", OLGA).stdout
    minute = r"20\d\d-\d\d-\d\d \d\d:\d\d"
    left, bounced, suppressed = (line for line in told.splitlines() if re.match(rf"  {minute}  ", line))
    assert re.fullmatch(rf"  {minute}  left, by the button of the mail program \(one-click\), about issue 1\.1", left)
    assert re.fullmatch(rf"  {minute}  hard bounce, by mail, about issue 1\.4 \(written down {minute}\)", bounced)
    assert re.fullmatch(rf"  {minute}  suppressed, by an editor", suppressed)
    assert "words: no such user" in told
    assert "proof: the Message-ID" in told
    assert told.count("UTC") == 1
    assert re.search(
        r"  2\.10  not sent: unsubscribed since .*, bounced since .*, suppressed since .* \(has left", told
    )
    assert "not answered yet" not in told
    known = json.loads(publication.run("subscribers", "show", OLGA, "--json").stdout)
    assert [event["source"] for event in known["events"]] == ["one-click", "mail", "editor"]
    assert known["events"][1]["said_at"] == said_at.isoformat()
    assert known["deliveries"][0]["state"] == "suppressed"

    # A suppression since then says nothing about why an older issue was not sent.
    _told(publication, "unsuppress", OLGA)
    told = publication.run("subscribers", "show", OLGA).stdout
    assert "2.10  not sent: they were not to be mailed then" in told
    _told(publication, "suppress", OLGA)
    assert "not sent: they were not to be mailed then" in publication.run("subscribers", "show", OLGA).stdout
    assert re.search(
        rf"2\.10  accepted  {minute}  to ", publication.run("subscribers", "show", "ada.okafor@example.org").stdout
    )


@pytest.mark.slow
def test_forget_says_what_is_there_and_that_nothing_was_done(publication: Publication) -> None:
    create_secret_keys(publication.root)
    _told(publication, "suppress", OLGA)
    status, told = _told(publication, "forget", OLGA, stdin="n\n")
    assert status == 1
    assert f"Known of {OLGA}: 1 row of subscribers.csv, 1 event, and a note that they must not be mailed (unsub" in told
    assert "Nobody was erased." in told
    assert "Abort" not in told
    _told(publication, "suppress", "other@example.org")
    _, told = _told(publication, "forget", "other@example.org", stdin="n\n")
    assert "Known of other@example.org: 1 event, and a note that" in told
    _say(publication, Event(subscriber="third@example.org", kind=EventKind.SIGNED_UP, source=EventSource.EDITOR))
    assert "Known of third@example.org: 1 event.\n" in _told(publication, "forget", "third@example.org", stdin="n\n")[1]


@pytest.mark.slow
def test_stats_say_in_plain_words_what_happened_and_why_they_left(publication: Publication) -> None:
    reasons = ["Too often", "Too often: twice a week!", "Not for me", "x" * 200, "moved\nto Riga", "Not for me: no: no"]
    reasons += [f"Why {number}" for number in range(12)]
    for number, reason in enumerate(reasons):
        reader = f"r{number}@example.org"
        _say(
            publication,
            Event(subscriber=reader, kind=EventKind.UNSUBSCRIBED, source=EventSource.PAGE, issue="2.10"),
            Event(subscriber=reader, kind=EventKind.REASON, source=EventSource.PAGE, evidence={"words": reason}),
        )
    _say(publication, Event(subscriber="r1@example.org", kind=EventKind.ALLOWED, source=EventSource.EDITOR))
    _say(publication, Event(subscriber=OLGA, kind=EventKind.REMOVED, source=EventSource.EDITOR))
    figures = json.loads(publication.run("subscribers", "stats", "--json").stdout)
    assert list(figures["reasons"].items())[:2] == [("Too often", 2), ("Not for me", 2)]
    assert len(figures["reasons"]) == 11
    assert figures["reasons"]["other words"] == 2 + 12 - 8
    assert {one["kind"] for one in figures["months"]} == {"unsubscribed", "reason", "allowed", "removed"}
    told = publication.run("subscribers", "stats").stdout
    assert "Why they left: Too often (2), Not for me (2), Why 0 (1)" in told
    assert "other words (6)" in told
    for words in ("18\tleft", "18\tsaid why they left", "1\tallowed again by you", "1\ttaken off the list by you"):
        assert words in told
    assert "xxx" not in told


@pytest.mark.slow
def test_a_reason_of_one_reader_alone_is_counted_too(publication: Publication) -> None:
    assert "Why they left" not in publication.run("subscribers", "stats").stdout
    _say(
        publication,
        Event(subscriber=OLGA, kind=EventKind.UNSUBSCRIBED, source=EventSource.PAGE),
        Event(subscriber=OLGA, kind=EventKind.REASON, source=EventSource.PAGE, evidence={"words": "Never asked"}),
    )
    assert "Why they left: Never asked (1)\n" in publication.run("subscribers", "stats").stdout


@pytest.mark.slow
def test_hashes_of_another_key_lead_to_the_key(publication: Publication, tmp_path: Path) -> None:
    create_secret_keys(publication.root)
    _told(publication, "forget", OLGA, "--yes")
    assert publication.run("subscribers", "export", "gone.csv", "--suppressed").returncode == 0
    (publication.root / ".newsletter/keys.toml").unlink()
    publication.environ["NEWSLETTER_STORE__URL"] = "sqlite:///other.db"
    create_secret_keys(publication.root)
    status, told = _told(publication, "suppress", "--from", "gone.csv")
    assert status == 1
    assert "Copy .newsletter/keys.toml from where the file was written. Then read the file again." in told
    assert "export again" not in told


def _csv(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


@pytest.mark.slow
def test_an_export_replaces_files_and_nothing_else(publication: Publication) -> None:
    root = publication.root
    os.mkfifo(root / "pipe.csv")
    status, told = _told(publication, "export", "pipe.csv", "--yes")
    assert status == 1
    assert "pipe.csv is no file" in told
    assert (root / "pipe.csv").is_fifo()
    (root / "real.csv").write_text("old")
    (root / "link.csv").symlink_to("real.csv")
    assert _told(publication, "export", "link.csv", "--yes")[0] == 0
    assert (root / "link.csv").is_symlink()
    assert (root / "real.csv").read_text(encoding="utf-8-sig").startswith("email,")
    (root / "mine.csv").symlink_to("subscribers.csv")
    assert "is the list itself" in _told(publication, "export", "mine.csv", "--yes")[1]


@pytest.mark.slow
def test_marks_that_reorder_lines_do_not_reach_the_terminal(publication: Publication) -> None:
    _told(publication, "suppress", OLGA, "--reason", "a\u061cb\u2028c\u2029d")
    shown = publication.run("subscribers", "show", OLGA).stdout
    assert not {"\u061c", "\u2028", "\u2029"} & set(shown)
