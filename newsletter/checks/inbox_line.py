"""What an inbox shows beside the sender's name: whether it is seen whole, and says something."""

import re
from collections.abc import Iterator

from newsletter.checks.report import Finding
from newsletter.checks.source import Source
from newsletter.editions.press import LONGEST_SUBJECT, Press
from newsletter.issue.model import Issue

_PHONE = 40  # characters of a subject that a phone shows
_WORD = re.compile(r"\w+(?:['’.-]\w+)*")
_SAYS_NOTHING = frozenset({"vol", "volume", "no", "number", "issue", "newsletter", "digest", "edition"})


def inbox_line(source: Source, press: Press, issue: Issue) -> Iterator[Finding]:
    """Find a subject that is long or begins with what the sender's name says, and a preheader that repeats it."""
    public = issue.seen_by(frozenset())
    subject = press.subject(public)
    advice = "Begin with the news." if issue.subject else "Give the issue a `subject` that begins with the news."
    if len(subject) > LONGEST_SUBJECT:
        shorter = "Shorten it." if issue.subject else "Shorten the first headline, or give the issue a `subject`."
        message = f"the subject has {len(subject)} characters, and inboxes show about {LONGEST_SUBJECT}"
        yield _note(source, "subject", "headline", message=message, next_step=shorter)
    if _new_share(subject[:_PHONE], press, issue) < 1 / 2:
        message = f"what a phone shows of the subject, {subject[:_PHONE]!r}, says little beside the sender's name"
        yield _note(source, "subject", "headline", message=message, next_step=advice)
    if issue.preheader and press.preheader(public).casefold().startswith(subject.casefold()[:_PHONE]):
        message = "the preheader says what the subject says before it"
        yield _note(source, "preheader", message=message, next_step="Go on with other news, or leave it out.")


def _note(source: Source, *keys: str, message: str, next_step: str) -> Finding:
    return Finding(source.at_key(*keys, code="inbox", message=message, next_step=next_step), note=True)


def _new_share(beginning: str, press: Press, issue: Issue) -> float:
    """How much of it is words that neither the sender's name nor the publication's title has, nor a number."""
    known = {*_words(press.config.sender.from_.name), *_words(press.config.publication.title), *_SAYS_NOTHING}
    words = _words(beginning)
    new = [word for word in words if word not in known and word not in (issue.name, str(issue.number))]
    return sum(map(len, new)) / max(1, sum(map(len, words)))


def _words(text: str) -> list[str]:
    return [word.casefold() for word in _WORD.findall(text)]
