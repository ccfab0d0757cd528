"""Counts of replies: recipients by state and by what the server said."""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from newsletter.ledger.states import State
from newsletter.ledger.statistics import ReplySum
from newsletter.mail.reply_limits import read_size
from newsletter.text import OMITTED, escape_controls

_Said = tuple[State, int | None, str | None, str]  # state, reply code, enhanced code, words
_REPLIES = 5000
_ENHANCED = re.compile(r"[245]\.\d{1,3}\.\d{1,3}\W*")  # RFC 3463, section 2


@dataclass(frozen=True, kw_only=True)
class ReplyCount:
    """How many recipients are in a state with one reply; what differs by message in it is an ellipsis."""

    state: State
    code: int | None
    enhanced: str | None
    words: str
    readers: int


def group_replies(sums: Iterable[ReplySum]) -> list[ReplyCount]:
    """Return replies, most first, those as one that differ only by message; when they are too many, without words."""
    groups: Counter[_Said] = Counter()
    for one in sums:
        said = (one.state, one.code, one.enhanced, _generalise(one.reply or ""))
        if said not in groups and len(groups) >= _REPLIES:
            said = (*said[:3], "")
        groups[said] += one.readers
    return _sort_counts(groups)


def drop_rare_words(replies: Sequence[ReplyCount], fewest: int) -> list[ReplyCount]:
    """Return replies that fewer than `fewest` recipients got by their codes alone: the words may name one of them."""
    groups: Counter[_Said] = Counter()
    for one in replies:
        groups[one.state, one.code, one.enhanced, one.words if one.readers >= fewest else ""] += one.readers
    return _sort_counts(groups)


def _sort_counts(groups: Counter[_Said]) -> list[ReplyCount]:
    ordered = sorted(groups.items(), key=lambda item: (-item[1], [str(part) for part in item[0]]))
    return [
        ReplyCount(state=state, code=code, enhanced=enhanced, words=words, readers=readers)
        for (state, code, enhanced, words), readers in ordered
    ]


def _generalise(reply: str) -> str:
    """Return a server's words without addresses, queue ids and the like, which differ in each reply.

    The largest message that it names stays: it is what an editor has to know.
    """
    words: list[str] = []
    size = str(read_size(reply))
    for word in reply.split():
        named = len(word) >= 6 and any(map(str.isdigit, word)) and not _ENHANCED.fullmatch(word)
        named = named and "".join(filter(str.isdigit, word)) != size
        shown = OMITTED if named or "@" in word else word
        if shown != OMITTED or words[-1:] != [OMITTED]:
            words.append(shown)
    return escape_controls(" ".join(words))
