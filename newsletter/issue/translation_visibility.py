"""Who sees what of a translation: the main draft says it, since a campaign has one rule for all of its languages."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TypeVar

from newsletter.errors import DraftError, Problem
from newsletter.issue.model import Issue
from newsletter.issue.sections import IssueSection, Item
from newsletter.issue.translation_parts import pair_parts
from newsletter.text import format_count, quote_text

_Part = TypeVar("_Part", Item, IssueSection)


def apply_visibility(main: Issue, translation: Issue, path: Path) -> Issue:
    """Return a translation with the `only_for` of the main draft on its items and sections.

    They are matched by their ids, and where these are left out by their order. Raises DraftError where it can't be told
    who is to see a part of it, or where the translation says otherwise itself.
    """
    problems: list[Problem] = []
    has_rules = any(main.visibility_rules)
    items = tuple(_follow(main.items, translation.items, "item", path, problems, has_rules=has_rules))
    sections = []
    matched = _match(main.sections, translation.sections)
    followed_sections = _follow(main.sections, translation.sections, "section", path, problems, has_rules=has_rules)
    for number, section in enumerate(followed_sections):
        counterpart = matched[number]
        own, what = counterpart.items if counterpart else (), f"section {number + 1}, item"
        within = tuple(_follow(own, section.items, what, path, problems, has_rules=has_rules))
        sections.append(section.model_copy(update={"items": within}))
    followed = translation.model_copy(update={"items": items, "sections": tuple(sections)})
    if not problems:
        problems += _find_shown(main, followed, path)
    seen = followed.seen_by(frozenset())
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
    main: Sequence[_Part],
    translation: Sequence[_Part],
    what: str,
    path: Path,
    problems: list[Problem],
    *,
    has_rules: bool,
) -> Iterator[_Part]:
    """Yield the translation's parts with the main draft's say on who sees them; append what is wrong to `problems`.

    `has_rules` says whether the main draft holds anything back: a part that it does not have may be that then.
    """
    own = {part.id for part in translation if part.id}
    unnamed = [part for part in main if part.id not in own]
    count = sum(not part.id for part in translation)
    may_be_held_back = has_rules if count > len(unnamed) else any(_holds_back(part) for part in unnamed)
    if count and count != len(unnamed) and may_be_held_back:
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


def _holds_back(part: Item | IssueSection) -> bool:
    within = part.items if isinstance(part, IssueSection) else ()
    return bool(part.only_for) or any(item.only_for for item in within)


def _find_shown(main: Issue, translation: Issue, path: Path) -> Iterator[Problem]:
    """Yield a problem for each link and picture that readers would get who get it nowhere in the main draft.

    It stands in a part that was taken for another one, as where parts without ids are in another order.
    """
    every, told = _list_marks(main), set[str]()
    for tags in (
        frozenset[str](),
        *sorted({frozenset((tag,)) for rule in main.visibility_rules for tag in rule}, key=sorted),
    ):
        shown = every.keys() & _list_marks(translation.seen_by(tags)).keys() - _list_marks(main.seen_by(tags)).keys()
        for mark in sorted(shown - told):
            yield Problem(
                path=path,
                code="only-for",
                message=f"{every[mark]} {quote_text(mark)} is in the main draft only for some readers, and here others "
                "would get it, too",
                next_step="Translate all parts in the same order, or give each the id: that it has in the main draft.",
            )
        told |= shown


def _list_marks(issue: Issue) -> dict[str, str]:
    """Return the addresses and files in an issue that no translator changes, and what each of them is."""
    links = [*issue.links(), *(link for text in issue.texts() for link in text.links())]
    return {link.href: "the link" for link in links} | {image.file: "the picture" for image in issue.images()}


def _match(main: Sequence[_Part], translation: Sequence[_Part]) -> list[_Part | None]:
    """Return the counterpart of each part of a translation; None for one that has none, or an id that main lacks."""
    found = {second: main[first] for first, second in pair_parts(main, translation).pairs}
    known = {None, *(part.id for part in main)}
    return [found.get(number) if part.id in known else None for number, part in enumerate(translation)]
