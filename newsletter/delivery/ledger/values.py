"""What the ledger takes and gives: frozen values, no SQL."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass


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
    """One reader to be frozen into a campaign, and the number of the template that is theirs."""

    reader: str
    address: str
    fields: Mapping[str, str]
    tags: frozenset[str]
    template: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """One reader's delivery, taken for sending."""

    reader: str
    address: str
    fields: Mapping[str, str]
    template: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Outstanding:
    """One reader who has not got the issue, and why."""

    address: str
    state: str
    stage: str | None
    code: int | None
    enhanced: str | None
    reply: str | None
