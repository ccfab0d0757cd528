"""Reconfirmation: who is asked, by the age of what they agreed to; what answering does, and what silence does."""

import re
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import closing
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy

import pytest
from conftest import Publication, Run
from smtp_server import Server
from sqlalchemy import select, update

from newsletter.actions import reconfirm_subscribers
from newsletter.actions.confirm_request import confirm_request, find_confirmation
from newsletter.actions.reconfirm_subscribers import (
    AskingGroup,
    AskingPlan,
    FinishPlan,
    ask_subscribers,
    finish_reconfirmation,
    undo_finish,
)
from newsletter.address import SubscriberKey
from newsletter.clock import parse_instant
from newsletter.errors import ConfigError
from newsletter.publication import OpenPublication
from newsletter.store import Store, open_store, suppressions
from newsletter.store.erased import add_erased
from newsletter.store.events import StoredEvent, add_events, list_events
from newsletter.store.schema import reader_requests, transactional_mails
from newsletter.subscribers.consent import Consent
from newsletter.subscribers.event_recording import record_events
from newsletter.subscribers.feedback_events import Event, EventKind, EventSource
from newsletter.subscribers.preferences import Preferences, save_preferences
from newsletter.subscribers.purpose_tokens import PurposeToken
from newsletter.subscribers.reader_requests import RequestKind, list_requests_of
from newsletter.subscribers.reconfirming import suppress_silent
from newsletter.subscribers.secret_keys import create_secret_keys
from newsletter.subscribers.stored_subscribers import StoredSubscriber, add_consents, list_consents, save_subscribers
from newsletter.transactional.mail_kinds import MailKind, MailState
from newsletter.transactional.queue import list_due_mails, queue_mail
from newsletter.transactional.queue_upkeep import delete_old_mails

DAY = timedelta(days=1)
THREE_YEARS = 3 * 365 * DAY
NEW = datetime.now(UTC).isoformat(timespec="milliseconds")
OLD = "2019-05-03T09:00:00.000+00:00"
# Who is on the list, each with when they agreed, and whether asking is about them.
PEOPLE = {
    "old": (OLD, AskingGroup.OLDER),
    "never": ("", AskingGroup.UNKNOWN),
    "odd": ("", AskingGroup.UNKNOWN),
    "new": (NEW, AskingGroup.RECENT),
    "back": (OLD, AskingGroup.RECENT),  # and wanted it again since
    "left": (OLD, AskingGroup.NOT_MAILED),
    "rests": (OLD, AskingGroup.NOT_MAILED),
}


@pytest.fixture
def opened(publication: Publication, store: Store) -> OpenPublication:
    """Open a publication over a store on either database, with PEOPLE on its list."""
    create_secret_keys(publication.root)
    publication.environ |= {"NEWSLETTER_SERVICE__URL": "https://news.example.org", "NEWSLETTER_LIST__SOURCE": "store"}
    with store.transaction() as connection:
        save_subscribers(connection, [StoredSubscriber(address=f"{name}@example.org") for name in PEOPLE])
        save_subscribers(connection, [StoredSubscriber(address=_key("odd"), fields={"consent_at": "some day"})])
        for name, (at, _) in PEOPLE.items():
            if at:
                add_consents(connection, {_key(name): Consent(given_at=at, source="import")})
    until = (datetime.now(UTC) + 30 * DAY).isoformat()
    record_events(store, None, [
        Event(subscriber=_key("back"), kind=EventKind.UNSUBSCRIBED, source=EventSource.PAGE),
        Event(subscriber=_key("back"), kind=EventKind.RETURNED, source=EventSource.PAGE),
        Event(subscriber=_key("left"), kind=EventKind.UNSUBSCRIBED, source=EventSource.PAGE),
        Event(subscriber=_key("rests"), kind=EventKind.PAUSED, source=EventSource.PAGE, evidence={"until": until}),
    ])  # fmt: skip
    return OpenPublication(publication.workspace, store=store)


def _key(name: str) -> SubscriberKey:
    return SubscriberKey(f"{name}@example.org")


def _ask(opened: OpenPublication, *, agrees: bool = True) -> tuple[int, list[AskingPlan]]:
    seen: list[AskingPlan] = []

    def confirm(plan: AskingPlan) -> bool:
        seen.append(plan)
        return agrees

    return ask_subscribers(opened, THREE_YEARS, confirm), seen


