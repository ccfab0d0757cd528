"""What servers said, gathered: readers by state and reply."""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from newsletter.ledger.states import State
from newsletter.ledger.statistics import ReplySum
from newsletter.text import escape_controls

_Said = tuple[State, int | None, str | None, str]  # state, reply code, enhanced code, words
_REPLIES = 5000
_OMITTED = "…"
_ENHANCED = re.compile(r"[245]\.\d{1,3}\.\d{1,3}\W*")  # RFC 3463, section 2
_ADDRESS = re.compile(r"\S*@\S*")


@dataclass(frozen=True, kw_only=True)
class Reply:
    """How many readers are in a state with one reply; what differs by message in it is a mark of omission."""

    state: State
    code: int | None
    enhanced: str | None
    words: str
    readers: int


def gather(sums: Iterable[ReplySum]) -> list[Reply]:
    """Replies alike but for what a server writes anew in each: most first. When there are too many, words go."""
    groups: Counter[_Said] = Counter()
    for one in sums:
        said = (one.state, one.code, one.enhanced, _gist(one.reply or ""))
        if said not in groups and len(groups) >= _REPLIES:
            said = (*said[:3], "")
        groups[said] += one.readers
    return _ordered(groups)


def without_rare_words(replies: Sequence[Reply], fewest: int) -> list[Reply]:
    """What fewer than `fewest` readers' messages were told, by its codes alone: the words may name one of them."""
    groups: Counter[_Said] = Counter()
    for one in replies:
        groups[one.state, one.code, one.enhanced, one.words if one.readers >= fewest else ""] += one.readers
    return _ordered(groups)


def _ordered(groups: Counter[_Said]) -> list[Reply]:
    ordered = sorted(groups.items(), key=lambda item: (-item[1], [str(part) for part in item[0]]))
    return [
        Reply(state=state, code=code, enhanced=enhanced, words=words, readers=readers)
        for (state, code, enhanced, words), readers in ordered
    ]


def without_addresses(text: str) -> str:
    return _ADDRESS.sub(_OMITTED, escape_controls(text))


def _gist(reply: str) -> str:
    """A server's words without addresses, queue ids and the like, which make each reply another."""
    words: list[str] = []
    for word in reply.split():
        named = len(word) >= 6 and any(map(str.isdigit, word)) and not _ENHANCED.fullmatch(word)
        shown = _OMITTED if named or "@" in word else word
        if shown != _OMITTED or words[-1:] != [_OMITTED]:
            words.append(shown)
    return escape_controls(" ".join(words))
