"""Finds subscribers, for choosing whose mail is shown. URLs name them by an id, never by their address."""

import re
from collections.abc import Hashable, Iterator
from functools import lru_cache
from hashlib import sha256
from itertools import islice
from pathlib import Path
from threading import Lock

from newsletter.errors import ConfigError, DeliveryError
from newsletter.publication import OpenPublication
from newsletter.subscribers.configured_source import open_configured_source
from newsletter.subscribers.source import SubscriberSource
from newsletter.subscribers.subscriber import Subscriber
from newsletter.workspace import Workspace

_SHOWN = 100
_ID = re.compile(r"([0-9]{1,9})-([0-9a-f]{16})")
_ONE_AT_A_TIME = Lock()
_OPENED: dict[tuple[Path, str], OpenPublication] = {}


def find_list(workspace: Workspace) -> Path | None:
    """Return where the list's file is, to watch it; None while newsletter.toml can't be read."""
    try:
        return workspace.subscribers
    except ConfigError:
        return None


def find_source(workspace: Workspace) -> SubscriberSource | None:
    """Return where subscribers come from; None while newsletter.toml can't be read."""
    try:
        return open_source(workspace)
    except ConfigError:
        return None


def open_source(workspace: Workspace) -> SubscriberSource:
    """Return where subscribers come from; a store that they are in is opened once. Raises ConfigError.

    A list that is not in the store is shown without what readers chose while the store can't be used.
    """
    with _ONE_AT_A_TIME:
        publication = _OPENED.setdefault((workspace.folder, str(workspace.database)), OpenPublication(workspace))
        try:
            return open_configured_source(workspace, lambda: publication.known_store)
        except DeliveryError:
            if workspace.config.subscriber_list.source == "store":
                raise
            return open_configured_source(workspace, lambda: None)


def reader_id(reader: Subscriber) -> str:
    """Return a subscriber's id: the row's line, looked at first, and a hash of the address, for rows that moved."""
    return f"{reader.line}-{_hash(reader)}"


def search(source: SubscriberSource, words: str, most: int | None = _SHOWN) -> Iterator[Subscriber]:
    """Yield the first subscribers of the list whose row holds all of the words. Raises ListError."""
    return islice(source.search(words.split()), most)


def find(source: SubscriberSource, id_: str) -> Subscriber | None:
    """Return the subscriber of that id; None when the list has none. Raises ListError."""
    if not _ID.fullmatch(id_):
        return None
    with _ONE_AT_A_TIME:
        return _find(source, source.version(), id_)


@lru_cache(maxsize=16)
def _find(source: SubscriberSource, _version: Hashable, id_: str) -> Subscriber | None:
    line, hash_ = id_.split("-")
    return source.find_hashed(int(line), lambda subscriber: _hash(subscriber) == hash_)


def _hash(reader: Subscriber) -> str:
    return sha256(reader.key.encode()).hexdigest()[:16]
