"""Publications of one database: who left one gets the others, and a bounce or a complaint counts for all of them."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import insert, literal, select

from newsletter.address import EmailAddress, SubscriberKey
from newsletter.store import Store, open_store, suppressions
from newsletter.store.publications import EVERY, list_publications
from newsletter.store.schema import suppressions as table
from newsletter.store.suppression_rule import SHARED_CAUSES, is_suppressed
from newsletter.subscribers.address_move import move_subscriber
from newsletter.subscribers.event_recording import SoftRule, record_events
from newsletter.subscribers.feedback_events import Event, EventKind, EventSource, SuppressionKind
from newsletter.subscribers.list_changes import describe_suppression
from newsletter.subscribers.reader_requests import ReaderRequest, RequestKind, RequestState, add_requests
from newsletter.subscribers.stored_subscribers import StoredSubscriber, save_subscribers
from newsletter.subscribers.suppression_status import read_suppression_statuses
from newsletter.workspace import PublicationId

PUBLICATIONS = [PublicationId(name) for name in ("digest", "press")]
LATER = PublicationId("zine")  # nothing is known of it before it sends
SOFT = SoftRule(bounces=3, days=30)
BEGAN = datetime.now(UTC) - timedelta(days=1)
_numbers = count()


@pytest.fixture
def stores(place: Path | str) -> Iterator[Mapping[PublicationId, Store]]:
    with closing(open_store(place, publication=PUBLICATIONS[0])) as first:
        yield {name: first.of(name) for name in (*PUBLICATIONS, LATER)}


@dataclass
class Reader:
    """What a reader may be sent, kept as plain facts: the model that the store is held against."""

    left: set[PublicationId] = field(default_factory=set)
    left_all: bool = False
    left_all_but: set[PublicationId] = field(default_factory=set)
    held: set[PublicationId] = field(default_factory=set)  # by an editor
    held_by_all: bool = False
    held_by_all_but: set[PublicationId] = field(default_factory=set)
    bounced: bool = False
    bounce_entered: bool = False
    softs: set[tuple[PublicationId, int]] = field(default_factory=set)
    complaints: set[PublicationId] = field(default_factory=set)
    no_complaint_to: set[PublicationId] = field(default_factory=set)

    def causes(self, by: PublicationId) -> set[str]:
        """Return why a publication must not mail them."""
        found = set()
        if by in self.left or (self.left_all and by not in self.left_all_but):
            found.add("unsubscribed")
        if by in self.held or (self.held_by_all and by not in self.held_by_all_but):
            found.add("suppressed")
        if by in self.complaints or (self.complaints and by not in self.no_complaint_to):
            found.add("complained")
        return found | ({"bounced"} if self.bounced else set())

    def leave(self, publication: PublicationId, _issue: int) -> None:
        self.left.add(publication)
        self.left_all_but.discard(publication)

    def leave_all(self, _publication: PublicationId, _issue: int) -> None:
        self.left_all = True
        self.left_all_but.clear()

    def come_back(self, publication: PublicationId, _issue: int) -> None:
        self._work_again(publication)
        if "unsubscribed" in self.causes(publication):
            self.left.discard(publication)
            if self.left_all:
                self.left_all_but.add(publication)

    def come_back_to_all(self, publication: PublicationId, _issue: int) -> None:
        self._work_again(publication)
        if "unsubscribed" in self.causes(publication):
            self.left.discard(publication)
            self.left_all = False
            self.left_all_but.clear()

    def _work_again(self, publication: PublicationId) -> None:
        """Take the mailbox for one that works, if they were kept from getting mail; else nothing new was said."""
        if "unsubscribed" in self.causes(publication) or (self.bounced and not self.bounce_entered):
            self.bounced = self.bounced and self.bounce_entered
            self.softs.clear()

    def bounce(self, _publication: PublicationId, _issue: int) -> None:
        self.bounced = True

    def bounce_softly(self, publication: PublicationId, issue: int) -> None:
        self.softs.add((publication, issue))
        self.bounced = self.bounced or len(self.softs) >= SOFT.bounces

    def enter_bounce(self, _publication: PublicationId, _issue: int) -> None:
        self.bounced = self.bounce_entered = True

    def undo(self, _publication: PublicationId, _issue: int) -> None:
        if self.bounced:
            self.bounced = self.bounce_entered = False
            self.softs.clear()

    def complain(self, _publication: PublicationId, _issue: int) -> None:
        self.complaints = self.complaints or {EVERY}
        self.no_complaint_to.clear()

    def hold(self, publication: PublicationId, _issue: int) -> None:
        self.held.add(publication)
        self.held_by_all_but.discard(publication)

    def hold_by_all(self, _publication: PublicationId, _issue: int) -> None:
        self.held_by_all = True
        self.held_by_all_but.clear()

    def allow(self, publication: PublicationId, issue: int) -> None:
        self.bounce_entered = False
        if self.causes(publication):
            self.bounced = False
            self.softs.clear()
        self.come_back(publication, issue)
        self.held.discard(publication)
        self.complaints.discard(publication)
        if self.held_by_all:
            self.held_by_all_but.add(publication)
        if self.complaints:
            self.no_complaint_to.add(publication)

    def allow_by_all(self, _publication: PublicationId, _issue: int) -> None:
        self.__init__()  # type: ignore[misc]  # as one of whom nothing is known


PAGE, MAIL, EDITOR = EventSource.PAGE, EventSource.MAIL, EventSource.EDITOR
STEPS = {
    Reader.leave: (EventKind.UNSUBSCRIBED, PAGE, False),
    Reader.leave_all: (EventKind.UNSUBSCRIBED, PAGE, True),
    Reader.come_back: (EventKind.RETURNED, PAGE, False),
    Reader.come_back_to_all: (EventKind.RETURNED, PAGE, True),
    Reader.bounce: (EventKind.HARD, MAIL, False),
    Reader.bounce_softly: (EventKind.SOFT, MAIL, False),
    Reader.complain: (EventKind.COMPLAINED, MAIL, False),
    Reader.undo: (EventKind.UNDONE, EDITOR, False),
    Reader.enter_bounce: (EventKind.HARD, EDITOR, False),
    Reader.hold: (EventKind.SUPPRESSED, EDITOR, False),
    Reader.hold_by_all: (EventKind.SUPPRESSED, EDITOR, True),
    Reader.allow: (EventKind.ALLOWED, EDITOR, False),
    Reader.allow_by_all: (EventKind.ALLOWED, EDITOR, True),
}
_step = st.tuples(st.sampled_from([*STEPS]), st.sampled_from(PUBLICATIONS), st.integers(1, 3))
# Bounces and complaints of an earlier version, each written down for one publication.
_old_row = st.tuples(st.sampled_from(PUBLICATIONS), st.sampled_from(SHARED_CAUSES))


def test_whoever_may_be_mailed_by_whom_is_what_a_simple_model_says(stores: Mapping[PublicationId, Store]) -> None:
    # SQLite answers at once, and is asked more often.
    @settings(max_examples=8 if stores[LATER].file is None else 15)
    @given(st.sets(_old_row, max_size=2), st.lists(_step, min_size=1, max_size=9))
    def hold_against_the_model(old_rows: set[tuple[PublicationId, str]], steps: Sequence[tuple]) -> None:  # type: ignore[type-arg]
        key, reader = SubscriberKey(f"reader{next(_numbers)}@example.org"), Reader()
        for publication, cause in old_rows:
            _write_old_row(stores[publication], key, cause)
            if cause == "bounced":
                reader.bounced = True
            else:
                reader.complaints.add(publication)
        _compare(stores, key, reader)
        for number, (step, publication, issue) in enumerate(steps):
            kind, source, everywhere = STEPS[step]
            event = Event(
                subscriber=key,
                kind=kind,
                source=source,
                issue=None if source is EDITOR else f"1.{issue}",
                said_at=BEGAN + timedelta(seconds=number),
                everywhere=everywhere,
            )
            record_events(stores[publication], None, [event], SOFT)
            step(reader, publication, issue)
            _compare(stores, key, reader)

    hold_against_the_model()


def _write_old_row(store: Store, key: SubscriberKey, cause: str) -> None:
    blank = dict.fromkeys(("reason", "stage", "source", "batch", "words"), "")
    row = {"publication": store.publication, "subscriber": key, "cause": cause, **blank}
    with store.transaction() as connection:
        connection.execute(insert(table).values(at="2026-01-01T00:00:00.000+00:00", **row))


def _compare(stores: Mapping[PublicationId, Store], key: SubscriberKey, reader: Reader) -> None:
    for publication, store in stores.items():
        with store.reading() as connection:
            found = suppressions.find_suppressions(connection, [key])
            causes = [row.cause for row in found]
            assert set(causes) == reader.causes(publication), publication
            assert len(causes) == len(set(causes))
            held = connection.scalar(select(is_suppressed(publication, literal(key))))
            assert bool(held) is bool(causes)


def test_every_question_about_suppressions_has_one_answer(stores: Mapping[PublicationId, Store]) -> None:
    """Lists, counts, exports and statuses agree, whichever way a row came to hold."""
    digest, press = (stores[name] for name in PUBLICATIONS)
    for store, kind, name, everywhere in [
        (digest, EventKind.UNSUBSCRIBED, "ada", False),
        (digest, EventKind.HARD, "bo", False),
        (press, EventKind.COMPLAINED, "cy", False),
        (press, EventKind.UNSUBSCRIBED, "di", True),
        (press, EventKind.HARD, "di", False),
    ]:
        record_events(store, None, [_said(kind, name, everywhere=everywhere)])
    _write_old_row(press, _key("bo"), "bounced")
    _write_old_row(digest, _key("bo"), "bounced")
    expected = {
        PUBLICATIONS[0]: {"ada": {"unsubscribed"}, "bo": {"bounced"}, "cy": {"complained"}},
        PUBLICATIONS[1]: {"bo": {"bounced"}, "cy": {"complained"}},
        LATER: {"bo": {"bounced"}, "cy": {"complained"}},
    }
    for publication, by_name in expected.items():
        by_name["di"] = {"unsubscribed", "bounced"}
        with stores[publication].reading() as connection:
            rows = list(suppressions.stream_suppressions(connection))
            assert [row.subscriber for row in rows] == sorted(_key(name) for name in by_name for _ in by_name[name])
            assert {(row.subscriber, row.cause) for row in rows} == {
                (_key(name), cause) for name, causes in by_name.items() for cause in causes
            }
            assert suppressions.count_suppressed(connection) == len(by_name)
            assert suppressions.count_by_cause(connection) == {
                cause: sum(cause in causes for causes in by_name.values())
                for cause in {cause for causes in by_name.values() for cause in causes}
            }
        statuses = read_suppression_statuses(stores[publication], None, [_key(name) for name in ("bo", "cy", "ed")])
        assert [status.state for status in statuses] == ["bounced", "complained", "mailable"]
    with press.reading() as connection:
        assert list_publications(connection) == PUBLICATIONS


def test_an_editor_reads_which_newsletter_it_was(stores: Mapping[PublicationId, Store]) -> None:
    digest, press = (stores[name] for name in PUBLICATIONS)
    record_events(digest, None, [_said(EventKind.HARD, "ada"), _said(EventKind.UNSUBSCRIBED, "bo", everywhere=True)])
    today = f"{datetime.now(UTC):%Y-%m-%d}"
    told = {
        store.publication: [
            describe_suppression(one) for one in read_suppression_statuses(store, None, [_key("ada"), _key("bo")])
        ]
        for store in (digest, press)
    }
    everything = f"unsubscribed from everything of yours since {today}"
    assert told == {
        "digest": [f"bounced since {today}", everything],
        "press": [f"bounced in another newsletter of yours since {today}", everything],
    }


def test_a_reading_is_undone_by_the_publication_that_read(stores: Mapping[PublicationId, Store]) -> None:
    digest, press = (stores[name] for name in PUBLICATIONS)
    batches = {
        store.publication: suppressions.name_batch("2026-11-30T09:30:00Z", store.publication)
        for store in (digest, press)
    }
    for store, name in ((digest, "ada"), (press, "bo")):
        record_events(store, None, [_said(EventKind.HARD, name, batch=batches[store.publication])])
    for store, name in ((digest, "ada"), (press, "bo")):
        with store.reading() as connection:
            assert suppressions.list_batches(connection) == {batches[store.publication]: {_key(name)}}
            recent = suppressions.find_suppressed_since(connection, SuppressionKind.BOUNCED, "2026")
            assert {*recent} == {_key(name)}, "a mass bounce is one publication's reading"
    record_events(press, None, [_said(EventKind.UNDONE, "bo", source=EDITOR)])
    with digest.reading() as connection:
        assert suppressions.list_causes(connection, _key("bo")) == {}, "it is undone for all"


def test_an_old_bounce_is_void_when_the_reader_has_told_another_newsletter_that_the_mailbox_works(
    stores: Mapping[PublicationId, Store],
) -> None:
    digest, press = (stores[name] for name in PUBLICATIONS)
    record_events(digest, None, [_said(EventKind.HARD, "ada")])
    record_events(press, None, [_said(EventKind.RETURNED, "ada", source=PAGE)])
    earlier = datetime.now(UTC) - timedelta(hours=1)
    late = [_said(kind, "ada", said_at=earlier) for kind in (EventKind.HARD, EventKind.UNSUBSCRIBED)]
    assert record_events(digest, None, late) == [False, True]
    with digest.reading() as connection:
        assert [*suppressions.list_causes(connection, _key("ada"))] == ["unsubscribed"]


def test_the_rule_s_causes_are_kinds_of_suppression() -> None:
    assert set(SHARED_CAUSES) <= set(SuppressionKind)


def _key(name: str) -> SubscriberKey:
    return SubscriberKey(f"{name}@example.org")


def _said(kind: EventKind, name: str, **more: object) -> Event:
    return Event(**{"subscriber": _key(name), "kind": kind, "source": MAIL, "issue": "1.1", **more})  # type: ignore[arg-type]


def _move(store: Store, old: str, new: str) -> None:
    """Move an address in one publication, as its page does when both owners have said so."""
    with store.transaction() as connection:
        save_subscribers(connection, [StoredSubscriber(address=EmailAddress(_key(old)))])
        assert move_subscriber(connection, None, _key(old), EmailAddress(_key(new)))
        request = ReaderRequest(
            kind=RequestKind.CHANGE_ADDRESS,
            address=EmailAddress(_key(new)),
            previous=_key(old),
            state=RequestState.CONFIRMED,
        )
        add_requests(connection, [request])


@pytest.mark.parametrize("by", PUBLICATIONS)
def test_who_moved_differently_in_two_leaves_everything_at_each_address(
    stores: Mapping[PublicationId, Store], by: PublicationId
) -> None:
    digest, press = (stores[name] for name in PUBLICATIONS)
    _move(digest, "ada", "ada.lovelace")
    _move(press, "ada", "countess")
    _move(press, "countess", "countess.too")
    record_events(stores[by], None, [_said(EventKind.UNSUBSCRIBED, "ada", everywhere=True)])
    for store in stores.values():
        with store.reading() as connection:
            for name in ("ada", "ada.lovelace", "countess", "countess.too"):
                assert "unsubscribed" in suppressions.list_causes(connection, _key(name)), (store.publication, name)


def test_who_leaves_one_leaves_at_the_address_that_they_have_there(stores: Mapping[PublicationId, Store]) -> None:
    digest, press = (stores[name] for name in PUBLICATIONS)
    _move(digest, "ada", "ada.lovelace")
    _move(press, "ada", "countess")
    record_events(digest, None, [_said(EventKind.UNSUBSCRIBED, "ada")])
    with press.reading() as connection:
        assert suppressions.list_causes(connection, _key("countess")) == {}
    with digest.reading() as connection:
        assert {*suppressions.list_causes(connection, _key("ada.lovelace"))} == {"unsubscribed"}
