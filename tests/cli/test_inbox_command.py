"""`newsletter inbox` as a person, cron and scripts see it: who left, who bounced, and what is left to somebody."""

import json
import mailbox
import re
from collections.abc import Callable

import pytest
from conftest import Publication
from service_server import token
from smtp_server import Server

from newsletter.subscribers.secret_keys import create_secret_keys

READERS = [f"reader{number:02}@example.net" for number in range(30)]


@pytest.fixture
def sent(digest: Publication) -> Publication:
    """2.10 was sent to 30 readers; mail comes back into Maildir/."""
    create_secret_keys(digest.root)
    (digest.root / "subscribers.csv").write_text("email\n" + "\n".join(READERS) + "\n")
    digest.environ["NEWSLETTER_INBOX__SOURCE"] = "Maildir"
    mailbox.Maildir(digest.root / "Maildir")
    assert digest.run("send", "2.10", "--yes").returncode == 0
    return digest


@pytest.fixture
def deliver(sent: Publication, server: Server) -> Callable[..., None]:
    """Deliver a bounce, a complaint, a mail to leave or an answer about each reader's copy."""
    box = mailbox.Maildir(sent.root / "Maildir")

    def report(reader: str, kind: str, fields: str, words: str) -> str:
        header = server.message(reader).partition(b"\r\n\r\n")[0].decode("ascii").replace("\r\n", "\n")
        return (
            f"From: MAILER-DAEMON@mx.example.net\nTo: bounces@example.org\nSubject: {words}\n"
            f'Content-Type: multipart/report; report-type={kind}; boundary="b"\n\n--b\n\n{words}\n'
            f"--b\nContent-Type: message/{kind}\n\n{fields}\n"
            f"--b\nContent-Type: text/rfc822-headers\n\n{header}\n--b--\n"
        )

    def put(kind: str, *readers: str) -> None:
        for reader in readers:
            if kind == "bounce":
                status = f"Final-Recipient: rfc822; {reader}\nAction: failed\nStatus: 5.1.1\n"
                text = report(reader, "delivery-status", f"Reporting-MTA: dns; mx\n\n{status}", "It failed")
            elif kind == "complaint":
                text = report(reader, "feedback-report", "Feedback-Type: abuse\nVersion: 1\nUser-Agent: x/1\n", "Abuse")
            elif kind == "leave":
                text = f"From: {reader}\nTo: leave@example.org\nSubject: unsubscribe {token(sent, reader)}\n\n"
            else:
                text = f"From: {reader}\nTo: bounces@example.org\nSubject: A question\n\nWho made the drawing?\n"
            box.add(text.encode())

    return put


def _shown(publication: Publication, *args: str, typed: str = "") -> str:
    done = publication.run_on_terminal(*args, typed=typed)
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", done.stdout)


def test_each_kind_has_its_line_and_its_readers(sent: Publication, deliver: Callable[..., None]) -> None:
    deliver("bounce", READERS[0])
    deliver("complaint", READERS[1])
    deliver("leave", READERS[2])
    done = sent.run("inbox", "read")
    assert done.returncode == 0, done.stderr
    rows = {tuple(line.split("\t")) for line in done.stdout.splitlines() if "\t" in line}
    assert rows == {
        ("Mails", "Kind", "Done"),
        ("1", "hard bounce", "no more mail goes there"),
        ("1", "complaint", "no more mail goes there"),
        ("1", "unsubscribe", "unsubscribed"),
    }
    assert f"Bounced, and get no more mail (1): {READERS[0]}" in done.stdout
    assert f"Marked it as spam (1): {READERS[1]}" in done.stdout
    assert f"Left (1): {READERS[2]}" in done.stdout
    assert "Should these bounces have been a provider's fault: newsletter inbox undo" in done.stdout


@pytest.mark.slow
def test_a_mail_of_a_person_is_left_to_a_person(sent: Publication, deliver: Callable[..., None]) -> None:
    deliver("answer", READERS[0])
    done = sent.run("inbox", "read")
    assert done.returncode == 0
    assert "no more mail" not in done.stdout
    assert sent.run("subscribers", "list", "--suppressed").stdout.splitlines()[1:] == []


@pytest.mark.slow
def test_a_dry_run_says_what_would_be_done_and_does_nothing(sent: Publication, deliver: Callable[..., None]) -> None:
    deliver("bounce", READERS[0])
    shown = _shown(sent, "inbox", "read", "--dry-run")
    assert "Would be done" in shown
    assert f"Bounced, and get no more mail (1): {READERS[0]}" in shown
    assert "This was a dry run: nothing has changed." in shown
    assert "newsletter inbox undo" not in shown
    assert sent.run("subscribers", "list", "--suppressed").stdout.splitlines()[1:] == []
    assert "no more mail goes there" in sent.run("inbox", "read").stdout


