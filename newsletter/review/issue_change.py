"""Differences between two forms of an issue, in words for a person who judges it."""

from dataclasses import dataclass

from newsletter.review.word_diff import TextStretch


@dataclass(frozen=True, kw_only=True)
class IssueChange:
    """A difference: where it is, what has happened, and the words of it.

    `part` is the part of the issue that it is about ("Item 3, “Ports reopen”"). `what` says in a sentence what has
    happened, without its stop; `words` are the text with what went and what came, empty where `what` says it all.
    """

    part: str
    what: str
    words: tuple[TextStretch, ...] = ()


@dataclass(frozen=True, kw_only=True)
class IssueComparison:
    """An issue beside an earlier form of it, or beside the issue before it.

    `summary` is a sentence that says with what it was compared, and how much is different. `changes` are in reading
    order; they are empty where the issues are not forms of one issue.
    """

    summary: str
    changes: tuple[IssueChange, ...] = ()

    def by_part(self) -> dict[str, list[IssueChange]]:
        """Return the changes of each part, in reading order."""
        parts: dict[str, list[IssueChange]] = {}
        for change in self.changes:
            parts.setdefault(change.part, []).append(change)
        return parts
