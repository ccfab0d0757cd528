"""The durable state of a publication: what was sent to whom, and who must not be mailed."""

from newsletter.store.engine import Store, open_store

__all__ = ["Store", "open_store"]
