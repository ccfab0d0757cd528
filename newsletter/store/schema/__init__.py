"""Tables of the store, by subject.

`SCHEMA_VERSION` rises with every change of theirs, and each version has a step in migrations/. A database may hold
several publications: the key of every table but `meta` begins with the publication's id. Moments are ISO 8601 in UTC,
unless a comment says seconds since 1970; JSON is text, so that both databases keep its letters.
"""

from newsletter.store.schema.campaign_tables import (
    batches,
    campaigns,
    deliveries,
    handovers,
    templates,
    tests,
    worker_tallies,
    workers,
)
from newsletter.store.schema.event_tables import events, forgotten, handled, suppressions
from newsletter.store.schema.request_tables import reader_requests, reader_tasks, transactional_mails
from newsletter.store.schema.state_tables import facts, generations, meta, metadata
from newsletter.store.schema.subscriber_tables import (
    consent_words,
    consents,
    import_changes,
    imports,
    preferences,
    subscribers,
)
from newsletter.store.schema.throttle_tables import learned_limits, send_samples, shared_rates, warm_ups

SCHEMA_VERSION = 6

__all__ = [
    "SCHEMA_VERSION",
    "batches",
    "campaigns",
    "consent_words",
    "consents",
    "deliveries",
    "events",
    "facts",
    "forgotten",
    "generations",
    "handled",
    "handovers",
    "import_changes",
    "imports",
    "learned_limits",
    "meta",
    "metadata",
    "preferences",
    "reader_requests",
    "reader_tasks",
    "send_samples",
    "shared_rates",
    "subscribers",
    "suppressions",
    "templates",
    "tests",
    "transactional_mails",
    "warm_ups",
    "worker_tallies",
    "workers",
]
