"""The tables. `SCHEMA_VERSION` rises with every change of theirs, and each version has a step in migrations/."""

from sqlalchemy import (
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
)

SCHEMA_VERSION = 3

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
    Column("run", String),  # the run that may claim and record; another one has been taken over from
    Column("due_at", String),  # ISO 8601, UTC: sent by the outbox from then on
    Column("expires_at", String),  # and not at all after this
    Column("text_sha256", String),  # what the editions were, see campaigns/approval.py
    Column("commit_id", String),  # of the draft, when [send] require asks for it
    Column("seed", String),  # what Message-IDs are made of, known to nobody else; none: the id, as in versions 1 and 2
)

runs = Table(
    "runs",
    metadata,
    Column("id", String, primary_key=True),
    Column("issue", ForeignKey("campaigns.issue"), nullable=False),
    Column("began_at", String, nullable=False),
    Column("ended_at", String),  # none: it is under way, or its process died
    Column("ending", Text),  # why it ended before everyone was answered
)

tests = Table(
    "tests",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("issue", String, nullable=False),
    Column("text_sha256", String, nullable=False),
    Column("at", String, nullable=False),
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
    Column("payload", LargeBinary, nullable=False),  # a MessageTemplate, see mail/compiler.py
)

deliveries = Table(
    "deliveries",
    metadata,
    Column("id", Integer, primary_key=True),  # rises in the list's order
    Column("issue", ForeignKey("campaigns.issue"), nullable=False),
    Column("reader", String, nullable=False),  # the address in its one spelling, see address.py
    Column("address", String, nullable=False),
    Column("fields", Text, nullable=False),  # JSON: what the list says of this reader
    Column("tags", Text, nullable=False),  # JSON
    Column("template", ForeignKey("templates.id"), nullable=False),
    Column("state", String, nullable=False),
    Column("run", String),  # the run that touched it last
    Column("returns", Integer, nullable=False, default=0),  # how often it was taken and came back untouched
    Column("tries", Integer, nullable=False, default=0),  # how often this run was told "not now"
    Column("due", Float, nullable=False, default=0.0),  # deferred: not before this, in seconds since 1970
    Column("stage", String),
    Column("code", Integer),
    Column("enhanced", String),
    Column("reply", Text),
    Column("at", String),
    Column("took", Integer),  # milliseconds from handing it to the backend to the answer
    UniqueConstraint("issue", "reader"),
    Index("deliveries_by_state", "issue", "state", "due", "id"),
)

# What readers, mail servers and editors said, see subscribers/feedback_events.py. It is added to, and only an erased
# person's rows go.
events = Table(
    "events",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("reader", String, nullable=False),
    Column("kind", String, nullable=False),
    Column("source", String, nullable=False),
    Column("issue", String),  # the issue that it is about, where that is known
    Column("evidence", Text, nullable=False),  # JSON: words by name
    Column("said_at", String, nullable=False),  # ISO 8601, UTC: when it was said
    Column("at", String, nullable=False),  # when it was written down
    Index("events_by_reader", "reader", "id"),
    Index("events_by_issue", "issue", "kind"),
)

# Who must not be mailed now, and each cause why not: what follows from the events.
suppressions = Table(
    "suppressions",
    metadata,
    Column("reader", String, primary_key=True),
    Column("cause", String, primary_key=True),
    Column("words", Text, nullable=False),
    Column("at", String, nullable=False),
)

# Who asked to be erased: a keyed hash, by which an old list does not bring them back.
forgotten = Table(
    "forgotten",
    metadata,
    Column("digest", String, primary_key=True),
    Column("at", String, nullable=False),
)

# Mails of the inbox that were dealt with.
handled = Table(
    "handled",
    metadata,
    Column("key", String, primary_key=True),
    Column("at", String, nullable=False),
)