@pytest.mark.slow
def test_what_was_handled_is_told_once_and_again_when_asked(sent: Publication, deliver: Callable[..., None]) -> None:
    assert "No mail is there that was not handled before." in _shown(sent, "inbox", "read")
    assert "No mail is there." in _shown(sent, "inbox", "read", "--again")
    deliver("bounce", READERS[0])
    sent.run("inbox", "read")
    assert sent.run("inbox", "read").stdout == ""  # for cron, which mails whatever is printed
    again = sent.run("inbox", "read", "--again").stdout
    assert "Done now or before" in again
    assert "hard bounce" in again


@pytest.mark.slow
def test_handled_mails_are_moved_when_that_is_wanted(sent: Publication, deliver: Callable[..., None]) -> None:
    deliver("bounce", *READERS[:2])
    done = sent.run("inbox", "read", "--move")
    assert "2 mails moved into the folder 'handled' of that mailbox." in done.stdout
    assert list((sent.root / "Maildir/new").iterdir()) == []
    deliver("bounce", READERS[2])
    left = sent.run("inbox", "read", "--leave")
    assert "moved" not in left.stdout
    assert len(list((sent.root / "Maildir").glob("[nc]*/*"))) == 1


@pytest.mark.slow
def test_scripts_get_each_mail_as_an_object(sent: Publication, deliver: Callable[..., None]) -> None:
    assert json.loads(sent.run("inbox", "read", "--json").stdout) == []
    deliver("bounce", READERS[0])
    (found,) = json.loads(sent.run("inbox", "read", "--json").stdout)
    assert found.keys() == {"file", "kind", "address", "status", "issue", "action", "why", "from", "subject"}
    assert (found["address"], found["status"], found["issue"]) == (READERS[0], "5.1.1", "2.10")


@pytest.mark.slow
def test_many_at_once_wait_for_a_person_whose_answers_are_told(sent: Publication, deliver: Callable[..., None]) -> None:
    deliver("bounce", *READERS[:25])
    held = sent.run("inbox", "read")
    assert held.returncode == 1
    assert "Bounced, and are held back (25): " in held.stdout
    assert f"{READERS[19]} and 5 more" in held.stdout
    assert "Too many bounced at once to believe it unasked: " in held.stdout
    assert "To go on mailing them: newsletter inbox read --no" in held.stdout
    assert "If their mailboxes are gone, suppress them: newsletter inbox read --yes" in held.stdout
    assert sent.run("subscribers", "list", "--suppressed").stdout.splitlines()[1:] == []
    believed = sent.run("inbox", "read", "--yes")
    assert believed.returncode == 0
    assert len(sent.run("subscribers", "list", "--suppressed").stdout.splitlines()[1:]) == 25


@pytest.mark.slow
def test_many_at_once_can_be_passed_over(sent: Publication, deliver: Callable[..., None]) -> None:
    deliver("bounce", *READERS[:25])
    assert sent.run("inbox", "read", "--no").returncode == 0
    assert sent.run("subscribers", "list", "--suppressed").stdout.splitlines()[1:] == []
    assert sent.run("inbox", "read").stdout == ""


@pytest.mark.slow
def test_a_reading_is_undone_after_a_question(sent: Publication, deliver: Callable[..., None]) -> None:
    assert "No reading has suppressed anybody for bounces" in sent.run("inbox", "undo").stdout
    deliver("bounce", READERS[0])
    deliver("leave", READERS[1])
    sent.run("inbox", "read")
    declined = sent.run_on_terminal("inbox", "undo", typed="n\n")
    assert declined.returncode == 1
    assert re.search(r"The reading of 20\S+ \d\d:\d\d UTC has suppressed 1 reader for bounces:", declined.stdout)
    assert READERS[0] in declined.stdout
    assert "Mail them again? [y/N]: Nothing was undone." in declined.stdout
    done = sent.run("inbox", "undo", "--since", "2020-01-01", "--yes")
    assert done.returncode == 0
    assert "1 reader can get mail again." in done.stdout
    assert [row.split("\t")[0] for row in sent.run("subscribers", "list", "--suppressed").stdout.splitlines()[1:]] == [
        READERS[1]
    ]


@pytest.mark.slow
def test_a_mailbox_that_is_not_there_is_answered(sent: Publication) -> None:
    done = sent.run("inbox", "read", "NoSuchBox")
    assert done.returncode != 0
    assert "NoSuchBox" in done.stderr
    del sent.environ["NEWSLETTER_INBOX__SOURCE"]
    unnamed = sent.run("inbox", "read")
    assert unnamed.returncode == 2
    assert "No mailbox is named." in unnamed.stderr
    assert "Name one: newsletter inbox read ~/Maildir" in unnamed.stderr
