"""What the ledger takes and gives: frozen values, no SQL."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from newsletter.mail.message import Result

NEVER = 1e15  # a moment, in seconds since 1970, that no run lives to see


@dataclass(frozen=True, kw_only=True)
class Campaign:
    """The sending of one issue, as the store knows it."""

    issue: str
    id: str
    subject: str
    draft_sha256: str
    rules: Sequence[Sequence[str]]  # for each item, the tags it is only for
    created_at: str
    finished_at: str | None = None
    cancelled_at: str | None = None
    left_out: int = 0
    runs: int = 0
    run: str | None = None  # the run that may claim and record
    due_at: str | None = None
    expires_at: str | None = None
    text_sha256: str | None = None
    commit_id: str | None = None
    seed: str | None = None  # what Message-IDs are made of; none: the id, as in earlier versions
    waves: frozenset[str] = frozenset()

    def covers(self, tag: str) -> bool:
        """Are the readers with this tag (or all, for an empty one) in the campaign already?"""
        return "" in self.waves or tag in self.waves or self.cancelled_at is not None


@dataclass(frozen=True, slots=True)
class Text:
    """A compiled message template; `variant` names the readers it is for by the items they see."""

    variant: str
    payload: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One reader to be frozen into a campaign. `text` counts into the wave's texts, `line` is the list's.

    `lacks` names the fields that the text asks for and this reader has no value for.
    """

    reader: str
    address: str
    fields: Mapping[str, str]
    tags: frozenset[str]
    text: int
    line: int = 0
    lacks: Sequence[str] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """One reader's delivery, taken for sending. `tries` is how often this run was told "not now"."""

    id: int
    reader: str
    address: str
    fields: Mapping[str, str]
    template: int
    tries: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What became of a claim: after how many milliseconds, and when to try again if it was deferred."""

    claim: Claim
    result: Result
    took: int = 0
    due: float = NEVER


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """What a step has claimed. `next_due` is when the next deferred reader may be tried, None when none may."""

    claims: Sequence[Claim] = ()
    next_due: float | None = None
