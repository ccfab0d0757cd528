"""Consistency of a draft as a whole: what it has to hold, its file's name, and the pictures beside it."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from newsletter.issue.image import find_image_faults
from newsletter.issue.model import Issue
from newsletter.issue.sourcemap import SourceMap
from newsletter.issue.yamltext import Place, YamlMapping, YamlNode, YamlScalar, YamlSequence
from newsletter.validation import Fault

_DIGITS = re.compile(r"[0-9]{1,6}")
_PICTURE = re.compile(r"!\[[^\[\]]*\]\(<?([\w .()+-]+\.\w+)>?(?=[)\s])")


def find_missing_keys(root: YamlMapping, path: Path) -> Iterator[Fault]:
    """Yield a fault for each key that the draft has to have: by the name of its file, and to hold anything."""
    wanted = {2: ("volume", "number"), 1: ("number",)}.get(len(path.stem.split(".")), ())
    if not all(_DIGITS.fullmatch(part) for part in path.stem.split(".")):
        wanted = ("number",) if "volume" in root.entries else ()
    for key in wanted:
        if key not in root.entries:
            yield Fault(code="missing", message=f"{key!r} is missing", next_step=f"Add a line for {key!r}.")
    if not {"items", "sections"} & root.entries.keys():
        yield Fault(code="missing", message="'items' is missing", next_step="Add a line for 'items'.")


def find_name_faults(root: YamlMapping, path: Path) -> Iterator[tuple[Place, Fault]]:
    """Yield a fault where the file is named otherwise than the draft says by its volume and number."""
    written = [(key, root.entries.get(key)) for key in ("volume", "number")]
    given = [(key, *pair) for key, pair in written if pair and isinstance(pair[1], YamlScalar) and pair[1].text]
    texts = [value.text for _, _, value in given if isinstance(value, YamlScalar)]
    if not texts or given[-1][0] != "number" or not all(_DIGITS.fullmatch(text) for text in texts):
        return
    name = ".".join(str(int(text)) for text in texts)
    lacks_volume = len(texts) == 1 and re.fullmatch(r"[0-9]{1,6}\.[0-9]{1,6}", path.stem)  # which is told
    if path.stem != name and not lacks_volume:
        keys = " and ".join(key for key, *_ in given)
        yield (
            given[0][2].start,
            Fault(
                code="file-name",
                message=f"the file is named {path.name}, but says it is {name}",
                next_step=f"Rename it to {name}.yaml, or mend {keys}.",
            ),
        )


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