def _finish(opened: OpenPublication, after: timedelta = 30 * DAY, *, agrees: bool = True) -> tuple[int, FinishPlan]:
    seen: list[FinishPlan] = []

    def confirm(plan: FinishPlan) -> bool:
        seen.append(plan)
        return agrees

    return finish_reconfirmation(opened, after, confirm), seen[0]


def _queued(store: Store) -> list[str]:
    table = transactional_mails.c
    with store.reading() as connection:
        return sorted(connection.scalars(select(table.subscriber).where(table.kind == "reconfirm")))


def _answer_mails(store: Store, *, days: float = 31, **states: str) -> None:
    """Let the mails have been accepted so many days ago, or what `states` says by name."""
    at = (datetime.now(UTC) - days * DAY).isoformat(timespec="milliseconds")
    with store.transaction() as connection:
        connection.execute(update(transactional_mails).values(state="accepted", at=at))
        connection.execute(update(reader_requests).values(requested_at=at))
        for name, state in states.items():
            theirs = transactional_mails.c.subscriber == _key(name)
            connection.execute(update(transactional_mails).where(theirs).values(state=state))


def _token(store: Store, name: str) -> PurposeToken:
    with store.reading() as connection:
        (request,) = list_requests_of(connection, _key(name))
    assert request.kind is RequestKind.RECONFIRM
    return PurposeToken(_key(name), str(request.id), 2**40)


def _causes(store: Store, name: str) -> set[str]:
    with store.reading() as connection:
        return {*suppressions.list_causes(connection, _key(name))}


def test_who_agreed_long_ago_is_asked_once_when_the_editor_agrees(opened: OpenPublication, store: Store) -> None:
    asked, (plan,) = _ask(opened, agrees=False)
    assert asked == 0
    assert _queued(store) == []
    assert plan.counts == {
        group: sum(each is group for _, each in PEOPLE.values()) for group in {each for _, each in PEOPLE.values()}
    }
    asked, _ = _ask(opened)
    assert asked == 3
    assert _queued(store) == [_key("never"), _key("odd"), _key("old")]
    assert _ask(opened) == (0, [])  # nobody is left to be asked
    assert _queued(store) == [_key("never"), _key("odd"), _key("old")]


def test_the_button_is_a_new_consent_to_the_words_shown_and_a_look_changes_nothing(
    opened: OpenPublication, store: Store
) -> None:
    _ask(opened)
    token = _token(store, "old")
    found = find_confirmation(store, token, is_in_store=False)
    assert found
    assert not found.is_done
    for words in ("I still want it.", "", "again"):
        done = confirm_request(opened, token, words)
        assert done
        assert done.is_done
    with store.reading() as connection:
        _, consent = list_consents(connection, _key("old"))
        assert list_events(connection, _key("old")) == []
    assert (consent.source, consent.words) == ("reconfirm", "I still want it.")
    assert parse_instant(consent.given_at) > datetime.now(UTC) - DAY
    # Without words from a page, what was asked counts.
    confirm_request(opened, _token(store, "never"))
    with store.reading() as connection:
        (consent,) = list_consents(connection, _key("never"))
    assert consent.words == opened.config.consent_words
    _answer_mails(store)
    assert _ask(opened) == (0, [])  # they have agreed anew


@pytest.mark.parametrize("kind", [EventKind.UNSUBSCRIBED, EventKind.COMPLAINED, EventKind.SUPPRESSED])
def test_who_left_since_stays_away_whatever_they_press(opened: OpenPublication, store: Store, kind: EventKind) -> None:
    _ask(opened)
    token = _token(store, "old")
    record_events(store, None, [Event(subscriber=_key("old"), kind=kind, source=EventSource.PAGE)])
    assert find_confirmation(store, token) is None
    assert confirm_request(opened, token) is None
    assert _causes(store, "old") == {kind.value}


def test_nothing_is_kept_of_the_erased_who_did_not_answer(opened: OpenPublication, store: Store) -> None:
    assert opened.keys
    with store.transaction() as connection:
        add_erased(connection, opened.keys.digest(_key("old")))
        assert suppress_silent(connection, opened.keys, [_key("old"), _key("never")], "one") == 1
    assert (_causes(store, "old"), _causes(store, "never")) == (set(), {"unconfirmed"})


