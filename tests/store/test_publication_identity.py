"""The list ids of a database's publications: noted by whoever writes, and never two of a kind."""

import hashlib
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest
from conftest import Publication

from newsletter.errors import ConfigError
from newsletter.publication import OpenPublication
from newsletter.store import open_store
from newsletter.store.publication_facts import read_fact, write_fact
from newsletter.store.publication_identity import note_list_id, require_identity
from newsletter.workspace import PublicationId


def test_a_publication_keeps_the_list_id_that_it_has(place: Path | str) -> None:
    with closing(open_store(place)) as store:
        require_identity(store, "Digest.example.org", note=False)
        with store.reading() as connection:
            assert read_fact(connection, "list_id") == "", "looking leaves nothing"
        require_identity(store, "Digest.example.org", note=True)
        require_identity(store, "digest.example.org", note=True)
        with pytest.raises(ConfigError, match=r"has the list id digest\.example\.org, and newsletter\.toml says b\.ex"):
            require_identity(store, "b.example.org", note=True)
        other = store.of(PublicationId("other"))
        with pytest.raises(ConfigError, match=r"is that of another publication in .*: main") as refused:
            require_identity(other, "DIGEST.example.org", note=True)
        assert 'id = "main"' in refused.value.next_step
        require_identity(other, "b.example.org", note=True)
        note_list_id(store, "c.example.org")
        require_identity(store, "c.example.org", note=True)
        require_identity(store.of(PublicationId("third")), "digest.example.org", note=True)


def test_the_list_id_of_the_example_gives_way_to_the_editors_own(place: Path | str) -> None:
    """A new workspace's first test may be tried before anything is written into newsletter.toml."""
    with closing(open_store(place)) as store:
        require_identity(store, "digest.your-domain.example", note=True)
        require_identity(store, "notes.example.org", note=True)
        with pytest.raises(ConfigError, match="has the list id notes"):
            require_identity(store, "digest.your-domain.example", note=True)


def test_two_programs_that_open_a_new_state_at_once_write_down_the_same(place: Path | str) -> None:
    with closing(open_store(place)) as store, ThreadPoolExecutor() as others:
        begun, told = threading.Event(), []

        def open_beside() -> None:
            begun.set()
            require_identity(store, "digest.example.org", note=True)
            told.append("beside")

        with store.transaction() as connection:
            write_fact(connection, "list_id", "digest.example.org")
            beside = others.submit(open_beside)
            begun.wait()
            time.sleep(0.1)  # so that it has read that nothing is known; nothing hangs on how long
        beside.result(timeout=30)
        assert told == ["beside"]
        require_identity(store, "digest.example.org", note=True)


def test_a_workspace_of_before_is_only_read_where_nothing_is_written(publication: Publication) -> None:
    """Its state says nothing of list ids, and its bytes stay as they are until something is written."""
    place = publication.workspace.database
    assert isinstance(place, Path)
    open_store(place).close()
    before = hashlib.sha256(place.read_bytes()).hexdigest()
    with OpenPublication(publication.workspace) as opened:
        assert opened.known_store
    assert hashlib.sha256(place.read_bytes()).hexdigest() == before
    with OpenPublication(publication.workspace) as opened, opened.store.reading() as connection:
        assert read_fact(connection, "list_id") == "digest.example.org"
