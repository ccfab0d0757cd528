"""Every setting can come from the environment, whatever kind of value it has."""

import json
import shlex
import tomllib
from collections.abc import Iterator
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import pytest
from conftest import ROOT, Publication
from pydantic import BaseModel, Field, SecretStr

from newsletter.config import Config, load_config
from newsletter.config.environment import overlay
from newsletter.config.section import Section
from newsletter.errors import ConfigError

BASE = tomllib.loads((ROOT / "newsletter.toml").read_text())
# Tried in their order where a setting has no default to try.
CANDIDATES = (
    "exampleorg", "desk@example.org", "{headline}", "https://example.org", "example.org", "logo.png", "5", "a word",
    "en", "sqlite:///members.db", "branch",
)  # fmt: skip
SECRETS = {"password", "key", "tokens", "forgotten", "age_identity"}  # from the environment alone


def _models() -> Iterator[tuple[str, type[BaseModel]]]:
    for name, field in Config.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield field.alias or name, field.annotation
    for point in entry_points(group="newsletter.backends"):
        yield point.name, point.load().Settings


SETTINGS = [
    (table, field.alias or name, field) for table, model in _models() for name, field in model.model_fields.items()
]


def _toml(value: object) -> str:
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_toml, value))}]"
    if isinstance(value, dict):
        return f"{{{', '.join(f'{key} = {_toml(each)}' for key, each in value.items())}}}"
    return json.dumps(value, ensure_ascii=False)


def _written(tables: dict[str, dict[str, Any]]) -> str:
    return "\n".join(
        f"[{table}]\n" + "\n".join(f"{key} = {_toml(value)}" for key, value in values.items())
        for table, values in tables.items()
        if values
    )


def _load(folder: Path, tables: dict[str, dict[str, Any]], environ: dict[str, str]) -> Config:
    path = folder / "newsletter.toml"
    path.write_text(_written(tables))
    return load_config(path, environ)


def _value(config: Config, table: str, key: str) -> object:
    named = {field.alias or name: getattr(config, name) for name, field in Config.model_fields.items()}
    section = named.get(table) or config.backends[table]
    return next(
        getattr(section, name) for name, field in type(section).model_fields.items() if (field.alias or name) == key
    )


def _texts(value: object) -> list[str]:
    if isinstance(value, list | tuple):
        # A program's words are split as a shell does it, everything else at its commas.
        commas = [shlex.join(value) if "/bin/true" in value else ", ".join(map(str, value))] if value else []
        return [_toml(value), json.dumps(value), *commas]
    if isinstance(value, dict):
        return [_toml(value), json.dumps(value)]
    return [json.dumps(value)] if isinstance(value, bool | int | float) else [str(value)]


@pytest.mark.parametrize(("table", "key", "field"), SETTINGS, ids=[f"{table}-{key}" for table, key, _ in SETTINGS])
def test_the_environment_says_what_the_file_says(tmp_path: Path, table: str, key: str, field: Any) -> None:
    tables = {name: dict(values) for name, values in BASE.items()}
    tables.setdefault("command", {"command": ["/bin/true", "{recipient}"]})
    section = tables.setdefault(table, {})
    given = section.pop(key, None)
    variable = f"NEWSLETTER_{table.upper()}__{key.upper()}"
    if table == "dkim" and key != "selector":
        section["selector"] = ["s1"]
    if key in SECRETS:
        environ = {variable: "c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0LTEyMzQ="}
        value = _value(_load(tmp_path, tables, environ), table, key)
        assert isinstance(value, SecretStr)
        assert value.get_secret_value() == environ[variable]
        return
    default = None if field.is_required() else field.get_default(call_default_factory=True)
    tried = [given] if given is not None else [list(default) if isinstance(default, tuple) else default]
    for candidate in [*tried, [], *CANDIDATES] if tried == [None] else tried:
        if candidate is None:
            continue
        try:
            expected = _value(_load(tmp_path, tables | {table: section | {key: candidate}}, {}), table, key)
        except ConfigError:
            continue
        for text in _texts(candidate):
            assert _value(_load(tmp_path, tables, {variable: text}), table, key) == expected, text
        break
    else:
        pytest.fail(f"no candidate fits [{table}] {key}: add one to CANDIDATES")


