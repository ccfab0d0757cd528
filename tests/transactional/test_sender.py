"""Mails to single readers, sent to a real server that takes, refuses, puts off, breaks off or is down."""

import logging
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import time

import pytest
import smtp_server
from certificate import make_certificate
from mail_room import MailRoom
from messages import well_formed
from sqlalchemy import select, update

from newsletter.address import SubscriberKey
from newsletter.store import suppressions
from newsletter.store.schema import transactional_mails
from newsletter.subscribers.feedback_events import SuppressionKind
from newsletter.transactional.mail_kinds import MailKind, MailState
from newsletter.transactional.queue import claim_mail

ADA, BEN = "ada@example.org", "ben@example.org"


def _make_due(room: MailRoom) -> None:
    with room.store.transaction() as connection:
        connection.execute(update(transactional_mails).values(due=0.0))


def _rows(room: MailRoom) -> list[dict[str, object]]:
    with room.store.reading() as connection:
        rows = connection.execute(select(transactional_mails).order_by(transactional_mails.c.id))
        return [dict(row._mapping) for row in rows]


def test_each_kind_is_sent_once(room: MailRoom, server: smtp_server.Server) -> None:
    for number, kind in enumerate(MailKind):
        room.queue(kind, f"reader{number}@example.org")
    sent = room.send()
    assert sent.counts == {MailState.ACCEPTED: len(MailKind)}
    assert server.copies() == {f"reader{number}@example.org": 1 for number in range(len(MailKind))}
    assert server.sessions == 1
    assert room.send().counts == {}
    assert room.counts() == {MailState.ACCEPTED: len(MailKind)}
    for _, data in server.stored:
        well_formed(data)


def test_a_mail_is_claimed_in_the_store_before_its_first_byte(room: MailRoom, server: smtp_server.Server) -> None:
    room.queue()
    seen: list[object] = []

    def on_reply(_number: int, text: str) -> None:
        if text.startswith("250 2.1.5"):  # to RCPT: before the text
            seen.extend(row["state"] for row in _rows(room))

    server.on_reply = on_reply
    room.send()
    assert seen == ["claimed"]


def test_without_a_connection_everything_waits_and_nothing_counts(room: MailRoom, server: smtp_server.Server) -> None:
    room.queue()
    room.publication.environ["NEWSLETTER_SMTP__PORT"] = "1"
    first, second = room.send(), room.send()
    assert first.rest_s < second.rest_s
    assert "127.0.0.1" in first.why
    (row,) = _rows(room)
    assert (row["state"], row["attempts"], row["due"]) == ("waiting", 0, 0.0)
    room.publication.through(server)
    assert room.send().counts == {MailState.ACCEPTED: 1}


