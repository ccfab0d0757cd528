"""Processing of a mailbox: who is proved to have bounced, complained or left is mailed no more; nobody else."""

import json
import mailbox
import re
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Sequence
from contextlib import closing
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from conftest import ROOT, Publication
from memory import COMMAND
from messages import parsed
from returned_mail import find_return_path, hide_proof, make_bounce, make_mail, make_report
from sent_publication import SentPublication, send_once
from smtp_server import Server

from newsletter.address import EmailAddress, SubscriberKey
from newsletter.backends import load_backend
from newsletter.clock import make_instant
from newsletter.mail.headers import derive_message_id
from newsletter.store import open_store
from newsletter.subscribers.event_recording import record_events
from newsletter.subscribers.feedback_events import Event, EventKind, EventSource
from newsletter.subscribers.reader_requests import ReaderRequest, RequestKind, RequestState, add_requests
from newsletter.subscribers.secret_keys import require_secret_keys
from newsletter.transactional.mail_kinds import MailKind
from newsletter.transactional.messages import MessageWriter
from newsletter.transactional.queue import queue_mail
from newsletter.transactional.reconfirmations import count_unanswered
from newsletter.transactional.sender import TransactionalSender

ADA, BEN = "ada@example.com", "ben@example.com"
Put = Callable[[bytes], Path]


@pytest.fixture(scope="module")
def sent_once(tmp_path_factory: pytest.TempPathFactory) -> SentPublication:
    """2.10 was sent to two readers, with keys, a service and a return path of each one's own."""

    def settle(publication: Publication) -> None:
        publication.environ |= {
            "NEWSLETTER_SERVICE__URL": "https://news.example.org",
            "NEWSLETTER_SENDER__VERP": "+",
            "NEWSLETTER_INBOX__AUTHSERV_ID": "mail.example.org",
        }

    return send_once(tmp_path_factory.mktemp("sent") / "digest", f"email,name\n{ADA},Ada\n{BEN},Ben\n", settle)


@pytest.fixture
def sent(sent_once: SentPublication, server: Server, tmp_path: Path) -> Publication:
    """Return a copy of it for one test, whose mailbox is yet to come."""
    publication = sent_once.copy(tmp_path / "digest", server)
    publication.environ["NEWSLETTER_INBOX__SOURCE"] = str(publication.root / "Maildir")
    return publication


@pytest.fixture
def put(sent: Publication) -> Put:
    """Deliver a mail into the publication's Maildir; return its file."""
    box = mailbox.Maildir(sent.root / "Maildir")

    def deliver(message: bytes) -> Path:
        return sent.root / "Maildir" / "new" / box.add(message)

    return deliver


def _read(publication: Publication, *more: str) -> list[dict[str, Any]]:
    done = publication.run("inbox", "read", "--json", *more)
    assert done.returncode == 0, done.stdout + done.stderr
    found: list[dict[str, Any]] = json.loads(done.stdout)
    return found


def _shown(publication: Publication, address: str) -> dict[str, Any]:
    shown: dict[str, Any] = json.loads(publication.run("subscribers", "show", address, "--json").stdout)
    return shown


def _mailable(publication: Publication) -> set[str]:
    done = publication.run("send", "3.7", "--dry-run")
    assert done.returncode == 0, done.stderr
    return {str(parsed(path.read_bytes())["To"]) for path in (publication.root / "build/3.7/dry-run").iterdir()}


def test_a_hard_bounce_that_bears_the_message_id_suppresses_at_once(
    sent: Publication, server: Server, put: Put
) -> None:
    path = put(make_bounce(ADA, "5.1.1", server.message(ADA)))
    (found,) = _read(sent)
    assert found.pop("file") == f"new/{path.name}"
    assert found.pop("why").startswith("proved by ")
    assert (found.pop("from"), found.pop("subject")) == ("MAILER-DAEMON@mx.example.com", "Undelivered")
    assert found == {"kind": "hard", "address": ADA, "status": "5.1.1", "issue": "2.10", "action": "suppress"}
    assert _mailable(sent) == {f"Ben <{BEN}>"}
    # It is shown beside the deliveries.
    assert json.loads(sent.run("status", "--json").stdout)[0]["since"]["hard bounce"] == 1
    assert "hard bounce" in sent.run("status").stdout
    assert "Since then: 1 hard bounce" in sent.run("report", "2.10").stdout


