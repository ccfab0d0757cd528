"""Loading of newsletter.toml and the environment, with every problem at its place."""

import re
import tomllib
from collections.abc import Collection, Iterator, Mapping
from copy import deepcopy
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from newsletter.config.environment import ENV_PREFIX, overlay
from newsletter.config.installed import find_installed_backends
from newsletter.config.section import Section
from newsletter.config.setting_places import SettingPlaces
from newsletter.config.settings import Config
from newsletter.config.shared_settings import CONFIG_NAME, OWN_KEYS, extend_addresses, find_shared_file, put_over
from newsletter.errors import ConfigError, Problem
from newsletter.text import format_count, suggest_nearest
from newsletter.validation import Fault


def load_config(path: Path, environ: Mapping[str, str], only: Mapping[str, Collection[str]] | None = None) -> Config:
    """Read `path`, override it by the NEWSLETTER_ variables, and validate all of it.

    What a publication in publications/NAME/ leaves out is taken from the workspace's own file. Of the files, the keys
    `only` are read, by their tables, if that is given. Raises ConfigError with every problem at once, each with its
    file and line or its variable's name.
    """
    source, own = _read(path)
    own = _select(own, only)
    where, tables, problems = SettingPlaces(path, source, {}), own, list[Problem]()
    if shared_file := find_shared_file(path):
        shared_source, shared = _read(shared_file)
        shared = _select(shared, only)
        where.shared = SettingPlaces(shared_file, shared_source, {})
        problems += [*_find_misplaced_secrets(shared_source, where.shared), *_find_stray_values(shared, where.shared)]
        problems += _find_own_store(own, where)
        tables = put_over(deepcopy(own), shared)
    where.variables = overlay(tables, environ, _find_model)
    if shared_file:
        problems += _find_shared_variables(where.variables, path)
        extend_addresses(tables, own, path.parent.name)
    problems += [*_find_misplaced_secrets(source, where), *_find_stray_values(tables, where)]
    backend_tables = {name: tables.pop(name) for name in sorted(tables.keys() - _list_sections())}
    settings = dict(_read_backends(backend_tables, tables, where, problems))
    try:
        config = Config.model_validate(tables)
    except ValidationError as error:
        problems += where.problems(error, Config)
    if problems:
        problems.sort(key=lambda problem: (problem.path == shared_file, problem.line, str(problem.path)))
        raise ConfigError(f"The configuration has {format_count(len(problems), 'problem')}.", problems=problems)
    return config.model_copy(update={"backends": settings})


def _read(path: Path) -> tuple[str, dict[str, Any]]:
    if not path.is_file():  # nor a named pipe, which would never end
        raise ConfigError(f"There is no file {path.name} in {path.parent} any more.", next_step="Put it back.")
    try:
        source = path.read_text(encoding="utf-8-sig")
        return source, tomllib.loads(source)
    except OSError as error:
        raise ConfigError(f"{path} can't be read: {error.strerror}.", next_step="Check its permissions.") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path} is not UTF-8 text.", next_step="Save it as plain UTF-8 text.") from error
    except RecursionError as error:
        raise ConfigError(f"{path} is nested too deep to be a configuration.") from error
    except tomllib.TOMLDecodeError as error:
        place = re.search(r"line (\d+), column (\d+)", str(error))
        line, column = (int(place[1]), int(place[2])) if place else (0, 0)
        message = re.sub(r" \(at .*\)", "", str(error))
        if message == r"Illegal character '\n'":
            message = 'the text in this line is never closed; add a " at its end'
        raise ConfigError(
            "The configuration can't be read.",
            problems=[
                Problem(
                    path=path,
                    line=line,
                    column=column,
                    code="toml",
                    message=f"this is not TOML: {message}",
                    next_step='Each line is a [table] or a key = "value", with the text in quotes.',
                )
            ],
        ) from error


def _select(tables: dict[str, Any], only: Mapping[str, Collection[str]] | None) -> dict[str, Any]:
    """Return the tables with those keys alone; `*` stands for every key of a table."""
    if only is None:
        return tables
    return {
        table: {key: value for key, value in values.items() if key in only[table] or "*" in only[table]}
        for table, values in tables.items()
        if table in only and isinstance(values, dict)
    }


def _find_own_store(own: Mapping[str, Any], where: SettingPlaces) -> Iterator[Problem]:
    """Yield a problem for a publication's own [store]: a bounce would count for no other, and no backup have it."""
    if "store" in own:
        yield Problem(
            path=where.path,
            line=where.line("store", ""),
            code="shared",
            message="[store] is for all publications of a workspace, which have one state",
            next_step=f"Move it into the {CONFIG_NAME} beside publications/. A publication with a state of its own "
            "wants a workspace of its own: newsletter init my-newsletter",
        )


