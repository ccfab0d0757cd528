"""A list in the store is read, searched and changed as one in a file is; on both databases."""

from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from newsletter.address import subscriber_key
from newsletter.errors import DecisionNeeded, ListError
from newsletter.store import Store, open_store
from newsletter.subscribers.csv_source import CsvSource
from newsletter.subscribers.feedback_events import SuppressionKind
from newsletter.subscribers.list_changes import add_subscriber, remove_subscriber
from newsletter.subscribers.source import SubscriberSource
from newsletter.subscribers.store_source import StoreSource
from newsletter.subscribers.stored_subscribers import (
    StoredSubscriber,
    add_columns,
    erase_subscriber_rows,
    find_subscribers,
    list_consents,
    save_subscribers,
)
from newsletter.subscribers.subscriber import Subscriber, SubscriberStatus
from newsletter.subscribers.suppression_status import read_suppression_statuses
from newsletter.workspace import PublicationId

ADA, OLGA = "Ada@example.org", "olga@example.net"
LIST = f'email,name,tags,city\n{ADA},Ada Lovelace,board,London\n{OLGA},"Petrova, Olga",members;press,Рига\n'


@pytest.fixture(params=["csv", "store"])
def source(request: pytest.FixtureRequest, store: Store, write_list: Callable[[str], Path]) -> SubscriberSource:
    """Return the same two people, once in a file and once in the store."""
    file = CsvSource(write_list(LIST))
    if request.param == "csv":
        return file
    _fill(store, [row for row in file.read_subscribers() if isinstance(row, Subscriber)])
    return StoreSource(store)


def _fill(store: Store, rows: list[Subscriber]) -> None:
    with store.transaction() as connection:
        add_columns(connection, ["city"])
        save_subscribers(
            connection,
            [
                StoredSubscriber(
                    address=row.address, tags=row.tags, fields={k: v for k, v in row.fields.items() if k != "email"}
                )
                for row in rows
            ],
        )


def test_both_sources_give_the_same_subscribers(source: SubscriberSource) -> None:
    ada, olga = (row._replace(line=0) for row in source.read_subscribers() if isinstance(row, Subscriber))
    assert ada == Subscriber(
        address=ADA, fields={"email": ADA, "name": "Ada Lovelace", "city": "London"}, tags=frozenset({"board"})
    )
    assert olga.tags == {"members", "press"}
    assert source.read_columns() == ["email", "name", "tags", "city"]
    assert [row.address for row in source.read_rows() if isinstance(row, Subscriber)] == [ADA, OLGA]
    assert source.exists()
    source.require()


def test_one_subscriber_is_found_by_key_by_words_and_by_a_hash(source: SubscriberSource) -> None:
    found = source.find([subscriber_key("ADA@example.org"), subscriber_key("nobody@example.org")])
    assert {key: row.address for key, row in found.items()} == {"ada@example.org": ADA}
    assert [row.address for row in source.search(["РИГА", "petrova"])] == [OLGA]
    assert [row.address for row in source.search(["press"])] == [OLGA]
    assert list(source.search(["Riga"])) == []
    by_hash = source.find_hashed(2, lambda row: row.key == "olga@example.net")
    assert by_hash is not None
    assert by_hash.address == OLGA
    assert source.find_hashed(2, lambda _row: False) is None
    assert source.find_nearest("olag@example.net") == OLGA
    assert source.find_nearest("nobody@example.invalid") == ""


def test_a_subscriber_is_added_and_removed(source: SubscriberSource, store: Store) -> None:
    before = source.version()
    cells = {"email": "Zoe@example.org", "name": "Zoe", "city": "Riga"}
    assert add_subscriber(store, None, source, cells, ["board"], "on paper", again=False)
    assert source.version() != before
    (zoe,) = source.find([subscriber_key("zoe@example.org")]).values()
    assert (zoe.address, zoe.fields["city"], zoe.tags) == ("Zoe@example.org", "Riga", {"board"})
    with pytest.raises(DecisionNeeded, match=r"zoe@example\.org is on the list already"):
        add_subscriber(store, None, source, cells, [], "", again=False)
    (row,) = remove_subscriber(store, None, source, "zoe@example.org")
    assert row.cells["name"] == "Zoe"
    assert not remove_subscriber(store, None, source, "zoe@example.org")
    assert not source.find_rows("zoe@example.org").rows


@pytest.mark.parametrize(
    ("cells", "tags", "words"),
    [
        ({"country": "LV"}, [], "has no column country"),
        ({"city": "Ri\nga"}, [], "A value has a line break or a tab in it"),
        ({"city": "Ri\x00ga"}, [], "NUL"),
        ({"city": "x" * 501}, [], "longer than 500"),
        ({}, ["two words"], "A tag is one word"),
    ],
)
def test_what_could_not_be_read_again_is_refused(
    source: SubscriberSource, store: Store, cells: dict[str, str], tags: list[str], words: str
) -> None:
    with pytest.raises(ListError, match=words):
        add_subscriber(store, None, source, {"email": "a@example.org", **cells}, tags, "", again=False)
    assert source.find([subscriber_key("a@example.org")]) == {}


