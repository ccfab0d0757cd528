"""Catalogues: the translations of one language each, in gettext's .po files beside this module."""

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path

FOLDER = Path(__file__).parent / "catalogues"
TEMPLATE = FOLDER / "newsletter.pot"
# The forms of one text: one alone, or as many as a language has plurals, in the order of CLDR's categories.
Forms = tuple[str, ...]


@lru_cache(maxsize=32)
def read_catalogue(name: str) -> Mapping[str, Forms]:
    """Return a catalogue's translations by their English texts; nothing where there is no such catalogue."""
    return _read(FOLDER / f"{name}.po") if (FOLDER / f"{name}.po").is_file() else {}


@lru_cache(maxsize=1)
def list_words() -> tuple[Forms, ...]:
    """Return all English texts that a catalogue translates, in their order; of a plural, both of its forms."""
    from babel.messages.pofile import read_po

    with TEMPLATE.open("rb") as file:
        ids = [message.id for message in read_po(file) if message.id]
    return tuple((each,) if isinstance(each, str) else tuple(each) for each in ids)


def _read(path: Path) -> Mapping[str, Forms]:
    from babel.messages.pofile import read_po  # with its plurals and comments; other languages alone pay for it

    with path.open("rb") as file:
        messages = [message for message in read_po(file) if message.id and not message.fuzzy]
    found: dict[str, Forms] = {}
    for message in messages:
        key = message.id if isinstance(message.id, str) else message.id[0]
        forms = (message.string,) if isinstance(message.string, str) else tuple(message.string or ())
        if forms and all(forms):
            found[key] = forms
    return found
