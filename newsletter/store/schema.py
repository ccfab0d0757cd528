"""Tables of the store. `SCHEMA_VERSION` rises with every change of theirs, and each version has a step in migrations/.

A database may hold several publications: the key of every table but `meta` begins with the publication's id. Moments
are ISO 8601 in UTC, unless a comment says seconds since 1970; JSON is text, so that both databases keep its letters.
"""

from sqlalchemy import (
    Column,
    Float,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
)

SCHEMA_VERSION = 5

metadata = MetaData()

# Facts about the database itself, and no publication's: the version of the tables, and where they have moved to. Every
# version of the program reads these two before anything else.
meta = Table(
    "meta",
    metadata,
    Column("key", String, primary_key=True),
    Column("value", String, nullable=False),
)

# Facts about one publication that are no table's: by which key the erased are known, when bounces were decided about.
facts = Table(
    "facts",
    metadata,
    Column("publication", String, primary_key=True),
    Column("key", String, primary_key=True),
    Column("value", String, nullable=False),
)

# Generations of what a state knew of who left, see store/generations.py: a record in git names one, and a state without
# it is an older copy.
generations = Table(
    "generations",
    metadata,
    Column("publication", String, primary_key=True),
    Column("name", String, primary_key=True),
    Column("at", String, nullable=False),
)

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
    Column("text_sha256", String),  # what the editions were, see campaigns/approval.py
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
    ForeignKeyConstraint(["publication", "issue"], ["campaigns.publication", "campaigns.issue"]),
    UniqueConstraint("publication", "issue", "subscriber"),
    Index("deliveries_by_state", "publication", "issue", "state", "due", "id"),
)

# People on the list, where [list] source is the store. The status is the list's own word, as an import brings it: who
# unsubscribes, bounces or complains keeps their row as it is, and has a suppression, which outweighs it.
subscribers = Table(
    "subscribers",
    metadata,
    Column("publication", String, primary_key=True),
    Column("subscriber", String, primary_key=True),  # the address in its one spelling, see address.py
    Column("address", String, nullable=False),  # as they wrote it
    Column("status", String, nullable=False),  # pending (asked to confirm), active, paused or left
    Column("fields", Text, nullable=False),  # JSON
    Column("tags", Text, nullable=False),  # JSON
    Column("language", String, nullable=False),  # empty: the publication's own
    Column("time_zone", String, nullable=False),  # IANA's name; empty: the publication's own
    Column("created_at", String, nullable=False),
    Column("changed_at", String, nullable=False),
    Index("subscribers_by_status", "publication", "status", "subscriber"),
)

# The words that people agreed to, each once: a million consents to one sentence keep its hash.
consent_words = Table(
    "consent_words",
    metadata,
    Column("publication", String, primary_key=True),
    Column("sha256", String, primary_key=True),
    Column("words", Text, nullable=False),
)

# When, where and to which words somebody agreed: a controller has to be able to show it (GDPR, article 7). Added to,
# and gone with the person.
consents = Table(
    "consents",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("publication", String, nullable=False),
    Column("subscriber", String, nullable=False),
    Column("given_at", String, nullable=False),
    Column("source", String, nullable=False),  # import, sign-up, editor
    Column("words_sha256", String),  # none: the words are not known
    Column("evidence", Text, nullable=False),  # JSON: words by name
    Column("batch", String, nullable=False, server_default=""),  # the import that brought it; empty: it came alone
    ForeignKeyConstraint(["publication", "words_sha256"], ["consent_words.publication", "consent_words.sha256"]),
    Index("consents_by_subscriber", "publication", "subscriber", "id"),
)

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

# Preferences that readers have chosen themselves. They outweigh whatever a list says.
preferences = Table(
    "preferences",
    metadata,
    Column("publication", String, primary_key=True),
    Column("subscriber", String, primary_key=True),
    Column("chosen", Text, nullable=False),  # JSON
    Column("changed_at", String, nullable=False),
)

# Imports of lists, each of which can be undone as one while its changes are kept.
imports = Table(
    "imports",
    metadata,
    Column("publication", String, primary_key=True),
    Column("batch", String, primary_key=True),
    Column("file", String, nullable=False),  # its name alone
    Column("form", String, nullable=False),  # the program whose export it was; empty: a list of ours
    Column("at", String, nullable=False),
    Column("undone_at", String),
)

import_changes = Table(
    "import_changes",
    metadata,
    Column("publication", String, primary_key=True),
    Column("batch", String, primary_key=True),
    Column("subscriber", String, primary_key=True),
    Column("before", Text),  # JSON: their row as it was; none: they had none
    Column("after", Text),  # JSON: a hash of their row as the import left it, and what its file says of them
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
