"""Tables of what readers, mail servers and providers said, and of who must not be mailed because of it."""

from sqlalchemy import Column, Index, Integer, String, Table, Text

from newsletter.store.schema.state_tables import metadata

# What subscribers, mail servers and providers said, see subscribers/feedback_events.py. It is added to, and only an
# erased person's rows go.
events = Table(
    "events",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("publication", String, nullable=False),
    Column("subscriber", String, nullable=False),
    Column("kind", String, nullable=False),
    Column("reason", String, nullable=False),  # why, in one word of feedback's own list; empty: not told
    Column("stage", String, nullable=False),  # of the dialogue at which a server said it; empty: none, or not known
    Column("source", String, nullable=False),
    Column("batch", String, nullable=False),  # what was read at one time; empty: it came alone
    Column("issue", String),  # the issue that it is about, where that is known
    Column("evidence", Text, nullable=False),  # JSON: words by name
    Column("said_at", String, nullable=False),
    Column("at", String, nullable=False),  # when it was written down
    Index("events_by_subscriber", "publication", "subscriber", "id"),
    Index("events_by_issue", "publication", "issue", "kind"),
)

# Who must not be mailed now, and each cause why not: what follows from the events.
suppressions = Table(
    "suppressions",
    metadata,
    Column("publication", String, primary_key=True),
    Column("subscriber", String, primary_key=True),
    Column("cause", String, primary_key=True),  # each is lifted for itself
    Column("reason", String, nullable=False),  # as the event's
    Column("stage", String, nullable=False),  # as the event's
    Column("source", String, nullable=False),  # as the event's
    Column("batch", String, nullable=False),  # those made at one time can be undone as one; empty: made alone
    Column("words", Text, nullable=False),
    Column("at", String, nullable=False),
    Column("until", String),  # it ends by itself then; none: when it is lifted
    Index("suppressions_by_batch", "publication", "batch"),
)

# Who asked to be erased: a keyed hash, by which an old list does not bring them back.
forgotten = Table(
    "forgotten",
    metadata,
    Column("publication", String, primary_key=True),
    Column("digest", String, primary_key=True),
    Column("at", String, nullable=False),
)

# Mails of the feedback mailbox that were dealt with.
handled = Table(
    "handled",
    metadata,
    Column("publication", String, primary_key=True),
    Column("key", String, primary_key=True),
    Column("at", String, nullable=False),
)
