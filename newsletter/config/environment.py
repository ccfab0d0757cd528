"""Settings in environment variables, read as the type of value that newsletter.toml has there."""

import json
import tomllib
from collections.abc import Callable, Iterator, Mapping
from types import NoneType, UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel, BeforeValidator
from pydantic.fields import FieldInfo

ENV_PREFIX = "NEWSLETTER_"


def overlay(
    tables: dict[str, Any], environ: Mapping[str, str], model_of: Callable[[str], type[BaseModel] | None]
) -> dict[tuple[str, str], str]:
    """Put each NEWSLETTER_TABLE__KEY into its table; return the name of the variable by table and key.

    `model_of` returns a table's model by its name, None for a table that is not known.
    """
    names = {}
    for variable, text in environ.items():
        table, separator, key = variable.removeprefix(ENV_PREFIX).lower().partition("__")
        if not (variable.startswith(ENV_PREFIX) and separator):
            continue
        values = tables.setdefault(table, {})
        if not isinstance(values, dict):
            continue
        names[table, key] = variable
        model = model_of(table)
        field = _list_fields(model).get(key) if model else None
        if field is not None and not text and field.default is None:
            values.pop(key, None)  # an empty variable leaves out what may be left out
        else:
            values[key] = text if field is None else _read(field, text)
    return names


def _list_fields(model: type[BaseModel]) -> dict[str, FieldInfo]:
    return {field.alias or name: field for name, field in model.model_fields.items()}


def _read(field: FieldInfo, text: str) -> object:
    """Return the value that `text` means for `field`; pydantic itself reads numbers and booleans from text."""
    kinds = set(_list_types(field.annotation))
    written = text.strip()
    if not text and NoneType in kinds:
        return None
    if kinds & {tuple, list, set, frozenset}:
        if written.startswith("["):
            return _parse_literal(written, text)
        if str not in kinds and not any(isinstance(mark, BeforeValidator) for mark in field.metadata):
            return [part.strip() for part in written.split(",") if part.strip()]
    elif any(issubclass(kind, Mapping | BaseModel) for kind in kinds) and written.startswith("{"):
        return _parse_literal(written, text)
    elif kinds & {bool, int, float}:
        return written
    return text


def _list_types(annotation: Any) -> Iterator[type]:
    """Yield the classes that an annotation allows: tuple for `tuple[str, ...]`, int and NoneType for `int | None`."""
    origin = get_origin(annotation)
    if origin is Annotated:
        yield from _list_types(get_args(annotation)[0])
    elif origin in (Union, UnionType):
        for argument in get_args(annotation):
            yield from _list_types(argument)
    elif isinstance(origin or annotation, type):
        yield origin or annotation


def _parse_literal(written: str, text: str) -> object:
    """Parse a list or a table, written in TOML or in JSON; return the text itself when it is neither."""
    try:
        return tomllib.loads(f"value = {written}")["value"]
    except (tomllib.TOMLDecodeError, RecursionError):
        try:
            return json.loads(written)
        except (ValueError, RecursionError):
            return text
