"""The check of what an inbox shows beside the sender's name: subject and preheader."""

import re
from calendar import day_abbr, day_name, month_abbr, month_name
from collections.abc import Iterator
from itertools import dropwhile

from wcwidth import wcwidth

from newsletter.checks.draft_report import Finding
from newsletter.editions.edition_context import LONGEST_SUBJECT, EditionContext
from newsletter.issue.draft_source import DraftSource
from newsletter.issue.model import Issue
from newsletter.text import quote_text

_PHONE = 40  # characters of a subject that a phone shows
_WORD = re.compile(r"\w+(?:['’.-]\w+)*")
_GENERIC = (
    *("vol", "volume", "no", "nr", "number", "issue", "edition", "newsletter", "digest", "bulletin", "update", "news"),
    *(
        "daily",
        "weekly",
        "monthly",
        "quarterly",
        "the",
        "a",
        "of",
        "for",
        "from",
        "our",
        "your",
        "this",
        "week",
        "month",
    ),
)
_DATES = [name.casefold() for names in (month_name, month_abbr, day_name, day_abbr) for name in names if name]
_SAYS_NOTHING = frozenset((*_GENERIC, *_DATES))
_IS_NUMBER = re.compile(r"[\W\d_]*(?:st|nd|rd|th)?")


def check_inbox_line(source: DraftSource, context: EditionContext, issue: Issue) -> Iterator[Finding]:
    """Find a subject that is long or begins with what the sender's name says, and a preheader that repeats it."""
    public = context.typeset(issue).seen_by(frozenset())
    subject = context.subject(public)
    advice = "Begin with the news." if issue.subject else "Give the issue a `subject` that begins with the news."
    room = _measure_width(subject)
    if room > LONGEST_SUBJECT:
        shorter = "Shorten it." if issue.subject else "Shorten the first headline, or give the issue a `subject`."
        has = f"has {room} characters" if room == len(subject) else f"is as wide as {room} characters"
        message = f"the subject {has}, and inboxes show about {LONGEST_SUBJECT}"
        yield _make_note(source, "subject", "headline", message=message, next_step=shorter)
    beginning = _cut(subject, _PHONE)
    headline = public.lead_words.plain()
    is_news = subject.casefold().startswith(headline.casefold()) and _measure_news(headline, context, issue) > 0
    if not is_news and _measure_news(beginning, context, issue) < 1 / 2:
        message = f"what a phone shows of the subject, {quote_text(beginning)}, says little beside the sender's name"
        yield _make_note(source, "subject", "headline", message=message, next_step=advice)
    if issue.preheader and context.preheader(public).casefold().startswith(subject.casefold()[:_PHONE]):
        message = "the preheader says what the subject says before it"
        yield _make_note(source, "preheader", message=message, next_step="Go on with other news, or leave it out.")


def _make_note(source: DraftSource, *keys: str, message: str, next_step: str) -> Finding:
    return Finding(source.at_key(*keys, code="inbox", message=message, next_step=next_step), note=True)


def _measure_news(text: str, context: EditionContext, issue: Issue) -> float:
    """Return the share of the text behind words of the sender's name, of the title, of a date, and numbers."""
    date = context.template_values(issue)["date"]
    known = {
        *_split_words(context.config.sender.from_.name),
        *_split_words(context.config.publication.title),
        *_split_words(date),
    }
    words = _split_words(text)
    news = list(dropwhile(lambda word: word in known or word in _SAYS_NOTHING or _IS_NUMBER.fullmatch(word), words))
    return sum(map(len, news)) / max(1, sum(map(len, words)))


def _split_words(text: str) -> list[str]:
    return [word.casefold() for word in _WORD.findall(text)]


def _cut(text: str, columns: int) -> str:
    """Return as much of a text's beginning as fits into the columns; a full-width character takes two."""
    return next(text[:end] for end in range(len(text), -1, -1) if _measure_width(text[:end]) <= columns)


def _measure_width(text: str) -> int:
    """Return a text's width in columns, of which a full-width character takes two."""
    return sum(max(0, wcwidth(character)) for character in text)
