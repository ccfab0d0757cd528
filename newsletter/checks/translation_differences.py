"""The check of a translation against the draft in the publication's own language: what lacks, and what differs."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from newsletter.checks.draft_report import Finding
from newsletter.field import fill_fields
from newsletter.issue.blocks import Link, RichText
from newsletter.issue.draft import Draft, parse_draft
from newsletter.issue.draft_source import DraftSource
from newsletter.issue.sections import Image, IssueSection, Item, iterate_links
from newsletter.issue.translation_parts import iterate_containers, pair_parts
from newsletter.issue_name import name_edition
from newsletter.text import format_count, quote_text
from newsletter.translation import describe_language, find_primary_language

Location = tuple[int | str, ...]
# Keys that a translation may leave out: something else stands in their place.
_WITH_DEFAULT = {"subject", "preheader", "title", "headlines_title"}
_ELSEWHERE = {"id", "only_for", "items", "sections", "path", "link", "volume", "contents"}  # or nowhere compared
_NO_WORDS = {"name", "number", "by"}  # of people and figures
_SAME = ("kind", "corrects", "date", "until", "time")  # keys whose values are the same in all languages
_FEW_WORDS = 3  # names, and the like of "OK", are the same in many languages
_SHORT = 12  # signs, for scripts without spaces


@dataclass(frozen=True)
class _Comparison:
    """The two drafts' files, and whether they are in the same language, as British and American English are."""

    main: DraftSource
    other: DraftSource
    same_language: bool

    def find(
        self, at: Location, at_main: Location, message: str, step: str, *, words: str = "", main_words: str = "",
        code: str = "translation", note: bool = False,
    ) -> Finding:  # fmt: skip
        """Return a finding in the translation; {main} in its message is the place in the main draft."""
        place = self.main.find_location(at_main, main_words)
        named = f"{self.main.path.name}:{place.line}" if place else self.main.path.name
        found = self.other.find_location(at, words)
        make = self.other.at_key if found is None else lambda **said: self.other.at_place(found, **said)
        return Finding(make(code=code, message=message.replace("{main}", named), next_step=step), note)


def compare_with_main(main: Draft, translation: Draft, own_language: str) -> Iterator[Finding]:
    """Find what a translation lacks of the main draft, has over it, and says otherwise; nothing while either is broken.

    What has to be the same for all readers is a problem: items, sections, pictures, dates, whom a part is for. Links
    that differ are notes, since a source may be there in the reader's language, and so are texts left as they were.
    """
    issue = parse_draft(translation.path, translation.source, translation.language).issue  # as it is written
    if main.issue is None or issue is None:
        return
    languages = {find_primary_language(each) for each in (own_language, translation.language)}
    both = _Comparison(
        DraftSource(main.path, main.source), DraftSource(translation.path, translation.source), len(languages) == 1
    )
    yield from _compare_fields(both, main.issue, issue, (), ())
    for name in ("intro", "image", "note"):
        text, translated = getattr(main.issue, name), getattr(issue, name)
        if text and translated:
            yield from _compare_links(both, text, translated, (name,), (name,))
    yield from _find_unpaired(both, "section", main.issue.sections, issue.sections, ("sections",), ("sections",))
    for first, second in pair_parts(main.issue.sections, issue.sections).pairs:
        a, b = main.issue.sections[first], issue.sections[second]
        yield from _compare_parts(both, a, b, ("sections", first), ("sections", second))
    for at_main, mains, at, others in iterate_containers(main.issue, issue):
        yield from _find_unpaired(both, "item", mains, others, at_main, at)
        for first, second in pair_parts(mains, others).pairs:
            yield from _compare_parts(both, mains[first], others[second], (*at_main, first), (*at, second))


