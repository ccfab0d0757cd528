"""Places where people joined a list or left it, in words."""

from collections import Counter

from newsletter.subscribers.growth import ELSEWHERE, LISTED, Change, Growth

_SOURCES = 12
IMPORTED = "import"
# Where people join, and where they leave, in words; what else there is, is the name of a form of one's own.
_JOINED_BY = {
    IMPORTED: "an import",
    LISTED: "the list itself: when they agreed is not known",
    "editor": "an editor, by hand",
    "sign-up": "a form",
    "page": "the page to sign up",
    "archive": "a page of the archive",
    "website": "a form on the website",
    "mail": "a mail to sign up",
}
_LEFT_BY = {
    "one-click": "the button of a mail program",
    "page": "the page of the link in a mail",
    "mail": "mails that were read from the inbox",
    "editor": "an editor, by hand",
}


def list_sources(growth: Growth, change: Change) -> list[tuple[str, int]]:
    """Return where a change was said, in words, with how many people it was about: the most first, the rest as one."""
    words = _JOINED_BY if change is Change.JOINED else _LEFT_BY
    counts = Counter[str]()
    for source, people in growth.count_by_source(change).items():
        counts[words.get(source, source or "not known")] += people
    others = counts.pop(ELSEWHERE, 0)
    most = counts.most_common(_SOURCES)
    others += counts.total() - sum(people for _, people in most)
    return [*most, *([(ELSEWHERE, others)] if others else [])]
