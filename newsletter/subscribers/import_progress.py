"""Progress of an import, or of undoing one, as whoever shows it is told."""

from enum import StrEnum
from typing import Protocol


class ImportStage(StrEnum):
    """Stages of an import in their order, and that of undoing one."""

    READING = "Reading"
    COMPARING = "Comparing"
    WRITING = "Writing"
    UNDOING = "Undoing"


class OnImportProgress(Protocol):
    """Function that is told of each stage how many rows are done, and of how many; None: that is not known."""

    def __call__(self, stage: ImportStage, done: int, total: int | None) -> None: ...


def ignore_progress(stage: ImportStage, done: int, total: int | None) -> None:
    """Do nothing, where nobody looks."""
    del stage, done, total
