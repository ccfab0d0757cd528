"""The words that forms show for readers to agree to, each kept before anybody can, and known again by their hash."""

from collections.abc import Iterable

from newsletter.store import Store
from newsletter.subscribers.consent_words import digest_words, find_words, keep_words


class ShownWords:
    """Words that the store keeps. A form of last year, on somebody's website, has those of last year."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._known: set[str] = set()

    def keep(self, shown: Iterable[str]) -> None:
        """Keep words in the store that are about to be shown. Raises DeliveryError when it can't be written."""
        new = [words for words in shown if digest_words(words) not in self._known]
        if new:
            with self._store.transaction() as connection:
                self._known.update([keep_words(connection, words) for words in new])

    def has_at_hand(self, digest: str) -> bool:
        """Return whether words are known to be kept, without a look into the store."""
        return digest in self._known

    def find(self, digest: str) -> bool:
        """Return whether the store keeps words. Raises DeliveryError when it can't be read."""
        with self._store.reading() as connection:
            is_kept = bool(find_words(connection, digest))
        if is_kept:
            self._known.add(digest)
        return is_kept
