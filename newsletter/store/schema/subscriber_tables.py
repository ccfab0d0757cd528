"""Tables of the list, where the store holds it: people, consents, preferences and imports."""

from sqlalchemy import Column, ForeignKeyConstraint, Index, Integer, String, Table, Text

from newsletter.store.schema.state_tables import metadata

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
