"""Consistency of a draft as a whole: what it has to hold, its file's name, and the pictures beside it."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from newsletter.issue.image import find_image_faults
from newsletter.issue.model import Issue
from newsletter.issue.sourcemap import SourceMap
from newsletter.issue.yamltext import (
    Place,
    YamlMapping,
    YamlNode,
    YamlScalar,
    YamlSequence,
    is_left_open,
    iterate_texts,
)
from newsletter.issue_name import NAME_ADVICE, IssueName, find_numbering, is_draft_name, parse_date, parse_numbers
from newsletter.text import quote_text
from newsletter.validation import Fault

_DIGITS = re.compile(r"[0-9]{1,6}")
_PICTURE = re.compile(r"!\[[^\[\]]*\]\(<?([\w .()+-]+\.\w+)>?(?=[)\s])")


def find_missing_keys(root: YamlMapping, name: IssueName) -> Iterator[Fault]:
    """Yield a fault for each key that the draft has to have: by the name of its file, and to hold anything."""
    wanted = {2: ("volume", "number"), 1: ("number",)}.get(len(parse_numbers(name)), ())
    if not wanted and "volume" in root.entries:
        wanted = ("number",)
    for key in wanted if _read_kind(root) == "issue" else ():
        if key not in root.entries:
            yield Fault(code="missing", message=f"{key!r} is missing", next_step=f"Add a line for {key!r}.")
    if not {"items", "sections"} & root.entries.keys():
        yield Fault(
            code="missing", message="'items' is missing", next_step="Add a line for 'items', or for 'sections'."
        )


def find_empty_lists(root: YamlMapping) -> Iterator[tuple[Place, Fault]]:
    """Yield a fault for items and sections that are lists of nothing, and where both are left open."""
    lists = {key: root.entries[key] for key in ("items", "sections") if key in root.entries}
    for key, (_, value) in lists.items():
        if isinstance(value, YamlSequence) and not value.entries:
            yield value.start, _describe_empty(key)
    if lists and all(is_left_open(value) for _, value in lists.values()):
        key, (name, _) = next(iter(lists.items()))
        yield name.start, _describe_empty(key)


def find_repeated_ids(root: YamlMapping) -> Iterator[tuple[Place, Fault]]:
    """Yield a fault for each `id:` of an item or a section that another one has."""
    first: dict[str, Place] = {}
    for key, value in iterate_texts(root):
        if key.text == "id" and value.text and first.setdefault(value.text, value.start) != value.start:
            yield (
                value.start,
                Fault(
                    code="id",
                    message=f"{quote_text(value.text)} is the id of another part already, in line "
                    f"{first[value.text].line}",
                    next_step="Give one of the two another id.",
                ),
            )


def _describe_empty(key: str) -> Fault:
    return Fault(code="empty", message=f"{key!r} is empty", next_step="Write one at least, or take the line out.")


def find_name_faults(root: YamlMapping, path: Path, name: IssueName) -> Iterator[tuple[Place, Fault]]:
    """Yield a fault where the file is named otherwise than the draft says, or as no draft may be named.

    `name` is the issue's, by its file: what stands there behind it is the language of a translation.
    """
    written = [(key, root.entries.get(key)) for key in ("volume", "number")]
    given = [(key, *pair) for key, pair in written if pair and isinstance(pair[1], YamlScalar) and pair[1].text]
    kind = _read_kind(root)
    if given and kind != "issue":
        yield (
            given[0][1].start,
            Fault(
                code="numbered",
                message=f"{'an' if kind == 'announcement' else 'a'} {kind} stands beside the series, and has no number",
                next_step="Take volume and number out: it is named by its file.",
            ),
        )
    elif given:
        yield from _find_other_numbers(given, path, name)
    else:
        yield from _find_unusable_names(root, path, name, kind)


def _find_other_numbers(
    given: list[tuple[str, YamlScalar, YamlNode]], path: Path, name: IssueName
) -> Iterator[tuple[Place, Fault]]:
    texts = [value.text for _, _, value in given if isinstance(value, YamlScalar)]
    if given[-1][0] != "number" or not all(_DIGITS.fullmatch(text) for text in texts):
        return
    numbers = ".".join(str(int(text)) for text in texts)
    lacks_volume = len(texts) == 1 and find_numbering(name) == "volume"  # which is told
    if name != numbers and not lacks_volume:
        keys = " and ".join(key for key, *_ in given)
        yield (
            given[0][2].start,
            Fault(
                code="file-name",
                message=f"the file is named {path.name}, but says it is {numbers}",
                next_step=f"If it is a translation, end its name in a language that newsletter.toml declares: "
                f"{numbers}.ja.yaml with [languages.ja]. If not, mend its name, or {keys}."
                if re.fullmatch(rf"{re.escape(numbers)}[.-]?[A-Za-z-]+", name)
                else f"Rename it to {numbers}{path.stem[len(name) :]}.yaml, or mend {keys}.",
            ),
        )


def _find_unusable_names(root: YamlMapping, path: Path, name: IssueName, kind: str) -> Iterator[tuple[Place, Fault]]:
    """Yield a fault for the name of a draft without numbers, and for a correction's issue that is no name."""
    if not is_draft_name(name):
        yield (
            root.start,
            Fault(
                code="file-name",
                message=f"the file is named {path.name}, and that can't name an issue",
                next_step=f"Rename it. {NAME_ADVICE}.",
            ),
        )
    date, named = root.entries.get("date"), parse_date(name)
    if named and kind == "issue" and date and isinstance(date[1], YamlScalar) and date[1].text != str(named):
        yield (
            date[1].start,
            Fault(
                code="file-name",
                message=f"the file is named {path.name}, but says it is of {date[1].text}",
                next_step="Rename the file, or mend the date.",
            ),
        )
    corrects = root.entries.get("corrects")
    corrected = corrects[1].text if corrects and isinstance(corrects[1], YamlScalar) else ""
    if corrects and corrected and (not is_draft_name(corrected) or corrected == name):
        yield (
            corrects[1].start,
            Fault(
                code="correction",
                message=f"{quote_text(corrected)} names no issue that this could correct",
                next_step="Write the name of the issue that had the error, such as 2.10.",
            ),
        )