def test_a_refused_login_drops_nothing(room: MailRoom, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    context, path = make_certificate(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(path))
    room.queue()
    with smtp_server.running(certificate=context, login=True) as strict:
        room.publication.environ |= {
            "NEWSLETTER_SMTP__HOST": "localhost", "NEWSLETTER_SMTP__PORT": str(strict.port),
            "NEWSLETTER_SMTP__SECURITY": "starttls", "NEWSLETTER_SMTP__USERNAME": "digest",
            "NEWSLETTER_SMTP__PASSWORD": "wrong",
        }  # fmt: skip
        sent = room.send()
        assert sent.rest_s
        assert "wrong" not in sent.why
        (row,) = _rows(room)
        assert (row["state"], row["attempts"]) == ("waiting", 0)
        room.publication.environ["NEWSLETTER_SMTP__PASSWORD"] = "secret"
        assert room.send().counts == {MailState.ACCEPTED: 1}


def test_settings_that_cannot_be_used_keep_everything_waiting(room: MailRoom) -> None:
    room.queue()
    room.publication.environ["NEWSLETTER_DKIM__SELECTOR"] = "s1"
    sent = room.send()
    assert sent.why
    assert sent.rest_s
    assert room.counts() == {MailState.WAITING: 1}


@pytest.mark.parametrize("stage", ["refuse", "answer"])
def test_a_refused_address_is_refused_and_the_others_go_on(
    room: MailRoom, server: smtp_server.Server, stage: str, caplog: pytest.LogCaptureFixture
) -> None:
    getattr(server, stage)[ADA] = f"550 5.1.1 <{ADA}> is nobody"
    room.queue()
    room.queue(address=BEN)
    with caplog.at_level(logging.WARNING):
        sent = room.send()
    assert sent.counts == {MailState.REFUSED: 1, MailState.ACCEPTED: 1}
    assert server.copies() == {BEN: 1}
    assert "5.1.1" in caplog.text
    assert ADA not in caplog.text
    assert room.send().counts == {}
    refused = _rows(room)[0]
    assert (refused["state"], refused["code"], refused["enhanced"]) == ("refused", 550, "5.1.1")


def test_who_is_put_off_waits_longer_each_time_until_it_is_given_up(room: MailRoom, server: smtp_server.Server) -> None:
    server.refuse[ADA] = "450 4.2.1 busy"
    room.queue()
    waits = []
    for _ in range(3):
        assert room.send().counts == {MailState.WAITING: 1}
        waits.append(float(str(_rows(room)[0]["due"])) - time())
        assert room.send().counts == {}  # not yet
        _make_due(room)
    assert waits == sorted(waits)
    assert _rows(room)[0]["attempts"] == 3
    with room.store.transaction() as connection:
        long_ago = (datetime.now(UTC) - timedelta(days=6)).isoformat(timespec="milliseconds")
        connection.execute(update(transactional_mails).values(created_at=long_ago))
    assert room.send().counts == {MailState.REFUSED: 1}


@pytest.mark.parametrize(
    "reply",
    [
        "451 4.7.28 too many messages, slow down",
        "550 5.4.5 Daily sending quota exceeded",
        "421 4.7.0 too many connections",
    ],
)
def test_what_concerns_the_sender_keeps_all_waiting_uncounted(
    room: MailRoom, server: smtp_server.Server, reply: str
) -> None:
    server.refuse = {ADA: reply, BEN: reply}
    room.queue()
    room.queue(address=BEN)
    sent = room.send()
    assert sent.rest_s >= 5
    assert ADA not in sent.why
    assert room.counts() == {MailState.WAITING: 2}
    assert {row["attempts"] for row in _rows(room)} == {0}
    server.refuse.clear()
    _make_due(room)
    assert room.send().counts == {MailState.ACCEPTED: 2}


def test_a_block_list_refuses_nobody_and_stops_after_a_few(room: MailRoom, server: smtp_server.Server) -> None:
    everyone = [f"reader{number}@example.org" for number in range(10)]
    server.refuse = dict.fromkeys(everyone, "554 5.7.1 blocked, see spamhaus")
    for address in everyone:
        room.queue(address=address)
    for _ in range(6):
        assert room.send().rest_s
        _make_due(room)
    assert room.counts() == {MailState.WAITING: 10}
    server.refuse.clear()
    assert room.send().counts == {MailState.ACCEPTED: 10}


def test_policy_that_hits_one_alone_is_about_that_one(room: MailRoom, server: smtp_server.Server) -> None:
    server.refuse[ADA] = "550 5.7.1 we take no newsletters"
    room.queue()
    room.queue(address=BEN)
    states = []
    for _ in range(5):
        room.send()
        states.append(_rows(room)[0]["state"])
        _make_due(room)
    assert states == ["waiting", "waiting", "waiting", "refused", "refused"]


def test_a_connection_lost_under_the_text_leaves_it_unknown_and_it_is_never_sent_again(
    room: MailRoom, server: smtp_server.Server
) -> None:
    room.queue()
    server.on_reply = lambda _number, text: "drop" if text == "250 2.0.0 Ok: stored" else None
    assert room.send().counts == {MailState.UNKNOWN: 1}
    assert server.copies() == {ADA: 1}  # it was stored, and nobody here knows
    server.on_reply = lambda _number, _text: None
    _make_due(room)
    assert room.send().counts == {}
    assert server.copies() == {ADA: 1}


def test_a_connection_lost_before_the_text_leaves_it_waiting(room: MailRoom, server: smtp_server.Server) -> None:
    room.queue()
    server.on_reply = lambda _number, text: "drop" if text.startswith("250 2.1.5") else None
    room.send()
    (row,) = _rows(room)
    assert (row["state"], row["attempts"]) == ("waiting", 0)
    server.on_reply = lambda _number, _text: None
    _make_due(room)
    assert room.send().counts == {MailState.ACCEPTED: 1}
    assert server.copies() == {ADA: 1}


def test_what_a_crash_left_claimed_is_unknown_once_its_lease_is_over(
    room: MailRoom, server: smtp_server.Server
) -> None:
    mail = room.queue()
    with room.store.transaction() as connection:
        claim_mail(connection, mail, "a worker that was killed", lease_s=-1.0)
    assert room.counts() == {MailState.UNKNOWN: 1}
    assert room.send().counts == {MailState.UNKNOWN: 1}
    assert room.send().counts == {}
    assert not server.stored


def test_it_stops_between_two_mails_when_it_may_not_go_on(room: MailRoom, server: smtp_server.Server) -> None:
    for number in range(3):
        room.queue(address=f"reader{number}@example.org")
    answers = iter([True, True, False])
    sent = room.send(may_go_on=lambda: next(answers, False))
    assert sent.has_more
    assert room.counts() == {MailState.ACCEPTED: len(server.stored), MailState.WAITING: 3 - len(server.stored)}
    assert len(server.stored) < 3


def test_who_leaves_while_their_mail_waits_for_its_turn_does_not_get_it(
    room: MailRoom, server: smtp_server.Server
) -> None:
    for address in (ADA, BEN):
        room.queue(MailKind.WELCOME, address)

    def leave() -> bool:  # after what is due was listed, and before the first of them is taken
        with room.store.transaction() as connection:
            suppressions.suppress(connection, SubscriberKey(BEN), SuppressionKind.UNSUBSCRIBED)
        return True

    assert room.send(may_go_on=leave).counts == {MailState.ACCEPTED: 1, MailState.DROPPED: 1}
    assert server.copies() == {ADA: 1}
    assert room.counts() == {MailState.ACCEPTED: 1, MailState.DROPPED: 1}


def test_more_than_one_connection_carries_are_sent_by_the_next(
    room: MailRoom, server: smtp_server.Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("newsletter.transactional.sender._AT_ONCE", 2)
    for number in range(3):
        room.queue(address=f"reader{number}@example.org")
    first, second = room.send(), room.send()
    assert (first.has_more, second.has_more) == (True, False)
    assert server.copies().total() == 3


def test_the_backends_rate_and_its_messages_for_each_connection_are_kept(
    room: MailRoom, server: smtp_server.Server
) -> None:
    room.publication.environ |= {
        "NEWSLETTER_SMTP__MESSAGES_PER_HOUR": "3",
        "NEWSLETTER_SMTP__MESSAGES_PER_CONNECTION": "2",
    }
    for number in range(5):
        room.queue(address=f"reader{number}@example.org")
    first = room.send()
    assert (first.counts, first.has_more) == ({MailState.ACCEPTED: 2}, True)
    second = room.send()
    assert second.counts == {MailState.ACCEPTED: 1}
    assert second.rest_s > 3000
    assert server.sessions == 2


def test_a_mail_that_cannot_be_written_keeps_no_other_back(
    room: MailRoom, server: smtp_server.Server, caplog: pytest.LogCaptureFixture
) -> None:
    room.queue(MailKind.WELCOME, language="a language\nthat is none")
    room.queue(address=f"{'a' * 1000}@example.org")
    room.queue(address=BEN)
    with caplog.at_level(logging.WARNING):
        room.send()
    assert server.copies()[BEN] == 1
    assert _rows(room)[1]["state"] == "refused"
