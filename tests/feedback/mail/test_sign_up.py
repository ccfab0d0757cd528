"""Whoever writes to the address to join joins, if one's own server vouches for them; nobody else, and nobody twice."""

import mailbox
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import dovecot
import pytest
from conftest import Publication
from sqlalchemy import select, update

from newsletter.actions.erase import erase_subscriber
from newsletter.actions.process_feedback import FeedbackOptions, process_feedback
from newsletter.address import subscriber_key
from newsletter.clock import Instant, format_instant, parse_instant
from newsletter.feedback.mail.decision import Action, Decision
from newsletter.publication import OpenPublication
from newsletter.store import Store, open_store, suppressions
from newsletter.store.events import list_events
from newsletter.store.schema import forgotten, reader_requests, transactional_mails
from newsletter.subscribers.event_recording import record_events
from newsletter.subscribers.feedback_events import Event, EventKind, EventSource
from newsletter.subscribers.joining import gets_newsletter
from newsletter.subscribers.secret_keys import create_secret_keys
from newsletter.subscribers.stored_subscribers import list_consents, stream_subscribers
from newsletter.workspace import PublicationId

ADA, JOIN = "ada@example.net", "join@example.org"
PASSES = "mail.example.org; dmarc=pass header.from=example.net"
Read = Callable[..., list[Decision]]


def _mail(
    sender: str = f"Ada <{ADA}>",
    to: str = JOIN,
    subject: str = "I want it",
    header: str = "",
    results: str = PASSES,
    received: datetime | None = None,
    number: int = 1,
) -> bytes:
    moment = format_datetime(received or datetime.now(UTC) - timedelta(minutes=5))
    trusted = f"Authentication-Results: {results}\r\n" if results else ""
    return (
        f"{trusted}Received: from mx.example.net by mail.example.org; {moment}\r\nFrom: {sender}\r\nTo: {to}\r\n"
        f"Message-ID: <{number}@example.net>\r\nDate: {moment}\r\nSubject: {subject}\r\n{header}\r\nHello.\r\n"
    ).encode()


@pytest.fixture
def joining(publication: Publication) -> Publication:
    """Return a publication that takes sign-ups by mail, out of a Maildir."""
    create_secret_keys(publication.root)
    publication.environ |= {
        "NEWSLETTER_SERVICE__URL": "https://news.example.org",
        "NEWSLETTER_LIST__SOURCE": "store",
        "NEWSLETTER_SIGNUP__MAIL": JOIN,
        "NEWSLETTER_INBOX__AUTHSERV_ID": "mail.example.org",
        "NEWSLETTER_INBOX__SOURCE": str(publication.root / "Maildir"),
    }
    return publication


@pytest.fixture
def opened(joining: Publication, store: Store) -> Iterator[OpenPublication]:
    with OpenPublication(joining.workspace, store=store) as publication:
        yield publication


@pytest.fixture
def read(opened: OpenPublication) -> Read:
    """Put mails into the mailbox, and read it."""
    return lambda *mails, **options: _read(opened, *mails, **options)


def _read(publication: OpenPublication, *mails: bytes, **options: bool) -> list[Decision]:
    box = mailbox.Maildir(publication.workspace.root / "Maildir")
    for mail in mails:
        box.add(mail)
    with process_feedback(publication, FeedbackOptions(**options)) as run:
        return [one.decision for one in run.mails]


def _mails(store: Store) -> list[tuple[str, str]]:
    """Return all that would be mailed."""
    with store.reading() as connection:
        return [
            (*row,) for row in connection.execute(select(transactional_mails.c.kind, transactional_mails.c.address))
        ]


def _gets(store: Store, key: str = ADA) -> bool:
    with store.reading() as connection:
        return gets_newsletter(connection, subscriber_key(key))


