"""A trial of `make torture-workers`, which has a hundred: whatever happens, nobody gets it twice and nobody is lost."""

from pathlib import Path

import pytest
from torture.worker_trial import KINDS, try_out_workers


@pytest.mark.slow
def test_workers_that_are_cut_off_from_their_database_send_nothing_twice(tmp_path: Path) -> None:
    trial = try_out_workers(KINDS.index("cut off"), 200, tmp_path / "digest")
    assert trial.faults == [], trial.logs
    assert trial.struck
