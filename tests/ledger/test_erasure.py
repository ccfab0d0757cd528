"""Whoever is erased is gone from the list in the store, and with them what they agreed to."""

import json

import pytest
from sqlalchemy import insert, select

from newsletter.address import SubscriberKey
from newsletter.ledger.erasure import erase_from_store, list_known_subscribers
from newsletter.store import Store
from newsletter.store.schema import (
    consent_words,
    consents,
    import_changes,
    metadata,
    preferences,
    reader_requests,
    subscribers,
    transactional_mails,
)


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


def test_what_they_asked_for_chose_and_were_imported_as_goes(store: Store) -> None:
    ada, bob, previous = "ada@example.org", "bob@example.org", "ada.before@example.org"
    request = {
        "publication": "main", "kind": "join", "fields": '{"name": "x"}', "tags": "[]", "language": "",
        "source": "page", "state": "new", "requested_at": "2026-11-30",
    }  # fmt: skip
    mail = {
        "publication": "main", "kind": "welcome", "language": "", "state": "refused", "attempts": 1, "due": 0.0,
        "created_at": "2026-11-30",
    }  # fmt: skip
    row = {"publication": "main", "batch": "b1"}
    with store.transaction() as connection:
        for name in (ada, bob):
            connection.execute(insert(reader_requests).values(**request, subscriber=name, address=name))
            connection.execute(
                insert(transactional_mails).values(**mail, subscriber=name, address=name, reply=f"550 no {ada} here")
            )
            chosen = json.dumps({"name": f"friend of {ada}", "tags": {"energy": True}})
            connection.execute(
                insert(preferences).values(publication="main", subscriber=name, chosen=chosen, changed_at="2026-11-30")
            )
            before = json.dumps({"address": name, "fields": {"invited by": ada}})
            connection.execute(insert(import_changes).values(**row, subscriber=name, before=before))
        # Whose address was to become another one.
        connection.execute(
            insert(reader_requests).values(**request, subscriber=previous, address=previous, previous=ada)
        )
        assert set(list_known_subscribers(connection)) == {ada, bob, previous}
    erase_from_store(store, SubscriberKey(ada), lambda _number: SubscriberKey("x@forgotten.invalid"), "digest", "key")
    with store.reading() as connection:
        assert list_known_subscribers(connection) == [bob]
        left = repr([connection.execute(select(table)).all() for table in metadata.sorted_tables])
        assert ada not in left
        assert previous not in left
        assert json.loads(connection.scalars(select(preferences.c.chosen)).one()) == {
            "name": "friend of x@forgotten.invalid",
            "tags": {"energy": True},
        }
