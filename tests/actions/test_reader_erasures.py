"""An erasure that a reader asked for is done, whatever ends the process between; until then no row has the address."""

from collections.abc import Callable, Iterator
from contextlib import closing

import pytest
from conftest import Publication

from newsletter.actions import reader_erasures
from newsletter.actions.process_feedback import FeedbackOptions, process_feedback
from newsletter.actions.reader_erasures import ask_erasure, finish_erasures
from newsletter.actions.run_outbox import run_outbox
from newsletter.address import EmailAddress, SubscriberKey
from newsletter.errors import DeliveryError
from newsletter.publication import OpenPublication
from newsletter.store import Busy, Store, open_store
from newsletter.store.schema import metadata, reader_tasks
from newsletter.subscribers.secret_keys import create_secret_keys
from newsletter.subscribers.stored_subscribers import StoredSubscriber, save_subscribers
from newsletter.web.public.reader_work import ReaderWork

ADA = SubscriberKey("ada@example.org")


class Killed(BaseException):
    """The end of a process, as far as its own code sees it."""


@pytest.fixture
def opened(publication: Publication) -> Iterator[OpenPublication]:
    publication.environ |= {"NEWSLETTER_LIST__SOURCE": "store"}
    create_secret_keys(publication.root)
    with closing(open_store(publication.workspace.database)) as store:
        with store.transaction() as connection:
            save_subscribers(connection, [StoredSubscriber(address=EmailAddress(ADA))])
        with OpenPublication(publication.workspace, store=store) as found:
            yield found


def _tables_with(store: Store, text: str) -> list[str]:
    with store.reading() as connection:
        return [
            table.name for table in metadata.sorted_tables if text in repr(connection.execute(table.select()).all())
        ]


def _count_tasks(store: Store) -> int:
    with store.reading() as connection:
        return len(connection.execute(reader_tasks.select()).all())


def _go_on_by_page(opened: OpenPublication) -> None:
    work = ReaderWork(opened.workspace, opened.store, lambda: opened.keys)
    assert work._erase(opened.workspace) == ""


def _go_on_by_command(opened: OpenPublication) -> None:
    assert finish_erasures(opened) == {}


def _go_on_by_outbox(opened: OpenPublication) -> None:
    assert run_outbox(opened, lambda *_: None)


def _go_on_by_inbox(opened: OpenPublication) -> None:
    mailbox = opened.workspace.root / "returned.mbox"
    mailbox.touch()
    with process_feedback(opened, FeedbackOptions(mailbox=str(mailbox))):
        pass


@pytest.mark.parametrize("go_on", [_go_on_by_page, _go_on_by_command, _go_on_by_outbox, _go_on_by_inbox])
@pytest.mark.parametrize("everywhere", [False, True])
@pytest.mark.parametrize("killed", ["before", "after"])
def test_whatever_ends_the_process_the_next_one_erases(
    opened: OpenPublication,
    monkeypatch: pytest.MonkeyPatch,
    go_on: Callable[[OpenPublication], None],
    everywhere: bool,
    killed: str,
) -> None:
    ask_erasure(opened, ADA, everywhere=everywhere)
    ask_erasure(opened, ADA, everywhere=everywhere)
    assert _count_tasks(opened.store) == 1
    assert "reader_tasks" not in _tables_with(opened.store, ADA), "sealed"

    def killed_at(work: Callable[..., object]) -> Callable[..., object]:
        def die(*arguments: object) -> None:
            if killed == "after":
                work(*arguments)
            raise Killed

        return die

    with monkeypatch.context() as patched:
        for name in ("erase_subscriber", "erase_everywhere"):
            patched.setattr(reader_erasures, name, killed_at(getattr(reader_erasures, name)))
        with pytest.raises(Killed):
            finish_erasures(opened)
    assert _count_tasks(opened.store) == 1
    go_on(opened)
    assert _tables_with(opened.store, ADA) == []
    assert _count_tasks(opened.store) == 0
    assert opened.subscriber_source().find([ADA]) == {}


def test_what_can_not_be_done_now_stays_written_down(opened: OpenPublication, monkeypatch: pytest.MonkeyPatch) -> None:
    ask_erasure(opened, ADA, everywhere=False)
    in_hand = DeliveryError("2.10 is under way to this reader right now.")

    def refuse(*_arguments: object) -> None:
        raise in_hand

    with monkeypatch.context() as patched:
        patched.setattr(reader_erasures, "erase_subscriber", refuse)
        assert finish_erasures(opened) == {ADA: in_hand}
    assert _count_tasks(opened.store) == 1
    _go_on_by_command(opened)
    assert _count_tasks(opened.store) == 0


def test_two_do_not_erase_at_once(opened: OpenPublication) -> None:
    ask_erasure(opened, ADA, everywhere=False)
    with opened.store.sole("erasures"):
        left = finish_erasures(opened, patience=0.2)
    assert isinstance(left[ADA], Busy)
    assert finish_erasures(opened, patience=5.0) == {}
