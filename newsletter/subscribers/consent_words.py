"""Words that people agree to, each kept once by its hash, before anybody agrees to them."""

from hashlib import sha256

from sqlalchemy import Connection, select

from newsletter.store.engine import insert_new, is_ours, publication_of
from newsletter.store.schema import consent_words


def digest_words(words: str) -> str:
    """Return the hash by which words are kept."""
    return sha256(words.encode()).hexdigest()


def keep_words(connection: Connection, words: str) -> str:
    """Keep words that people can agree to, if they are not kept yet; return their hash."""
    digest = digest_words(words)
    row = {"publication": publication_of(connection), "sha256": digest, "words": words}
    connection.execute(insert_new(connection, consent_words).values(row))
    return digest


def find_words(connection: Connection, digest: str | None) -> str:
    """Return the words of a hash, empty for one that is not kept."""
    mine = select(consent_words.c.words).where(is_ours(connection, consent_words), consent_words.c.sha256 == digest)
    return connection.scalar(mine) or ""