@pytest.mark.parametrize("status", [SubscriberStatus.PENDING, SubscriberStatus.PAUSED, SubscriberStatus.LEFT])
def test_only_the_active_are_mailed_and_come_back_when_they_ask(store: Store, status: SubscriberStatus) -> None:
    source = StoreSource(store)
    with store.transaction() as connection:
        save_subscribers(connection, [StoredSubscriber(address=ADA, status=status, tags=frozenset({"board"}))])
    (ada,) = (row for row in source.read_subscribers() if isinstance(row, Subscriber))
    own = source.read_statuses()
    held = own.find(ada)
    assert held is not None
    assert (held.kind, own.describe(ada), own.count) == (status, status, 1)
    cells = {"email": ADA, "name": "Ada"}
    with pytest.raises(DecisionNeeded, match=f"on the list, and {status}"):
        add_subscriber(store, None, source, cells, [], "", again=False)
    assert not add_subscriber(store, None, source, cells, [], "wrote on 9 May", again=True)
    (ada,) = (row for row in source.read_subscribers() if isinstance(row, Subscriber))
    assert (ada.status, ada.tags, ada.fields["name"]) == (SubscriberStatus.ACTIVE, {"board"}, "Ada")
    assert source.read_statuses().count == 0


def test_who_left_by_the_lists_own_word_stays_out_when_their_row_is_removed(store: Store) -> None:
    source = StoreSource(store)
    statuses = {"left@example.org": SubscriberStatus.LEFT, "paused@example.org": SubscriberStatus.PAUSED}
    with store.transaction() as connection:
        save_subscribers(connection, [StoredSubscriber(address=key, status=one) for key, one in statuses.items()])
    for key in statuses:
        assert remove_subscriber(store, None, source, subscriber_key(key))
    left, paused = read_suppression_statuses(store, None, [*map(subscriber_key, statuses)])
    assert ([one.kind for one in left.suppressions], paused.mailable) == ([SuppressionKind.UNSUBSCRIBED], True)
    with pytest.raises(DecisionNeeded, match=r"left@example\.org must not be mailed: unsubscribed since"):
        add_subscriber(store, None, source, {"email": "left@example.org"}, [], "", again=False)
    assert add_subscriber(store, None, source, {"email": "left@example.org"}, [], "wrote on 9 May", again=True)
    (back,) = read_suppression_statuses(store, None, [subscriber_key("left@example.org")])
    assert back.mailable


def test_how_they_asked_is_kept_as_a_consent(store: Store) -> None:
    source = StoreSource(store)
    assert add_subscriber(store, None, source, {"email": ADA}, [], "at the spring meeting", again=False)
    (consent,) = source.find_rows("ada@example.org").consents
    assert (consent.source, consent.words, consent.evidence) == ("editor", "", {"words": "at the spring meeting"})
    remove_subscriber(store, None, source, "ada@example.org")
    assert source.find_rows("ada@example.org").consents == [consent]
    with store.transaction() as connection:
        assert erase_subscriber_rows(connection, "ada@example.org") == 1
        assert list_consents(connection, "ada@example.org") == []


def test_a_store_that_is_not_there_has_nobody(store: Store) -> None:
    for source in (StoreSource(None), StoreSource(store)):
        assert not source.exists()
        assert list(source.read_subscribers()) == []
        assert source.find([subscriber_key(ADA)]) == {}
        assert source.find_nearest("ada@example.org") == ""
        assert source.read_statuses().count == 0
        assert source.read_columns() == ["email", "name", "tags"]
        with pytest.raises(ListError) as refused:
            source.require()
        assert "newsletter subscribers import FILE" in refused.value.next_step


def test_the_moment_of_the_first_write_stays(store: Store) -> None:
    for name in ("Ada", "Ada Lovelace"):
        with store.transaction() as connection:
            save_subscribers(connection, [StoredSubscriber(address=ADA, fields={"name": name})])
    with store.reading() as connection:
        (ada,) = find_subscribers(connection, ["ada@example.org"]).values()
    assert ada.fields == {"name": "Ada Lovelace"}
    assert ada.created_at <= ada.changed_at


def test_publications_in_one_database_have_lists_of_their_own(place: Path | str, store: Store) -> None:
    with closing(open_store(place, publication=PublicationId("other"))) as other:
        for one, name in ((store, "Ada"), (other, "Ada of the other")):
            cells = {"email": ADA, "name": name}
            assert add_subscriber(one, None, StoreSource(one), cells, [], name, again=False)
        names = [row.fields["name"] for row in StoreSource(store).read_subscribers() if isinstance(row, Subscriber)]
        assert names == ["Ada"]
        remove_subscriber(store, None, StoreSource(store), subscriber_key(ADA))
        (row,) = StoreSource(other).find_rows(subscriber_key(ADA)).rows
        assert row.cells["name"] == "Ada of the other"
        (consent,) = StoreSource(other).find_rows(subscriber_key(ADA)).consents
        assert consent.evidence == {"words": "Ada of the other"}
