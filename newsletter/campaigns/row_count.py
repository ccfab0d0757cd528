"""Rows of a list as they are read, counted, and the refusal of a list of which too many can't be used."""

import math
from collections.abc import Iterable, Iterator
from pathlib import Path

from newsletter.errors import ListError, Problem
from newsletter.subscribers.subscriber import Subscriber
from newsletter.text import format_count, shorten_path

_SHOWN = 3  # rows that can't be used


class RowCount:
    """Rows of the list at `place`, counted while it is read, with the first few that can't be used."""

    def __init__(self, place: Path) -> None:
        self.unusable = 0
        self._place = place
        self._rows = 0
        self._problems: list[Problem] = []
        self._not_utf8: list[Problem] = []

    def pass_usable(self, rows: Iterable[Subscriber | Problem]) -> Iterator[Subscriber]:
        """Yield the rows that can be used, and count them all."""
        for row in rows:
            self._rows += 1
            if isinstance(row, Problem):
                self._count_unusable(row)
            else:
                yield row

    def _count_unusable(self, problem: Problem) -> None:
        self.unusable += 1
        for shown in (self._problems, *([self._not_utf8] if problem.code == "encoding" else [])):
            if len(shown) < _SHOWN:
                shown.append(problem)

    def refuse_unusable(self, limit: float) -> None:
        """Raise ListError when so many rows can't be used that it is the file, and not a slip in some of its rows.

        A single row that is not UTF-8 tells that the file is not: others may be wrong without being noticed. `limit`
        is a percentage.
        """
        path = self._place
        check = f"`newsletter subscribers check {shorten_path(path, Path.cwd())}` shows each of them. Nothing was sent."
        if self._not_utf8:
            raise ListError(
                f"{path.name} is not in UTF-8, so readers would be lost, or called by wrong names.",
                next_step=check,
                problems=self._not_utf8,
            )
        share = 100 * self.unusable / self._rows if self._rows else 0
        if share > limit:
            raise ListError(
                f"{path.name}: {self.unusable:,} of {format_count(self._rows, 'row')} can't be used; that is over "
                f"{limit:g}%.",
                next_step=f"Mend them: {check}\n"
                f"To send to the others all the same: unusable = {math.ceil(share)}   under [list] in newsletter.toml",
                problems=self._problems,
            )