def test_who_writes_joins_once_with_what_shows_it_and_is_welcomed_once(store: Store, read: Read) -> None:
    mail = _mail("Ada <Ada@Example.net>")
    (looked,) = read(mail, dry_run=True)
    assert (looked.action, _gets(store)) == (Action.JOIN, False)
    (joined,) = read()
    assert (joined.action, joined.address, joined.kind) == (Action.JOIN, "Ada@example.net", "sign-up")
    assert _gets(store)
    with store.reading() as connection:
        (row,) = stream_subscribers(connection)
        (consent,) = list_consents(connection, ADA)
        (event,) = list_events(connection, ADA)
        (request,) = connection.execute(select(reader_requests))
    assert (row.address, row.fields) == ("Ada@example.net", {})
    assert consent.source == "mail"
    assert consent.evidence["message"] == "<1@example.net>"
    assert consent.evidence["proof"] == "dmarc=pass"
    assert parse_instant(consent.evidence["received_at"]) == parse_instant(event.said_at) < parse_instant(event.at)
    assert consent.given_at == consent.evidence["received_at"]
    assert (event.kind, event.source, request.state, request.source) == ("signed up", "mail", "confirmed", "mail")
    assert _mails(store) == [("welcome", "Ada@example.net")]
    assert read() == []
    again = read(_mail(number=2), again=True)
    assert [one.action for one in again] == [Action.NOTHING, Action.NOTHING]
    assert len(_mails(store)) == 1
    with store.reading() as connection:
        assert len(list_consents(connection, ADA)) == 1


@pytest.mark.parametrize(
    ("given", "action", "why"),
    [
        ({"results": ""}, Action.ASK, "does not say that it passed DMARC"),
        ({"results": "mail.example.org; dmarc=fail header.from=example.net"}, Action.ASK, "DMARC"),
        ({"results": "mail.example.org; dmarc=none header.from=example.net"}, Action.ASK, "DMARC"),
        ({"results": "mail.example.org; spf=pass smtp.mailfrom=example.net"}, Action.ASK, "DMARC"),
        ({"results": "mail.example.org; dmarc=pass header.from=example.com"}, Action.ASK, "DMARC"),
        ({"results": "mx.evil.test; dmarc=pass header.from=example.net"}, Action.ASK, "DMARC"),
        ({"sender": f"{ADA}, eve@example.net"}, Action.ASK, "no mail can be sent"),
        ({"sender": JOIN, "results": PASSES.replace("example.net", "example.org")}, Action.NOTHING, "writes to join"),
        ({"header": "Auto-Submitted: auto-generated\r\n"}, Action.NOTHING, "a program wrote it"),
        ({"header": "Precedence: bulk\r\n"}, Action.NOTHING, "a program wrote it"),
        ({"header": "List-Id: <x.example.net>\r\n"}, Action.NOTHING, "a mailing list passed it on"),
        ({"header": "X-Spam-Flag: YES\r\n"}, Action.NOTHING, "takes it for spam"),
        ({"header": "Return-Path: <>\r\n"}, Action.NOTHING, "a mail server wrote it"),
        ({"header": "In-Reply-To: <9@example.net>\r\n"}, Action.NOTHING, "it answers another mail"),
        ({"subject": "Re: dinner"}, Action.NOTHING, "it answers another mail"),
        ({"sender": "noreply@example.net"}, Action.NOTHING, "a program wrote it"),
        ({"header": "Auto-Submitted: auto-replied\r\n"}, Action.NOTHING, "a program"),
        ({"subject": "Out of office"}, Action.NOTHING, "a program"),
        ({"received": datetime.now(UTC) - timedelta(days=40)}, Action.ASK, "more than 30 days old"),
        # Somebody else's copy of a signed mail, which was sent on to the address.
        ({"to": "friend@example.com", "header": f"Delivered-To: {JOIN}\r\n"}, Action.ASK, "neither a bounce"),
    ],
)
def test_nobody_else_joins_and_no_stranger_is_mailed(
    joining: Publication, given: dict[str, object], action: Action, why: str
) -> None:
    with OpenPublication(joining.workspace) as publication:
        (decision,) = _read(publication, _mail(**given))
        assert (decision.action, why in decision.why) == (action, True), decision.why
        assert not _gets(publication.store)
        assert _mails(publication.store) == []


