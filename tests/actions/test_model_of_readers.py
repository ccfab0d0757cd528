"""Whatever readers choose and lists say, an issue is frozen for those whom a simple model names, and as it has them."""

import csv
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from time import time
from typing import Any

import pytest
from conftest import Publication
from hypothesis import example, given, settings
from hypothesis import strategies as st

from newsletter.actions.change_address import request_address_change
from newsletter.actions.change_preferences import WantedPreferences, change_preferences
from newsletter.actions.confirm_request import confirm_request
from newsletter.actions.send_request import make_send_request
from newsletter.address import EmailAddress, SubscriberKey
from newsletter.campaigns.options import SendOptions
from newsletter.campaigns.plan import plan_send
from newsletter.errors import ListError
from newsletter.ledger.staging import stage_recipients
from newsletter.publication import OpenPublication
from newsletter.store import Store
from newsletter.store.schema import subscribers
from newsletter.subscribers.event_recording import record_events
from newsletter.subscribers.feedback_events import Event, EventKind, EventSource
from newsletter.subscribers.preferences import Frequency
from newsletter.subscribers.purpose_tokens import PurposeToken
from newsletter.subscribers.reader_requests import list_requests_of
from newsletter.subscribers.secret_keys import create_secret_keys
from newsletter.subscribers.stored_subscribers import StoredSubscriber, save_subscribers
from newsletter.subscribers.subscriber import find_language

SETTINGS = """
[preferences]
topics = { energy = "Energy", trade = "Trade" }
summary = "once a month"
[languages.ja]
"""
DRAFT = "subject: News\ndate: 2026-11-30\nkind: announcement\nitems:\n  - headline: A\n    detail: B.\n"
READERS = (0, 1, 2)
_numbers = count()


@dataclass
class Reader:
    """A reader by the simplest means: what the list says of them, and what they said themselves."""

    address: str
    row: tuple[str, frozenset[str], str] | None = None  # name, tags, language
    name: str | None = None
    language: str | None = None
    topics: dict[str, bool] = field(default_factory=dict)
    frequency: Frequency | None = None
    has_left: bool = False
    is_paused: bool = False
    before: list[str] = field(default_factory=list)  # addresses that they had

    def expected(self) -> tuple[str, frozenset[str], str] | None:
        """Return how they get an issue; None for one who does not."""
        if self.row is None or self.has_left or self.is_paused:
            return None
        name, tags, language = self.row
        tags = tags - {tag for tag, wanted in self.topics.items() if not wanted}
        tags |= {tag for tag, wanted in self.topics.items() if wanted}
        if self.frequency:
            tags = tags - {"summary"} | ({"summary"} if self.frequency is Frequency.SUMMARY else set())
        if "summary" in tags:
            return None
        return self.name if self.name is not None else name, tags, self.language or language


@dataclass
class World:
    """The publication as the program has it."""

    publication: Publication
    store: Store
    opened: OpenPublication

    def put_list(self, readers: Sequence[Reader]) -> None:
        rows = [
            (one.address, one.row[0], ";".join(sorted(one.row[1])), one.row[2])
            for one in readers
            if one.row is not None
        ]
        root = self.publication.root
        match self.opened.config.subscriber_list.source:
            case "csv":
                with (root / "subscribers.csv").open("w", newline="") as file:
                    csv.writer(file).writerows([("email", "name", "tags", "language"), *rows])
            case "sql":
                with closing(sqlite3.connect(root / "members.db")) as members, members:
                    members.execute("DROP TABLE IF EXISTS members")
                    members.execute("CREATE TABLE members (email, name, tags, language)")
                    members.executemany("INSERT INTO members VALUES (?, ?, ?, ?)", rows)
            case _:
                with self.store.transaction() as connection:
                    connection.execute(subscribers.delete())
                    stored = [
                        StoredSubscriber(
                            address=EmailAddress(address),
                            fields={"name": name},
                            tags=frozenset(filter(None, tags.split(";"))),
                            language=language,
                        )
                        for address, name, tags, language in rows
                    ]
                    save_subscribers(connection, stored)

    def say(self, address: str, kind: EventKind, source: EventSource, until: str = "") -> None:
        event = Event(
            subscriber=SubscriberKey(address), kind=kind, source=source, evidence={"until": until} if until else {}
        )
        record_events(self.store, self.opened.keys, [event])

    def choose(self, address: str, wanted: WantedPreferences) -> None:
        change_preferences(self.store, self.opened.keys, self.opened.config, [(SubscriberKey(address), wanted)])

    def move(self, reader: Reader, new: str) -> bool:
        old = SubscriberKey(reader.address)
        if not request_address_change(self.opened, old, EmailAddress(new), ""):
            return False
        with self.store.reading() as connection:
            request = list_requests_of(connection, old)[-1]
        for key, by_old in ((old, True), (SubscriberKey(new), False)):
            confirm_request(self.opened, PurposeToken(key, str(request.id), int(time()) + 60), by_old=by_old)
        return True

    def freeze(self) -> dict[str, tuple[str, frozenset[str], str]]:
        """Return whom an issue would be sent to, and with which name, tags and language."""
        with stage_recipients(self.store) as staged:
            draft = self.opened.draft("news")
            request = make_send_request(self.opened, draft, SendOptions(list_is_right=True), staged)
            try:
                plan_send(self.store, self.opened.record(draft.issue.name if draft.issue else ""), request)  # type: ignore[arg-type]  # there is one
            except ListError:  # nobody on the list is to be mailed
                return {}
            return {
                one.address: (one.fields["name"], one.tags, find_language(one.fields)) for one in staged.recipients()
            }


