"""Promise: what takes too long or too much memory is ended, and what a function returns or raises comes back."""

import os
import sys
import time
from pathlib import Path

import pytest

from newsletter.errors import DraftError
from newsletter.limited_process import MOST_MEMORY, LimitReached, run_limited


def _write_and_add(one: int, other: int) -> int:
    os.write(1, b"words of a library")
    return one + other


def _refuse(path: str) -> None:
    try:
        Path(path).read_bytes()
    except OSError as error:
        raise DraftError("There is no such file.", next_step="Look.") from error


def _fill_memory() -> int:
    return len(bytearray(MOST_MEMORY))


def _compute_without_end() -> None:
    while True:
        pass


def _break_down() -> None:
    os._exit(3)


def _sleep() -> None:
    time.sleep(60)


def test_a_result_comes_back_whatever_is_printed() -> None:
    assert run_limited(_write_and_add, 2, 3, seconds=30) == 5


def test_an_error_comes_back_with_its_advice() -> None:
    with pytest.raises(DraftError, match="no such file") as raised:
        run_limited(_refuse, "/nowhere/at/all", seconds=30)
    assert raised.value.next_step == "Look."


@pytest.mark.parametrize("function", [_compute_without_end, _break_down, _sleep])
def test_what_has_no_end_or_breaks_down_is_ended(function: object) -> None:
    with pytest.raises(LimitReached):
        run_limited(function, seconds=1)  # type: ignore[arg-type]  # it takes no argument, as all of these


@pytest.mark.skipif(sys.platform != "linux", reason="other systems don't limit the address space")
def test_what_fills_the_memory_is_ended() -> None:
    with pytest.raises(LimitReached, match="memory"):
        run_limited(_fill_memory, seconds=30)


def test_modules_of_the_folder_are_not_loaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "pickle.py").write_text("raise SystemExit(9)\n", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    assert run_limited(_write_and_add, 1, 1, seconds=30) == 2
