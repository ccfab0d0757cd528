"""Places of settings: the lines of tables and keys in newsletter.toml, for problems in them."""

import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeGuard, get_args

from pydantic import BaseModel, SecretStr, ValidationError

from newsletter.config.shared_settings import OWN_KEYS, find_shared_file
from newsletter.errors import Problem
from newsletter.validation import Fault, explain_error

_HEADER = re.compile(r"""\s*\[\s*((?:[\w-]+|"[^"]*"|'[^']*'|\s*\.\s*)+)\s*\]""")  # of a table, as in [languages.ja]
_KEY = re.compile(r"""\s*("(?:[^"\\]|\\.)*"|'[^']*'|[\w-]+)\s*=""")


def find_setting(path: Path, table: str, key: str) -> tuple[Path, int]:
    """Return the file and line of a setting, for a fault that only shows in use; `path` and 0 when it isn't there.

    `path` is the publication's newsletter.toml; a setting that it leaves out may be in the workspace's own.
    """
    where, shared_file = _find_lines(path), find_shared_file(path)
    where.shared = _find_lines(shared_file) if shared_file else None
    return where.find(table, key)


def _find_lines(path: Path) -> "SettingPlaces":
    return SettingPlaces(path, path.read_text(encoding="utf-8-sig") if path.is_file() else "", {})


class SettingPlaces:
    """The places of tables and keys: lines of newsletter.toml, in it or the one it stands over, or variables."""

    def __init__(self, path: Path, source: str, variables: Mapping[tuple[str, str], str]) -> None:
        self.path = path
        self.variables = variables
        self.shared: SettingPlaces | None = None  # of the file that the settings stand over
        self._lines: dict[tuple[str, str], int] = {}
        table = ""
        for number, line in enumerate(source.splitlines(), start=1):
            if header := _HEADER.match(line):
                table = ".".join(part.strip(" \t\"'") for part in header[1].split("."))
                self._lines[table, ""] = number
            elif key := _KEY.match(line):
                self._lines.setdefault((table, _read_key(key[0])), number)

    def line(self, table: str, key: str) -> int:
        """Return the line of a key, or else of its table; 0 when neither is in the file."""
        return self._lines.get((table, key)) or self._lines.get((table, ""), 0)

    def _split(self, path: Sequence[str]) -> tuple[str, str]:
        """Return the table that leads to a value, the innermost that a file has, and the value's key in it."""
        lines = self._lines | (self.shared._lines if self.shared else {})
        inner = [count for count in range(2, len(path) + 1) if (".".join(path[:count]), "") in lines]
        count = max(inner, default=1)
        return ".".join(path[:count]), next(iter(path[count:]), "")

    def find(self, table: str, key: str) -> tuple[Path, int]:
        """Return the file and line of a key, or else of its table; this file and 0 when neither has any of it."""
        if self.shared and (table, key) not in self._lines and (table, key) not in OWN_KEYS:
            has_key = (table, key) in self.shared._lines
            if has_key or (table, "") not in self._lines:
                return (self.shared if self.shared.line(table, key) else self).path, self.shared.line(table, key)
        return self.path, self.line(table, key)

    def problem(self, fault: Fault, table: str, key: str) -> Problem:
        """Return a fault with its place."""
        variable = self.variables.get((table, key))
        path, line = self.find(table, key)
        if not key and not line:
            variable = next((name for (owner, _), name in self.variables.items() if owner == table), None)
        return Problem(
            path=f"environment variable {variable}" if variable else path,
            line=0 if variable else line,
            code=fault.code,
            message=fault.message,
            next_step=fault.next_step,
        )

    def problems(self, error: ValidationError, model: type[BaseModel], table: str = "") -> Iterator[Problem]:
        """Yield each of pydantic's errors as a problem with its place."""
        for details in error.errors(include_url=False):
            path = [table, *map(str, details["loc"])] if table else [str(part) for part in details["loc"]]
            name, key = self._split(path)
            for fault in explain_error(details, _list_siblings(model, details["loc"][:-1])):
                named = not key or repr(key) in fault.message
                message = f"[{name}] {fault.message}" if named else f"[{name}] {key}: {fault.message}"
                if fault.message.endswith("should be a list"):
                    fault = replace(fault, next_step=f"Put it in brackets, with commas between: {key} = [...]")
                if fault.code == "too-many":
                    fault = replace(fault, next_step="Take some out.")
                if fault.code == "missing" and not key:
                    message = f"the table [{name}] is missing"
                yield self.problem(Fault(code=fault.code, message=message, next_step=fault.next_step), name, key)


def _read_key(written: str) -> str:
    """Return the key of a line `key =`, whose quotes and escapes TOML takes off."""
    try:
        return next(iter(tomllib.loads(f"{written} 0")))
    except tomllib.TOMLDecodeError:
        return written.rstrip("= ").strip()


def _is_model(annotation: Any) -> TypeGuard[type[BaseModel]]:
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)


def _list_siblings(model: type[BaseModel], location: Sequence[int | str]) -> list[str]:
    """Return the keys known in the table that `location` names."""
    for part in location:
        fields = {field.alias or name: field for name, field in model.model_fields.items()}
        annotation = fields[str(part)].annotation if str(part) in fields else None
        of_entries = get_args(annotation)  # those of a mapping, whose keys are anybody's
        model = next((each for each in (annotation, *of_entries) if _is_model(each)), model)
    return [
        field.alias or name
        for name, field in model.model_fields.items()
        if name != "backends" and field.annotation is not SecretStr
    ]
