"""Tables of how fast a server lets us send: what was learned of it, how a sending went, what workers share."""

from sqlalchemy import Column, Float, ForeignKeyConstraint, Integer, String, Table, Text

from newsletter.store.schema.state_tables import metadata

# Limits that were found out about a server while it was sent through: where the next send begins.
learned_limits = Table(
    "learned_limits",
    metadata,
    Column("publication", String, primary_key=True),
    Column("server", String, primary_key=True),  # host:port and account, or the backend's name
    Column("learned_at", String, nullable=False),  # when the server last confirmed any of it
    Column("limits", Text, nullable=False),  # JSON, see throttle/learned.py
)

# Course of a sending: what a worker got answered since its sample before, at most one in ten seconds, and fewer as the
# sending goes on.
send_samples = Table(
    "send_samples",
    metadata,
    Column("publication", String, primary_key=True),
    Column("issue", String, primary_key=True),
    Column("worker", String, primary_key=True),
    Column("at", String, primary_key=True),  # the end of its time
    Column("began_at", String, nullable=False),
    Column("accepted", Integer, nullable=False),
    Column("refused", Integer, nullable=False),
    Column("put_off", Integer, nullable=False),  # readers to be tried again, and messages that the server held up
    Column("rate", Float),  # messages a second that were allowed; none: no limit
    Column("hold", Text, nullable=False),  # JSON: what held the send, see ledger/send_samples.py; empty: nothing
    Column("ends_at", String),  # when everyone will have been tried, as it was estimated then
    ForeignKeyConstraint(["publication", "issue"], ["campaigns.publication", "campaigns.issue"]),
)

# How far a server is warmed up: the number of the sending that began last, after which the next may be twice as large.
warm_ups = Table(
    "warm_ups",
    metadata,
    Column("publication", String, primary_key=True),
    Column("server", String, primary_key=True),
    Column("sending", Integer, nullable=False),  # 1: the first through this server
    Column("began_at", String, nullable=False),
)

# Rates that workers on several machines share: a token bucket each.
shared_rates = Table(
    "shared_rates",
    metadata,
    Column("publication", String, primary_key=True),
    Column("server", String, primary_key=True),
    Column("bucket", String, primary_key=True),  # what it counts: messages a second, an hour, connections
    Column("tokens", Float, nullable=False),
    Column("rate", Float, nullable=False),  # tokens a second
    Column("capacity", Float, nullable=False),
    Column("updated_at", Float, nullable=False),  # seconds since 1970, by the database's clock
)
