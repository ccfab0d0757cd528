"""Excerpts of a text: the words of one block, without the marks around them, with their places."""

from bisect import bisect_right
from dataclasses import dataclass
from itertools import accumulate

from markdown_it.rules_block import StateBlock


@dataclass(frozen=True, slots=True)
class Excerpt:
    """The words of one block, and where in the whole text each piece of them stands."""

    text: str
    starts: tuple[int, ...] = (0,)
    places: tuple[int, ...] = (0,)

    def place(self, at: int) -> int:
        """Return where the character `at` of the words stands in the whole text."""
        piece = max(bisect_right(self.starts, at) - 1, 0)
        return self.places[piece] + at - self.starts[piece]

    def cut(self, start: int, end: int) -> "Excerpt":
        """Return a part of the words."""
        within = [at for at in self.starts if start < at < end]
        return Excerpt(
            self.text[start:end],
            (0, *(at - start for at in within)),
            (self.place(start), *(self.place(at) for at in within)),
        )


def cut_lines(state: StateBlock, first: int, end: int) -> Excerpt:
    """Return the words of lines, without their indentation and the marks of the blocks around them."""
    places = [state.bMarks[line] + state.tShift[line] for line in range(first, end)]
    lines = [state.src[place : state.eMarks[line]] for line, place in enumerate(places, start=first)]
    starts = accumulate((len(line) + 1 for line in lines[:-1]), initial=0)
    return Excerpt("\n".join(lines).rstrip(), tuple(starts), tuple(places))