def test_what_is_stored_has_its_reason_stage_and_batch(sent: Publication, server: Server, put: Put) -> None:
    put(
        make_bounce(ADA, "5.1.1", server.message(ADA)).replace(
            b"so it is", b"no such user (in reply to RCPT TO command)"
        )
    )
    page, _ = re.findall("<(.+?)>", parsed(server.message(BEN))["List-Unsubscribe"])
    put(make_mail("Somebody <else@example.net>", f"unsubscribe {page.rpartition('/')[2]}"))
    _read(sent)
    with closing(sqlite3.connect(sent.root / ".newsletter/state.db")) as connection:
        columns = "subscriber, reason, stage, source, batch <> ''"
        stored = [
            connection.execute(f"SELECT {columns} FROM {table} ORDER BY subscriber").fetchall()
            for table in ("events", "suppressions")
        ]
    expected = [(ADA, "unknown_user", "rcpt", "mail", 1), (BEN, "unsubscribed", "", "mail", 0)]
    assert stored == [expected, expected]


def test_the_return_path_alone_is_proof(sent: Publication, server: Server, put: Put) -> None:
    # Ada's mail is forwarded: what bounces is an address that no list knows.
    put(
        make_bounce(
            "elsewhere@example.net", "5.1.1", hide_proof(server.message(ADA)), to=find_return_path(server, 1).upper()
        )
    )
    (found,) = _read(sent)
    assert (found["action"], found["why"]) == ("suppress", "proved by the return path")
    assert _mailable(sent) == {f"Ben <{BEN}>"}


@pytest.mark.parametrize(
    "path", ["bounces+1-aaaaaaaaaaaaaaaa@example.org", "bounces+2-{mark}@example.org", "bounces+1@example.org"]
)
def test_a_forged_bounce_removes_nobody(sent: Publication, server: Server, put: Put, path: str) -> None:
    mark = find_return_path(server, 1).partition("-")[2].partition("@")[0]
    put(make_bounce(ADA, "5.1.1", hide_proof(server.message(ADA)), to=path.format(mark=mark)))
    (found,) = _read(sent)
    assert (found["kind"], found["address"], found["action"]) == ("hard", ADA, "left to you")
    assert len(_mailable(sent)) == 2


def test_one_reader_s_copy_proves_nothing_about_another(sent: Publication, server: Server, put: Put) -> None:
    # Ben knows his own Message-ID, and all of the campaign that stands in his copy.
    put(
        make_bounce(
            ADA,
            "5.1.1",
            re.sub(rb"(?m)^(List-Unsubscribe: .*\r\n .*|List-Unsubscribe: .*)\r\n", b"", server.message(BEN)),
        )
    )
    (found,) = _read(sent)
    # It is his own copy that came back, as far as anyone can tell.
    assert (found["address"], found["action"]) == (BEN, "suppress")
    assert _mailable(sent) == {f"Ada <{ADA}>"}


@pytest.mark.slow
def test_soft_bounces_suppress_after_as_many_as_the_configuration_says(
    sent: Publication, server: Server, put: Put
) -> None:
    sent.environ["NEWSLETTER_INBOX__SOFT_BOUNCES"] = "2"
    put(make_bounce(ADA, "4.2.2", server.message(ADA)))
    assert [one["action"] for one in _read(sent)] == ["count"]
    assert len(_mailable(sent)) == 2
    server.stored.clear()
    assert sent.run("send", "1.4", "--yes").returncode == 0
    put(make_bounce(ADA, "4.2.2", server.message(ADA)))
    (second,) = _read(sent)
    assert second["action"] == "suppress"
    assert "soft bounce number 2 within 90 days" in second["why"]
    assert _mailable(sent) == {f"Ben <{BEN}>"}


def test_a_delay_counts_for_nothing(sent: Publication, server: Server, put: Put) -> None:
    sent.environ["NEWSLETTER_INBOX__SOFT_BOUNCES"] = "1"
    put(make_bounce(ADA, "4.4.1", server.message(ADA), action="delayed"))
    (found,) = _read(sent)
    assert (found["kind"], found["action"]) == ("soft", "nothing")
    assert len(_mailable(sent)) == 2


def test_a_complaint_suppresses_even_when_the_address_is_hidden(sent: Publication, server: Server, put: Put) -> None:
    # RFC 5965; many providers take the reader's address out, and leave our own header fields.
    copy = re.sub(rb"(?m)^To: .*\r\n", b"", server.message(ADA))
    parts = [
        ("text/plain", b"This is an email abuse report.\r\n"),
        ("message/feedback-report", b"Feedback-Type: abuse\r\nUser-Agent: Loop/1.0\r\nVersion: 1\r\n"),
        ("message/rfc822", copy),
    ]
    put(make_report("feedback-report", "feedback@isp.example", "abuse@example.org", parts))
    (found,) = _read(sent)
    assert (found["kind"], found["address"], found["action"]) == ("complaint", ADA, "suppress")
    assert [cause["cause"] if isinstance(cause, dict) else cause for cause in _shown(sent, ADA)["causes"]] == [
        "complained"
    ]


