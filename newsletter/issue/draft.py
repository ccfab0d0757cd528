"""Reading of a draft: its YAML becomes an Issue, or every problem in it with its line and column."""

import datetime
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from hashlib import sha256
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

from newsletter.errors import DraftError, Problem
from newsletter.issue.draft_consistency import (
    find_empty_lists,
    find_missing_keys,
    find_name_faults,
    find_picture_faults,
    find_repeated_ids,
)
from newsletter.issue.lookalikes import correct_key, find_conflicts, find_lookalike, replace_separators
from newsletter.issue.model import Issue
from newsletter.issue.prose import advise, find_cut_texts
from newsletter.issue.sourcemap import SourceMap
from newsletter.issue.yamltext import (
    Place,
    YamlFault,
    YamlMapping,
    YamlNode,
    YamlScalar,
    YamlSequence,
    find_node,
    is_left_open,
    parse_yaml,
    split_lines,
)
from newsletter.issue_name import IssueName, name_edition, read_issue_name
from newsletter.text import format_count, quote_text
from newsletter.validation import Fault, explain_error

MAX_BYTES = 1_000_000
MAX_PROBLEMS = 500


@dataclass(frozen=True)
class Draft:
    """The contents of a draft's file: the issue, or the problems that keep it from being one.

    `date` is known even when something else is wrong. `sha256` names the text and its picture as they were when the
    draft was read, so that a change of either since shows. `language` is that of a translation, "" for the draft in the
    publication's own.
    """

    path: Path
    source: str
    issue: Issue | None
    problems: tuple[Problem, ...]
    date: datetime.date | None = None
    language: str = ""
    sha256: str = field(init=False)

    def __post_init__(self) -> None:
        digest = sha256(self.source.encode())
        for picture in self.issue.pictures if self.issue else ():
            with suppress(OSError):  # whatever shows it will say that it has gone since it was checked
                digest.update(picture.read_bytes())
        object.__setattr__(self, "sha256", digest.hexdigest())

    @property
    def name(self) -> IssueName:
        """Return the name of the issue, by the draft's file."""
        return read_issue_name(self.path, self.language)

    @property
    def edition_name(self) -> str:
        """Return what the issue's files are named by: `2.10`, and `2.10.ja` for a translation into Japanese."""
        return name_edition(self.name, self.language)


def read_draft(path: Path, language: str = "") -> Draft:
    """Read, parse and validate a draft, the translation into a `language`, or the one in the publication's own if "".

    Never raises for what an editor wrote: that becomes problems.
    """
    source, fault = _read_text(path)
    if fault:
        return Draft(path, source, None, (_make_problem(path, Place(0, 0), fault),), language=language)
    return parse_draft(path, source, language)


def parse_draft(path: Path, source: str, language: str = "") -> Draft:
    """Parse and validate a draft's text as if it stood in the file at `path`, with the pictures beside it."""
    draft = _parse(path, source, read_issue_name(path, language))
    if not language:
        return draft
    return replace(draft, language=language, issue=draft.issue.as_translation(language) if draft.issue else None)


def _parse(path: Path, source: str, name: IssueName) -> Draft:
    text, found = replace_separators(source)
    lines = split_lines(text)
    if unmerged := list(find_conflicts(lines)):
        return _make_broken_draft(path, source, unmerged)
    try:
        root, duplicates = parse_yaml(text)
    except YamlFault as error:
        misread = find_lookalike(lines, error.place.line) if not error.fault.next_step else None
        return _make_broken_draft(path, source, [*found, misread or (error.place, advise(error, lines))])
    if not isinstance(root, YamlMapping):
        fault = (
            Fault(code="empty", message="the draft is empty", next_step="`newsletter draft new` writes one to fill in.")
            if root is None
            else Fault(
                code="shape",
                message="a draft begins with a key such as `volume: 2`",
                next_step="`newsletter draft new` writes one to compare with.",
            )
        )
        return _make_broken_draft(
            path, source, [*found, find_lookalike(lines, root.start.line if root else 1) or (Place(1, 1), fault)]
        )
    issue, faults = _validate(root, path, name, lines)
    found += [*duplicates, *find_cut_texts(root, lines), *faults]
    return replace(_make_broken_draft(path, source, found), issue=None if found else issue, date=_find_date(root))


def _make_broken_draft(path: Path, source: str, found: list[tuple[Place, Fault]]) -> Draft:
    """Return a draft with its problems in the order of their places, at most MAX_PROBLEMS of them."""
    found = sorted(found, key=lambda pair: (pair[0].line, pair[0].column))
    if len(found) > MAX_PROBLEMS:
        place, more = found[MAX_PROBLEMS][0], len(found) - MAX_PROBLEMS
        fault = Fault(
            code="more",
            message=f"{format_count(more, 'problem')} from here on {'is' if more == 1 else 'are'} not shown",
            next_step="Mend those above, and check again.",
        )
        found = [*found[:MAX_PROBLEMS], (place, fault)]
    return Draft(path, source, None, tuple(_make_problem(path, place, fault) for place, fault in found))


def _find_date(root: YamlMapping) -> datetime.date | None:
    written = root.entries.get("date")
    try:
        return datetime.date.fromisoformat(written[1].text) if written and isinstance(written[1], YamlScalar) else None
    except ValueError:
        return None


