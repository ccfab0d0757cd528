"""Changes between two forms of an issue: by item and by word, in sentences that a person reads."""

import datetime
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from newsletter.field import fill_fields
from newsletter.issue.blocks import Link, RichText, TextRun
from newsletter.issue.model import Issue
from newsletter.issue.sections import DraftValue
from newsletter.review.issue_change import IssueChange
from newsletter.review.part_matching import find_moved, match_parts, read_words
from newsletter.review.word_diff import Stretch, TextStretch, diff_words, shorten_kept

WHOLE = "The issue"
_LONGEST_NAME = 60
# What each key of a draft is called in a sentence.
_NAMES: Mapping[str, str] = MappingProxyType(
    {
        "alt": "the words for what the picture shows",
        "by": "whose words they are",
        "contents": "whether the sections are listed first",
        "corrects": "the issue that is corrected",
        "file": "the picture's file",
        "headlines_title": "the line above the headlines",
        "id": "its name in translations",
        "number": "the number",
        "until": "the last day",
    }
)
_PARTS: Mapping[str, str] = MappingProxyType(
    {"items": "item", "sections": "section", "figures": "figure", "events": "event", "people": "person"}
)


def describe_changes(before: Issue, after: Issue) -> tuple[IssueChange, ...]:
    """Return every difference between two forms of an issue, in reading order; none when they say the same.

    Parts are compared with what they were, wherever they stand: a moved item is told as moved, and a rewritten one by
    its words.
    """
    return tuple(_compare_values(WHOLE, before, after))


def _compare(part: str, name: str, before: Any, after: Any) -> Iterator[IssueChange]:
    """Yield the changes of one key's value in a part of the issue."""
    if before == after:
        return
    key = _capitalise(_NAMES.get(name, f"the {name.replace('_', ' ')}"))
    if name in _PARTS:
        yield from _compare_parts(part, _PARTS[name], before, after)
    elif name == "only_for":
        yield IssueChange(part=part, what=f"It was for {_name_readers(before)}, and is for {_name_readers(after)}")
    elif isinstance(before, Link) or isinstance(after, Link):
        yield IssueChange(part=part, what=f"{key} {_say_where(before, after)}")
    elif isinstance(before, RichText) and isinstance(after, RichText):
        yield from _compare_texts(part, key, before, after)
    elif isinstance(before, DraftValue) and isinstance(after, DraftValue):
        yield from _compare_values(_name_within(part, key), before, after)
    elif before in (None, ()) or after in (None, ()):
        is_new = before in (None, ())
        yield _show_whole(part, key, after if is_new else before, is_new=is_new)
    elif isinstance(before, str | tuple):
        words = diff_words(_write_line(before), _write_line(after))
        yield IssueChange(part=part, what=key, words=shorten_kept(words))
    else:
        yield IssueChange(part=part, what=f"{key} was {_write_value(before)}, and is {_write_value(after)}")


def _compare_values(part: str, before: DraftValue, after: DraftValue) -> Iterator[IssueChange]:
    for name in type(after).model_fields:
        if name != "path":
            yield from _compare(part, name, getattr(before, name), getattr(after, name))


def _compare_parts(part: str, noun: str, before: Sequence[Any], after: Sequence[Any]) -> Iterator[IssueChange]:
    """Yield what became of the parts of a list: new ones, moved ones, changed ones, and those that are gone."""
    pairs = match_parts(before, after)
    moved = find_moved(pairs)
    for former, now in pairs:
        if now is None:
            assert former is not None  # noqa: S101  # for mypy: a pair has one of them
            gone = before[former]
            yield _show_whole(_name_part(part, noun, former, gone), "It", gone, is_new=False)
            continue
        inner = _name_part(part, noun, now, after[now])
        if former is None:
            yield _show_whole(inner, "It", after[now], is_new=True)
            continue
        if now in moved:
            yield IssueChange(part=inner, what=f"It was {noun} {former + 1}")
        if before[former] != after[now]:
            yield from _compare_values(inner, before[former], after[now])


def _compare_texts(part: str, key: str, before: RichText, after: RichText) -> Iterator[IssueChange]:
    old, new = before.plain(_write_field), after.plain(_write_field)
    found = []
    if old != new:
        found.append(IssueChange(part=part, what=key, words=shorten_kept(diff_words(old, new))))
    within = key.lower()
    found += [IssueChange(part=part, what=what) for what in _compare_links(within, before, after)]
    found += [IssueChange(part=part, what=what) for what in _compare_styles(within, before, after)]
    another_form = f"{key} says the same in another form: paragraphs, lists, tables or pictures"
    yield from found or [IssueChange(part=part, what=another_form)]