@pytest.fixture(params=["csv", "store", "sql"])
def world(request: pytest.FixtureRequest, publication: Publication, place: Path | str, store: Store) -> Iterator[World]:
    """Yield the publication with its list in one of the sources, and its store on one of the databases."""
    publication.environ |= {
        "NEWSLETTER_LIST__SOURCE": request.param,
        "NEWSLETTER_LIST__URL": "sqlite:///members.db",
        "NEWSLETTER_LIST__QUERY": "SELECT * FROM members",
        "NEWSLETTER_STORE__URL": f"sqlite:///{place}" if isinstance(place, Path) else place,
    }
    toml = publication.root / "newsletter.toml"
    toml.write_text(toml.read_text() + SETTINGS)
    publication.draft("news", DRAFT)
    create_secret_keys(publication.root)
    with OpenPublication(publication.workspace, store=store) as opened:
        yield World(publication, store, opened)


_TOPICS = st.frozensets(st.sampled_from(["energy", "trade", "board"]), max_size=3)
_TAGS = st.builds(lambda tags, rare: tags | {"summary"} if rare == 0 else tags, _TOPICS, st.integers(0, 5))
_ROW = st.tuples(st.sampled_from(["Ada", "", "Zoë"]), _TAGS, st.sampled_from(["", "ja", "en"]))
_CHOICE = st.builds(
    WantedPreferences,
    name=st.none() | st.sampled_from(["Ms. A", ""]),
    language=st.none() | st.sampled_from(["ja", "en", "tlh"]),
    topics=st.none() | st.dictionaries(st.sampled_from(["energy", "trade", "board"]), st.booleans()),
    frequency=st.none() | st.sampled_from(Frequency),
)
_STEP = st.one_of(
    st.tuples(st.just("list"), st.sampled_from(READERS), st.one_of(st.none(), _ROW, _ROW, _ROW)),
    st.tuples(st.just("choose"), st.sampled_from(READERS), _CHOICE),
    st.tuples(st.just("pause"), st.sampled_from(READERS), st.booleans()),
    st.tuples(st.sampled_from(["resume", "return"]), st.sampled_from(READERS), st.booleans()),
    st.tuples(st.sampled_from(["leave", "one-click", "mailto"]), st.sampled_from(READERS), st.booleans()),
    st.tuples(st.just("move"), st.sampled_from(READERS), st.none()),
)  # fmt: skip
_PLAIN = ("Ada", frozenset({"trade"}), "")
_LEAVING = {"leave": EventSource.PAGE, "one-click": EventSource.ONE_CLICK, "mailto": EventSource.MAIL}


def _take(world: World, readers: Sequence[Reader], step: tuple[str, int, Any]) -> None:
    """Do one step in the program and in the model. `value` may say that it is done by an old link."""
    name, number, value = step
    reader = readers[number]
    link = reader.before[0] if reader.before and value is True else reader.address
    match name:
        case "list":
            reader.row = value
            world.put_list(readers)
        case "choose":
            world.choose(link, value)
            reader.name = reader.name if value.name is None else value.name
            reader.language = value.language if value.language in ("ja", "en") else reader.language
            reader.topics |= {tag: wanted for tag, wanted in (value.topics or {}).items() if tag != "board"}
            reader.frequency = value.frequency or reader.frequency
        case "pause":
            until = datetime.now(UTC) + timedelta(days=1 if value else -1)
            world.say(link, EventKind.PAUSED, EventSource.PAGE, until.isoformat(timespec="milliseconds"))
            reader.is_paused = value
        case "resume":
            world.say(link, EventKind.RESUMED, EventSource.PAGE)
            reader.is_paused = False
        case "return":
            world.say(link, EventKind.RETURNED, EventSource.PAGE)
            reader.has_left = reader.is_paused = False
        case "move":
            new = f"moved{next(_numbers)}@example.org"
            if world.opened.config.subscriber_list.source == "store" and world.move(reader, new):
                reader.before.append(reader.address)
                reader.address = new
        case _:
            world.say(link, EventKind.UNSUBSCRIBED, _LEAVING[name])
            reader.has_left = True


def test_an_issue_is_frozen_for_those_whom_the_model_names(world: World) -> None:
    @settings(max_examples=6 if world.store.file else 12)  # more are in the slow tests, on the other database
    @example([_PLAIN] * 3, [("move", 0, None), ("leave", 0, True)])
    @example([_PLAIN] * 3, [("move", 0, None), ("move", 0, None), ("one-click", 0, True), ("pause", 1, False)])
    @example([_PLAIN] * 3, [("leave", 0, False), ("move", 0, None), ("return", 0, True), ("pause", 0, True)])
    @given(st.lists(_ROW, min_size=3, max_size=3), st.lists(_STEP, min_size=8, max_size=18))
    def hold_against_the_model(rows: Sequence[Any], steps: Sequence[tuple[str, int, Any]]) -> None:
        readers = [Reader(f"reader{next(_numbers)}@example.org", row) for row in rows]
        world.put_list(readers)
        for step in steps:
            _take(world, readers, step)
        expected: Mapping[str, Any] = {one.address: how for one in readers if (how := one.expected())}
        assert world.freeze() == expected

    hold: Callable[[], None] = hold_against_the_model
    hold()
