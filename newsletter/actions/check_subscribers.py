"""A check of a subscriber list: the rows that can't be used, and a count of those that can."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from newsletter.errors import Problem
from newsletter.publication import OpenPublication
from newsletter.subscribers.source import SubscriberSource
from newsletter.subscribers.status_columns import QUESTION
from newsletter.subscribers.subscriber import Subscriber
from newsletter.subscribers.suppression_status import ERASED, SuppressionStatus, with_suppression_status


@dataclass(frozen=True, kw_only=True)
class ListCheck:
    """Problems of a list's rows, how many subscribers can be used, and how many have each tag.

    `own` counts whom the list itself keeps from being mailed.
    """

    source: SubscriberSource
    problems: Sequence[Problem]
    subscribers: int
    own: int
    tags: Mapping[str, int]

    @property
    def kinds(self) -> Counter[str]:
        """How many problems are of each kind: unusable, duplicate, erased, or a question about a column."""
        known = ("duplicate", ERASED, QUESTION)
        return Counter(problem.code if problem.code in known else "unusable" for problem in self.problems)

    @property
    def is_clean(self) -> bool:
        """Whether there is nothing to mend; a row that comes twice does no harm."""
        return len(self.problems) == self.kinds["duplicate"]


def check_subscribers(source: SubscriberSource, publication: OpenPublication | None = None) -> ListCheck:
    """Return what is wrong with a list, that of a publication or a file that belongs to none.

    Without a publication nobody is known to be erased. Raises ListError for a list that can't be read.
    """
    store = publication.known_store if publication else None
    keys = publication.keys if publication else None
    own = source.read_statuses()
    problems, tags, count = list(own.questions), Counter[str](), 0
    for row, status in with_suppression_status(store, keys, source.read_subscribers()):
        if isinstance(row, Problem):
            problems.append(row)
        elif status.erased:
            problems.append(_explain_erased(source, row, status))
        else:
            count += 1
            tags.update(row.tags)
    return ListCheck(source=source, problems=problems, subscribers=count, own=own.count, tags=tags)


def _explain_erased(source: SubscriberSource, row: Subscriber, status: SuppressionStatus) -> Problem:
    return Problem(
        path=source.place,
        line=row.line,
        code=ERASED,
        message=f"this person was erased on {status.erased:%Y-%m-%d}, and gets nothing",
        next_step="Take the row out of this file, and out of wherever it came from.",
    )
