"""The tables. `SCHEMA_VERSION` rises with every change of theirs."""

from sqlalchemy import (
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
)

SCHEMA_VERSION = 1

metadata = MetaData()

meta = Table(
    "meta",
    metadata,
    Column("key", String, primary_key=True),
    Column("value", String, nullable=False),
)

campaigns = Table(
    "campaigns",
    metadata,
    Column("issue", String, primary_key=True),  # one campaign an issue
    Column("id", String, nullable=False, unique=True),
    Column("subject", Text, nullable=False),
    Column("draft_sha256", String, nullable=False),
    Column("created_at", String, nullable=False),  # ISO 8601, UTC
    Column("finished_at", String),
    Column("cancelled_at", String),
    Column("runs", Integer, nullable=False),  # how often a sending of it has begun
    Column("rules", Text, nullable=False),  # JSON: for each item, the tags it is only for
    Column("left_out", Integer, nullable=False),  # rows of the list that could not become readers
)

waves = Table(
    "waves",
    metadata,
    Column("issue", ForeignKey("campaigns.issue"), primary_key=True),
    Column("tag", String, primary_key=True),  # empty: the whole list
    Column("created_at", String, nullable=False),
)

templates = Table(
    "templates",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("issue", ForeignKey("campaigns.issue"), nullable=False),
    Column("variant", String, nullable=False),  # which items its readers see
    Column("payload", LargeBinary, nullable=False),  # a MessageTemplate, see mail/template.py
)

deliveries = Table(
    "deliveries",
    metadata,
    Column("issue", ForeignKey("campaigns.issue"), primary_key=True),
    Column("reader", String, primary_key=True),  # the address in its one spelling, see audience/subscribers.py
    Column("seq", Integer, nullable=False),
    Column("address", String, nullable=False),
    Column("fields", Text, nullable=False),  # JSON: what the list says of this reader
    Column("tags", Text, nullable=False),  # JSON
    Column("template", ForeignKey("templates.id"), nullable=False),
    Column("state", String, nullable=False),
    Column("run", String),  # the run that touched it last
    Column("returns", Integer, nullable=False, default=0),  # how often it was taken and came back untouched
    Column("stage", String),
    Column("code", Integer),
    Column("enhanced", String),
    Column("reply", Text),
    Column("at", String),
    Index("deliveries_by_state", "issue", "state", "seq"),
)

suppressions = Table(
    "suppressions",
    metadata,
    Column("reader", String, primary_key=True),
    Column("reason", Text, nullable=False),
    Column("at", String, nullable=False),
)