def test_a_mail_to_leave_unsubscribes_whose_token_it_bears(sent: Publication, server: Server, put: Put) -> None:
    page, _ = re.findall("<(.+?)>", parsed(server.message(ADA))["List-Unsubscribe"])
    put(make_mail("Somebody <else@example.net>", f"unsubscribe {page.rpartition('/')[2]}"))
    (found,) = _read(sent)
    assert (found["kind"], found["action"], found["why"]) == (
        "unsubscribe",
        "unsubscribe",
        "proved by the token of a link",
    )
    assert _mailable(sent) == {f"Ben <{BEN}>"}


VOUCHED = "Authentication-Results: mail.example.org; dmarc=pass header.from=example.com\r\n"


def test_a_mail_to_leave_from_an_address_that_one_s_own_server_vouches_for_is_enough(
    sent: Publication, put: Put
) -> None:
    put(make_mail("Ada <Ada@Example.com>", "unsubscribe", VOUCHED))
    put(make_mail("nobody@example.net", "unsubscribe", VOUCHED.replace("example.com", "example.net")))
    actions = {one["address"].lower(): one["action"] for one in _read(sent)}
    assert actions == {ADA: "unsubscribe", "nobody@example.net": "left to you"}
    assert _mailable(sent) == {f"Ben <{BEN}>"}


@pytest.mark.slow
def test_a_forged_from_unsubscribes_nobody_and_its_reader_is_asked_once(
    sent: Publication, server: Server, put: Put
) -> None:
    server.stored.clear()
    forged = make_mail(f'"Click http://evil.example" <{ADA}>', "unsubscribe", "Message-ID: <evil@evil.example>\r\n")
    put(forged + b"please remove me\r\nhttp://evil.example")
    (told,) = _read(sent, "--dry-run")
    assert (told["kind"], told["address"], told["action"]) == ("unsubscribe", ADA, "asked to confirm")
    assert server.stored == []
    done = sent.run("inbox", "read")
    assert done.returncode == 0, done.stderr
    assert f"Asked whether they want to leave (1): {ADA}" in done.stdout
    # Once a week, whatever comes.
    put(make_mail(ADA, "unsubscribe"))
    put(make_mail(ADA, "please unsubscribe me"))
    assert {(one["action"], one["why"].partition("; ")[2][:18]) for one in _read(sent)} == {
        ("nothing", "they were asked on")
    }
    assert len(_mailable(sent)) == 2
    ((_, question),) = server.stored
    message = parsed(question)
    text = message.get_content()
    assert (message["To"], message["Auto-Submitted"]) == (ADA, "auto-replied")
    assert message["Subject"] == "Do you want to leave Pacific Alliance Digest?"
    assert b"evil" not in question
    # Its link leaves, and so does its mailto address.
    (token,) = re.findall(r"https://news\.example\.org/u/(\S+)", text)
    assert f"subject=unsubscribe%20{token}>" in message["List-Unsubscribe"]
    put(make_mail(ADA, f"unsubscribe {token}"))
    (left,) = _read(sent)
    assert (left["action"], left["why"]) == ("unsubscribe", "proved by the token of a link")
    assert _mailable(sent) == {f"Ben <{BEN}>"}
    put(make_mail(ADA, "unsubscribe!"))
    (again,) = _read(sent)
    assert again["why"].endswith("they have left already")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("reason", "action", "why"),
    [
        ("unsubscribed", "nothing", "they have left already"),
        ("complained", "nothing", "no mail goes to them already: complained"),
        ("never write again", "nothing", "no mail goes to them already: suppressed"),
        ("bounced", "left to you", "no mail goes to them, and so they are not asked: bounced"),
    ],
)
def test_who_gets_no_mail_is_not_asked_whether_they_want_to_leave(
    sent: Publication, server: Server, put: Put, reason: str, action: str, why: str
) -> None:
    server.stored.clear()
    assert sent.run("subscribers", "suppress", ADA, "--reason", reason).returncode == 0
    put(make_mail(ADA, "unsubscribe"))
    for options in (["--dry-run"], []):
        (told,) = _read(sent, *options)
        assert (told["action"], told["why"].partition("; ")[2]) == (action, why)
    assert server.stored == []


@pytest.mark.slow
def test_a_question_that_a_crash_cut_off_is_not_asked_again_and_a_person_is_told(
    sent: Publication, server: Server, put: Put
) -> None:
    """It was claimed, and nobody knows whether it left."""
    path = put(make_mail(ADA, "unsubscribe"))
    server.stored.clear()
    key = f"sha256:{sha256(path.read_bytes()).hexdigest()}"
    with closing(open_store(sent.workspace.database)) as store:
        record_events(
            store, None, [Event(subscriber=ADA, kind=EventKind.ASKED, source=EventSource.MAIL, evidence={"mail": key})]
        )
    (told,) = _read(sent)
    assert told["action"] == "left to you"
    assert told["why"].endswith("a reading ended while they were asked, and they may not have been")
    assert server.stored == []


