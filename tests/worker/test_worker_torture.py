"""A trial of `make torture-workers`, which has a hundred: whatever happens, nobody gets it twice and nobody is lost."""

from pathlib import Path

import pytest
from torture.worker_trial import KINDS, try_out_workers


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["cut off", "fail over, and the primary lives", "join and leave"])
def test_workers_send_nothing_twice(kind: str, tmp_path: Path) -> None:
    trial = try_out_workers(KINDS.index(kind), 200, tmp_path / "digest")
    assert trial.faults == [], trial.logs
    assert trial.struck
