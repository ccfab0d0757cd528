"""One running service for the tests of a module that change nothing for one another: each has readers of its own."""

from collections.abc import Callable, Iterator
from contextlib import closing
from itertools import count

import pytest
from service_server import Service, made, serving

from newsletter.store import find_store, suppressions
from newsletter.store.events import StoredEvent, stream_events


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with serving(made(tmp_path_factory.mktemp("service") / "digest")) as running:
        yield running


@pytest.fixture(scope="session")
def _numbers() -> Iterator[int]:
    return count()


@pytest.fixture
def reader(_numbers: Iterator[int]) -> str:
    return f"reader{next(_numbers)}@example.org"


@pytest.fixture
def known(service: Service) -> Callable[[], tuple[list[StoredEvent], list[tuple[str, str, str, str]]]]:
    """All that the service's store has: what was said, and who must not be mailed."""

    def look() -> tuple[list[StoredEvent], list[tuple[str, str, str, str]]]:
        store = find_store(service.publication.workspace.database)
        assert store
        with closing(store), store.reading() as connection:
            return list(stream_events(connection)), [row[:4] for row in suppressions.stream_suppressions(connection)]

    return look
