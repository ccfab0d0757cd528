"""Front matter of Markdown files: YAML as Jekyll has it, TOML as Hugo has it, lines of `Key: value` as Pelican has."""

import re
import tomllib
from collections.abc import Iterator, Mapping

from newsletter.issue.yamltext import YamlFault, YamlMapping, YamlNode, YamlScalar, YamlSequence, parse_yaml

_LONGEST = 20_000  # characters; what is longer is text between two lines across
_DASHES = re.compile(r"---[ \t]*\n(.*?\n)?(?:---|\.\.\.)[ \t]*(?:\n|\Z)", re.DOTALL)
_PLUSES = re.compile(r"\+\+\+[ \t]*\n(.*?\n)?\+\+\+[ \t]*(?:\n|\Z)", re.DOTALL)
_LINE = re.compile(r"([A-Za-z][A-Za-z_-]{1,20}):[ \t]*(\S.*)?$")
_PELICAN = frozenset(
    [
        "title",
        "subtitle",
        "number",
        "issue",
        "edition",
        "volume",
        "date",
        "modified",
        "category",
        "tags",
        "slug",
        "author",
        "authors",
        "summary",
        "status",
        "lang",
        "subject",
        "save_as",
        "url",
        "template",
    ]
)


def split_front_matter(text: str) -> tuple[Mapping[str, str], str, str]:
    """Return the values of the front matter by their keys in small letters, the text below it, and what is unreadable.

    Lists are joined by commas, and tables have keys with a dot.
    """
    head = text.lstrip("\n")[: _LONGEST + 10]
    for pattern, read in ((_DASHES, _read_yaml), (_PLUSES, _read_toml)):
        match = pattern.match(head)
        if match is None:
            continue
        body = text.lstrip("\n")[match.end() :]
        values = read(match[1] or "")
        if values is None:
            return {}, body, match[1]
        if values or not (match[1] or "").strip():
            return values, body, ""
    return _read_lines(text)


def _read_yaml(source: str) -> dict[str, str] | None:
    """Return the values of YAML; none where it is text, None where it can't be read."""
    try:
        root, _ = parse_yaml(source)
    except YamlFault:
        return None if re.search(r"(?m)^[A-Za-z_-]+:", source) else {}
    return dict(_flatten_node(root)) if isinstance(root, YamlMapping) else {}


def _flatten_node(node: YamlNode, key: str = "") -> Iterator[tuple[str, str]]:
    match node:
        case YamlScalar(text=text):
            yield key, " ".join(text.split())
        case YamlSequence(entries=entries):
            yield key, ", ".join(text for entry in entries for _, text in _flatten_node(entry))
        case YamlMapping(entries=pairs):
            for name, (_, value) in pairs.items():
                yield from _flatten_node(value, f"{key}.{name.lower()}" if key else name.lower())


def _read_toml(source: str) -> dict[str, str] | None:
    try:
        return dict(_flatten_value(tomllib.loads(source)))
    except (tomllib.TOMLDecodeError, RecursionError, ValueError):
        return None


def _flatten_value(value: object, key: str = "") -> Iterator[tuple[str, str]]:
    match value:
        case dict():
            for name, inner in value.items():
                yield from _flatten_value(inner, f"{key}.{name.lower()}" if key else name.lower())
        case list():
            yield key, ", ".join(text for entry in value for _, text in _flatten_value(entry))
        case _:
            yield key, " ".join(str(value).split())


def _read_lines(text: str) -> tuple[Mapping[str, str], str, str]:
    """Read lines of `Key: value` that stand before the first blank line, all with known keys, two at least."""
    values: dict[str, str] = {}
    end = 0
    for line in text[:_LONGEST].splitlines(keepends=True):
        match = _LINE.match(line.rstrip())
        if match is None or match[1].lower() not in _PELICAN:
            break
        values[match[1].lower()] = (match[2] or "").strip()
        end += len(line)
    below = text[end:]
    if len(values) < 2 or not {"title", "date"} & values.keys() or (below.strip() and not below.startswith("\n")):
        return {}, text, ""
    return values, below, ""
