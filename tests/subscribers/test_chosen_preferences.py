"""What readers chose stands over the list, whatever list it is, and whatever it says by the next import."""

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from newsletter.address import SubscriberKey
from newsletter.store import Store
from newsletter.store.schema import preferences
from newsletter.subscribers.chosen_preferences import SourceWithPreferences, put_preferences_over
from newsletter.subscribers.csv_source import CsvSource
from newsletter.subscribers.preferences import (
    Frequency,
    Preferences,
    count_preferences,
    find_preferences,
    read_preferences,
    save_preferences,
    stream_preferences,
)
from newsletter.subscribers.source import SubscriberSource
from newsletter.subscribers.store_source import StoreSource
from newsletter.subscribers.stored_subscribers import StoredSubscriber, add_columns, save_subscribers
from newsletter.subscribers.subscriber import Subscriber, find_language

ADA, BOB, CY = "ada@example.org", "bob@example.org", "cy@example.org"
LIST = f"email,name,tags,lang\n{ADA},Ada,energy,de\n{BOB},Bob,trade;board,\n{CY},Cy,,ja\n"
CHOSEN = Preferences(
    name="Ada L.", language="ja", tags={"energy": False, "trade": True}, frequency=Frequency.SUMMARY
)  # fmt: skip


@pytest.fixture(params=["csv", "store"])
def plain(request: pytest.FixtureRequest, store: Store, write_list: Callable[[str], Path]) -> SubscriberSource:
    """Return three people, once in a file and once in the store."""
    file = CsvSource(write_list(LIST))
    if request.param == "csv":
        return file
    with store.transaction() as connection:
        add_columns(connection, ["lang"])
        save_subscribers(
            connection,
            [
                StoredSubscriber(
                    address=row.address, tags=row.tags, fields={k: v for k, v in row.fields.items() if k != "email"}
                )
                for row in file.read_subscribers()
                if isinstance(row, Subscriber)
            ],
        )
    return StoreSource(store)


def _choose(store: Store, key: str, chosen: Preferences) -> None:
    with store.transaction() as connection:
        save_preferences(connection, SubscriberKey(key), chosen)


def _read(source: SubscriberSource) -> dict[str, tuple[str, str, frozenset[str]]]:
    rows = [row for row in source.read_subscribers() if isinstance(row, Subscriber)]
    assert rows == [row for row in source.read_rows() if isinstance(row, Subscriber)]
    assert {row.key: row for row in rows} == source.find([row.key for row in rows])
    assert {type(row.tags) for row in rows} == {frozenset}
    assert all(set(source.read_columns()) <= {*row.fields, "tags"} for row in rows)
    return {row.key: (row.fields["name"], find_language(row.fields), row.tags) for row in rows}


def test_nothing_chosen_costs_nothing(store: Store, plain: SubscriberSource) -> None:
    assert put_preferences_over(plain, store, summary=True) is plain
    assert put_preferences_over(plain, None, summary=True) is plain
    _choose(store, ADA, CHOSEN)
    assert put_preferences_over(plain, store, summary=True) == SourceWithPreferences(plain, store, summary=True)
    _choose(store, ADA, Preferences())
    assert put_preferences_over(plain, store, summary=True) is plain


def test_what_was_chosen_stands_over_the_list(store: Store, plain: SubscriberSource) -> None:
    _choose(store, ADA, CHOSEN)
    _choose(store, "nobody@example.org", CHOSEN)
    source = put_preferences_over(plain, store, summary=True)
    assert _read(source) == {
        ADA: ("Ada L.", "ja", frozenset({"trade", "summary"})),
        BOB: ("Bob", "", frozenset({"trade", "board"})),
        CY: ("Cy", "ja", frozenset()),
    }
    (row,) = source.find_rows(ADA).rows
    assert (row.cells["name"], row.cells["lang"], row.cells["tags"]) == ("Ada L.", "ja", "summary;trade")
    assert source.find_rows(BOB) == plain.find_rows(BOB)
    hashed = source.find_hashed(2, lambda one: one.key == ADA)
    assert hashed
    assert hashed.tags == {"trade", "summary"}
    assert source.version() != plain.version()
    assert source.fingerprint() == plain.fingerprint()  # nobody has left the list by it