def _find_unpaired(
    both: _Comparison,
    noun: str,
    mains: Sequence[Item] | Sequence[IssueSection],
    others: Sequence[Item] | Sequence[IssueSection],
    at_main: Location,
    at: Location,
) -> Iterator[Finding]:
    pairing = pair_parts(mains, others)
    for number in pairing.lacking:
        yield both.find(
            at,
            (*at_main, number),
            f"the {noun} {_name(mains[number])} ({{main}}) is left out here",
            f"Translate it, or take it out of {both.main.path.name}. Parts correspond by their id, or else by order.",
        )
    for number in pairing.extra:
        yield both.find(
            (*at, number),
            at_main,
            f"the {noun} {_name(others[number])} is not in {both.main.path.name}",
            "Take it out, or write it there, too. Parts correspond by their id, or else by order.",
        )


def _name(part: Item | IssueSection) -> str:
    words = part.headline if isinstance(part, Item) else part.title
    return quote_text(words.plain() if words else part.id or "without a title")


def _compare_parts(both: _Comparison, main: Any, other: Any, at_main: Location, at: Location) -> Iterator[Finding]:
    """Compare an item with its counterpart, or a section without its items."""
    if main.id and other.id and main.id != other.id:
        yield both.find(
            (*at, "id"),
            (*at_main, "id"),
            f"{quote_text(other.id)} is the id of nothing in {both.main.path.name}; in this place it has "
            f"{quote_text(main.id)} ({{main}})",
            "Write the same id, so that the two correspond.",
        )
    if other.only_for and set(other.only_for) != set(main.only_for):
        whom = f"for {', '.join(main.only_for)} alone" if main.only_for else "for everybody"
        yield both.find(
            (*at, "only_for"),
            (*at_main, "only_for"),
            f"whom this is for is said by {{main}}, which has it {whom}",
            "Take only_for out here, or write the same.",
        )
    yield from _compare_fields(both, main, other, at_main, at)
    yield from _compare_links(both, main, other, at_main, at)


def _compare_fields(
    both: _Comparison, main: BaseModel, other: BaseModel, at_main: Location, at: Location
) -> Iterator[Finding]:
    """Compare what two parts hold, key by key, but for links, and for items and sections within them."""
    for name in type(main).model_fields:
        if name in _ELSEWHERE:
            continue
        first, second = getattr(main, name), getattr(other, name)
        here, there = (*at, name), (*at_main, name)
        if name in _SAME:
            if first != second:
                yield both.find(
                    here,
                    there,
                    f"{quote_text(name)} is {_show(second)}, and {_show(first)} in {{main}}",
                    "Mend one of the two.",
                )
        elif first and not second:
            yield both.find(
                at,
                there,
                f"{quote_text(name)} ({{main}}) is left out here",
                "Translate it, or take it out there.",
                note=name in _WITH_DEFAULT,
            )
        elif second and not first:
            yield both.find(
                here,
                at_main,
                f"{quote_text(name)} is not in {both.main.path.name}",
                "Take it out, or write it there, too, unless it is for readers of this language alone.",
                note=True,
            )
        elif first and isinstance(first, tuple) and isinstance(first[0], BaseModel):
            yield from _compare_entries(both, name, first, second, there, here)
        elif isinstance(first, BaseModel):
            yield from _compare_fields(both, first, second, there, here)
        elif name == "file" and first != second:
            yield both.find(
                here,
                there,
                f"this picture is {second}, and {first} in {{main}}",
                "Nothing is wrong if the picture itself is in the reader's language.",
                note=True,
            )
        elif not both.same_language and name not in _NO_WORDS and _is_left(first, second):
            yield both.find(
                here,
                there,
                f"{quote_text(name)} is the same as in {{main}}, word for word",
                "Translate it.",
                code="untranslated",
                note=True,
            )


def _compare_entries(
    both: _Comparison, name: str, mains: Sequence[Any], others: Sequence[Any], at_main: Location, at: Location
) -> Iterator[Finding]:
    """Compare lists of figures, events or people, whose entries correspond by their order."""
    if len(mains) != len(others):
        yield both.find(
            at,
            at_main,
            f"{quote_text(name)} has {format_count(len(others), 'entry', 'entries')}, and {len(mains)} in {{main}}",
            "Write what lacks, or take it out there.",
        )
        return
    for number, (first, second) in enumerate(zip(mains, others, strict=True)):
        yield from _compare_fields(both, first, second, (*at_main, number), (*at, number))