def test_a_mail_to_leave_to_that_address_is_one_to_leave(store: Store, read: Read) -> None:
    read(_mail())
    (left,) = read(_mail(subject="unsubscribe", number=2))
    assert left.action is Action.UNSUBSCRIBE
    assert not _gets(store)


def _say(store: Store, kind: EventKind, source: EventSource = EventSource.PAGE, *, minutes_ago: float) -> None:
    said_at = Instant(datetime.now(UTC) - timedelta(minutes=minutes_ago))
    record_events(store, None, [Event(subscriber=ADA, kind=kind, source=source, said_at=said_at)])


def test_who_left_comes_back_by_a_later_mail_alone(store: Store, read: Read) -> None:
    _say(store, EventKind.UNSUBSCRIBED, minutes_ago=60)
    (decision,) = read(_mail(received=datetime.now(UTC) - timedelta(hours=2)))
    assert (decision.action, "they have left" in decision.why) == (Action.NOTHING, True)
    assert not _gets(store)
    (decision,) = read(_mail(number=2))
    assert decision.action is Action.JOIN
    assert _gets(store)
    _say(store, EventKind.UNSUBSCRIBED, minutes_ago=3)
    # The same mail sent on once more, by whoever has it.
    (decision,) = read(b"Received: from evil.test\r\n" + _mail(received=datetime.now(UTC), number=2))
    assert (decision.action, _gets(store)) == (Action.NOTHING, False)


@pytest.mark.parametrize("kind", [EventKind.COMPLAINED, EventKind.SUPPRESSED])
def test_who_complained_or_was_suppressed_by_an_editor_is_left_to_the_editor(
    store: Store, read: Read, kind: EventKind
) -> None:
    _say(store, kind, EventSource.EDITOR, minutes_ago=60)
    (decision,) = read(_mail())
    assert (decision.action, "only you can lift" in decision.why) == (Action.ASK, True)
    assert not _gets(store)
    with store.reading() as connection:
        assert len(suppressions.list_causes(connection, ADA)) == 1
    assert _mails(store) == []


def test_who_was_erased_joins_by_a_later_mail_alone(opened: OpenPublication, store: Store, read: Read) -> None:
    read(_mail())
    erase_subscriber(opened, subscriber_key(ADA))
    assert [one.action for one in read(_mail(number=2))] == [Action.NOTHING]
    assert not _gets(store)
    with store.transaction() as connection:
        connection.execute(update(forgotten).values(at=format_instant(Instant(datetime.now(UTC) - timedelta(hours=1)))))
    (decision,) = read(_mail(number=3))
    assert (decision.action, _gets(store)) == (Action.JOIN, True)


def test_more_than_may_join_in_an_hour_wait_for_the_next_reading(joining: Publication) -> None:
    joining.environ["NEWSLETTER_SIGNUP__HOURLY"] = "2"
    mails = [_mail(f"r{number}@example.net", number=number) for number in range(3)]
    with OpenPublication(joining.workspace) as publication:
        assert [one.action for one in _read(publication, *mails)] == [Action.JOIN, Action.JOIN, Action.ASK]
    joining.environ["NEWSLETTER_SIGNUP__HOURLY"] = "3"
    with OpenPublication(joining.workspace) as publication:
        assert [one.action for one in _read(publication)] == [Action.JOIN]
        assert len(_mails(publication.store)) == 3


@pytest.mark.parametrize(
    "closed",
    [{"NEWSLETTER_SIGNUP__OPEN": "false"}, {"NEWSLETTER_LIST__SOURCE": "csv"}, {"NEWSLETTER_SERVICE__URL": ""}],
)
def test_where_nobody_can_join_by_themselves_it_is_left_to_the_editor(
    joining: Publication, closed: dict[str, str]
) -> None:
    joining.environ |= closed
    joining.environ = {name: value for name, value in joining.environ.items() if value}
    with OpenPublication(joining.workspace) as publication:
        (decision,) = _read(publication, _mail())
        assert (decision.action, "can't join by themselves" in decision.why) == (Action.ASK, True)
        assert _mails(publication.store) == []


