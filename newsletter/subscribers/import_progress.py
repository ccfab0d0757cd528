"""Progress of an import, or of undoing one, for those who show it."""

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
    """Do nothing: the progress is shown to nobody."""
    del stage, done, total