def test_silence_counts_only_of_those_whom_the_mail_reached_and_is_undone_as_one(
    opened: OpenPublication, store: Store
) -> None:
    _ask(opened)
    assert _finish(opened)[0] == 0
    _answer_mails(store, odd="unknown")
    assert _finish(opened, 60 * DAY)[0] == 0, "they still have time"
    stopped, plan = _finish(opened, agrees=False)
    assert stopped == 0
    assert (plan.unanswered, plan.confirmed, plan.mails) == (2, 0, {"accepted": 2, "unknown": 1})
    assert _finish(opened)[0] == 2
    assert [name for name in PEOPLE if "unconfirmed" in _causes(store, name)] == ["old", "never"]
    assert _finish(opened)[0] == 0
    assert _ask(opened) == (0, [])
    names: list[tuple[str, int]] = []

    def refuse(name: str, readers: int) -> bool:
        names.append((name, readers))
        return False

    assert undo_finish(opened, refuse) == 0
    assert [readers for _, readers in names] == [2]
    assert undo_finish(opened, lambda name, readers: True) == 2
    assert undo_finish(opened, lambda name, readers: True) == 0
    assert not any("unconfirmed" in _causes(store, name) for name in PEOPLE)


def test_an_undone_reading_of_the_inbox_brings_back_nobody_who_did_not_answer(
    opened: OpenPublication, store: Store
) -> None:
    _ask(opened)
    _answer_mails(store)
    _finish(opened)
    with store.reading() as connection:
        assert suppressions.list_batches(connection) == {}
        (batch,) = suppressions.list_batches(connection, "unconfirmed").values()
    assert batch == {_key("old"), _key("never"), _key("odd")}


def test_who_answers_late_gets_it_again(opened: OpenPublication, store: Store) -> None:
    _ask(opened)
    _answer_mails(store)
    assert _finish(opened)[0] == 3
    done = confirm_request(opened, _token(store, "old"))
    assert done
    assert done.is_done
    assert _causes(store, "old") == set()
    assert undo_finish(opened, lambda name, readers: readers == 2) == 2


def test_a_consent_by_another_page_is_an_answer_and_other_reasons_stay(opened: OpenPublication, store: Store) -> None:
    _ask(opened)
    _answer_mails(store)
    with store.transaction() as connection:
        add_consents(connection, {_key("old"): Consent(given_at=NEW, source="sign-up")})
    record_events(store, None, [Event(subscriber=_key("odd"), kind=EventKind.HARD, source=EventSource.MAIL)])
    assert _finish(opened)[0] == 1
    assert _causes(store, "old") == set()
    assert _causes(store, "odd") == {"bounced"}


@pytest.mark.parametrize(
    ("kind", "source", "spared"),
    [
        (EventKind.RETURNED, EventSource.PAGE, True), (EventKind.SIGNED_UP, EventSource.MAIL, True),
        (EventKind.ALLOWED, EventSource.EDITOR, True), (EventKind.RESUMED, EventSource.PAGE, True),
        (EventKind.RESUMED, EventSource.TIME, False), (EventKind.BLOCKED, EventSource.MAIL, True),
        (EventKind.SOFT, EventSource.MAIL, True), (EventKind.KEPT, EventSource.EDITOR, False),
        (EventKind.ASKED, EventSource.MAIL, False),
    ],
)  # fmt: skip
@pytest.mark.parametrize("since", [True, False])
def test_who_has_said_anything_else_since_or_gets_no_mail_from_this_sender_was_not_silent(
    opened: OpenPublication, store: Store, kind: EventKind, source: EventSource, spared: bool, since: bool
) -> None:
    _ask(opened)
    _answer_mails(store)
    moment = (datetime.now(UTC) - (1 if since else 40) * DAY).isoformat(timespec="milliseconds")
    with store.transaction() as connection:
        add_events(connection, [StoredEvent(_key("old"), kind, source, None, {}, moment, moment)])
    suppressed, plan = _finish(opened)
    spares = spared and since
    assert suppressed == plan.unanswered == (2 if spares else 3)
    assert _causes(store, "old") == (set() if spares else {"unconfirmed"})
    arrives = kind not in (EventKind.BLOCKED, EventKind.SOFT)
    assert plan.has_time == 0
    assert plan.mails[MailState.UNKNOWN] == (1 if spares and not arrives else 0)