def _read_kind(root: YamlMapping) -> str:
    kind = root.entries.get("kind")
    return kind[1].text if kind and isinstance(kind[1], YamlScalar) and kind[1].text else "issue"


def find_picture_faults(
    root: YamlMapping, path: Path, issue: Issue | None, texts: Mapping[int, SourceMap]
) -> Iterator[tuple[Place, Fault]]:
    """Yield a fault for each picture that is not beside the draft, or that no edition can carry.

    Pictures within texts are known once the draft is an `issue`. `texts` has the source maps of the draft's scalars, by
    their identity.
    """
    for file in _iterate_files(root):
        for fault in find_image_faults(path.parent, file.text):
            yield file.start, fault
    within_texts = {picture.file for text in issue.texts() for picture in text.pictures()} if issue else set()
    for text in texts.values() if within_texts else ():
        for match in _PICTURE.finditer(text.text):
            for fault in find_image_faults(path.parent, match[1]) if match[1] in within_texts else ():
                yield text.place(match.start(1)), fault


def _iterate_files(node: YamlNode) -> Iterator[YamlScalar]:
    """Yield the value of each `file:` below an `image:`."""
    match node:
        case YamlSequence(entries=entries):
            for entry in entries:
                yield from _iterate_files(entry)
        case YamlMapping(entries=pairs):
            for name, (_, value) in pairs.items():
                if name == "image" and isinstance(value, YamlMapping):
                    file = value.entries.get("file")
                    if file and isinstance(file[1], YamlScalar) and file[1].text:
                        yield file[1]
                yield from _iterate_files(value)
