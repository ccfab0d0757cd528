"""Errors in words for a person, as the system raises them."""

import resource
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from newsletter.errors import explain


@pytest.fixture
def full_disk(tmp_path: Path) -> Iterator[Path]:
    """Yield a folder while no file can grow, as by a limit on files (setrlimit(2), EFBIG)."""
    before, told = resource.getrlimit(resource.RLIMIT_FSIZE), signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, before[1]))
    yield tmp_path
    resource.setrlimit(resource.RLIMIT_FSIZE, before)
    signal.signal(signal.SIGXFSZ, told)


def test_a_file_that_can_not_grow_is_a_matter_of_room(full_disk: Path) -> None:
    with (
        pytest.raises(OSError, match="too large") as caught,
        (full_disk / "report.html").open("wb", buffering=0) as file,
    ):
        file.write(b"words")
    told = explain(caught.value)
    assert told.message == "A file could not be written: File too large."
    assert told.next_step.startswith("Make room there")


@pytest.mark.usefixtures("full_disk")
def test_without_a_temporary_folder_it_says_where_room_is_wanted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", None)
    with pytest.raises(FileNotFoundError) as caught:
        tempfile.mkdtemp()
    told = explain(caught.value)
    assert told.message == "No temporary file can be written: perhaps the disk is full."
    assert "TMPDIR" in told.next_step
