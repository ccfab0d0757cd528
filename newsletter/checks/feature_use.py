"""One use of a feature of mail clients, with its place."""

from dataclasses import dataclass


@dataclass(frozen=True)
class FeatureUse:
    """A feature by its slug, in words (`what`), and its place, both numbers from 1.

    `inside` names the features around it: a client that lacks `@media` never reads what an `@media` holds, so that no
    feature in there is a problem for it.
    """

    slug: str
    what: str
    line: int
    column: int
    inside: frozenset[str] = frozenset()