@pytest.mark.slow
def test_a_question_that_can_not_be_sent_now_is_sent_by_the_next_reading(
    sent: Publication, server: Server, put: Put
) -> None:
    put(make_mail(ADA, "unsubscribe"))
    server.stored.clear()
    server.refuse = {ADA: "450 4.2.1 later"}
    (told,) = _read(sent)
    assert told["action"] == "left to you"
    assert "they could not be asked, and will be by the next reading: 450 4.2.1" in told["why"]
    server.refuse = {}
    working, sent.environ["NEWSLETTER_SMTP__PORT"] = sent.environ["NEWSLETTER_SMTP__PORT"], "1"
    (told,) = _read(sent)
    assert told["action"] == "left to you"
    sent.environ["NEWSLETTER_SMTP__PORT"] = working
    assert [one["action"] for one in _read(sent)] == ["asked to confirm"]
    assert len(server.stored) == 1


@pytest.mark.slow
def test_a_program_that_answers_is_passed_over(sent: Publication, put: Put) -> None:
    put(make_mail(ADA, "Out of office: unsubscribe me from work", "Auto-Submitted: auto-replied\r\n"))
    (found,) = _read(sent)
    assert (found["kind"], found["action"]) == ("auto-reply", "nothing")
    assert len(_mailable(sent)) == 2


def test_each_mail_is_handled_once(sent: Publication, server: Server, put: Put) -> None:
    path = put(make_bounce(ADA, "5.1.1", server.message(ADA)))
    put(make_mail("nobody@example.net", "a question"))
    assert len(_read(sent)) == 2
    assert _read(sent) == []
    assert path.exists()
    # A copy of it under another name is the same mail.
    (path.with_name("copy")).write_bytes(path.read_bytes())
    assert _read(sent) == []
    assert len(_read(sent, "--again")) == 3
    assert len(_shown(sent, ADA)["events"]) == 1


@pytest.mark.slow
def test_a_dry_run_says_the_same_and_changes_nothing(sent: Publication, server: Server, put: Put) -> None:
    put(make_bounce(ADA, "5.1.1", server.message(ADA)))
    first = _read(sent, "--dry-run", "--move")
    assert first == _read(sent, "--dry-run")
    assert len(_mailable(sent)) == 2
    assert _shown(sent, ADA)["events"] == []
    assert _read(sent) == first
    assert len(_mailable(sent)) == 1


@pytest.mark.slow
def test_moved_mail_leaves_what_is_for_a_person(sent: Publication, server: Server, put: Put) -> None:
    put(make_bounce(ADA, "5.1.1", server.message(ADA)))
    question = put(make_mail("nobody@example.net", "a question"))
    assert len(_read(sent, "--move")) == 2
    left = [path for path in (sent.root / "Maildir").rglob("*") if path.is_file() and "handled" not in str(path)]
    assert [path.name.partition(":")[0] for path in left] == [question.name]
    # It is met again until somebody has dealt with it.
    assert [one["action"] for one in _read(sent, "--move")] == ["left to you"]


@pytest.mark.slow
def test_what_was_left_to_a_person_is_not_moved_later(sent: Publication, put: Put) -> None:
    question = put(make_mail("nobody@example.net", "a question"))
    assert len(_read(sent)) == 1
    assert _read(sent) == []
    assert [one["action"] for one in _read(sent, "--move")] == ["left to you"]
    assert question.exists()


def test_the_token_in_a_subject_is_enough_whatever_stands_beside_it(
    sent: Publication, server: Server, put: Put
) -> None:
    page, _ = re.findall("<(.+?)>", parsed(server.message(ADA))["List-Unsubscribe"])
    put(make_mail("else@example.net", f"Re: leave {page.rpartition('/')[2]}"))
    (found,) = _read(sent)
    assert (found["kind"], found["action"], found["address"]) == ("unsubscribe", "unsubscribe", ADA)


@pytest.mark.slow
def test_who_answers_a_copy_that_was_sent_on_to_them_speaks_for_nobody_else(
    sent: Publication, server: Server, put: Put
) -> None:
    quoted = "> " + server.message(ADA).decode().replace("\r\n", "\r\n> ")
    friend = make_mail("friend@example.net", "unsubscribe") + quoted.encode()
    reader = make_mail(BEN, "unsubscribe me please", VOUCHED) + quoted.encode()
    put(friend)
    put(reader)
    assert {one["address"]: one["action"] for one in _read(sent)} == {
        "friend@example.net": "left to you",
        BEN: "unsubscribe",
    }
    assert _mailable(sent) == {f"Ada <{ADA}>"}


