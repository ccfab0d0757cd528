"""Sizes of files in words for readers."""

from newsletter.text import format_size
from newsletter.translation.languages import is_english
from newsletter.translation.translator import Translator

_KILOBYTE, _MEGABYTE = 1_000, 1_000_000


def write_size(octets: int, translator: Translator) -> str:
    """Return a size in decimal units, such as `512 bytes`, `83 kB` and `1.2 MB`."""
    if is_english(translator.language) and not translator.own:
        return format_size(octets, 0 if octets < _MEGABYTE else 1)
    if octets < _KILOBYTE:
        return translator.translate_plural("{count} byte", "{count} bytes", octets)
    if octets < _MEGABYTE:
        return translator.translate("{number} kB", number=translator.format_number(octets / _KILOBYTE))
    return translator.translate("{number} MB", number=translator.format_number(octets / _MEGABYTE, 1))
