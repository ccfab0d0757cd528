"""Migration to version 5: what readers ask for by themselves, mails to one reader, and imports that can be undone.

Tables and columns are added, and no row changes: a program of version 4 that is still open goes on.
"""

from alembic.operations import Operations
from sqlalchemy import Column, Float, ForeignKeyConstraint, Integer, String, Text

TABLES = (
    "meta", "deliveries", "templates", "batches", "workers", "campaigns", "tests", "events", "suppressions", "consents",
    "consent_words", "subscribers", "forgotten", "handled", "facts", "generations",
)  # fmt: skip


def upgrade(op: Operations, _publication: str) -> None:
    """Bring the tables of version 4 to version 5."""
    op.add_column("suppressions", Column("until", String))
    op.add_column("consents", Column("batch", String, nullable=False, server_default=""))
    _make_tables_of_requests(op)
    _make_tables_of_imports(op)
    op.create_index("reader_requests_by_state", "reader_requests", ["publication", "state", "id"])
    op.create_index("reader_requests_by_subscriber", "reader_requests", ["publication", "subscriber", "id"])
    op.create_index("reader_requests_by_previous", "reader_requests", ["publication", "previous", "id"])
    op.create_index("reader_requests_by_moment", "reader_requests", ["publication", "requested_at"])
    op.create_index("transactional_mails_by_state", "transactional_mails", ["publication", "state", "due", "id"])
    op.create_index("transactional_mails_by_subscriber", "transactional_mails", ["publication", "subscriber", "id"])
    op.create_index("transactional_mails_by_issue", "transactional_mails", ["publication", "issue", "subscriber"])


def _make_tables_of_requests(op: Operations) -> None:
    op.create_table(
        "reader_requests",
        _number(),
        _text("publication"),
        _text("kind"),
        _text("subscriber"),
        _text("address"),
        Column("previous", String),
        Column("fields", Text, nullable=False),
        Column("tags", Text, nullable=False),
        _text("language"),
        _text("source"),
        Column("words_sha256", String),
        Column("commit_id", String),
        Column("network", String),
        _text("state"),
        _text("requested_at"),
        Column("confirmed_at", String),
        Column("previous_confirmed_at", String),
        ForeignKeyConstraint(["publication", "words_sha256"], ["consent_words.publication", "consent_words.sha256"]),
    )
    op.create_table(
        "transactional_mails",
        _number(),
        _text("publication"),
        _text("kind"),
        _text("subscriber"),
        _text("address"),
        _text("language"),
        Column("request", Integer),
        Column("issue", String),
        _text("state"),
        Column("worker", String),
        Column("lease_until", Float),
        Column("attempts", Integer, nullable=False),
        Column("due", Float, nullable=False),
        Column("stage", String),
        Column("code", Integer),
        Column("enhanced", String),
        Column("reply", Text),
        _text("created_at"),
        Column("at", String),
    )
    op.create_table(
        "preferences",
        _key("publication"),
        _key("subscriber"),
        Column("chosen", Text, nullable=False),
        _text("changed_at"),
    )


def _make_tables_of_imports(op: Operations) -> None:
    op.create_table(
        "imports",
        _key("publication"),
        _key("batch"),
        _text("file"),
        _text("form"),
        _text("at"),
        Column("undone_at", String),
    )
    op.create_table(
        "import_changes",
        _key("publication"),
        _key("batch"),
        _key("subscriber"),
        Column("before", Text),
        Column("after", Text),
    )


def _key(name: str) -> Column[str]:
    return Column(name, String, primary_key=True)


def _text(name: str) -> Column[str]:
    return Column(name, String, nullable=False)


def _number() -> Column[int]:
    return Column("id", Integer, primary_key=True)
