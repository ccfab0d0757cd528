"""Learned limits of a server: where the next send to it begins."""

from collections.abc import Mapping
from dataclasses import field
from typing import Annotated

from pydantic import Field, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass

_Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
_Count = Annotated[int, Field(ge=1)]


@dataclass(frozen=True, slots=True, kw_only=True)
class LearnedQuota:
    """A window of `seconds` in which a server takes `count` messages.

    `opened_at` is when the last window opened, in seconds since 1970, and `used` how many of it are used.
    """

    seconds: _Positive
    count: _Count
    opened_at: float | None = None
    used: Annotated[int, Field(ge=0)] = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class LearnedLimits:
    """Limits that a server showed; None where it showed none.

    `rate` is in messages a second, `greylisting_s` the seconds after which a second try is accepted, `took_s` the
    seconds from a message's departure to its reply. `evidence` has the reply by which each was learned, by field.
    """

    rate: _Positive | None = None
    quotas: tuple[LearnedQuota, ...] = ()
    connections: _Count | None = None
    session_length: _Count | None = None
    greylisting_s: _Positive | None = None
    took_s: Annotated[float, Field(ge=0, allow_inf_nan=False)] | None = None
    evidence: Mapping[str, str] = field(default_factory=dict)

    @property
    def is_known(self) -> bool:
        """Return whether anything was learned: messages were accepted then."""
        return self.took_s is not None

    def to_json(self) -> str:
        """Return the limits as JSON, without those that are not known."""
        return _LIMITS.dump_json(self, exclude_defaults=True).decode()

    @staticmethod
    def from_json(text: str) -> "LearnedLimits":
        """Return the limits in JSON that `to_json` wrote; from what can't be read nothing is learned."""
        try:
            return _LIMITS.validate_json(text)
        except ValidationError:
            return LearnedLimits()


_LIMITS: TypeAdapter[LearnedLimits] = TypeAdapter(LearnedLimits)
