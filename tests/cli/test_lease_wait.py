"""Commands that wait for the lease of a send that crashed, which say for what, and for how long."""

import pytest
from conftest import Publication, Run
from frozen import Frozen

from newsletter.ledger import workers
from newsletter.ledger.claims import record_and_claim
from newsletter.ledger.workers import register_worker
from newsletter.store import Store
from newsletter.subscribers.secret_keys import create_secret_keys


@pytest.mark.parametrize(
    "command",
    [
        ("cancel", "2.10", "--yes"),
        ("reconcile", "2.10"),
        ("reconcile", "2.10", "--none-arrived", "--yes"),
        ("subscribers", "forget", "reader0000@example.org", "--yes"),
    ],
    ids=lambda command: " ".join(command[:3]),
)
def test_a_command_says_why_it_waits(
    digest: Publication, opened: Store, run: Run, command: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workers, "LEASE_S", 0.2)
    Frozen(digest, opened, 3)
    create_secret_keys(digest.root)
    register_worker(opened, "2.10", "crashed", lease_s=3600)
    record_and_claim(opened, "2.10", "crashed", want=2, lease_s=3600)
    told = run(*command)
    assert "An earlier send broke off. In 1 s it is certain that it sends no more." in told.stderr
