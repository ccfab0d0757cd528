"""One workspace with two publications, and one database: who bounces, leaves or is erased, and what an editor reads."""

import json
from collections.abc import Iterator
from contextlib import closing

import pytest
from conftest import Publication
from smtp_server import Server

from newsletter.address import SubscriberKey
from newsletter.publication import OpenPublication
from newsletter.store import Store, open_store
from newsletter.store.erased import list_erased
from newsletter.store.events import list_events
from newsletter.store.publications import EVERY
from newsletter.subscribers.event_recording import record_events
from newsletter.subscribers.feedback_events import Event, EventKind, EventSource
from newsletter.subscribers.secret_keys import create_secret_keys
from newsletter.subscribers.suppression_status import read_suppression_statuses
from newsletter.workspace import PublicationId

PRESS = PublicationId("press")
READERS = [SubscriberKey(f"reader000{number}@example.org") for number in range(4)]


@pytest.fixture
def both(digest: Publication) -> Publication:
    """Return the digest, with a publication beside it that has the same readers; both have issue 2.10."""
    create_secret_keys(digest.root)
    digest.readers(4)
    folder = digest.root / "publications/press"
    (folder / "drafts").mkdir(parents=True)
    (folder / "newsletter.toml").write_text(
        '[publication]\ntitle = "Press"\n[list]\nid = "press.example.org"\n'
        'unsubscribe = "mailto:press@example.org?subject=unsubscribe"\n'
    )
    (folder / "subscribers.csv").write_text((digest.root / "subscribers.csv").read_text())
    for path in (digest.root / "drafts").glob("2.10*"):
        (folder / "drafts" / path.name).write_bytes(path.read_bytes())
    return digest


@pytest.fixture
def store(both: Publication) -> Iterator[Store]:
    with closing(open_store(both.workspace.database)) as opened:
        yield opened


def _say(store: Store, kind: EventKind, reader: SubscriberKey, issue: str | None = "2.10") -> None:
    record_events(store, None, [Event(subscriber=reader, kind=kind, source=EventSource.MAIL, issue=issue)])


def test_a_bounce_during_the_send_of_one_newsletter_keeps_the_other_from_mailing(
    both: Publication, store: Store, server: Server
) -> None:
    _say(store.of(PRESS), EventKind.HARD, READERS[0])
    _say(store.of(PRESS), EventKind.UNSUBSCRIBED, READERS[1])
    sent = both.run("send", "2.10", "--yes")
    assert sent.returncode == 0, sent.stderr
    assert set(server.copies()) == set(READERS[1:])
    assert "1 suppressed" in sent.stdout
    told = both.run("report", "2.10").stdout
    assert "Of the suppressed, 1 reader whose mail bounced in another newsletter of yours" in told
    assert json.loads(both.run("report", "2.10", "--json").stdout)["suppressed_elsewhere"] == {"bounced": 1}
    shown = both.run("subscribers", "show", READERS[0]).stdout
    assert f"{READERS[0]}: on the list, bounced in another newsletter of yours since" in shown
    assert "In another newsletter of yours, press\n" in shown
    assert "about issue 2.10" in shown
    record = json.loads(both.run("subscribers", "show", READERS[1], "--json").stdout)
    (other,) = record["elsewhere"]
    assert (record["publication"], record["causes"], len(record["deliveries"])) == ("main", [], 1)
    assert (other["publication"], [one["cause"] for one in other["causes"]]) == ("press", ["unsubscribed"])


def test_who_is_suppressed_everywhere_and_let_back(both: Publication, store: Store) -> None:
    def states(reader: SubscriberKey) -> list[str]:
        return [read_suppression_statuses(one, None, [reader])[0].state for one in (store, store.of(PRESS))]

    assert both.run("subscribers", "suppress", READERS[0], "--reason", "lawyers").returncode == 0
    assert states(READERS[0]) == ["suppressed", "mailable"]
    told = both.run("subscribers", "suppress", READERS[0], "--reason", "unsubscribed", "--everywhere").stdout
    assert "Noted as well: unsubscribed." in told
    assert states(READERS[0]) == ["suppressed, unsubscribed", "unsubscribed"]
    assert both.run("-P", "press", "subscribers", "unsuppress", READERS[0]).returncode == 0
    assert states(READERS[0]) == ["suppressed, unsubscribed", "mailable"]
    told = both.run("subscribers", "unsuppress", READERS[0], "--everywhere").stdout
    assert f"{READERS[0]} can get mail again from all of your newsletters." in told
    assert states(READERS[0]) == ["mailable", "mailable"]


def test_an_erasure_is_of_one_newsletter_or_of_all(both: Publication, store: Store) -> None:
    reader = READERS[0]
    for one in (store, store.of(PRESS)):
        _say(one, EventKind.UNSUBSCRIBED, reader)
    _say(store, EventKind.COMPLAINED, reader)
    told = both.run("subscribers", "forget", reader, "--yes").stdout
    assert "Your other newsletters that know them: press." in told
    assert "A note stays for your other newsletters (complained" in told
    with store.of(PRESS).reading() as connection:
        assert [event.kind for event in list_events(connection, reader)] == ["unsubscribed"]
        assert list_erased(connection) == []
    assert reader in (both.root / "publications/press/subscribers.csv").read_text()
    told = both.run("subscribers", "forget", reader, "--yes", "--everywhere").stdout
    assert f"{reader} is erased from main, press" in told
    assert reader not in (both.root / "publications/press/subscribers.csv").read_text()
    for name in (store.publication, PRESS, EVERY):
        with store.of(name).reading() as connection:
            assert list_events(connection, reader) == []
            assert len(list_erased(connection)) == (name != EVERY)
    assert both.workspace.database.is_file()
    assert reader.encode() not in both.workspace.database.read_bytes()
    with OpenPublication(both.workspace) as opened:
        assert opened.erased(reader)
