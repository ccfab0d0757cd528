"""However many sign up, few mails go out, few rows stay, and others are served."""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from time import monotonic, sleep

import pytest
import smtp_server
from service_server import PATIENCE, Service, serving
from sign_up_floods import Sent, flood, for_one_address, from_everywhere, from_one_network, memory_of
from sign_up_forms import Forms, joinable
from sqlalchemy import func, select

from newsletter.store.schema import reader_requests


def _states(service: Service) -> Counter[str]:
    """Return how many requests there are in each state, once none is new."""
    table, began = reader_requests.c, monotonic()
    while True:
        with closing(Forms(service).store()) as store, store.reading() as connection:
            rows = connection.execute(select(table.state, func.count()).group_by(table.state)).all()
        found = Counter({row[0]: row[1] for row in rows})
        if not found["new"]:
            return found
        assert monotonic() - began < PATIENCE
        sleep(0.1)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("forms", "many", "refused", "mailed", "dropped"),
    [(from_one_network, 5_000, 429, 20, 0), (for_one_address, 2_000, None, 1, 1_000),
     (from_everywhere, 5_000, 503, 49, 0)],
)  # fmt: skip
def test_thousands_of_sign_ups(
    tmp_path: Path, forms: Callable[[int], Iterator[Sent]], many: int, refused: int | None, mailed: int, dropped: int
) -> None:
    publication = joinable(tmp_path / "digest", hourly="50")
    with smtp_server.running() as mail_server:
        publication.through(mail_server)
        with serving(publication) as service:
            service.says("The archive has 1 issue")
            Forms(service).join("first@example.org", "192.0.2.1")
            before = memory_of(service)[0]
            statuses, waits = flood(service, forms(many))
            assert memory_of(service)[1] - before < 100_000, "kB"
            assert sum(statuses.values()) == many
            assert statuses.keys() <= {200, refused}
            assert statuses[200] == (mailed if refused else many)
            assert len(waits) > 10, "others were served meanwhile"
            assert _states(service) == {"asked": mailed + 1, "dropped": dropped} if dropped else {"asked": mailed + 1}
            began = monotonic()
            while len(mail_server.stored) < mailed + 1:
                assert monotonic() - began < PATIENCE
                sleep(0.1)
            if refused != 503:
                assert Forms(service).join("last@example.org", "192.0.2.2")[0] == 200
                Forms(service).wait("last@example.org")
        assert len(mail_server.stored) <= mailed + 2
