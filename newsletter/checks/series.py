"""Checks of an issue among the others of its publication: date, number, headlines."""

from collections.abc import Iterator, Sequence
from itertools import combinations
from pathlib import Path

from newsletter.checks.draft_report import Finding
from newsletter.issue.draft import Draft, read_draft
from newsletter.issue.draft_source import DraftSource
from newsletter.issue.model import Issue
from newsletter.issue.sections import Item
from newsletter.text import quote_text
from newsletter.workspace import parse_draft_name

_STANDING = 2  # earlier issues with the same headline: it is a standing one, such as "Events"


def check_dates(source: DraftSource, draft: Draft, paths: Sequence[Path]) -> Iterator[Finding]:
    """Find a date before that of the issue before, or after that of the next."""
    this = parse_draft_name(draft.path)
    if draft.date is None or this == (0, 0):
        return
    earlier = [path for path in paths if parse_draft_name(path) < this]
    later = [path for path in paths if parse_draft_name(path) > this]
    for near, sign, word in ((earlier[-1:], 1, "before"), (later[:1], -1, "after")):
        for path in near:
            date = read_draft(path).date
            if date is None or (draft.date - date).days * sign > 0:
                continue
            same = draft.date == date
            message = f"the date is that of {path.stem}" if same else f"the date is {word} that of {path.stem}, {date}"
            problem = source.at_key("date", code="date-order", message=message, next_step="Mend one of the two dates.")
            yield Finding(problem, note=same)


def check_numbers(source: DraftSource, draft: Draft, paths: Sequence[Path]) -> Iterator[Finding]:
    """Find a gap before this issue within its volume, whose first number may be any."""
    volume, number = parse_draft_name(draft.path)
    before = [other for known, other in map(parse_draft_name, paths) if known == volume and other < number]
    if before and max(before) < number - 1:
        first, last = max(before) + 1, number - 1
        join = "and" if last == first + 1 else "to"
        missing = f"{volume}.{first} is" if first == last else f"{volume}.{first} {join} {volume}.{last} are"
        problem = source.at_key(
            "number",
            code="number-order",
            message=f"{missing} left out: the issue before is {volume}.{first - 1}",
            next_step=f"Rename the draft to {volume}.{first}.yaml, and its number, if that was not meant.",
        )
        yield Finding(problem, note=True)


def find_equal_headlines(source: DraftSource, issue: Issue, paths: Sequence[Path]) -> Iterator[Finding]:
    """Find a headline that stands twice: for the same readers in this issue, or in one before."""
    rules = _list_rules(issue)
    for (other, first), (number, second) in combinations(enumerate(issue.all_items), 2):
        same = _normalise_words(first.headline.plain()) == _normalise_words(second.headline.plain())
        if same and not any(set(one).isdisjoint(two) for one in rules[other] for two in rules[number]):
            words = second.headline.plain()
            problem = source.at_words(
                words,
                within=source.headline(number),
                code="headline-twice",
                message=f"two items have the headline {quote_text(words)}",
                next_step="Give one of them another, or take it out.",
            )
            yield Finding(problem)
    this = parse_draft_name(issue.path)
    earlier = [path for path in paths if parse_draft_name(path) < this]
    # Only a file that has the words at all is read as a draft: years of issues are looked through in no time.
    sources = {path: _normalise_words(path.read_text(encoding="utf-8", errors="replace")) for path in earlier}
    for number, item in enumerate(issue.all_items):
        words = item.headline.plain()
        perhaps = [path for path in earlier if _normalise_words(words) in sources[path]]
        found = [path for path in perhaps if _normalise_words(words) in _read_headlines(path)]
        if found and len(found) < _STANDING:
            problem = source.at_words(
                words,
                within=source.headline(number),
                code="headline-twice",
                message=f"{found[-1].stem} has the headline {quote_text(words)} already",
                next_step="Give this one another, if it is other news.",
            )
            yield Finding(problem, note=True)


def _list_rules(issue: Issue) -> list[list[tuple[str, ...]]]:
    """Return the tags that readers of each item have to have: those of its section, and its own, where it has any."""
    own: list[tuple[tuple[str, ...], Item]] = [((), item) for item in issue.items]
    held = [*own, *((section.only_for, item) for section in issue.sections for item in section.items)]
    return [[rule for rule in (tags, item.only_for) if rule] for tags, item in held]


def _read_headlines(path: Path) -> set[str]:
    issue = read_draft(path).issue
    return {_normalise_words(item.headline.plain()) for item in issue.all_items} if issue else set()


def _normalise_words(words: str) -> str:
    return " ".join(words.casefold().split())
