"""The words that the checks of prose know, from vocabulary.toml beside this file."""

import tomllib
from functools import cache
from pathlib import Path


@cache
def read_vocabulary(table: str) -> dict[str, frozenset[str]]:
    """Return the sets of words of a table by their keys."""
    with Path(__file__).with_name("vocabulary.toml").open("rb") as file:
        sets: dict[str, str | list[str]] = tomllib.load(file)[table]
    return {key: frozenset(words.split() if isinstance(words, str) else words) for key, words in sets.items()}
