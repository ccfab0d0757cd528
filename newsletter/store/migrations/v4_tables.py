"""Tables of version 4, as the migration makes them: the publication in every key, workers with leases, consents.

They are those of schema.py at that version, and stay as they are when schema.py goes on.
"""

from alembic.operations import Operations
from sqlalchemy import (
    Column,
    Float,
    ForeignKey,
    ForeignKeyConstraint,
    Integer,
    LargeBinary,
    String,
    Text,
    UniqueConstraint,
)


def make_tables(op: Operations) -> None:
    """Make the tables and their indexes; those of version 3 are out of the way."""
    _make_small_tables(op)
    _make_ledger(op)
    _make_feedback(op)
    op.create_index("workers_by_issue", "workers", ["publication", "issue", "started_at"])
    op.create_index("tests_by_issue", "tests", ["publication", "issue", "id"])
    op.create_index("templates_by_issue", "templates", ["publication", "issue", "id"])
    op.create_index("deliveries_by_state", "deliveries", ["publication", "issue", "state", "due", "id"])
    op.create_index("subscribers_by_status", "subscribers", ["publication", "status", "subscriber"])
    op.create_index("consents_by_subscriber", "consents", ["publication", "subscriber", "id"])
    op.create_index("events_by_subscriber", "events", ["publication", "subscriber", "id"])
    op.create_index("events_by_issue", "events", ["publication", "issue", "kind"])
    op.create_index("suppressions_by_batch", "suppressions", ["publication", "batch"])


def _make_small_tables(op: Operations) -> None:
    op.create_table("facts", _key("publication"), _key("key"), _text("value"))
    op.create_table("generations", _key("publication"), _key("name"), _text("at"))
    op.create_table("forgotten", _key("publication"), _key("digest"), _text("at"))
    op.create_table("handled", _key("publication"), _key("key"), _text("at"))
    op.create_table("consent_words", _key("publication"), _key("sha256"), Column("words", Text, nullable=False))
    op.create_table(
        "tests", _number(), _text("publication"), _text("issue"), _text("text_sha256"), _text("at")
    )  # fmt: skip


def _make_ledger(op: Operations) -> None:
    op.create_table(
        "campaigns",
        _key("publication"),
        _key("issue"),
        Column("id", String, nullable=False, unique=True),
        _text("kind"),
        Column("corrects", String),
        Column("subject", Text, nullable=False),
        _text("draft_sha256"),
        _text("created_at"),
        Column("finished_at", String),
        Column("cancelled_at", String),
        Column("runs", Integer, nullable=False),
        Column("rules", Text, nullable=False),
        Column("left_out", Integer, nullable=False),
        Column("due_at", String),
        Column("expires_at", String),
        Column("text_sha256", String),
        Column("commit_id", String),
        Column("seed", String),
    )
    op.create_table(
        "workers",
        _key("id"),
        _text("publication"),
        _text("issue"),
        _text("host"),
        _text("started_at"),
        _text("heartbeat_at"),
        Column("lease_until", Float, nullable=False),
        Column("ended_at", String),
        Column("why", Text),
        _of_campaign(),
    )
    op.create_table("batches", _key("publication"), _key("issue"), _key("tag"), _text("created_at"), _of_campaign())
    op.create_table(
        "templates",
        _number(),
        _text("publication"),
        _text("issue"),
        _text("variant"),
        _text("language"),
        Column("payload", LargeBinary, nullable=False),
        _of_campaign(),
    )
    op.create_table(
        "deliveries",
        _number(),
        _text("publication"),
        _text("issue"),
        _text("subscriber"),
        _text("address"),
        Column("fields", Text, nullable=False),
        Column("tags", Text, nullable=False),
        _text("language"),
        Column("template", Integer, ForeignKey("templates.id"), nullable=False),
        _text("state"),
        Column("worker", String),
        Column("lease_until", Float),
        Column("returns", Integer, nullable=False),
        Column("attempts", Integer, nullable=False),
        Column("tries", Integer, nullable=False),
        Column("due", Float, nullable=False),
        Column("stage", String),
        Column("code", Integer),
        Column("enhanced", String),
        Column("reply", Text),
        Column("provider_id", String),
        Column("at", String),
        Column("took", Integer),
        _of_campaign(),
        UniqueConstraint("publication", "issue", "subscriber"),
    )


def _make_feedback(op: Operations) -> None:
    op.create_table(
        "subscribers",
        _key("publication"),
        _key("subscriber"),
        _text("address"),
        _text("status"),
        Column("fields", Text, nullable=False),
        Column("tags", Text, nullable=False),
        _text("language"),
        _text("time_zone"),
        _text("created_at"),
        _text("changed_at"),
    )
    op.create_table(
        "consents",
        _number(),
        _text("publication"),
        _text("subscriber"),
        _text("given_at"),
        _text("source"),
        Column("words_sha256", String),
        Column("evidence", Text, nullable=False),
        ForeignKeyConstraint(["publication", "words_sha256"], ["consent_words.publication", "consent_words.sha256"]),
    )
    op.create_table(
        "events",
        _number(),
        _text("publication"),
        _text("subscriber"),
        _text("kind"),
        _text("reason"),
        _text("stage"),
        _text("source"),
        _text("batch"),
        Column("issue", String),
        Column("evidence", Text, nullable=False),
        _text("said_at"),
        _text("at"),
    )
    op.create_table(
        "suppressions",
        _key("publication"),
        _key("subscriber"),
        _key("cause"),
        _text("reason"),
        _text("stage"),
        _text("source"),
        _text("batch"),
        Column("words", Text, nullable=False),
        _text("at"),
    )


def _key(name: str) -> Column[str]:
    return Column(name, String, primary_key=True)


def _text(name: str) -> Column[str]:
    return Column(name, String, nullable=False)


def _number() -> Column[int]:
    return Column("id", Integer, primary_key=True)


def _of_campaign() -> ForeignKeyConstraint:
    return ForeignKeyConstraint(["publication", "issue"], ["campaigns.publication", "campaigns.issue"])