def _find_shared_variables(variables: Mapping[tuple[str, str], str], path: Path) -> Iterator[Problem]:
    """Yield a problem for each variable that would make one publication of all that the workspace has."""
    for place in sorted(OWN_KEYS & variables.keys()):
        yield Problem(
            path=f"environment variable {variables[place]}",
            code="shared",
            message=f"[{place[0]}] {place[1]} is each publication's own, and a variable is for all of them",
            next_step=f"Take the variable out, and write the setting into {path}; that of the publication beside "
            f"publications/ into the {CONFIG_NAME} there.",
        )


def _list_sections() -> set[str]:
    return {field.alias or name for name, field in Config.model_fields.items()} - {"backends"}


def _find_model(table: str) -> type[BaseModel] | None:
    """Return the model of a table of newsletter.toml, a backend's own included."""
    for name, field in Config.model_fields.items():
        if table == (field.alias or name) and isinstance(field.annotation, type):
            return field.annotation if issubclass(field.annotation, BaseModel) else None
    if table in find_installed_backends():
        settings: type[Section] = find_installed_backends()[table].load().Settings
        return settings
    return None


def _find_misplaced_secrets(source: str, where: SettingPlaces) -> Iterator[Problem]:
    for table, values in tomllib.loads(source).items():
        if isinstance(values, dict) and "password" in values:
            yield Problem(
                path=where.path,
                line=where.line(table, "password"),
                code="secret",
                message=f"[{table}] holds a password, and this file is shared through git",
                next_step=f"Remove the line, and set {ENV_PREFIX}{table.upper()}__PASSWORD, "
                + ("or write it into ~/.pgpass." if table == "store" else "or store it in the system's keyring."),
            )
        if table == "keys":
            yield Problem(
                path=where.path,
                line=where.line(table, ""),
                code="secret",
                message="[keys] holds the publication's secrets, and this file is shared through git",
                next_step="Take the table out: they belong into .newsletter/keys.toml. Anybody who has seen "
                "them can unsubscribe your readers: make others with `newsletter keys new`.",
            )
        if isinstance(values, dict) and (table, "age_identity" in values) == ("ci", True):
            yield Problem(
                path=where.path,
                line=where.line(table, "age_identity"),
                code="secret",
                message="[ci] holds the identity that the state is encrypted for, and this file is shared through git",
                next_step=f"Remove the line, and set {ENV_PREFIX}CI__AGE_IDENTITY. Anybody who has seen this one can "
                "read the state: make another.",
            )
        if isinstance(values, dict) and (table, "key" in values) == ("dkim", True):
            yield Problem(
                path=where.path,
                line=where.line(table, "key"),
                code="secret",
                message="[dkim] holds a private key, and this file is shared through git",
                next_step=f"Remove the line, and name a file outside of git (key_file), or set {ENV_PREFIX}DKIM__KEY. "
                "Anybody who has seen this key can sign as you: make another.",
            )


def _find_stray_values(tables: dict[str, Any], where: SettingPlaces) -> Iterator[Problem]:
    """Yield a problem for each value outside of any table, and take it out, so that the rest can be validated."""
    for name in [name for name, value in tables.items() if not isinstance(value, dict)]:
        del tables[name]
        yield Problem(
            path=where.path,
            line=where.line("", name),
            code="shape",
            message=f"{name!r} is outside of every table",
            next_step=f"If it is a table's name, write [{name}] on a line of its own; else move it below its table.",
        )


def _read_backends(
    raw: dict[str, Any], tables: Mapping[str, Any], where: SettingPlaces, problems: list[Problem]
) -> Iterator[tuple[str, Section]]:
    """Yield the settings of each backend that has a table, and of the one that is chosen; append their problems."""
    installed = find_installed_backends()
    send = tables.get("send")
    chosen = send.get("backend", "smtp") if isinstance(send, dict) else "smtp"
    for name in sorted({*raw, *([chosen] if isinstance(chosen, str) else [])}):
        if name in raw and name not in installed:
            known = [*sorted(_list_sections()), *sorted(installed)]
            problems.append(
                where.problem(
                    Fault(
                        code="unknown-table",
                        message=f"[{name}] is neither a table of this file nor an installed backend",
                        next_step=suggest_nearest(name, known) or f"Known: {', '.join(known)}.",
                    ),
                    name,
                    "",
                )
            )
        elif name not in installed:
            problems.append(
                where.problem(
                    Fault(
                        code="unknown-backend",
                        message=f"no backend named {name!r} is installed",
                        next_step=suggest_nearest(name, sorted(installed))
                        or f"Installed: {', '.join(sorted(installed))}.",
                    ),
                    "send",
                    "backend",
                )
            )
        else:
            settings: type[Section] = installed[name].load().Settings
            try:
                yield name, settings.model_validate(raw.get(name, {}))
            except ValidationError as error:
                problems += where.problems(error, settings, name)
