"""Who sees what of a translation: the main draft says it, since a campaign has one rule for all of its languages."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TypeVar

from newsletter.errors import DraftError, Problem
from newsletter.issue.model import Issue
from newsletter.issue.sections import IssueSection, Item
from newsletter.text import format_count

_Part = TypeVar("_Part", Item, IssueSection)
_NOBODY_S: frozenset[str] = frozenset()  # the tags of a reader who has none


def apply_visibility(main: Issue, translation: Issue, path: Path) -> Issue:
    """Return a translation with the `only_for` of the main draft on its items and sections.

    They are matched by their ids, and where these are left out by their order. Raises DraftError where it can't be told
    who is to see a part of it, or where the translation says otherwise itself.
    """
    problems: list[Problem] = []
    items = tuple(_follow(main.items, translation.items, "item", path, problems))
    sections = []
    matched = _match(main.sections, translation.sections)
    for number, section in enumerate(_follow(main.sections, translation.sections, "section", path, problems)):
        counterpart = matched[number]
        own, what = counterpart.items if counterpart else (), f"section {number + 1}, item"
        within = tuple(_follow(own, section.items, what, path, problems))
        sections.append(section.model_copy(update={"items": within}))
    followed = translation.model_copy(update={"items": items, "sections": tuple(sections)})
    seen = followed.seen_by(_NOBODY_S)
    if not problems and (items or sections) and not seen.items and not seen.sections:
        problems.append(
            Problem(
                path=path,
                code="only-for",
                message="everything in this translation is only for some readers",
                next_step="Translate what the main draft has for everyone, too.",
            )
        )
    if problems:
        count = format_count(len(problems), "problem")
        raise DraftError(f"The draft {path.name} has {count}: it is not clear who is to see what.", problems=problems)
    return followed


def _follow(
    main: Sequence[_Part], translation: Sequence[_Part], what: str, path: Path, problems: list[Problem]
) -> Iterator[_Part]:
    """Yield the translation's parts with the main draft's say on who sees them; append what is wrong to `problems`."""
    own = {part.id for part in translation if part.id}
    unnamed = [part for part in main if part.id not in own]
    count = sum(not part.id for part in translation)
    has_rules = any(part.only_for for part in main)
    if count and count != len(unnamed) and any(part.only_for for part in unnamed):
        message = f"it can't be told which {what} here is only for some readers, since the main draft has more or fewer"
        next_step = "Give each the id: that it has in the main draft, or translate all of them in the same order."
        problems.append(Problem(path=path, code="only-for", message=message, next_step=next_step))
    for number, (part, counterpart) in enumerate(zip(translation, _match(main, translation), strict=True), start=1):
        if part.id and counterpart is None and has_rules:
            problems.append(
                Problem(
                    path=path,
                    code="only-for",
                    message=f"{what} {number}: its id {part.id!r} is not in the main draft, so it can't be told who is "
                    "to see it",
                    next_step="Write the id that it has in the main draft.",
                )
            )
        rule = counterpart.only_for if counterpart else ()
        if part.only_for and set(part.only_for) != set(rule):
            said = f"only for [{', '.join(rule)}]" if rule else "for everyone"
            problems.append(
                Problem(
                    path=path,
                    code="only-for",
                    message=f"{what} {number} is only for [{', '.join(part.only_for)}]; in the main draft it is {said}",
                    next_step="Take only_for out here: the main draft says who sees an item, in all languages.",
                )
            )
        yield part.model_copy(update={"only_for": rule})


def _match(main: Sequence[_Part], translation: Sequence[_Part]) -> list[_Part | None]:
    """Return for each part of a translation its counterpart: of the same id, or the next of those without their own."""
    named = {part.id: part for part in main if part.id}
    own = {part.id for part in translation if part.id}
    rest = iter([part for part in main if part.id not in own])
    return [named.get(part.id) if part.id else next(rest, None) for part in translation]