def load_issue(path: Path) -> Issue:
    """Return the issue in a draft. Raises DraftError with every problem."""
    return require_issue(read_draft(path))


def require_issue(draft: Draft) -> Issue:
    """Return the draft's issue. Raises DraftError with every problem."""
    if draft.issue is None:
        count = format_count(len(draft.problems), "problem")
        raise DraftError(f"The draft {draft.path.name} has {count}.", problems=draft.problems)
    return draft.issue


def _make_problem(path: Path, place: Place, fault: Fault) -> Problem:
    return Problem(
        path=path,
        line=place.line,
        column=place.column,
        code=fault.code,
        message=fault.message,
        next_step=fault.next_step,
    )


def _read_text(path: Path) -> tuple[str, Fault | None]:
    if path.exists() and not path.is_file():  # a named pipe would never end
        return "", Fault(code="unreadable", message="this is no file", next_step="Name a draft's file.")
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


def _validate(
    root: YamlMapping, path: Path, name: IssueName, lines: list[str]
) -> tuple[Issue | None, list[tuple[Place, Fault]]]:
    texts: dict[int, SourceMap] = {}
    tree = _convert_node(root, lines, texts)
    found: list[tuple[Place, Fault]] = []
    issue = None
    try:
        issue = Issue.model_validate(tree if not isinstance(tree, dict) else {**tree, "path": path})
    except ValidationError as error:
        for details in error.errors(include_url=False):
            # A text where a mapping should be wants the mapping's own keys, not its neighbours.
            within = details["loc"] if details["type"] == "model_type" else details["loc"][:-1]
            for fault in explain_error(details, _list_siblings(within)):
                location = details["loc"] or _find_key(root, fault)
                fault = _correct_missing(fault, root, location)
                if fault.code == "unknown-key":
                    fault = replace(correct_key(str(location[-1])) or fault, code=fault.code)
                found.append((_locate(root, location, fault, texts), fault))
    missing = [(root.start, fault) for fault in find_missing_keys(root, name)]
    found = _drop_echoes([*missing, *found])
    found += find_empty_lists(root)
    found += find_repeated_ids(root)
    found += find_name_faults(root, path, name)
    if all(fault.code != "image-file" for _, fault in found):  # a name that is none is not looked for
        found += find_picture_faults(root, path, issue, texts)
    return issue, found


def _correct_missing(fault: Fault, root: YamlNode, location: tuple[int | str, ...]) -> Fault:
    """Return the fault of a key with nothing after it as an empty value instead of a missing one."""
    *above, key = location or ("",)
    parent, _ = find_node(root, tuple(above))
    if fault.code != "missing" or not isinstance(parent, YamlMapping) or key not in parent.entries:
        return fault
    return Fault(
        code="empty",
        message=f"{quote_text(str(key))} is empty",
        next_step="Write it after the colon; a longer text after >- on the next line, indented.",
    )


def _list_siblings(location: Iterable[int | str]) -> list[str]:
    """Return the keys that the mapping at a location may have."""
    model: type[BaseModel] = Issue
    for part in location:
        if isinstance(part, str) and part in model.model_fields:
            model = next(_iterate_models(model.model_fields[part].annotation), model)
    return [name for name, field in model.model_fields.items() if not field.exclude]


def _iterate_models(annotation: Any) -> Iterator[type[BaseModel]]:
    """Yield the models within an annotation such as `tuple[Item, ...]` or `Image | None`."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for inner in get_args(annotation):
        yield from _iterate_models(inner)


def _find_key(root: YamlMapping, fault: Fault) -> tuple[int | str, ...]:
    """Return the location of a fault of the whole issue: the key whose value it is about, if it is there."""
    keys = {"only-for": ("sections", "items"), "correction": ("corrects", "kind")}
    return next(((key,) for key in keys.get(fault.code, ()) if key in root.entries), ())


def _drop_echoes(found: list[tuple[Place, Fault]]) -> list[tuple[Place, Fault]]:
    """Drop the fault of a missing key that was misspelled: both are one mistake."""
    suggested = {fault.next_step for _, fault in found if fault.code == "unknown-key"}
    return [
        (place, fault)
        for place, fault in found
        if not (fault.code == "missing" and f"Did you mean {fault.message.split(' is ')[0]}?" in suggested)
    ]


def _convert_node(node: YamlNode, lines: list[str], texts: dict[int, SourceMap]) -> Any:
    """Return the tree with each scalar as its text; `texts` collects the scalars' source maps, by their identity."""
    match node:
        case YamlScalar():
            texts[id(node)] = SourceMap(node, lines)
            return texts[id(node)].text
        case YamlSequence():
            return [_convert_node(entry, lines, texts) for entry in node.entries]
        case YamlMapping():
            pairs = node.entries.items()
            return {key: _convert_node(value, lines, texts) for key, (_, value) in pairs if not is_left_open(value)}


def _locate(root: YamlNode, location: tuple[int | str, ...], fault: Fault, texts: dict[int, SourceMap]) -> Place:
    node, key = find_node(root, location)
    if fault.code == "unknown-key" and key is not None:
        return key.start
    if isinstance(node, YamlScalar) and fault.at is not None and id(node) in texts:
        return texts[id(node)].place(fault.at)
    # A value left out has the place of whatever comes next, but its key is in the right place.
    return key.start if key is not None and is_left_open(node) else node.start
