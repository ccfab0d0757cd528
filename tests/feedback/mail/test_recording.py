"""Mails are recorded in groups: wherever a run ends, nothing of them is lost and nothing is recorded twice."""

import mailbox
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from itertools import islice
from pathlib import Path

import pytest
from conftest import Publication
from returned_mail import make_mail

from newsletter.address import SubscriberKey
from newsletter.errors import DeliveryError
from newsletter.feedback.mail import recording
from newsletter.feedback.mail.processing import FeedbackContext, process_mails
from newsletter.feedback.mail.recording import ProcessedMail
from newsletter.feedback.mail.sources import MailSource, open_source
from newsletter.store import open_store
from newsletter.store.events import list_events
from newsletter.subscribers.csv_source import CsvSource
from newsletter.subscribers.secret_keys import create_secret_keys, find_secret_keys, require_secret_keys
from newsletter.subscribers.tokens import TokenSigner

READERS = [f"r{number:02}@example.com" for number in range(25)]


@pytest.fixture
def boxed(publication: Publication, monkeypatch: pytest.MonkeyPatch) -> Publication:
    """Return a publication in whose Maildir each reader asks to leave; groups are of ten mails."""
    monkeypatch.setattr(recording, "_GROUP", 10)
    workspace = publication.workspace
    create_secret_keys(workspace.root)
    tokens = TokenSigner(require_secret_keys(workspace), workspace.config.subscriber_list.id)
    box = mailbox.Maildir(publication.root / "Maildir")
    for reader in READERS:
        box.add(make_mail(reader, f"unsubscribe {tokens.write('2.10', reader)}"))
    return publication


@contextmanager
def _opened(publication: Publication) -> Iterator[tuple[FeedbackContext, MailSource]]:
    workspace = publication.workspace
    with (
        closing(open_store(workspace.database)) as store,
        open_source(str(publication.root / "Maildir"), after="move", password=lambda *_: None) as source,
    ):
        inbox = workspace.config.inbox.model_copy(update={"after": "move"})
        context = FeedbackContext(
            store=store,
            keys=find_secret_keys(workspace),
            config=workspace.config.model_copy(update={"inbox": inbox}),
            source=CsvSource(workspace.subscribers, workspace.config.subscriber_list),
        )
        yield context, source


def _read(publication: Publication, most: int | None = None) -> list[ProcessedMail]:
    """Read the inbox; a run that is told of so many mails at `most` ends there, as one that is killed."""
    with _opened(publication) as (context, source), closing(process_mails(context, source)) as mails:
        return list(islice(mails, most))


def _count_events(publication: Publication, readers: Sequence[str] = READERS) -> list[int]:
    with closing(open_store(publication.workspace.database)) as store, store.reading() as connection:
        return [len(list_events(connection, SubscriberKey(reader))) for reader in readers]


def _list_unfiled(publication: Publication) -> list[Path]:
    return [file for folder in ("new", "cur") for file in (publication.root / "Maildir" / folder).iterdir()]


@pytest.mark.parametrize("told", [1, 9, 10, 11, 21, 25])
def test_a_run_that_ends_anywhere_loses_nothing_and_repeats_nothing(boxed: Publication, told: int) -> None:
    first = {one.file for one in _read(boxed, told)}
    assert len(first) == told
    assert sum(_count_events(boxed)) >= told
    second = {one.file for one in _read(boxed)}
    assert not first & second
    assert _count_events(boxed) == [1] * len(READERS)
    assert not _list_unfiled(boxed)
    assert _read(boxed) == []


def test_mails_decided_on_before_the_mailbox_fails_are_recorded(boxed: Publication) -> None:
    class FailingSource:
        """The mailbox, whose connection is lost after twelve mails."""

        def __init__(self, source: MailSource) -> None:
            self._source = source

        def __getattr__(self, name: str) -> object:
            return getattr(self._source, name)

        def mails(self, known: object) -> Iterator[object]:
            yield from islice(self._source.mails(known), 12)  # type: ignore[arg-type]  # passed on as it is
            raise DeliveryError("The connection was lost.")

    with _opened(boxed) as (context, source):
        told = []
        with pytest.raises(DeliveryError, match="lost"):
            told.extend(process_mails(context, FailingSource(source)))  # type: ignore[arg-type]  # all but one method is its own
    assert sum(_count_events(boxed)) == 12
    assert len(_list_unfiled(boxed)) == len(READERS) - 12


def test_the_same_mail_twice_is_handled_once_and_both_are_filed(boxed: Publication) -> None:
    file = _list_unfiled(boxed)[0]
    file.with_name(f"{file.name}-again").write_bytes(file.read_bytes())
    assert len(_read(boxed)) == len(READERS)
    assert _count_events(boxed) == [1] * len(READERS)
    assert not _list_unfiled(boxed)