def test_who_has_chosen_something_on_their_page_was_not_silent(opened: OpenPublication, store: Store) -> None:
    _ask(opened)
    _answer_mails(store)
    with store.transaction() as connection:
        save_preferences(connection, _key("old"), Preferences(tags={"energy": True}))
    assert _finish(opened)[0] == 2
    assert _causes(store, "old") == set()


def test_nobody_answers_between_being_found_silent_and_being_suppressed(
    opened: OpenPublication, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    _ask(opened)
    _answer_mails(store)
    token, pressed = _token(store, "old"), list[Future[object]]()
    found = reconfirm_subscribers.list_unanswered

    def press_once_found(*args: object) -> object:
        group = found(*args)  # type: ignore[arg-type]  # as it is called
        if not pressed:
            pressed.append(pool.submit(confirm_request, opened, token))
            wait(pressed, 0.3)  # until it is in the store, or waits
        return group

    monkeypatch.setattr(reconfirm_subscribers, "list_unanswered", press_once_found)
    with ThreadPoolExecutor(1) as pool:
        _finish(opened)
        assert pressed[0].result()
    assert _causes(store, "old") == set()


def test_by_which_mail_somebody_was_asked_is_kept_while_they_can_answer(opened: OpenPublication, store: Store) -> None:
    _ask(opened)
    _answer_mails(store, days=120)
    with store.transaction() as connection:
        connection.execute(update(transactional_mails).values(created_at=OLD))
        assert delete_old_mails(connection) == 0
    assert _finish(opened)[0] == 3


def test_nobody_is_asked_by_a_link_that_leads_nowhere(opened: OpenPublication, publication: Publication) -> None:
    del publication.environ["NEWSLETTER_SERVICE__URL"]
    with pytest.raises(ConfigError, match="links to the service"):
        ask_subscribers(OpenPublication(publication.workspace, store=opened.store), THREE_YEARS, lambda plan: True)


def test_the_command_asks_sends_and_finishes(digest: Publication, server: Server, run: Run) -> None:
    create_secret_keys(digest.root)
    digest.through(server)
    where = {**digest.environment(), "NEWSLETTER_SERVICE__URL": "https://news.example.org"}
    (digest.root / "subscribers.csv").write_text(f"email,consent_at\nada@example.org,{OLD}\nbo@example.org,{NEW}\n")

    def reconfirm(*options: str, typed: str = "") -> tuple[int, str]:
        done = run("subscribers", "reconfirm", *options, input=typed, env=where)
        return done.exit_code, done.output

    assert reconfirm("--older-than", "3 moons")[0] != 0
    for options in ((), ("--finish", "--undo"), ("--finish", "--now"), ("--after", "3d", "--now")):
        assert reconfirm(*options)[0] == 2
    status, said = reconfirm("--older-than", "3y", typed="n\n")
    assert status == 1
    assert "To be asked: 1 reader\n" in said
    assert "1 last agreed before" in said
    status, said = reconfirm("--older-than", "3y", "--now", "--yes")
    assert status == 0, said
    assert "1 sent." in said
    ((to, raw),) = server.stored
    mail = message_from_bytes(raw, policy=policy.default)
    assert to == "ada@example.org"
    assert mail["List-Unsubscribe-Post"]
    text = mail.get_body(("plain",))
    assert text
    assert re.search(r"https://news\.example\.org/confirm/\S+", text.get_content())
    assert reconfirm("--older-than", "3y", "--yes")[1].startswith("Nobody has to be asked")
    _, said = reconfirm("--finish")
    assert "No answer: 0 readers" in said
    assert "Have time   1 who got it later" in said
    with closing(open_store(digest.workspace.database)) as store:
        _answer_mails(store)
        status, said = reconfirm("--finish", typed="y\n")
        assert (status, _causes(store, "ada")) == (0, {"unconfirmed"})
        assert "--undo" in said
        status, said = reconfirm("--undo", typed="y\n")
        assert (status, _causes(store, "ada")) == (0, set())
    assert reconfirm("--undo") == (0, "There is nothing to undo.\n")


def test_mails_that_one_reader_waits_for_go_before_those_that_many_are_asked_by(
    opened: OpenPublication, store: Store
) -> None:
    _ask(opened)
    with store.transaction() as connection:
        queue_mail(connection, MailKind.CONFIRM_JOIN, _key("new"), "new@example.org")
        due = [mail.kind for mail in list_due_mails(connection, 10)]
    assert due == [MailKind.CONFIRM_JOIN, *[MailKind.RECONFIRM] * 3]