def _compare_links(within: str, before: RichText, after: RichText) -> Iterator[str]:
    """Yield the links that lead elsewhere, are new, or are gone; a link is known by its words, else by its address.

    One whose words alone have changed is told with the words of the text.
    """
    old, new = Counter(_list_links(before)), Counter(_list_links(after))
    went, came = list((old - new).elements()), list((new - old).elements())
    for words, address in came:
        former = next((one for one in went if one[0] == words), None) or next(
            (one for one in went if one[1] == address), None
        )
        if former is None:
            yield f"A link is new in {within}: “{words}” leads to {address}"
            continue
        went.remove(former)
        if former[0] == words:
            yield f"The link “{words}” in {within} led to {former[1]} and leads now to {address}"
        elif before.plain() == after.plain():
            yield f"The link to {address} in {within} was on “{former[0]}”, and is on “{words}”"
    for words, address in went:
        yield f"A link is gone from {within}: “{words}” led to {address}"


def _compare_styles(within: str, before: RichText, after: RichText) -> Iterator[str]:
    """Yield the words that are in both texts, and in bold, italics or the like in one of them alone."""
    old, new = Counter(_list_styles(before)), Counter(_list_styles(after))
    for words, style in new - old:
        if words in before.plain():
            yield f"“{words}” in {within} is in {style}"
    for words, style in old - new:
        if words in after.plain():
            yield f"“{words}” in {within} is no longer in {style}"


def _list_styles(text: RichText) -> Iterator[tuple[str, str]]:
    for run in text.runs():
        for style in _name_styles(run):
            yield run.text.strip() or run.text, style


def _name_styles(run: TextRun) -> Iterator[str]:
    yield from ["bold"] if run.strong else []
    yield from ["italics"] if run.emphasis else []
    yield from ["strikethrough"] if run.strike else []
    yield from ["code"] if run.code else []
    yield from [f"{run.script}script"] if run.script else []


def _list_links(text: RichText) -> list[tuple[str, str]]:
    return [("".join(run.text for run in link.runs), _write_address(link)) for link in text.links()]


def _show_whole(part: str, key: str, value: Any, *, is_new: bool) -> IssueChange:
    """Return the change of what is there in one form alone, with all its words."""
    if isinstance(value, tuple):
        words = _write_line(value)
    elif isinstance(value, DraftValue | RichText | str):
        words = read_words(value)
    else:
        words = _write_value(value)
    kind = Stretch.ADDED if is_new else Stretch.REMOVED
    return IssueChange(part=part, what=f"{key} is {'new' if is_new else 'gone'}", words=(TextStretch(kind, words),))


def _say_where(before: Link | None, after: Link | None) -> str:
    if after is None:
        return f"is gone; it led to {_write_address(before)}"
    if before is None:
        return f"is new: it leads to {_write_address(after)}"
    return f"led to {_write_address(before)} and leads now to {_write_address(after)}"


def _name_part(part: str, noun: str, number: int, value: Any) -> str:
    words = " ".join(read_words(value).split("\n\n", 1)[0].split())
    if len(words) > _LONGEST_NAME:
        words = f"{words[:_LONGEST_NAME].rsplit(' ', 1)[0]}…"
    return _name_within(part, f"{noun} {number + 1}, “{words}”" if words else f"{noun} {number + 1}")


def _name_within(part: str, name: str) -> str:
    return _capitalise(name) if part == WHOLE else f"{part}: {name[0].lower()}{name[1:]}"


def _capitalise(words: str) -> str:
    return f"{words[0].upper()}{words[1:]}"


def _name_readers(tags: Sequence[str]) -> str:
    return f"readers with {' or '.join(tags)} alone" if tags else "everyone"


def _write_address(link: Link | None) -> str:
    return fill_fields(link.address, _write_field) if link else ""


def _write_line(value: Any) -> str:
    """Return a line, of which a part may be a reader's field, as one text."""
    return value if isinstance(value, str) else fill_fields(value, _write_field)


def _write_value(value: Any) -> str:
    return value.isoformat() if isinstance(value, datetime.date) else str(value)


def _write_field(name: str, default: str) -> str:
    return f"{{{{ {name} | {default} }}}}" if default else f"{{{{ {name} }}}}"
