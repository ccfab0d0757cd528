"""A draft's YAML becomes an Issue, or every problem in it with its line and column."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from newsletter.errors import DraftError, Problem
from newsletter.issue.image import image_faults
from newsletter.issue.model import Image, Issue, Item
from newsletter.issue.yamltext import Mapping, Node, Place, Scalar, Sequence, YamlFault, read, scalars, split_lines
from newsletter.validation import Fault, explain

MAX_BYTES = 1_000_000
PROSE_KEYS = frozenset(
    {"subject", "preheader", "headlines_title", "intro", "note", "alt", "credit", "headline", "detail"}
)
_PUT_MARK = "Put >- after the colon, and the text on the next line, indented."


@dataclass(frozen=True)
class Draft:
    """What a draft's file holds: the issue, or the problems that stand between."""

    path: Path
    source: str
    issue: Issue | None
    problems: tuple[Problem, ...]

    @property
    def sha256(self) -> str:
        """Names this text and its picture, so that a change of either shows."""
        digest = sha256(self.source.encode())
        if self.issue and self.issue.image:
            digest.update((self.path.parent / self.issue.image.file).read_bytes())
        return digest.hexdigest()


def read_draft(path: Path) -> Draft:
    """Read, place, validate: never raises for what the writer wrote."""
    source, fault = _read_text(path)
    if fault:
        return Draft(path, source, None, (_problem(path, Place(0, 0), fault),))
    lines = split_lines(source)
    try:
        root, duplicates = read(source)
    except YamlFault as error:
        return Draft(path, source, None, (_problem(path, error.place, _advise(error, lines)),))
    if not isinstance(root, Mapping):
        fault = (
            Fault(code="empty", message="the draft is empty", next_step="`newsletter draft new` writes one to fill in.")
            if root is None
            else Fault(
                code="shape",
                message="a draft begins with a key such as `volume: 2`",
                next_step="`newsletter draft new` writes one to compare with.",
            )
        )
        return Draft(path, source, None, (_problem(path, Place(1, 1), fault),))
    found = [*duplicates, *_cut_off(root, lines)]
    issue, faults = _validate(root, path, lines)
    found += faults
    found.sort(key=lambda pair: (pair[0].line, pair[0].column))
    problems = tuple(_problem(path, place, fault) for place, fault in found)
    return Draft(path, source, None if problems else issue, problems)


def load_issue(path: Path) -> Issue:
    """The issue in a draft. Raises DraftError with every problem."""
    return require_issue(read_draft(path))


def require_issue(draft: Draft) -> Issue:
    if draft.issue is None:
        count = "1 problem" if len(draft.problems) == 1 else f"{len(draft.problems)} problems"
        raise DraftError(f"The draft {draft.path.name} has {count}.", problems=draft.problems)
    return draft.issue


def _problem(path: Path, place: Place, fault: Fault) -> Problem:
    return Problem(
        path=path,
        line=place.line,
        column=place.column,
        code=fault.code,
        message=fault.message,
        next_step=fault.next_step,
    )


def _read_text(path: Path) -> tuple[str, Fault | None]:
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as error:
        return "", Fault(
            code="unreadable",
            message=f"the draft can't be read: {error.strerror}",
            next_step="Check its name and its permissions.",
        )
    if len(data) > MAX_BYTES:
        return "", Fault(
            code="too-large",
            message=f"the draft is larger than {MAX_BYTES:,} bytes",
            next_step="A draft holds one issue's text; pictures stand beside it as files.",
        )
    try:
        source = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        return "", Fault(
            code="encoding",
            message=f"the draft is not UTF-8 text (first seen in line {line})",
            next_step="Save it as UTF-8.",
        )
    if "\0" in source:
        return "", Fault(
            code="binary", message="this is not a text file", next_step="Name a draft such as drafts/2.10.yaml."
        )
    return source, None


def _advise(error: YamlFault, lines: list[str]) -> Fault:
    """libyaml's complaint, led back to the prose that most likely caused it."""
    if error.fault.next_step:
        return error.fault
    for number in range(min(error.place.line, len(lines)), 0, -1):
        match = re.match(r"\s*(?:- )?([a-z_]+):[ \t]+(\S.*)", lines[number - 1])
        if match and match[1] in PROSE_KEYS and not match[2].startswith((">", "|")):
            return Fault(
                code="yaml",
                next_step=_PUT_MARK,
                message=f"the text of {match[1]!r} in line {number} is taken for YAML ({error.fault.message})",
            )
        if match:
            break
    return Fault(
        code="yaml",
        message=f"this is not YAML: {error.fault.message}",
        next_step="Check the indentation and the colons here and in the line above.",
    )


