"""Tables of campaigns: each issue's sending, its workers, batches, message templates and deliveries."""

from sqlalchemy import (
    Column,
    Float,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    String,
    Table,
    Text,
    UniqueConstraint,
)

from newsletter.store.schema.state_tables import metadata

# The sending of one issue each. An announcement and a correction have campaigns of their own.
campaigns = Table(
    "campaigns",
    metadata,
    Column("publication", String, primary_key=True),
    Column("issue", String, primary_key=True),  # the draft's name
    Column(
        "id", String, nullable=False, unique=True
    ),  # in records beside drafts, and in Message-IDs of versions 1 and 2
    Column("kind", String, nullable=False),  # issue, announcement or correction
    Column("corrects", String),  # a correction: the issue that it corrects, which may have been sent elsewhere
    Column("subject", Text, nullable=False),
    Column("draft_sha256", String, nullable=False),
    Column("created_at", String, nullable=False),
    Column("finished_at", String),
    Column("cancelled_at", String),
    Column("runs", Integer, nullable=False),  # how often a sending of it has begun; records have it, too
    Column("rules", Text, nullable=False),  # JSON: for each item, the tags it is only for
    Column("left_out", Integer, nullable=False),  # rows of the list that could not become recipients
    Column("due_at", String),  # sent by the outbox from then on
    Column("expires_at", String),  # and not at all after this
    Column("text_sha256", String),  # what the editions were, see campaigns/gates.py
    Column("commit_id", String),  # of the draft, when [send] require asks for it
    Column("seed", String),  # what Message-IDs are made of, known to nobody else; none: the id, as in versions 1 and 2
)

# Processes that send. A worker has a lease on what it has claimed, and renews it while it lives; a crash is known by a
# lease that has run out, and by nothing else.
workers = Table(
    "workers",
    metadata,
    Column("id", String, primary_key=True),
    Column("publication", String, nullable=False),
    Column("issue", String, nullable=False),
    Column("host", String, nullable=False),  # for people: which machine sends, or sent; empty before version 4
    Column("started_at", String, nullable=False),  # the Date of what it sends
    Column("heartbeat_at", String, nullable=False),  # when it last renewed its lease
    Column(
        "lease_until", Float, nullable=False
    ),  # seconds since 1970, by the clock of SQLite's machine or PostgreSQL's
    Column("ended_at", String),  # none, and no `why`: it sends; none, with a `why`: its lease ran out
    Column("why", Text),  # why it ended before everyone was answered
    ForeignKeyConstraint(["publication", "issue"], ["campaigns.publication", "campaigns.issue"]),
    Index("workers_by_issue", "publication", "issue", "started_at"),
)

# Campaigns handed to workers on several machines, each with the last time only. It says how they share the work, and
# not who got what, which is in `deliveries` alone.
handovers = Table(
    "handovers",
    metadata,
    Column("publication", String, primary_key=True),
    Column("issue", String, primary_key=True),
    Column("id", String, nullable=False),  # another each time
    Column("handed_at", String, nullable=False),
    Column("next_delivery", Integer, nullable=False),  # deliveries with lower ids are in ranges that were taken
    Column("last_delivery", Integer, nullable=False),
    Column("any_refusals", Integer, nullable=False),  # 1: a person said to go on, however many are refused
    Column("list_is_right", Integer, nullable=False),  # 1: a person said that whoever is missing from it is meant to be
    Column("compared_at", Float, nullable=False),  # with the list; seconds since 1970, by the database's clock
    Column("ended_at", String),
    Column("ending", String),  # how it ended, see ledger/handovers.py
    Column("why", Text),  # in words, where workers were stopped
    ForeignKeyConstraint(["publication", "issue"], ["campaigns.publication", "campaigns.issue"]),
)

# What each worker of a handover has had answered, brought up to date every second.
worker_tallies = Table(
    "worker_tallies",
    metadata,
    Column("publication", String, primary_key=True),
    Column("issue", String, primary_key=True),
    Column("worker", String, primary_key=True),
    Column("handover", String, nullable=False),
    Column("accepted", Integer, nullable=False),
    Column("refused", Integer, nullable=False),
    Column("deferred", Integer, nullable=False),
    Column("unknown", Integer, nullable=False),
    ForeignKeyConstraint(["publication", "issue"], ["campaigns.publication", "campaigns.issue"]),
)

# Texts that were sent to testers, which [send] require = tested asks for.
tests = Table(
    "tests",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("publication", String, nullable=False),
    Column("issue", String, nullable=False),  # before it has a campaign
    Column("text_sha256", String, nullable=False),
    Column("at", String, nullable=False),
    Index("tests_by_issue", "publication", "issue", "id"),
)

# Recipients added to a campaign at one time.
batches = Table(
    "batches",
    metadata,
    Column("publication", String, primary_key=True),
    Column("issue", String, primary_key=True),
    Column("tag", String, primary_key=True),  # empty: the whole list
    Column("created_at", String, nullable=False),
    ForeignKeyConstraint(["publication", "issue"], ["campaigns.publication", "campaigns.issue"]),
)

templates = Table(
    "templates",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("publication", String, nullable=False),
    Column("issue", String, nullable=False),
    Column("variant", String, nullable=False),  # which items its recipients see, and the draft's hash
    Column("language", String, nullable=False),  # empty: the publication's own
    Column("payload", LargeBinary, nullable=False),  # a MessageTemplate, see mail/message_template.py
    ForeignKeyConstraint(["publication", "issue"], ["campaigns.publication", "campaigns.issue"]),
    Index("templates_by_issue", "publication", "issue", "id"),
)

# One row for each recipient of each campaign.
deliveries = Table(
    "deliveries",
    metadata,
    Column("id", Integer, primary_key=True),  # rises in the list's order; return paths (VERP) carry it
    Column("publication", String, nullable=False),
    Column("issue", String, nullable=False),
    Column("subscriber", String, nullable=False),  # the address in its one spelling, see address.py
    Column("address", String, nullable=False),
    Column("fields", Text, nullable=False),  # JSON: what the list says of this subscriber
    Column("tags", Text, nullable=False),  # JSON
    Column("language", String, nullable=False),  # the subscriber's, as frozen; empty: the publication's own
    Column("template", ForeignKey("templates.id"), nullable=False),  # its row names the variant
    Column("state", String, nullable=False),
    Column("worker", String),  # who has it, or had it last
    Column("lease_until", Float),  # its lease, in seconds since 1970; none: nobody has it
    Column("returns", Integer, nullable=False),  # how often it was claimed and came back untouched
    Column("attempts", Integer, nullable=False),  # how often a server was asked to take it, by whatever worker
    Column("tries", Integer, nullable=False),  # how often this worker was told "not now"
    Column("due", Float, nullable=False),  # deferred: not before this, in seconds since 1970
    Column("stage", String),  # of the dialogue, at which the last result came
    Column("code", Integer),  # RFC 5321, section 4.2
    Column("enhanced", String),  # RFC 3463
    Column("reply", Text),
    Column("provider_id", String),  # what a provider's API calls the message, by which its events name it
    Column("at", String),  # when the last result came
    Column("took", Integer),  # milliseconds from handing it to the backend to the answer
    Column("claim", Integer),  # which of its worker's claims took it last, by which its flight recorder names it
    ForeignKeyConstraint(["publication", "issue"], ["campaigns.publication", "campaigns.issue"]),
    UniqueConstraint("publication", "issue", "subscriber"),
    Index("deliveries_by_state", "publication", "issue", "state", "due", "id"),
)
