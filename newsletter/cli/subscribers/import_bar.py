"""Bar of an import's progress on a terminal; nothing where standard error is a pipe."""

from collections.abc import Iterator
from contextlib import contextmanager

from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from newsletter.cli.output import console
from newsletter.subscribers.import_progress import ImportStage


class ImportBar:
    """Bar that starts again with each stage. It is taken away while a question is asked."""

    def __init__(self) -> None:
        err = console(err=True)
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
        )
        self._progress = Progress(*columns, console=err, transient=True, disable=not err.is_terminal)
        self._stage: ImportStage | None = None
        self._task: TaskID | None = None

    def __call__(self, stage: ImportStage, done: int, total: int | None) -> None:
        """Show how far a stage is."""
        if stage is not self._stage or self._task is None:
            self.stop()
            self._stage, self._task = stage, self._progress.add_task(stage.value, total=total)
            self._progress.start()
        # Blank rows count as rows, and are none when they are read.
        self._progress.update(self._task, completed=min(done, total or done), total=total)

    def stop(self) -> None:
        """Take the bar away."""
        self._progress.stop()
        if self._task is not None:
            self._progress.remove_task(self._task)
            self._task = None


@contextmanager
def showing_progress() -> Iterator[ImportBar]:
    """Show a bar for the time of the context, whenever it is told of progress."""
    bar = ImportBar()
    try:
        yield bar
    finally:
        bar.stop()