@pytest.mark.slow
def test_a_report_that_somebody_opted_out_needs_proof_too(sent: Publication, server: Server, put: Put) -> None:
    said = f"Feedback-Type: opt-out\r\nUser-Agent: X/1\r\nVersion: 1\r\nOriginal-Rcpt-To: {ADA}\r\n".encode()
    parts = [("text/plain", b"An opt-out.\r\n"), ("message/feedback-report", said)]
    put(make_report("feedback-report", "mallory@evil.example", "abuse@example.org", parts))
    (forged,) = _read(sent)
    assert (forged["address"], forged["action"]) == (ADA, "left to you")
    put(
        make_report(
            "feedback-report", "fbl@isp.example", "abuse@example.org", [*parts, ("message/rfc822", server.message(ADA))]
        )
    )
    (true,) = _read(sent)
    assert (true["address"], true["action"]) == (ADA, "unsubscribe")


@pytest.mark.slow
def test_a_bounce_that_quotes_a_reader_s_link_is_not_about_them(sent: Publication, server: Server, put: Put) -> None:
    # The editor sent Ada's answer on, with her link in its text, and that came back.
    link = re.findall("<(http.+?)>", parsed(server.message(ADA))["List-Unsubscribe"])[0]
    returned = b"From: editor@example.org\r\nTo: tech@dead.example\r\nMessage-ID: <e@example.org>\r\n\r\n"
    bounce = make_bounce("tech@dead.example", "5.1.1", returned)
    put(bounce.replace(b"It could not be delivered.", f"> Unsubscribe: {link}".encode()))
    (found,) = _read(sent)
    assert (found["address"], found["action"]) == ("tech@dead.example", "left to you")
    assert len(_mailable(sent)) == 2


@pytest.mark.slow
def test_message_ids_of_earlier_versions_prove_nothing(sent: Publication, server: Server, put: Put) -> None:
    """They are made of the campaign's id, which stands in git beside the draft."""
    with sqlite3.connect(sent.root / ".newsletter/state.db") as connection:
        connection.execute("UPDATE campaigns SET seed = NULL")
        (payload,) = connection.execute("SELECT payload FROM templates").fetchone()
        (campaign,) = connection.execute("SELECT id FROM campaigns").fetchone()
        connection.execute(
            "UPDATE templates SET payload = ?", (json.dumps({**json.loads(payload), "campaign": campaign}).encode(),)
        )
    connection.close()
    made_up = re.sub(
        rb"(?m)^Message-ID: .*\r\n",
        f"Message-ID: {derive_message_id(campaign, ADA, 'example.org')}\r\n".encode(),
        hide_proof(server.message(ADA)),
    )
    put(make_bounce(ADA, "5.1.1", made_up))
    assert [one["action"] for one in _read(sent)] == ["left to you"]


RECEIVED = b"Received: from mx.example.com by mail.example.org; %s\r\n"


@pytest.mark.slow
def test_what_an_editor_has_undone_no_older_mail_does_again(sent: Publication, server: Server, put: Put) -> None:
    bounce = RECEIVED % b"Sun, 22 Nov 2020 10:00:00 +0000" + make_bounce(ADA, "5.1.1", server.message(ADA))
    put(bounce)
    assert [one["action"] for one in _read(sent)] == ["suppress"]
    assert sent.run("subscribers", "unsuppress", ADA).returncode == 0
    assert [one["action"] for one in _read(sent, "--again")] == ["nothing"]
    assert len(_mailable(sent)) == 2
    # A copy of the old mail, as another server's mailbox has it.
    put(b"X-Moved: yes\r\n" + bounce)
    (told,) = _read(sent)
    assert (told["action"], told["why"].partition("; ")[2]) == ("nothing", "they wanted the mail again after it came")
    assert len(_mailable(sent)) == 2


def _came_back(publication: Publication, reader: str) -> None:
    with closing(open_store(publication.workspace.database)) as store:
        said = [
            Event(subscriber=reader, kind=kind, source=EventSource.PAGE)
            for kind in (EventKind.UNSUBSCRIBED, EventKind.RETURNED)
        ]
        assert record_events(store, None, said) == [True, True]


