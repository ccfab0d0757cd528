"""Tables of what readers ask for by themselves, and of mails to one reader."""

from sqlalchemy import Column, Float, ForeignKeyConstraint, Index, Integer, String, Table, Text

from newsletter.store.schema.state_tables import metadata

# Requests of readers that count once the owner of the address has confirmed them: to join, to change an address, to
# stay.
reader_requests = Table(
    "reader_requests",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("publication", String, nullable=False),
    Column("kind", String, nullable=False),  # join, change-address or reconfirm
    Column("subscriber", String, nullable=False),  # whose address is to confirm
    Column("address", String, nullable=False),  # as they wrote it
    Column("previous", String),  # change-address: the subscriber who is to have this address from then on
    Column("fields", Text, nullable=False),  # JSON: what they wrote into the form
    Column("tags", Text, nullable=False),  # JSON
    Column("language", String, nullable=False),  # of the form; empty: the publication's own
    Column("source", String, nullable=False),  # the form, or mail
    Column("words_sha256", String),  # what they agreed to
    Column("commit_id", String),  # of the workspace, with the form's templates
    Column("network", String),  # where it came from; none unless the publication keeps it
    Column("state", String, nullable=False),  # new, asked, confirmed or dropped
    Column("requested_at", String, nullable=False),
    Column("confirmed_at", String),
    Column("previous_confirmed_at", String),  # change-address: when the owner of the address before confirmed it
    ForeignKeyConstraint(["publication", "words_sha256"], ["consent_words.publication", "consent_words.sha256"]),
    Index("reader_requests_by_state", "publication", "state", "id"),
    Index("reader_requests_by_subscriber", "publication", "subscriber", "id"),
    Index("reader_requests_by_previous", "publication", "previous", "id"),
    Index("reader_requests_by_moment", "publication", "requested_at"),
)

# Mails to one reader outside of any campaign, such as one that asks to confirm. Claimed before they are sent, as
# deliveries are, so that a crash sends none twice.
transactional_mails = Table(
    "transactional_mails",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("publication", String, nullable=False),
    Column("kind", String, nullable=False),
    Column("subscriber", String, nullable=False),
    Column("address", String, nullable=False),
    Column("language", String, nullable=False),  # empty: the publication's own
    Column("request", Integer),  # the reader's request that it is about; it may be gone
    Column("issue", String),  # that it carries
    Column("state", String, nullable=False),  # waiting, claimed, accepted, refused, unknown or dropped
    Column("worker", String),  # who has it, or had it last
    Column("lease_until", Float),  # its lease, in seconds since 1970; none: nobody has it
    Column("attempts", Integer, nullable=False),
    Column("due", Float, nullable=False),  # not before this, in seconds since 1970
    Column("stage", String),
    Column("code", Integer),
    Column("enhanced", String),
    Column("reply", Text),
    Column("created_at", String, nullable=False),
    Column("at", String),  # when the last result came
    Index("transactional_mails_by_state", "publication", "state", "due", "id"),
    Index("transactional_mails_by_subscriber", "publication", "subscriber", "id"),
    Index("transactional_mails_by_issue", "publication", "issue", "subscriber"),
)

# Work that a reader's page or one click asked for and that is done after it was answered: a restart must not lose it.
reader_tasks = Table(
    "reader_tasks",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("publication", String, nullable=False),
    Column("kind", String, nullable=False),
    Column("subscriber", String, nullable=False),  # who asked; empty: only the payload says
    Column("payload", Text, nullable=False),  # JSON
    Column("created_at", String, nullable=False),
    Column("done_at", String),
    Index("reader_tasks_by_done", "publication", "done_at", "id"),
    Index("reader_tasks_by_subscriber", "publication", "subscriber", "id"),
)
