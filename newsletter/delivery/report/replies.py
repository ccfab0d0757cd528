"""What servers said, gathered: readers by state and reply."""

import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from newsletter.delivery.ledger import ReplySum
from newsletter.delivery.states import State

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
    groups: dict[tuple[State, int | None, str | None, str], int] = defaultdict(int)
    for one in sums:
        key = (one.state, one.code, one.enhanced, _gist(one.reply or ""))
        if key not in groups and len(groups) >= _REPLIES:
            key = (*key[:3], "")
        groups[key] += one.readers
    ordered = sorted(groups.items(), key=lambda item: (-item[1], [str(part) for part in item[0]]))
    return [
        Reply(state=state, code=code, enhanced=enhanced, words=words, readers=readers)
        for (state, code, enhanced, words), readers in ordered
    ]


def without_addresses(text: str) -> str:
    return _ADDRESS.sub(_OMITTED, text)


def _gist(reply: str) -> str:
    """A server's words without addresses, queue ids and the like, which make each reply another."""
    words: list[str] = []
    for word in reply.split():
        named = len(word) >= 6 and any(map(str.isdigit, word)) and not _ENHANCED.fullmatch(word)
        shown = _OMITTED if named or "@" in word else word
        if shown != _OMITTED or words[-1:] != [_OMITTED]:
            words.append(shown)
    return " ".join(words)