@pytest.mark.slow
def test_the_time_of_receipt_decides_and_no_sender_s_clock(sent: Publication, server: Server, put: Put) -> None:
    """A reader came back, and leaves again; by the clock of their machine it is still 2001, or 2099."""
    _came_back(sent, ADA)
    token = _token(server, ADA)
    for year in ("2001", "2099"):
        put(make_mail(ADA, f"unsubscribe {token}", f"Date: Thu, 22 Nov {year} 10:00:00 +0000\r\n"))
        (told,) = _read(sent)
        assert told["action"] == "unsubscribe"
    event = [one for one in _shown(sent, ADA)["events"] if one["kind"] == "unsubscribed"][-1]
    assert event["said_at"][:4] == event["at"][:4]
    assert _mailable(sent) == {f"Ben <{BEN}>"}


def test_what_is_reported_is_what_was_recorded(sent: Publication, server: Server, put: Put) -> None:
    """A mail that was received before its reader came back changes nothing, and says so: in a dry run, too."""
    _came_back(sent, ADA)
    put(RECEIVED % b"Sun, 22 Nov 2020 10:00:00 +0000" + make_mail(ADA, f"unsubscribe {_token(server, ADA)}"))
    for more in (["--dry-run"], []):
        (told,) = _read(sent, *more)
        assert (told["kind"], told["action"]) == ("unsubscribe", "nothing")
        assert told["why"].endswith("they wanted the mail again after it came")
    assert len(_mailable(sent)) == 2


def _token(server: Server, reader: str) -> str:
    page, _ = re.findall("<(.+?)>", parsed(server.message(reader))["List-Unsubscribe"])
    return page.rpartition("/")[2]


@pytest.mark.slow
def test_a_leaked_token_in_a_forged_report_proves_nothing_but_leaving(
    sent: Publication, server: Server, put: Put
) -> None:
    """Links are sent on, and stand in logs: who has one can forge no bounce and no complaint with it."""
    link = f"<https://news.example.org/u/{_token(server, ADA)}>"
    leaked = re.sub(
        rb"(\r\n\r\n)", f"\r\nList-Unsubscribe: {link}\r\n\r\n".encode(), hide_proof(server.message(ADA)), count=1
    )
    put(make_bounce(ADA, "5.1.1", leaked))
    said = b"Feedback-Type: abuse\r\nUser-Agent: X/1\r\nVersion: 1\r\n"
    put(make_report("feedback-report", "fbl@isp.example", "a@example.org",
                [("message/feedback-report", said), ("message/rfc822", leaked)]))  # fmt: skip
    assert [(one["kind"], one["action"]) for one in _read(sent)] == [
        ("hard", "left to you"), ("complaint", "left to you"),
    ]  # fmt: skip
    assert len(_mailable(sent)) == 2


def test_a_refusal_of_the_sender_is_not_counted_against_the_reader(sent: Publication, server: Server, put: Put) -> None:
    sent.environ["NEWSLETTER_INBOX__SOFT_BOUNCES"] = "1"
    blocked = make_bounce(ADA, "5.7.1", server.message(ADA)).replace(
        b"so it is", b"Client host blocked using a blocklist"
    )
    put(blocked)
    (found,) = _read(sent)
    assert (found["kind"], found["action"]) == ("soft", "blocked")
    assert "refuses you" in found["why"]
    assert len(_mailable(sent)) == 2
    assert json.loads(sent.run("status", "--json").stdout)[0]["since"]["blocked"] == 1


@pytest.mark.slow
def test_a_refusal_of_the_sender_has_a_row_of_its_own_by_the_name_it_has_everywhere(
    sent: Publication, server: Server, put: Put
) -> None:
    words = b"Client host blocked using a blocklist"
    put(make_bounce(ADA, "5.7.1", server.message(ADA)).replace(b"so it is", words))
    put(make_bounce(BEN, "4.4.1", server.message(BEN), action="delayed"))
    done = sent.run("inbox", "read")
    assert done.returncode == 0, done.stderr
    assert "1\trefused because of the sender\tnoted, and not held against the reader" in done.stdout
    assert "1\tsoft bounce\tnothing to do" in done.stdout
    assert "1 refused because of the sender" in sent.run("status", "2.10").stdout
    assert "refused because of the sender" in sent.run("subscribers", "show", ADA).stdout


@pytest.mark.slow
def test_of_several_readers_in_a_report_each_has_a_fate_of_their_own(
    sent: Publication, server: Server, put: Put
) -> None:
    hers = f"Final-Recipient: rfc822; {ADA}\r\nAction: delivered\r\nStatus: 2.0.0\r\n\r\n".encode()
    bounce = make_bounce("carol@example.net", "5.1.1", server.message(ADA))
    put(bounce.replace(b"Final-Recipient: rfc822; carol", hers + b"Final-Recipient: rfc822; carol"))
    (found,) = _read(sent)
    assert (found["address"], found["action"]) == (ADA, "nothing")
    assert len(_mailable(sent)) == 2


