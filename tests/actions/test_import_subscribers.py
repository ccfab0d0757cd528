"""An import is asked about once it is known what it would do; what stops it leaves the list as it was, or half done."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest
from conftest import Publication

from newsletter.actions.erase import erase_subscriber
from newsletter.actions.import_subscribers import ImportResult, import_subscribers
from newsletter.actions.undo_import import undo_import
from newsletter.address import subscriber_key
from newsletter.errors import DecisionNeeded, ListError, Problem
from newsletter.publication import OpenPublication
from newsletter.store import Store, open_store
from newsletter.subscribers.csv_source import CsvSource
from newsletter.subscribers.import_plan import ImportPlan
from newsletter.subscribers.secret_keys import create_secret_keys
from newsletter.subscribers.stored_subscribers import count_subscribers, stream_subscribers
from newsletter.subscribers.subscriber import Subscriber
from newsletter.subscribers.subscriber_import import SubscriberImport


@pytest.fixture
def opened_publication(publication: Publication) -> Iterator[OpenPublication]:
    with OpenPublication(publication.workspace) as opened:
        yield opened


@pytest.fixture
def file(publication: Publication) -> Path:
    path = publication.root / "people.csv"
    path.write_text("email,name\na@example.org,Ada\nb@example.org,Ben\n")
    return path


def _count(store: Store) -> int:
    with store.reading() as connection:
        return sum(count_subscribers(connection).values())


def _import(publication: OpenPublication, file: Path, *, agreed: bool = True) -> tuple[ImportResult, list[ImportPlan]]:
    asked: list[ImportPlan] = []

    def confirm(plan: ImportPlan) -> bool:
        asked.append(plan)
        assert _count(publication.store) in (0, 2), "nothing is written before it is agreed to"
        return agreed

    return import_subscribers(publication, file, confirm=confirm), asked


def test_it_is_asked_about_and_the_same_file_again_is_not(opened_publication: OpenPublication, file: Path) -> None:
    declined, asked = _import(opened_publication, file, agreed=False)
    assert (declined.imported, len(asked), asked[0].new) == (False, 1, 2)
    assert _count(opened_publication.store) == 0
    done, asked = _import(opened_publication, file)
    assert (done.imported, len(asked)) == (True, 1)
    assert _count(opened_publication.store) == 2
    again, asked = _import(opened_publication, file)
    assert (again.imported, asked, again.plan.unchanged) == (False, [], 2)


def test_a_file_in_another_encoding_is_refused_whole(opened_publication: OpenPublication, file: Path) -> None:
    unusable = "nowhere,\n" * 5
    file.write_bytes(f"email,name\n{unusable}a@example.org,Zoé\nb@example.org,Ben\n".encode("latin-1"))
    with pytest.raises(ListError, match=r"people\.csv is not in UTF-8"):
        _import(opened_publication, file)
    assert _count(opened_publication.store) == 0


def test_a_file_that_changes_while_it_is_asked_about_is_not_imported(
    opened_publication: OpenPublication, file: Path
) -> None:
    def confirm(_plan: ImportPlan) -> bool:
        file.write_text("email\nsomebody.else@example.org\n")
        return True

    with pytest.raises(DecisionNeeded, match="Somebody else has changed"):
        import_subscribers(opened_publication, file, confirm=confirm)
    assert _count(opened_publication.store) == 0


def test_nobody_else_changes_the_list_meanwhile(
    opened_publication: OpenPublication, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("newsletter.subscribers.list_changes._PATIENCE_S", 0.01)
    other = open_store(opened_publication.workspace.database)
    with (
        closing(other),
        other.sole("list"),
        pytest.raises(DecisionNeeded, match="Another command is changing the list"),
    ):
        _import(opened_publication, file)


@dataclass(frozen=True)
class _Interrupted(CsvSource):
    """A file whose reading is stopped after some rows, as by Ctrl-C or a full disk."""

    after: int = 700

    def read_subscribers(self) -> Iterator[Subscriber | Problem]:
        for number, row in enumerate(super().read_subscribers()):
            if number == self.after:
                raise KeyboardInterrupt
            yield row


def test_one_that_is_stopped_halfway_is_finished_by_the_same_command(
    opened_publication: OpenPublication, file: Path
) -> None:
    file.write_text("email\n" + "".join(f"r{number}@example.org\n" for number in range(1200)))
    store, settings = opened_publication.store, opened_publication.config.subscriber_list
    with pytest.raises(KeyboardInterrupt):
        SubscriberImport(store, None, _Interrupted(file, settings)).apply()
    assert _count(store) == 500, "groups are written whole"
    result = import_subscribers(opened_publication, file, confirm=lambda _plan: True)
    assert (result.plan.new, result.plan.unchanged) == (700, 500)
    assert _count(store) == 1200


def test_the_consents_of_those_who_were_erased_are_not_asked_about_time_and_again(publication: Publication) -> None:
    create_secret_keys(publication.root)
    publication.environ["NEWSLETTER_LIST__SOURCE"] = "store"
    path = publication.root / "people.csv"
    path.write_text("email,consent_at\na@example.org,2026-03-01\nb@example.org,2026-03-01\n")
    with OpenPublication(publication.workspace) as opened:
        assert import_subscribers(opened, path, confirm=lambda _plan: True).imported
        erase_subscriber(opened, subscriber_key("a@example.org"))
        again = import_subscribers(opened, path, confirm=lambda _plan: True)
    assert (again.imported, again.plan.erased, again.plan.consents) == (False, 1, 0)


def test_who_was_erased_is_not_brought_back_by_undoing(publication: Publication) -> None:
    create_secret_keys(publication.root)
    publication.environ["NEWSLETTER_LIST__SOURCE"] = "store"
    path = publication.root / "people.csv"
    with OpenPublication(publication.workspace) as opened:
        for name in ("Ada", "Ada Lovelace"):
            path.write_text(f"email,name\na@example.org,{name}\nb@example.org,{name}\n")
            assert import_subscribers(opened, path, confirm=lambda _plan: True).imported
        erase_subscriber(opened, subscriber_key("a@example.org"))
        done = undo_import(opened, confirm=lambda _plan: True)
        with opened.store.reading() as connection:
            left = {row.key: row.fields["name"] for row in stream_subscribers(connection)}
    assert (done.undone, done.plan.restored, left) == (True, 1, {"b@example.org": "Ada"})
