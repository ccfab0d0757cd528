"""Erased subscribers: people of whom a keyed hash is left, by which an old list does not bring them back."""

from dataclasses import dataclass

from newsletter.errors import ConfigError
from newsletter.store import Store
from newsletter.store.erased import list_erased_digests
from newsletter.store.publication_facts import read_erasing_key
from newsletter.subscribers.secret_keys import SecretKeys
from newsletter.text import format_count


@dataclass(frozen=True, slots=True)
class ErasedSubscribers:
    """People who asked to be erased, known by their hashes; called with a key, tells whether somebody is among them."""

    digests: frozenset[str] = frozenset()
    keys: SecretKeys | None = None

    def __call__(self, key: str) -> bool:
        return self.keys is not None and self.keys.digest(key) in self.digests


def read_erased(store: Store, keys: SecretKeys | None) -> ErasedSubscribers:
    """Return who asked to be erased, as the store knows it now. Raises ConfigError without the key to know them by."""
    with store.reading() as connection:
        digests, mark = list_erased_digests(connection), read_erasing_key(connection)
    if digests and (keys is None or mark not in (None, keys.fingerprint)):
        gone = "are gone" if keys is None else "are not the ones that are here now"
        raise ConfigError(
            f"{format_count(len(digests), 'person')} asked to be erased, and the keys that know them again {gone}.",
            next_step="Put back your copy of .newsletter/keys.toml: with others, they would get mail again.",
        )
    return ErasedSubscribers(digests, keys if digests else None)
