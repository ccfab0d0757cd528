"""One subscriber's address inside of other text, in whatever spelling of its domain."""

import re
from functools import lru_cache

from newsletter.address import local_part_of, normalise_address, subscriber_key

_ENDS = ".!?"  # of a sentence, and of no domain that anybody writes


def contains_address(text: str, key: str) -> bool:
    """Return whether the text has the address, and not only a longer one that it is a part of."""
    return any(_domain(found, key) for found in _like(key).finditer(text))


def replace_address(text: str, key: str, name: str) -> str:
    """Return the text with `name` in place of the address."""

    def instead(found: re.Match[str]) -> str:
        domain = _domain(found, key)
        return f"{name}{found[1].removeprefix(domain)}" if domain else found[0]

    return _like(key).sub(instead, text)


def _domain(found: re.Match[str], key: str) -> str:
    """Return the domain as it is written there, empty when it is another one."""
    domain = found[1].rstrip(_ENDS)
    try:
        same = subscriber_key(normalise_address(f"{key.partition('@')[0]}@{domain}")) == key
    except ValueError:
        return ""
    return domain if same else ""


@lru_cache(maxsize=1)
def _like(key: str) -> re.Pattern[str]:
    """Return a pattern of addresses with the subscriber's part before the @, in small or large letters."""
    local = re.escape(local_part_of(key))
    return re.compile(rf"(?<![\w.+-]){local}@([^\s,;:|<>()\[\]{{}}\"'/\\=]+)", re.IGNORECASE)
