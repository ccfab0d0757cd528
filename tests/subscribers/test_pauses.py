"""A pause ends by itself, and is no leaving."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from io import StringIO
from pathlib import Path

import pytest

from newsletter.address import EmailAddress, SubscriberKey
from newsletter.clock import parse_instant
from newsletter.store import Store, suppressions
from newsletter.store.engine import publication_of
from newsletter.store.events import list_events
from newsletter.store.schema import suppressions as table
from newsletter.store.suppression_rule import is_suppressed
from newsletter.subscribers.csv_source import CsvSource
from newsletter.subscribers.event_recording import record_events
from newsletter.subscribers.feedback_events import LIFTING, Event, EventKind, EventSource
from newsletter.subscribers.import_changes import list_imports
from newsletter.subscribers.import_undo import ImportUndo
from newsletter.subscribers.list_changes import describe_suppression
from newsletter.subscribers.list_export import export_everyone, export_suppressed, write_csv
from newsletter.subscribers.pauses import PauseLength, lift_ended_pauses, make_pause
from newsletter.subscribers.stored_subscribers import StoredSubscriber, save_subscribers, stream_subscribers
from newsletter.subscribers.subscriber import SubscriberStatus
from newsletter.subscribers.subscriber_import import SubscriberImport
from newsletter.subscribers.suppression import import_suppressions, suppress
from newsletter.subscribers.suppression_status import SuppressionStatus, read_suppression_statuses
from newsletter.workspace import PublicationId

ADA = SubscriberKey("ada@example.org")
NOW = datetime.now(UTC)
PAST, SOON = ((NOW + timedelta(days=days)).isoformat(timespec="milliseconds") for days in (-1, 20))


def _say(store: Store, kind: EventKind, until: str = "", source: EventSource = EventSource.PAGE) -> bool:
    evidence = {"until": until} if until else {}
    return record_events(store, None, [Event(subscriber=ADA, kind=kind, source=source, evidence=evidence)])[0]


def _status(store: Store) -> SuppressionStatus:
    return read_suppression_statuses(store, None, [ADA])[0]


def _kinds(store: Store) -> list[str]:
    with store.reading() as connection:
        return [row.kind for row in list_events(connection, ADA)]


def _is_suppressed(store: Store) -> tuple[bool, bool]:
    """Return whether nothing is sent, as a statement sees it, and whether that is for good."""
    with store.reading() as connection:
        rows = [
            connection.scalar(
                table.select().with_only_columns(table.c.cause).where(
                    is_suppressed(publication_of(connection), table.c.subscriber, for_good=for_good)
                )
            )
            for for_good in (False, True)
        ]  # fmt: skip
    return rows[0] is not None, rows[1] is not None


@pytest.mark.parametrize(
    ("length", "start", "end"),
    [
        (PauseLength.TWO_WEEKS, "2026-12-24", "2027-01-07"), (PauseLength.MONTH, "2026-11-30", "2026-12-30"),
        (PauseLength.MONTH, "2027-01-31", "2027-02-28"), (PauseLength.THREE_MONTHS, "2026-11-30", "2027-02-28"),
        (PauseLength.SIX_MONTHS, "2026-06-30", "2026-12-30"), (PauseLength.SIX_MONTHS, "2026-07-31", "2027-01-31"),
        (PauseLength.THREE_MONTHS, "2027-11-30", "2028-02-29"),
    ],
)  # fmt: skip
def test_a_pause_is_as_long_as_the_calendar_has_it(length: PauseLength, start: str, end: str) -> None:
    assert length.end(datetime.fromisoformat(f"{start}T09:30:00+00:00")).isoformat() == f"{end}T09:30:00+00:00"


def test_a_pause_holds_until_its_end_and_is_no_leaving(store: Store) -> None:
    until = parse_instant(make_pause(ADA, PauseLength.MONTH, EventSource.PAGE).evidence["until"])
    assert timedelta(days=27) < until - NOW < timedelta(days=32)
    assert _say(store, EventKind.PAUSED, SOON)
    assert not _say(store, EventKind.PAUSED, SOON)
    status = _status(store)
    assert status.state == "paused"
    assert describe_suppression(status) == f"paused since {NOW:%Y-%m-%d} until {SOON[:10]}"
    assert _is_suppressed(store) == (True, False)
    assert lift_ended_pauses(store) == 0
    with store.reading() as connection:
        assert suppressions.count_suppressed(connection) == suppressions.count_suppressed(connection, LIFTING) == 0
        assert suppressions.count_by_cause(connection) == {"paused": 1}
    assert _say(store, EventKind.RESUMED)
    assert not _say(store, EventKind.RESUMED)
    assert _status(store).mailable
    assert _kinds(store) == ["paused", "resumed"]


def test_a_pause_ends_by_itself_whether_or_not_it_was_taken_away_yet(store: Store) -> None:
    _say(store, EventKind.PAUSED, SOON)
    assert _say(store, EventKind.PAUSED, PAST)  # the last one counts
    assert _status(store).mailable
    assert _is_suppressed(store) == (True, False)
    assert lift_ended_pauses(store) == 1
    assert lift_ended_pauses(store) == 0
    assert _is_suppressed(store) == (False, False)
    with store.reading() as connection:
        last = list_events(connection, ADA)[-1]
    assert (last.kind, last.source, last.said_at) == ("resumed", "time", PAST)


def test_each_publication_ends_its_own_pauses(store: Store) -> None:
    other = store.of(PublicationId("press"))
    _say(other, EventKind.PAUSED, PAST)
    assert lift_ended_pauses(store) == 0
    assert lift_ended_pauses(other) == 1
    assert _kinds(other) == ["paused", "resumed"]


def test_who_leaves_during_a_pause_has_left_when_it_ends(store: Store) -> None:
    _say(store, EventKind.PAUSED, PAST)
    assert _say(store, EventKind.UNSUBSCRIBED)
    assert _is_suppressed(store) == (True, True)
    lift_ended_pauses(store)
    assert _status(store).state == "unsubscribed"
    assert not _say(store, EventKind.RESUMED)
    assert _status(store).state == "unsubscribed"


def test_who_wants_it_again_has_paused_nothing(store: Store) -> None:
    _say(store, EventKind.PAUSED, SOON, EventSource.EDITOR)
    _say(store, EventKind.UNSUBSCRIBED)
    assert _say(store, EventKind.RETURNED)
    assert _status(store).mailable


def test_a_pause_moves_with_its_end_to_another_state(store: Store, tmp_path: Path) -> None:
    _say(store, EventKind.PAUSED, SOON)
    file, over = tmp_path / "held.csv", tmp_path / "over.csv"
    for path, ends in ((file, SOON), (over, PAST)):
        with path.open("w") as text:
            write_csv(text, export_suppressed(store, None))
        path.write_text(path.read_text().replace(SOON, ends))
    _say(store, EventKind.RESUMED)
    assert import_suppressions(store, None, over, "unsubscribed").new == 0
    assert _status(store).mailable
    assert import_suppressions(store, None, file, "unsubscribed").new == 1
    assert import_suppressions(store, None, file, "unsubscribed").new == 0
    (held,) = _status(store).suppressions
    assert (held.kind, held.until) == ("paused", parse_instant(SOON))


def test_a_list_that_was_an_export_has_its_pauses_end(store: Store, tmp_path: Path) -> None:
    path = tmp_path / "list.csv"
    path.write_text(f"email,name\n{ADA},Ada\n")
    _say(store, EventKind.PAUSED, SOON)
    out = StringIO()
    write_csv(out, export_everyone(store, None, CsvSource(path), Counter()))
    for ends, kept in ((SOON, "newsletter_state: paused"), (PAST, "")):
        path.write_text(out.getvalue().replace(SOON[:10], ends[:10]))
        (row,) = CsvSource(path).find([ADA]).values()
        assert CsvSource(path).read_statuses().describe(row) == kept


def test_an_export_that_is_imported_again_makes_no_pause_last(store: Store, tmp_path: Path) -> None:
    with store.transaction() as connection:
        save_subscribers(connection, [StoredSubscriber(address=EmailAddress(ADA))])
    _say(store, EventKind.PAUSED, SOON)
    path = tmp_path / "list.csv"
    paused = f"paused,until {SOON}"
    path.write_text(f"email,newsletter_state,newsletter_words\n{ADA},{paused}\nben@example.org,{paused}\n")
    for _ in range(2):
        subscriber_import = SubscriberImport(store, None, CsvSource(path))
        assert subscriber_import.plan().inactive == 0
        subscriber_import.apply()
        with store.reading() as connection:
            statuses = {row.key: row.status for row in stream_subscribers(connection)}
        (held,) = read_suppression_statuses(store, None, ["ben@example.org"])
        assert statuses == {ADA: SubscriberStatus.ACTIVE, "ben@example.org": SubscriberStatus.ACTIVE}
        assert _is_suppressed(store) == (True, False)
        assert (held.state, held.suppressions[0].until) == ("paused", parse_instant(SOON))
    _say(store, EventKind.RESUMED)
    SubscriberImport(store, None, CsvSource(path)).apply()
    assert _status(store).mailable, "what they have said here counts"


def test_a_pause_that_an_import_brought_goes_with_it(store: Store, tmp_path: Path) -> None:
    path = tmp_path / "list.csv"
    path.write_text(f"email,newsletter_state,newsletter_words\n{ADA},paused,until {SOON}\n")
    batch = SubscriberImport(store, None, CsvSource(path)).apply()
    assert _status(store).state == "paused"
    with store.reading() as connection:
        (found,) = [one for one in list_imports(connection) if one.batch == batch]
    ImportUndo(store, found).apply()
    assert _status(store).mailable


def test_an_editors_own_word_is_no_pause_without_an_end(store: Store) -> None:
    suppress(store, None, ADA, "paused")
    (held,) = _status(store).suppressions
    assert (held.kind, held.words, held.until) == ("suppressed", "paused", None)