@pytest.mark.slow
def test_without_the_keys_nothing_is_given_up(sent: Publication, server: Server, put: Put) -> None:
    put(make_bounce(ADA, "5.1.1", server.message(ADA)))
    kept = (sent.root / ".newsletter/keys.toml").rename(sent.root / "kept.toml")
    done = sent.run("inbox", "read")
    assert done.returncode == 2
    assert "There are no keys here" in done.stderr
    kept.rename(sent.root / ".newsletter/keys.toml")
    assert [one["action"] for one in _read(sent)] == ["suppress"]


@pytest.mark.slow
def test_a_mail_that_can_not_be_moved_keeps_no_other_from_being_read(
    sent: Publication, server: Server, put: Put
) -> None:
    put(make_bounce(ADA, "5.1.1", server.message(ADA)))
    put(make_bounce(BEN, "5.1.1", server.message(BEN)))
    (sent.root / "Maildir/.handled").write_text("in the way")
    done = sent.run("inbox", "read", "--move", "--json")
    assert done.returncode == 1
    assert [one["action"] for one in json.loads(done.stdout)] == ["suppress", "suppress"]
    assert "handled" in done.stderr


@pytest.mark.slow
def test_status_counts_who_is_a_reader_of_the_issue_and_stays_away(sent: Publication, put: Put) -> None:
    (sent.root / "subscribers.csv").write_text("email\nnew@example.com\n")
    for sender in (ADA, BEN, "new@example.com"):
        put(make_mail(sender, "unsubscribe", VOUCHED))
    assert len(_read(sent)) == 3
    # None of them said which issue it was about; what a link's token says, the service's own tests count.
    assert json.loads(sent.run("status", "--json").stdout)[0]["since"]["unsubscribed"] == 0


def test_a_person_is_told_who_left_and_who_bounced_and_what_to_look_at(
    sent: Publication, server: Server, put: Put
) -> None:
    put(make_bounce(ADA, "5.1.1", hide_proof(server.message(ADA))))
    put(make_bounce(BEN, "5.1.1", server.message(BEN)))
    put(make_mail("else@example.net", f"unsubscribe {_token(server, ADA)}"))
    put(make_mail("Olga <olga@example.net>", "What is this \x1b[31m?"))
    done = sent.run("inbox", "read")
    assert done.returncode == 0, done.stderr
    assert 'other from olga@example.net, "What is this [31m?", left to you: it is neither' in done.stdout
    told = (
        f'hard bounce about {ADA} from mailer-daemon@mx.example.com, "Undelivered", left to you: nothing in it shows '
        "that it is about a mail of yours"
    )
    assert told in done.stdout.replace("MAILER-DAEMON", "mailer-daemon")
    assert f"Left (1): {ADA}" in done.stdout
    assert f"Bounced, and get no more mail (1): {BEN}" in done.stdout
    assert "1\thard bounce\tno more mail goes there" in done.stdout
    assert done.stdout.count("What is left to you: open it. If you believe it: newsletter subscribers suppress") == 1
    # In a pipe, which may be cron's, nothing is said when there is nothing new.
    assert sent.run("inbox", "read").stdout == ""
    moving = sent.run("inbox", "read", "--move")
    assert moving.stdout == ""
    assert len(list((sent.root / "Maildir/new").iterdir())) == 2


def test_a_token_stands_in_no_message(sent: Publication, server: Server, put: Put) -> None:
    """Whoever reads one could unsubscribe its reader, and change their mind back again."""
    token = _token(server, ADA)
    put(make_mail("else@example.net", f"unsubscribe {token}"))
    other = f"{'A' * 30}.{token.partition('.')[2]}"  # torn apart: it proves nothing
    put(make_mail("other@example.net", f"Question about {other}"))
    said = [sent.run("inbox", "read"), sent.run("inbox", "read", "--again", "--json")]
    said += [sent.run("subscribers", *words) for words in (["show", ADA], ["show", ADA, "--json"])]
    said.append(sent.run("subscribers", "list", "--suppressed"))
    for done in said:
        assert token not in done.stdout + done.stderr
        assert token.partition(".")[2] not in done.stdout + done.stderr
    assert '"Question about [a reader\'s token]"' in said[0].stdout
    assert "unsubscribe [a reader's token]" in said[2].stdout


@pytest.mark.slow
def test_no_mailbox_is_told(publication: Publication) -> None:
    done = publication.run("inbox", "read")
    assert done.returncode == 2
    assert "newsletter inbox read ~/Maildir" in done.stderr


