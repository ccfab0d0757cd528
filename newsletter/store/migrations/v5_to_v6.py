"""Migration to version 6: what was learned of servers, how sendings went, rates that workers share, readers' tasks.

Tables and a column are added, and no row changes: a program of version 5 that is still open goes on.
"""

from alembic.operations import Operations
from sqlalchemy import Column, Float, ForeignKeyConstraint, Integer, String, Text

from newsletter.store.migrations import v4_to_v5

TABLES = (
    "import_changes", "imports", "preferences", "transactional_mails", "reader_requests", *v4_to_v5.TABLES,
)  # fmt: skip


def upgrade(op: Operations, _publication: str) -> None:
    """Bring the tables of version 5 to version 6."""
    op.create_table(
        "learned_limits",
        _key("publication"),
        _key("server"),
        _text("learned_at"),
        Column("limits", Text, nullable=False),
    )
    op.create_table(
        "send_samples",
        _key("publication"),
        _key("issue"),
        _key("worker"),
        _key("at"),
        _text("began_at"),
        _count("accepted"),
        _count("refused"),
        _count("put_off"),
        Column("rate", Float),
        Column("hold", Text, nullable=False),
        Column("ends_at", String),
        ForeignKeyConstraint(["publication", "issue"], ["campaigns.publication", "campaigns.issue"]),
    )
    op.create_table(
        "warm_ups",
        _key("publication"),
        _key("server"),
        _count("sending"),
        _text("began_at"),
    )
    op.create_table(
        "shared_rates",
        _key("publication"),
        _key("server"),
        _key("bucket"),
        _measure("tokens"),
        _measure("rate"),
        _measure("capacity"),
        _measure("updated_at"),
    )
    op.create_table(
        "handovers",
        _key("publication"),
        _key("issue"),
        _text("id"),
        _text("handed_at"),
        _count("next_delivery"),
        _count("last_delivery"),
        _count("any_refusals"),
        _count("list_is_right"),
        _measure("compared_at"),
        Column("ended_at", String),
        Column("ending", String),
        Column("why", Text),
        ForeignKeyConstraint(["publication", "issue"], ["campaigns.publication", "campaigns.issue"]),
    )
    op.create_table(
        "worker_tallies",
        _key("publication"),
        _key("issue"),
        _key("worker"),
        _text("handover"),
        _count("accepted"),
        _count("refused"),
        _count("deferred"),
        _count("unknown"),
        ForeignKeyConstraint(["publication", "issue"], ["campaigns.publication", "campaigns.issue"]),
    )
    op.create_table(
        "reader_tasks",
        Column("id", Integer, primary_key=True),
        _text("publication"),
        _text("kind"),
        _text("subscriber"),
        Column("payload", Text, nullable=False),
        _text("created_at"),
        Column("done_at", String),
    )
    op.create_index("reader_tasks_by_done", "reader_tasks", ["publication", "done_at", "id"])
    op.create_index("reader_tasks_by_subscriber", "reader_tasks", ["publication", "subscriber", "id"])
    op.add_column("deliveries", Column("claim", Integer))


def _key(name: str) -> Column[str]:
    return Column(name, String, primary_key=True)


def _text(name: str) -> Column[str]:
    return Column(name, String, nullable=False)


def _count(name: str) -> Column[int]:
    return Column(name, Integer, nullable=False)


def _measure(name: str) -> Column[float]:
    return Column(name, Float, nullable=False)
