"""Tests of an issue: which states of its text were sent to the testers."""

from sqlalchemy import insert, select

from newsletter.issue_name import IssueName
from newsletter.store import Store
from newsletter.store.engine import is_of, now, publication_of
from newsletter.store.schema import tests


def record_test(store: Store, issue: IssueName, text_sha256: str) -> None:
    """Record that a test of this text was sent, and at least one tester's copy accepted."""
    with store.transaction() as connection:
        connection.execute(
            insert(tests).values(publication=publication_of(connection), issue=issue, text_sha256=text_sha256, at=now())
        )


def list_tested_texts(store: Store, issue: IssueName) -> dict[str, str]:
    """Return each text of the issue that was sent as a test, with the moment (ISO 8601 in UTC), the latest last."""
    with store.reading() as connection:
        rows = connection.execute(
            select(tests.c.text_sha256, tests.c.at).where(is_of(connection, tests, issue)).order_by(tests.c.id)
        )
        latest: dict[str, str] = {}
        for text, at in rows:
            latest.pop(text, None)
            latest[text] = at
        return latest