@pytest.mark.slow
def test_whoever_left_is_counted_and_a_send_that_goes_on_balances(server: Server, put: Put, sent: Publication) -> None:
    """Half of the readers wait when two of them leave by mail."""
    readers = sent.readers(20)
    server.refuse = dict.fromkeys(readers[10:], "450 4.2.1 later")
    sent.run("send", "1.4", "--yes")
    server.refuse = {}
    for reader in readers[:2] + readers[10:12]:
        put(make_mail(reader, "unsubscribe", VOUCHED.replace("example.com", reader.partition("@")[2])))
    assert [one["action"] for one in _read(sent)] == ["unsubscribe"] * 4
    done = sent.run("send", "1.4", "--yes")
    assert "20 on the list = 18 accepted + 0 refused + 0 deferred + 0 unknown + 0 pending + 2 suppressed" in done.stdout
    later = sent.run("send", "3.7", "--yes")
    assert (
        "20 on the list = 16 accepted + 0 refused + 0 deferred + 0 unknown + 0 pending + 4 suppressed" in later.stdout
    )
    assert not {reader for reader in readers[10:12] if reader in server.copies()}


@pytest.mark.slow
def test_ten_thousand_mails_take_no_more_memory_than_a_thousand_and_twice_the_same(publication: Publication) -> None:
    """Mails of every form, read by the command itself."""
    folder = publication.root / "Maildir"
    samples = [path.read_bytes() for path in sorted((Path(__file__).parent / "recognition/samples").glob("*.eml"))]
    peaks, outputs = [], []
    for count in (1000, 10_000, 10_000):
        _fill(folder, samples, count)
        done = subprocess.run(
            [sys.executable, "-c", COMMAND, str(ROOT / "tests"), "inbox", "read", "Maildir", "--dry-run", "--json"],
            cwd=publication.root,
            env=publication.environment(), capture_output=True, text=True, check=True,
        )  # fmt: skip
        outputs.append(done.stdout)
        peaks.append(int(done.stderr.split()[-1]) / 1000)
    assert len(json.loads(outputs[1])) == 10_000
    assert outputs[1] == outputs[2]
    assert peaks[1] - peaks[0] < 15, peaks  # MB


@pytest.mark.slow
def test_a_bar_shows_how_far_it_is(publication: Publication) -> None:
    _fill(publication.root / "Maildir", [make_mail("a@example.net", "a question")], 50)
    publication.environ["FORCE_COLOR"] = "1"
    done = publication.run("inbox", "read", "Maildir", "--dry-run")
    assert done.returncode == 0, done.stderr
    assert "50/50" in done.stderr


def _fill(folder: Path, samples: Sequence[bytes], count: int) -> None:
    """Each is another mail, as its key goes by the content."""
    for name in ("new", "cur", "tmp"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    for number in range(count):
        (folder / "new" / f"{number:05}").write_bytes(b"X-Number: %d\n" % number + samples[number % len(samples)])


@pytest.mark.parametrize(
    ("kind", "status", "action"),
    [
        (MailKind.RECONFIRM, "5.1.1", "suppress"), (MailKind.RECONFIRM, "5.7.1", "blocked"),
        (MailKind.CONFIRM_JOIN, "5.1.1", "left to you"),
    ],
)  # fmt: skip
def test_what_comes_back_of_a_readers_own_mail_is_known_as_theirs(
    sent: Publication, server: Server, put: Put, kind: MailKind, status: str, action: str
) -> None:
    """Servers in between accept a mail, and say later that it did not arrive: its reader is not taken to be silent."""
    workspace = sent.workspace
    with closing(open_store(workspace.database)) as store:
        request = ReaderRequest(kind=RequestKind.RECONFIRM, address=EmailAddress(BEN), state=RequestState.ASKED)
        with store.transaction() as connection:
            (number,) = add_requests(connection, [request])
            queue_mail(connection, kind, SubscriberKey(BEN), EmailAddress(BEN), request=number)
        TransactionalSender(store).send_due(
            lambda: MessageWriter(workspace, store, require_secret_keys(workspace)),
            lambda: load_backend("smtp", workspace.config, workspace.root),
        )
        message = [data for to, data in server.stored if to == BEN][-1]
        forged = hide_proof(message)
        later = make_instant(datetime.now(UTC) + timedelta(days=1))
        with store.reading() as connection:
            assert count_unanswered(connection, later) == (kind is MailKind.RECONFIRM)
        now = f"Date: {format_datetime(datetime.now(UTC))}".encode()
        for data in (message, forged):
            put(re.sub(rb"(?m)^Date: [^\r]*", now, make_bounce(BEN, status, data), count=1))
        assert sorted(found["action"] for found in _read(sent)) == sorted([action, "left to you"])
        with store.reading() as connection:
            assert count_unanswered(connection, later) == 0
