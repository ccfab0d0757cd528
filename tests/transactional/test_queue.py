"""The queue of mails to one reader, on both databases."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from threading import Thread

import pytest
from sqlalchemy import insert, select, update

from newsletter.address import EmailAddress, SubscriberKey
from newsletter.issue_name import IssueName
from newsletter.mail.message import Outcome, Result
from newsletter.store import Store, suppressions
from newsletter.store.engine import now
from newsletter.store.schema import reader_requests, transactional_mails
from newsletter.subscribers.feedback_events import SuppressionKind
from newsletter.transactional.mail_kinds import TO_READERS, MailKind, MailState
from newsletter.transactional.mail_status import find_mail_status
from newsletter.transactional.queue import (
    claim_mail,
    count_mails,
    count_queued,
    list_due_mails,
    queue_mail,
    record_result,
    release_mail,
    take_issue_out,
)
from newsletter.transactional.queue_upkeep import delete_old_mails, drop_needless_mails, settle_ended_claims
from newsletter.workspace import PublicationId

ADA, BEN = SubscriberKey("ada@example.org"), SubscriberKey("ben@example.org")
ACCEPTED = Result(key="1", outcome=Outcome.ACCEPTED, stage="text", code=250, reply="Ok")


def _queue(store: Store, kind: MailKind = MailKind.WELCOME, subscriber: SubscriberKey = ADA, **what: object) -> int:
    with store.transaction() as connection:
        return queue_mail(connection, kind, subscriber, EmailAddress(subscriber), **what)


def _due(store: Store) -> list[int]:
    with store.reading() as connection:
        return [mail.id for mail in list_due_mails(connection, 10)]


def _claim(store: Store, mail: int, worker: str = "w1", lease_s: float = 60.0, issue: IssueName | None = None) -> bool:
    with store.transaction() as connection:
        return claim_mail(connection, mail, worker, lease_s, issue=issue)


def _record(store: Store, mail: int, state: MailState, worker: str = "w1", wait_s: float = 0.0) -> bool:
    with store.transaction() as connection:
        return record_result(connection, mail, worker, state, ACCEPTED, wait_s=wait_s)


def _request(store: Store, state: str = "asked") -> int:
    with store.transaction() as connection:
        row = {
            "publication": store.publication, "kind": "join", "subscriber": ADA, "address": ADA, "fields": "{}",
            "tags": "[]", "language": "", "source": "page", "state": state, "requested_at": now(),
        }  # fmt: skip
        return connection.execute(insert(reader_requests).values(row).returning(reader_requests.c.id)).scalar_one()


def _count(store: Store) -> dict[MailState, int]:
    with store.reading() as connection:
        return dict(count_mails(connection))


def _age(store: Store, mail: int, days: int) -> None:
    moment = (datetime.now(UTC) - timedelta(days=days)).isoformat(timespec="milliseconds")
    with store.transaction() as connection:
        connection.execute(
            update(transactional_mails).where(transactional_mails.c.id == mail).values(created_at=moment)
        )


def test_a_mail_is_claimed_once_and_its_result_recorded(store: Store) -> None:
    mail = _queue(store, language="ja", issue=IssueName("2.10"))
    with store.reading() as connection:
        (waiting,) = list_due_mails(connection, 10)
    assert (waiting.kind, waiting.subscriber, waiting.language, waiting.issue) == (
        MailKind.WELCOME, ADA, "ja", "2.10",
    )  # fmt: skip
    assert _claim(store, mail, issue=IssueName("2.10"))
    assert not _claim(store, mail, "w2", issue=IssueName("2.10"))
    assert not _due(store)
    assert not _record(store, mail, MailState.ACCEPTED, "w2")
    assert _record(store, mail, MailState.ACCEPTED)
    assert _count(store) == {MailState.ACCEPTED: 1}
    assert not _record(store, mail, MailState.REFUSED)
    assert _count(store) == {MailState.ACCEPTED: 1}


@pytest.mark.parametrize("taken_out_first", [True, False])
def test_a_mail_leaves_with_the_issue_that_the_store_says_whoever_could_not_make_it(
    store: Store, taken_out_first: bool
) -> None:
    issue = IssueName("2.10")
    mail = _queue(store, issue=issue)
    claimed = None if taken_out_first else _claim(store, mail, issue=issue)
    with store.transaction() as connection:
        take_issue_out(connection, mail)
    if taken_out_first:
        claimed = _claim(store, mail, issue=issue)
        assert _claim(store, mail, "w2")
    with store.reading() as connection:
        carried = connection.scalar(select(transactional_mails.c.issue))
    assert (claimed, carried) == ((False, None) if taken_out_first else (True, issue))


def test_what_is_queued_in_a_transaction_that_fails_is_not_queued(store: Store) -> None:
    def fail() -> None:
        with store.transaction() as connection:
            queue_mail(connection, MailKind.WELCOME, ADA, EmailAddress(ADA))
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert not _due(store)


def test_a_claim_that_has_run_out_is_unknown_and_never_due_again(store: Store) -> None:
    mail = _queue(store)
    assert _claim(store, mail, lease_s=-1.0)
    assert _count(store) == {MailState.UNKNOWN: 1}  # before anybody has settled it
    with store.transaction() as connection:
        assert settle_ended_claims(connection) == 1
        assert settle_ended_claims(connection) == 0
    assert not _due(store)
    assert not _claim(store, mail, "w2")
    assert _record(store, mail, MailState.ACCEPTED)  # the worker was only slow, and nobody else has sent it
    assert _count(store) == {MailState.ACCEPTED: 1}


def test_a_claim_that_lasts_is_not_settled(store: Store) -> None:
    _claim(store, _queue(store))
    with store.transaction() as connection:
        assert settle_ended_claims(connection) == 0
    assert _count(store) == {MailState.CLAIMED: 1}


def test_what_is_put_off_waits_and_what_is_given_back_counts_no_attempt(store: Store) -> None:
    mail = _queue(store)
    _claim(store, mail)
    with store.transaction() as connection:
        release_mail(connection, mail, "w2")
    assert not _due(store)  # another's
    with store.transaction() as connection:
        release_mail(connection, mail, "w1")
    with store.reading() as connection:
        (waiting,) = list_due_mails(connection, 10)
    assert waiting.attempts == 0
    _claim(store, mail)
    _record(store, mail, MailState.WAITING, wait_s=60.0)
    assert not _due(store)
    assert _count(store) == {MailState.WAITING: 1}


def test_a_mail_that_has_waited_for_a_month_is_dropped_and_one_about_an_open_request_is_not(store: Store) -> None:
    kinds = (MailKind.WELCOME, MailKind.ACCESS_LINK, MailKind.ADDRESS_CHANGED)
    old, younger = [_queue(store, kind) for kind in kinds], [_queue(store, kind, BEN) for kind in kinds]
    asked = _queue(store, MailKind.RECONFIRM, request=_request(store))
    for mail in (*old, asked):
        _age(store, mail, 31)
    for mail in younger:
        _age(store, mail, 29)
    with store.transaction() as connection:
        assert drop_needless_mails(connection, [*old, *younger, asked]) == {*old}


@pytest.mark.parametrize("state", ["confirmed", "dropped", None])
def test_a_mail_about_a_request_that_has_ended_is_dropped(store: Store, state: str | None) -> None:
    ended = _request(store, state) if state else 4711
    dropped = _queue(store, MailKind.CONFIRM_JOIN, request=ended)
    kept = _queue(store, MailKind.CONFIRM_JOIN, request=_request(store))
    with store.transaction() as connection:
        assert drop_needless_mails(connection, [dropped, kept]) == {dropped}
    assert _due(store) == [kept]
    assert _count(store) == {MailState.DROPPED: 1, MailState.WAITING: 1}


@pytest.mark.parametrize(
    ("cause", "dropped"),
    [
        (SuppressionKind.UNSUBSCRIBED, TO_READERS),
        (SuppressionKind.BOUNCED, TO_READERS),
        (SuppressionKind.COMPLAINED, (*TO_READERS, MailKind.CONFIRM_JOIN)),
        (SuppressionKind.SUPPRESSED, (*TO_READERS, MailKind.CONFIRM_JOIN)),
    ],
)
def test_who_must_not_be_mailed_is_only_answered(
    store: Store, cause: SuppressionKind, dropped: Sequence[MailKind]
) -> None:
    request = _request(store)
    mails = [_queue(store, kind, subscriber, request=request) for kind in MailKind for subscriber in (ADA, BEN)]
    with store.transaction() as connection:
        suppressions.suppress(connection, ADA, cause)
        assert len(drop_needless_mails(connection, mails)) == len(dropped)
    with store.reading() as connection:
        waiting = list_due_mails(connection, 50)
    assert {mail.kind for mail in waiting if mail.subscriber == ADA} == set(MailKind) - set(dropped)
    assert {mail.kind for mail in waiting if mail.subscriber == BEN} == set(MailKind)


def test_callers_count_by_kind_and_by_reader(store: Store) -> None:
    for subscriber in (ADA, ADA, BEN):
        _queue(store, MailKind.ACCESS_LINK, subscriber)
    _age(store, _queue(store, MailKind.ACCESS_LINK), days=2)
    _queue(store)
    with store.reading() as connection:
        assert count_queued(connection, MailKind.ACCESS_LINK, ADA, hours=24) == 2
        assert count_queued(connection, MailKind.ACCESS_LINK, None, hours=24) == 3
        assert count_queued(connection, MailKind.CONFIRM_JOIN, ADA, hours=24) == 0


def test_old_mails_are_deleted_but_those_that_wait_or_say_who_has_an_issue(store: Store) -> None:
    done, waiting, with_issue, recent = (
        _queue(store), _queue(store), _queue(store, issue=IssueName("2.10")), _queue(store),
    )  # fmt: skip
    for mail in (done, with_issue, recent):
        _claim(store, mail)
        _record(store, mail, MailState.ACCEPTED)
    for mail in (done, waiting, with_issue):
        _age(store, mail, days=91)
    with store.transaction() as connection:
        assert delete_old_mails(connection) == 1
    with store.reading() as connection:
        assert set(connection.scalars(select(transactional_mails.c.id))) == {waiting, with_issue, recent}


def test_the_status_tells_of_what_waits_and_of_what_failed_lately(store: Store) -> None:
    with store.reading() as connection:
        assert find_mail_status(connection).is_quiet
    waiting = _queue(store)
    for state in (MailState.ACCEPTED, MailState.REFUSED, MailState.UNKNOWN):
        for days in (0, 31):
            mail = _queue(store, MailKind.ACCESS_LINK)
            _claim(store, mail)
            _record(store, mail, state)
            _age(store, mail, days)
    _claim(store, _queue(store, MailKind.WELCOME), lease_s=-1.0)
    with store.reading() as connection:
        status = find_mail_status(connection)
        (first,) = [mail for mail in list_due_mails(connection, 1) if mail.id == waiting]
    assert (status.waiting, status.oldest) == (1, first.created_at)
    assert status.refused == {MailKind.ACCESS_LINK: 1}
    assert status.unknown == {MailKind.ACCESS_LINK: 1, MailKind.WELCOME: 1}


def test_two_that_claim_at_once_never_have_the_same(store: Store) -> None:
    mails = [_queue(store) for _ in range(12)]
    claimed: dict[str, list[int]] = {"w1": [], "w2": []}

    def claim_all(worker: str) -> None:
        claimed[worker] = [mail for mail in mails if _claim(store, mail, worker)]

    threads = [Thread(target=claim_all, args=(worker,)) for worker in claimed]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(claimed["w1"] + claimed["w2"]) == mails


def test_only_the_kinds_that_are_wanted_are_listed(store: Store) -> None:
    _queue(store)
    asked = _queue(store, MailKind.RECONFIRM, request=_request(store))
    with store.reading() as connection:
        assert [mail.id for mail in list_due_mails(connection, 10, [MailKind.RECONFIRM])] == [asked]


def test_who_waits_for_an_answer_comes_before_a_whole_list(store: Store) -> None:
    asked = [_queue(store, MailKind.RECONFIRM, request=_request(store)) for _ in range(3)]
    waiting = _queue(store, MailKind.CONFIRM_JOIN, request=_request(store))
    with store.reading() as connection:
        assert [mail.id for mail in list_due_mails(connection, 3)] == [waiting, *asked[:2]]
        assert [mail.id for mail in list_due_mails(connection, 1)] == [waiting]


def test_another_publications_mails_are_its_own(store: Store) -> None:
    mail = _queue(store)
    other = store.of(PublicationId("beta"))
    assert not _due(other)
    assert not _claim(other, mail)
    assert _count(other) == {}


def test_a_mail_that_was_written_to_an_address_before_is_not_claimed(store: Store) -> None:
    mail = _queue(store)
    moved = EmailAddress("ada.lovelace@example.org")
    with store.transaction() as connection:
        connection.execute(update(transactional_mails).values(subscriber=moved, address=moved))
        assert not claim_mail(connection, mail, "w1", address=EmailAddress(ADA))
    assert _due(store) == [mail], "it is written again"
    with store.transaction() as connection:
        assert claim_mail(connection, mail, "w1", address=moved)