def _add_publication(joining: Publication, address: str) -> None:
    folder = joining.root / "publications/press"
    (folder / "drafts").mkdir(parents=True)
    (folder / "newsletter.toml").write_text(
        '[publication]\ntitle = "Press"\n[list]\nid = "press.example.org"\n'
        'unsubscribe = "mailto:leave@example.org?subject=unsubscribe"\nsource = "store"\n'
        f'[signup]\nmail = "{address}"\n'
    )
    config = joining.root / "newsletter.toml"
    config.write_text(f'{config.read_text()}\n[signup]\nmail = "{JOIN}"\n')
    del joining.environ["NEWSLETTER_SIGNUP__MAIL"]


def test_each_of_several_publications_is_joined_by_its_own_address(joining: Publication) -> None:
    _add_publication(joining, "join+press@example.org")
    press = PublicationId("press")
    with OpenPublication(joining.workspace) as publication:
        store = publication.store
        (decision,) = _read(publication, _mail(to="join+press@example.org"))
        assert decision.why.endswith("it is about press")
        assert (_gets(store), _gets(store.of(press))) == (False, True)
        (decision,) = _read(publication, _mail(to=f"{JOIN}, join+press@example.org", number=2))
        assert (decision.action, _gets(store)) == (Action.JOIN, True)
        assert [len(_mails(one)) for one in (store, store.of(press))] == [2, 2], "one database has both"


def test_of_an_address_that_two_have_nobody_knows_which_is_meant(joining: Publication) -> None:
    _add_publication(joining, JOIN)
    with OpenPublication(joining.workspace) as publication:
        (decision,) = _read(publication, _mail())
        assert (decision.action, "several newsletters" in decision.why) == (Action.ASK, True)
        assert not _gets(publication.store)


@pytest.mark.skipif(bool(dovecot.unavailable()), reason=dovecot.unavailable())
@pytest.mark.slow
def test_a_mailbox_on_a_server_is_read_by_the_command(joining: Publication) -> None:
    with dovecot.dovecot() as running:
        server = running.fresh()
        server.fill(_mail(), _mail("eve@example.net", results="", number=2), _mail(number=3))
        joining.environ |= {
            "SSL_CERT_FILE": str(running.certificate),
            "NEWSLETTER_INBOX__SOURCE": server.url(),
            "NEWSLETTER_INBOX__PASSWORD": dovecot.PASSWORD,
        }
        done = joining.run("inbox", "read", "--move")
        assert done.returncode == 0, done.stderr
        assert f"Joined (1): {ADA}" in done.stdout
        assert "eve@example.net" in done.stdout
        assert "does not say that it passed DMARC" in done.stdout
        assert (len(server.held()), len(server.held("handled"))) == (1, 2)
        assert "Joined" not in joining.run("inbox", "read", "--move").stdout
    with closing(open_store(joining.workspace.database)) as store:
        assert (_gets(store), _gets(store, "eve@example.net"), _mails(store)) == (True, False, [("welcome", ADA)])
    shown = joining.run("subscribers", "show", ADA).stdout
    assert "<1@example.net>" in shown


def test_what_anybody_writes_is_safe_to_keep_and_to_show(joining: Publication) -> None:
    box = Path(joining.root / "Maildir")
    with OpenPublication(joining.workspace) as publication:
        mail = _mail().replace(b"<1@example.net>", b"<\x1b[31m" + b"x" * 5000 + b"@example.net>")
        (decision,) = _read(publication, mail)
        assert decision.action is Action.JOIN
        with publication.store.reading() as connection:
            (consent,) = list_consents(connection, ADA)
    assert box.exists()
    assert "\x1b" not in consent.evidence["message"]
    assert len(consent.evidence["message"]) <= 250
