"""Whoever is erased is gone from the list in the store, and with them what they agreed to."""

import pytest
from sqlalchemy import insert, select

from newsletter.ledger.erasure import erase_from_store
from newsletter.store import Store
from newsletter.store.schema import consent_words, consents, subscribers


def _add(store: Store, name: str) -> None:
    columns = ("address", "status", "fields", "tags", "language", "time_zone", "created_at", "changed_at")
    key = {"publication": "main", "subscriber": name}
    consent = {**key, "given_at": "2026-11-01", "source": "import", "words_sha256": "d", "evidence": "{}"}
    with store.transaction() as connection:
        connection.execute(insert(subscribers).values({**key, **dict.fromkeys(columns, "")}))
        connection.execute(insert(consents).values(consent))


@pytest.mark.slow
def test_the_subscriber_and_their_consents_go_and_the_words_stay(store: Store) -> None:
    with store.transaction() as connection:
        connection.execute(insert(consent_words).values(publication="main", sha256="d", words="Send me the digest."))
    _add(store, "ada@example.org")
    _add(store, "bob@example.org")
    erase_from_store(store, "ada@example.org", lambda _number: "x", "digest", "key")
    with store.reading() as connection:
        assert connection.scalars(select(subscribers.c.subscriber)).all() == ["bob@example.org"]
        assert connection.scalars(select(consents.c.subscriber)).all() == ["bob@example.org"]
        assert connection.scalars(select(consent_words.c.words)).all() == ["Send me the digest."]


@pytest.mark.slow
def test_another_consent_that_names_them_names_a_pseudonym(store: Store) -> None:
    with store.transaction() as connection:
        connection.execute(
            insert(consents).values(
                publication="main", subscriber="bob@example.org", given_at="2026-11-01", source="import",
                evidence='{"words": "invited by ada@example.org"}',
            )
        )  # fmt: skip
    erase_from_store(store, "ada@example.org", lambda _number: "x@forgotten.invalid", "digest", "key")
    with store.reading() as connection:
        assert connection.scalars(select(consents.c.evidence)).all() == ['{"words": "invited by x@forgotten.invalid"}']
