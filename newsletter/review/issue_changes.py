"""What has changed between two forms of an issue: by item and by word, in sentences that a person reads."""

import datetime
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from newsletter.field import fill_fields
from newsletter.issue.blocks import Link, RichText, TextRun
from newsletter.issue.model import Issue
from newsletter.issue.sections import DraftValue, Image, IssueSection, Item
from newsletter.review.issue_change import IssueChange
from newsletter.review.part_matching import find_moved, match_parts, read_words
from newsletter.review.word_diff import Stretch, TextStretch, diff_words, shorten_kept

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
    return tuple(_compare_values("", before, after))


def _compare(place: str, name: str, before: Any, after: Any) -> Iterator[IssueChange]:
    """Yield the changes of one key's value; `place` is the part that it belongs to, "" for the issue itself."""
    if before == after:
        return
    if name in _PARTS:
        yield from _compare_parts(place, _PARTS[name], before, after)
        return
    where = _name_place(place, _NAMES.get(name, f"the {name.replace('_', ' ')}"))
    if name == "only_for":
        yield IssueChange(
            place=place or "It", what=f"is for {_name_readers(after)}, and was for {_name_readers(before)}"
        )
    elif isinstance(before, Link) or isinstance(after, Link):
        yield IssueChange(place=where, what=_say_where(before, after))
    elif isinstance(before, RichText) and isinstance(after, RichText):
        yield from _compare_texts(where, before, after)
    elif isinstance(before, DraftValue) and isinstance(after, DraftValue):
        yield from _compare_values(where, before, after)
    elif before in (None, ()) or after in (None, ()):
        is_new = before in (None, ())
        yield _show_whole(where, after if is_new else before, is_new=is_new)
    elif isinstance(before, str | tuple):
        words = diff_words(_write_line(before), _write_line(after))
        yield IssueChange(place=where, what="has other words", words=shorten_kept(words))
    else:
        yield IssueChange(place=where, what=f"is {_write_value(after)} and was {_write_value(before)}")


def _compare_values(place: str, before: DraftValue, after: DraftValue) -> Iterator[IssueChange]:
    for name in type(after).model_fields:
        if name != "path":
            yield from _compare(place, name, getattr(before, name), getattr(after, name))


def _compare_parts(place: str, noun: str, before: Sequence[Any], after: Sequence[Any]) -> Iterator[IssueChange]:
    """Yield what became of the parts of a list: new ones, moved ones, changed ones, and those that are gone."""
    pairs = match_parts(before, after)
    moved = find_moved(pairs)
    for former, now in pairs:
        if now is None:
            assert former is not None  # noqa: S101  # for mypy: a pair has one of them
            part = before[former]
            yield _show_whole(_name_part(place, noun, former, part), part, is_new=False)
            continue
        where = _name_part(place, noun, now, after[now])
        if former is None:
            yield _show_whole(where, after[now], is_new=True)
            continue
        if now in moved:
            yield IssueChange(place=where, what=f"was {noun} {former + 1} before")
        if before[former] != after[now]:
            yield from _compare_values(where, before[former], after[now])


def _compare_texts(place: str, before: RichText, after: RichText) -> Iterator[IssueChange]:
    old, new = before.plain(_write_field), after.plain(_write_field)
    found = []
    if old != new:
        found.append(IssueChange(place=place, what="has other words", words=shorten_kept(diff_words(old, new))))
    found += _compare_links(place, before, after)
    found += _compare_styles(place, before, after, old, new)
    yield from found or [
        IssueChange(place=place, what="says the same in another form: paragraphs, lists, tables or pictures")
    ]


def _compare_links(place: str, before: RichText, after: RichText) -> Iterator[IssueChange]:
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
            yield IssueChange(place=place, what=f"has a new link: “{words}” leads to {address}")
            continue
        went.remove(former)
        if former[0] == words:
            what = f"has a link, “{words}”, that leads to {address} instead of {former[1]}"
            yield IssueChange(place=place, what=what)
        elif before.plain() == after.plain():
            yield IssueChange(place=place, what=f"has its link to {address} on “{words}” instead of “{former[0]}”")
    for words, address in went:
        yield IssueChange(place=place, what=f"has lost a link: “{words}” led to {address}")


def _compare_styles(place: str, before: RichText, after: RichText, old: str, new: str) -> Iterator[IssueChange]:
    """Yield the words that are in both texts, and in bold, italics or the like in one of them alone."""
    styles = Counter(_list_styles(before)), Counter(_list_styles(after))
    for (words, style), is_new in [
        *((each, True) for each in styles[1] - styles[0]),
        *((each, False) for each in styles[0] - styles[1]),
    ]:
        if words in old and words in new:
            yield IssueChange(place=place, what=f"has “{words}” {'in' if is_new else 'no longer in'} {style}")


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


def _show_whole(place: str, value: Any, *, is_new: bool) -> IssueChange:
    """Return the change of what is there in one form alone, with all its words."""
    if isinstance(value, tuple):
        words = _write_line(value)
    elif isinstance(value, Image | Item | IssueSection | DraftValue | RichText | str):
        words = read_words(value)
    else:
        words = _write_value(value)
    kind = Stretch.ADDED if is_new else Stretch.REMOVED
    return IssueChange(place=place, what="is new" if is_new else "is gone", words=(TextStretch(kind, words),))


def _say_where(before: Link | None, after: Link | None) -> str:
    if after is None:
        return f"is gone; it led to {_write_address(before)}"
    if before is None:
        return f"is new: it leads to {_write_address(after)}"
    return f"leads to {_write_address(after)} instead of {_write_address(before)}"


def _name_part(place: str, noun: str, number: int, part: Any) -> str:
    words = " ".join(read_words(part).split("\n\n", 1)[0].split())
    if len(words) > _LONGEST_NAME:
        words = f"{words[:_LONGEST_NAME].rsplit(' ', 1)[0]}…"
    return _name_place(place, f"{noun} {number + 1}, “{words}”" if words else f"{noun} {number + 1}")


def _name_place(place: str, name: str) -> str:
    return f"{place}: {name}" if place else f"{name[0].upper()}{name[1:]}"


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