def _cut_off(root: Node, lines: list[str]) -> Iterator[tuple[Place, Fault]]:
    """Prose that YAML takes for a comment and drops in silence."""
    for key, value in scalars(root):
        if key.text in PROSE_KEYS and not value.style:
            # An empty value has the place of whatever comes next, so it is looked for after its key.
            end = value.end if value.text else key.end
            rest = lines[end.line - 1][end.column - 1 :]
            if match := re.match(r":?\s+#", rest):
                yield (
                    Place(end.line, end.column + match.end() - 1),
                    Fault(
                        code="cut-off",
                        next_step=f"{_PUT_MARK[:-1]}: `{key.text}: >-`.",
                        message=f"the rest of {key.text!r} from # on would be lost, since YAML takes it for a comment",
                    ),
                )


def _validate(root: Mapping, path: Path, lines: list[str]) -> tuple[Issue | None, list[tuple[Place, Fault]]]:
    tree = _plain(root)
    found: list[tuple[Place, Fault]] = []
    issue = None
    try:
        issue = Issue.model_validate(tree)
        issue = issue.model_copy(update={"path": path})
    except ValidationError as error:
        for details in error.errors(include_url=False):
            location = details["loc"]
            faults = explain(details, _siblings(location[:-1]))
            found += [(_locate(root, location, fault, lines), fault) for fault in faults]
    found = _without_echoes(found)
    found += _file_faults(root, path)
    return issue, found


def _siblings(location: Iterable[int | str]) -> list[str]:
    models: dict[str, type[BaseModel]] = {"image": Image, "items": Item}
    model = next((models[part] for part in location if isinstance(part, str) and part in models), Issue)
    return [name for name, field in model.model_fields.items() if not field.exclude]


def _without_echoes(found: list[tuple[Place, Fault]]) -> list[tuple[Place, Fault]]:
    """A misspelled key is one mistake, though it also leaves the right key missing."""
    suggested = {fault.next_step for _, fault in found if fault.code == "unknown-key"}
    return [
        (place, fault)
        for place, fault in found
        if not (fault.code == "missing" and f"Did you mean {fault.message.split(' is ')[0]}?" in suggested)
    ]


def _plain(node: Node) -> Any:
    match node:
        case Scalar():
            return _unfold(node)
        case Sequence():
            return [_plain(entry) for entry in node.entries]
        case Mapping():
            return {key: _plain(value) for key, (_, value) in node.entries.items() if not _left_open(value)}


def _left_open(node: Node) -> bool:
    """`note:` with nothing after it is a field left out; `note: ""` is an empty text."""
    return isinstance(node, Scalar) and not node.text and not node.style


def _unfold(node: Scalar) -> str:
    """One rule for paragraphs in all of YAML's styles: a blank line in the draft, a blank line here.

    Folding has made one line break of a blank line already, except in the literal style (|).
    """
    return node.text if node.style == "|" else re.sub(r"\n+", "\n\n", node.text.strip("\n"))


def _locate(root: Node, location: tuple[int | str, ...], fault: Fault, lines: list[str]) -> Place:
    node, key = root, None
    for part in location:
        if isinstance(node, Mapping) and part in node.entries:
            key, node = node.entries[str(part)]
        elif isinstance(node, Sequence) and isinstance(part, int) and part < len(node.entries):
            key, node = None, node.entries[part]
    if fault.code == "unknown-key" and key is not None:
        return key.start
    if isinstance(node, Scalar) and fault.needle:
        return _find(fault.needle, node, lines)
    # A value left out has the place of whatever comes next, but its key is in the right place.
    return key.start if key is not None and _left_open(node) else node.start


def _find(needle: str, node: Scalar, lines: list[str]) -> Place:
    for number in range(node.start.line, min(node.end.line, len(lines)) + 1):
        begin = node.start.column - 1 if number == node.start.line else 0
        column = lines[number - 1].find(needle, begin)
        if column >= 0:
            return Place(number, column + 1)
    return node.start


def _file_faults(root: Mapping, path: Path) -> Iterator[tuple[Place, Fault]]:
    """What only shows beside other files: the draft's own name, and its picture."""
    key_and_numbers = [root.entries.get(key) for key in ("volume", "number")]
    texts = [pair[1].text for pair in key_and_numbers if pair and isinstance(pair[1], Scalar)]
    if len(texts) == 2 and all(text.isdecimal() for text in texts):
        name = ".".join(str(int(text)) for text in texts)
        if path.stem != name and key_and_numbers[0]:
            yield (
                key_and_numbers[0][1].start,
                Fault(
                    code="file-name",
                    message=f"the file is named {path.name}, but says it is {name}",
                    next_step=f"Rename it to {name}.yaml, or mend volume and number.",
                ),
            )
    image = root.entries.get("image")
    file = image[1].entries.get("file") if image and isinstance(image[1], Mapping) else None
    if file and isinstance(file[1], Scalar) and file[1].text:
        for fault in image_faults(path.parent, file[1].text):
            yield file[1].start, fault