def test_a_summary_that_is_offered_no_more_is_no_tag(store: Store, plain: SubscriberSource) -> None:
    _choose(store, ADA, CHOSEN)
    assert _read(put_preferences_over(plain, store, summary=False))[ADA][2] == {"trade"}


def test_who_wants_the_issues_again_has_no_summary_whatever_the_list_says(
    store: Store, write_list: Callable[[str], Path]
) -> None:
    plain = CsvSource(write_list(f"email,name,tags\n{ADA},Ada,summary\n"))
    _choose(store, ADA, Preferences(frequency=Frequency.ISSUES))
    assert _read(put_preferences_over(plain, store, summary=True))[ADA][2] == frozenset()


def test_a_list_without_a_language_has_the_one_that_was_chosen(store: Store, write_list: Callable[[str], Path]) -> None:
    plain = CsvSource(write_list(f"email,name\n{ADA},Ada\n{BOB},Bob\n"))
    _choose(store, BOB, Preferences(name='"language": "x"'))
    source = put_preferences_over(plain, store, summary=False)
    assert source.read_columns() == ["email", "name"]
    _choose(store, ADA, Preferences(language="ja"))
    assert source.read_columns() == ["email", "name", "language"]
    assert {key: read[1] for key, read in _read(source).items()} == {ADA: "ja", BOB: ""}


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ([], {ADA, BOB, CY}), (["ada"], {ADA}), (["L.", "trade"], {ADA}), (["trade"], {ADA, BOB}), (["energy"], set()),
        (["JA"], {ADA, CY}), (["board", "bob"], {BOB}), (["example", "summary"], {ADA}), (["ada", "bob"], set()),
    ],
)  # fmt: skip
def test_a_search_finds_what_was_chosen_and_not_what_was_given_up(
    store: Store, plain: SubscriberSource, words: list[str], found: set[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    _choose(store, ADA, CHOSEN)
    source = put_preferences_over(plain, store, summary=True)
    assert sorted(row.key for row in source.search(words)) == sorted(found)
    monkeypatch.setattr("newsletter.subscribers.chosen_preferences._GROUP", 1)  # and when many have chosen
    _choose(store, CY, Preferences(tags={"board": False}))
    assert sorted(row.key for row in source.search(words)) == sorted(found)


_TEXT = st.text(max_size=20).filter(lambda text: "\0" not in text and text.isprintable())


@given(
    chosen=st.builds(
        Preferences,
        name=st.none() | _TEXT,
        language=st.none() | st.sampled_from(["ja", "pt-BR"]),
        tags=st.dictionaries(_TEXT, st.booleans(), max_size=3),
        frequency=st.none() | st.sampled_from(Frequency),
    )
)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_what_was_chosen_is_read_as_it_was_written(store: Store, chosen: Preferences) -> None:
    with store.transaction() as connection:
        save_preferences(connection, SubscriberKey(ADA), Preferences(name="before"))
        save_preferences(connection, SubscriberKey(ADA), chosen)
        assert read_preferences(connection, SubscriberKey(ADA)) == chosen
        assert [row.chosen for row in stream_preferences(connection)] == ([] if chosen.is_empty else [chosen])
        assert find_preferences(connection, [BOB]) == {}


def test_what_readers_chose_is_counted(store: Store) -> None:
    with store.transaction() as connection:
        save_preferences(connection, SubscriberKey(ADA), CHOSEN)
        save_preferences(connection, SubscriberKey(BOB), Preferences(name="Bob", tags={"energy": True, "trade": True}))
        assert count_preferences(connection) == {
            "in ja": 1, "the summary": 1, "with energy": 1, "with trade": 2, "without energy": 1,
        }  # fmt: skip


def test_unknown_words_of_a_later_version_are_left_aside(store: Store) -> None:
    with store.transaction() as connection:
        save_preferences(connection, SubscriberKey(ADA), CHOSEN)
        connection.execute(preferences.update().values(chosen='{"frequency": "hourly", "colour": "red"}'))
        assert read_preferences(connection, SubscriberKey(ADA)) == Preferences()
