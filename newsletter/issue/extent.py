"""The extent of an issue: its words, and how long reading them takes."""

import re
from dataclasses import dataclass

from newsletter.issue.model import Issue

# Silent reading of English prose, words a minute: Brysbaert, "How many words do we read per minute?", 2019.
_WORDS_A_MINUTE = 238
# Signs a minute in scripts written without spaces, about what studies of Japanese and Chinese find.
_SIGNS_A_MINUTE = 500
_SIGN = re.compile("[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff]")
_WORD = re.compile(r"\w+(?:['’.-]\w+)*")


@dataclass(frozen=True)
class Extent:
    """The number of words, and of signs in scripts that have no spaces between words."""

    words: int
    signs: int

    @property
    def minutes(self) -> int:
        """Return how many minutes reading takes, one at least."""
        return max(1, round(self.words / _WORDS_A_MINUTE + self.signs / _SIGNS_A_MINUTE))


def measure_extent(issue: Issue) -> Extent:
    """Return the extent of an issue's rich texts; titles and subjects are not counted."""
    plain = "\n".join(text.plain() for text in issue.texts())
    return Extent(words=len(_WORD.findall(_SIGN.sub(" ", plain))), signs=len(_SIGN.findall(plain)))
