"""The durable state of a publication: what was sent to whom, and who must not be mailed."""

from newsletter.store.database import Busy, Damaged
from newsletter.store.engine import Staging, Store, describe_place, find_store, open_store

__all__ = ["Busy", "Damaged", "Staging", "Store", "describe_place", "find_store", "open_store"]