@pytest.mark.parametrize(
    ("variable", "text", "expected"),
    [
        ("SEND__RETRIES", "[]", ()),
        ("SEND__RETRIES", "", ()),
        ("SEND__RETRIES", "[2, 30.5]", (2, 30.5)),
        ("SEND__RETRIES", " 2 , 30.5 ", (2, 30.5)),
        ("SEND__TESTERS", "['a@example.org', \"b@example.org\"]", ("a@example.org", "b@example.org")),
        ("SEND__REFUSALS", " 12.5 ", 12.5),
        ("EMAIL__CLIENTS", '["gmail"]', ("gmail",)),
        ("THEME__FONT", '["Source Serif 4", "serif"]', ("Source Serif 4", "serif")),
        ("THEME__FONT", "Georgia, serif", ("Georgia", "serif")),
        ("THEME__LOGO", "", None),
        ("PDF__PRINT_LINKS", "Yes", True),
        ("PDF__PRINT_LINKS", " off ", False),
        ("PDF__COLUMNS", " 2 ", 2),
        ("SENDER__REPLY_TO", "", None),
        ("INBOX__PASSWORD", "", None),
        ("DKIM__KEY", "", None),
        ("DKIM__SELECTOR", "[]", ()),
        ("SMTP__CHUNKING", "TRUE", True),
        ("SMTP__MESSAGES_PER_SECOND", "", None),
        ("COMMAND__COMMAND", '["/bin/true", "a b"]', ("/bin/true", "a b")),
        ("COMMAND__COMMAND", "/bin/true 'a b'", ("/bin/true", "a b")),
    ],
)
def test_each_kind_of_setting_is_read_from_text(
    publication: Publication, variable: str, text: str, expected: object
) -> None:
    publication.environ[f"NEWSLETTER_{variable}"] = text
    table, key = variable.lower().split("__")
    assert _value(publication.workspace.config, table, key) == expected


def test_an_empty_variable_takes_out_what_the_file_says(publication: Publication) -> None:
    toml = publication.root / "newsletter.toml"
    assert "\nreply_to = " in toml.read_text()
    assert publication.workspace.config.sender.reply_to
    publication.environ["NEWSLETTER_SENDER__REPLY_TO"] = ""
    assert load_config(toml, publication.environ).sender.reply_to is None


@pytest.mark.parametrize("text", ["[1, 2", "[", "[" * 5000, "{}", "[[1]]"])
def test_a_list_that_is_none_is_answered_with_its_variable(publication: Publication, text: str) -> None:
    publication.environ["NEWSLETTER_SEND__RETRIES"] = text
    with pytest.raises(ConfigError) as caught:
        _ = publication.workspace.config
    assert {str(problem.path) for problem in caught.value.problems} == {"environment variable NEWSLETTER_SEND__RETRIES"}


class _Plugin(Section):
    """Settings of kinds that only a backend of somebody else's has."""

    headers: dict[str, str] = Field(default={})
    regions: tuple[str, ...] = ()
    limits: list[int] | None = Field(default=None)


@pytest.mark.parametrize(
    ("key", "text", "expected"),
    [
        ("headers", '{"X-One": "1"}', {"X-One": "1"}),
        ("headers", '{ X-One = "1" }', {"X-One": "1"}),
        ("regions", "north, south", ("north", "south")),
        ("regions", '["north"]', ("north",)),
        ("limits", "[1, 2]", [1, 2]),
        ("limits", "1, 2", [1, 2]),
        ("limits", "", None),
    ],
)
def test_a_backend_needs_no_validator_of_its_own_for_that(key: str, text: str, expected: object) -> None:
    tables: dict[str, Any] = {}
    overlay(tables, {f"NEWSLETTER_PIGEON__{key.upper()}": text}, {"pigeon": _Plugin}.get)
    assert getattr(_Plugin.model_validate(tables["pigeon"]), key) == expected
