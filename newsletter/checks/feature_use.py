"""One use of a feature, and where it stands."""

from dataclasses import dataclass


@dataclass(frozen=True)
class FeatureUse:
    """A feature by its slug, `what` as one would say it, and its place, both numbers from 1.

    `inside` names the features around it: a client that lacks `@media` never sees what an `@media` holds,
    so that nothing in there can be amiss for it.
    """

    slug: str
    what: str
    line: int
    column: int
    inside: frozenset[str] = frozenset()
