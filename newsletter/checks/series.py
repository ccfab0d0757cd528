"""Checks of an issue among the others of its publication: date, number, headlines."""

from collections.abc import Iterator, Sequence
from difflib import get_close_matches
from pathlib import Path

from newsletter.checks.draft_report import Finding
from newsletter.issue.draft import Draft, read_draft
from newsletter.issue.draft_source import DraftSource
from newsletter.issue.model import Issue
from newsletter.issue.sections import Item
from newsletter.issue_name import Numbering, find_numbering, parse_numbers
from newsletter.text import quote_text

_STANDING = 2  # earlier issues with the same headline: it is a standing one, such as "Events"


def check_dates(source: DraftSource, draft: Draft, paths: Sequence[Path]) -> Iterator[Finding]:
    """Find a date before that of the issue before, or after that of the next."""
    this = parse_numbers(draft.name)
    if draft.date is None or not this:
        return
    series = _list_series(paths, len(this))
    earlier = [path for numbers, path in series if numbers < this]
    later = [path for numbers, path in series if numbers > this]
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
    *volume, number = parse_numbers(draft.name) or (0,)
    series = _list_series(paths, len(volume) + 1)
    before = [other[-1] for other, _ in series if [*other[:-1]] == volume and other[-1] < number]
    if before and max(before) < number - 1:
        within = "".join(f"{each}." for each in volume)
        first, last = max(before) + 1, number - 1
        join = "and" if last == first + 1 else "to"
        missing = f"{within}{first} is" if first == last else f"{within}{first} {join} {within}{last} are"
        problem = source.at_key(
            "number",
            code="number-order",
            message=f"{missing} left out: the issue before is {within}{first - 1}",
            next_step=f"Rename the draft to {within}{first}.yaml, and its number, if that was not meant.",
        )
        yield Finding(problem, note=True)


def _list_series(paths: Sequence[Path], parts: int) -> list[tuple[tuple[int, ...], Path]]:
    """Return the drafts named by as many numbers, in the order of these."""
    numbered = [(parse_numbers(path.stem), path) for path in paths]
    return sorted(pair for pair in numbered if len(pair[0]) == parts)


def _list_earlier(draft: Path, paths: Sequence[Path]) -> Sequence[Path]:
    """Return the drafts before one of them, none for one that is not among them."""
    return paths[: next((place for place, path in enumerate(paths) if path.name == draft.name), 0)]


def check_name(source: DraftSource, draft: Draft, paths: Sequence[Path], numbering: Numbering) -> Iterator[Finding]:
    """Find an issue that is not named as the publication's numbering has it, and a mail beside it that is.

    One of an older numbering, which an issue of the present one follows, is as it should be.
    """
    name, kind = draft.name, draft.issue.kind if draft.issue else "issue"
    own = find_numbering(name)
    if kind != "issue":
        if own != "none":
            problem = source.at_key(
                "kind",
                code="numbering",
                message=f"{name} is the name of an issue, and this is {'an' if kind[0] == 'a' else 'a'} {kind}",
                next_step="Give the file a name in words, such as spring-fair.yaml.",
            )
            yield Finding(problem)
        return
    followers = paths[len(_list_earlier(draft.path, paths)) :]
    if own == numbering or (own != "none" and any(find_numbering(path.stem) == numbering for path in followers)):
        return
    named = {"volume": "2.11.yaml", "number": "11.yaml", "date": "2024-05-16.yaml", "none": "spring-fair.yaml"}
    by = {"volume": "by volume and number", "number": "by number", "date": "by date", "none": "in words"}
    problem = source.at_key(
        "number", "volume", "date",
        code="numbering",
        message=f"{draft.path.name} is named {by[own]}, and the publication's issues are named {by[numbering]}",
        next_step=f"Rename it as in {named[numbering]}"
        + (", with its numbers in the draft" if numbering in ("volume", "number") else "")
        + ("; or write kind: announcement" if own == "none" else "")
        + f'; or write numbering = "{own}" under [publication] in newsletter.toml.',
    )  # fmt: skip
    yield Finding(problem)


def check_corrected_issue(source: DraftSource, draft: Draft, paths: Sequence[Path]) -> Iterator[Finding]:
    """Find a correction of an issue that has no draft, or that is a correction itself."""
    corrects = draft.issue.corrects if draft.issue else None
    if corrects is None:
        return
    path = next((path for path in paths if path.stem == corrects), None)
    near = get_close_matches(corrects, [path.stem for path in paths if path != draft.path], n=1, cutoff=0.6)
    if path is None:
        yield Finding(
            source.at_key(
                "corrects",
                code="correction",
                message=f"there is no draft of {quote_text(corrects)}",
                next_step=f"Did you mean {near[0]}?" if near else "`newsletter draft list` shows them all.",
            )
        )
    elif (issue := read_draft(path).issue) and issue.corrects:
        yield Finding(
            source.at_key(
                "corrects",
                code="correction",
                message=f"{corrects} is a correction itself",
                next_step=f"Name the issue that had the error: {issue.corrects}",
            )
        )


def find_equal_headlines(source: DraftSource, issue: Issue, paths: Sequence[Path]) -> Iterator[Finding]:
    """Find a headline that stands twice: for the same readers in this issue, or in one before."""
    rules = _list_rules(issue)
    alike: dict[str, list[int]] = {}  # the numbers of the items with the same words so far
    for number, item in enumerate(issue.all_items):
        words = item.headline.plain()
        others = alike.setdefault(_normalise_words(words), [])
        if any(_share_readers(rules[other], rules[number]) for other in others):
            problem = source.at_words(
                words,
                within=source.headline(number),
                code="headline-twice",
                message=f"two items have the headline {quote_text(words)}",
                next_step="Give one of them another, or take it out.",
            )
            yield Finding(problem)
        others.append(number)
    if issue.kind == "correction":  # which may repeat what it corrects
        return
    earlier = _list_earlier(issue.path, paths)
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


def _share_readers(first: list[tuple[str, ...]], second: list[tuple[str, ...]]) -> bool:
    """Return whether somebody may get both of two items, by the tags that their readers have to have."""
    return not any(set(one).isdisjoint(two) for one in first for two in second)


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