def _show(value: object) -> str:
    return "left out" if value is None else str(value)


def _is_left(first: object, second: object) -> bool:
    """Return whether a text is as it was, and longer than what is the same in many languages."""
    words, others = _read(first), _read(second)
    is_long = len(words.split()) > _FEW_WORDS or (not words.isascii() and len(words) > _SHORT)
    return is_long and words == others


def _read(value: object) -> str:
    if isinstance(value, RichText):
        return value.plain()
    if isinstance(value, tuple):
        return fill_fields(value)
    return value if isinstance(value, str) else ""


def _compare_links(both: _Comparison, main: Any, other: Any, at_main: Location, at: Location) -> Iterator[Finding]:
    """Compare where the links of a part lead, and which pictures stand within its texts, wherever in it they are."""
    pictures = [[picture.file for picture in _list_pictures(part)] for part in (main, other)]
    for file in (Counter(pictures[0]) - Counter(pictures[1])).elements():
        message = f"the picture {file} ({{main}}) is left out here"
        yield both.find(at, at_main, message, "Put it into the text here, too, or take it out there.", main_words=file)
    for file in (Counter(pictures[1]) - Counter(pictures[0])).elements():
        message = f"the picture {file} is not in {{main}}"
        yield both.find(at, at_main, message, "Take it out, or put it there, too.", words=file)
    first, second = ([link.href for link in _list_links(part)] for part in (main, other))
    lacking = list((Counter(first) - Counter(second)).elements())
    more = list((Counter(second) - Counter(first)).elements())
    step = "Nothing is wrong if readers of this language are meant to be led elsewhere."
    for old, new in zip(lacking, more, strict=False):
        message = f"this leads to {quote_text(new)}, and {{main}} to {quote_text(old)}"
        yield both.find(at, at_main, message, step, words=new, main_words=old, code="translation-link", note=True)
    for old in lacking[len(more) :]:
        message = f"the link to {quote_text(old)} ({{main}}) is left out here"
        yield both.find(at, at_main, message, step, main_words=old, code="translation-link", note=True)
    for new in more[len(lacking) :]:
        message = f"the link to {quote_text(new)} is not in {{main}}"
        yield both.find(at, at_main, message, step, words=new, code="translation-link", note=True)


def _list_links(part: Any) -> Iterable[Link]:
    """Return the links of a part, a section's without those of its items."""
    if isinstance(part, RichText):
        return part.links()
    if isinstance(part, IssueSection):
        part = part.model_copy(update={"items": ()})
        return [*(link for text in part.texts() for link in text.links()), *part.links()]
    return [*(link for text in part.texts() for link in text.links()), *iterate_links((part,))]


def _list_pictures(part: Any) -> Iterable[Any]:
    """Return the pictures within the texts of a part, a section's without those of its items."""
    if isinstance(part, RichText):
        return part.pictures()
    if isinstance(part, Image):
        return ()
    if isinstance(part, IssueSection):
        part = part.model_copy(update={"items": ()})
    return (picture for picture in part.images() if not isinstance(picture, Image))


def find_missing_translations(
    main: Draft, languages: Iterable[str], unclaimed: Mapping[str, Sequence[Path]]
) -> Iterator[Finding]:
    """Find languages of the publication in which an issue has no draft.

    `unclaimed` are translations of issues that have no draft, by language: they may be this one's, under an old name.
    """
    for language in languages:
        command = f"newsletter draft new {main.name} --language {language}"
        left = next(iter(unclaimed.get(language, ())), None)
        yield Finding(
            DraftSource(main.path, main.source).at_location(
                (),
                code="translation",
                message=f"there is no translation into {describe_language(language)}: its readers get this",
                next_step=f"Rename {left.name} to {name_edition(main.name, language)}.yaml if it is one: no issue has "
                f"its name. Else: {command}"
                if left
                else command,
            ),
            note=True,
        )
