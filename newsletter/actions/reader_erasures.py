"""Erasures that readers ask for on their pages: written down first, and then done, by whoever comes to it."""

from collections.abc import Mapping
from time import monotonic, sleep

from newsletter.actions.erase import erase_everywhere, erase_subscriber
from newsletter.address import SubscriberKey
from newsletter.errors import NewsletterError
from newsletter.publication import OpenPublication
from newsletter.store import Busy
from newsletter.subscribers.reader_tasks import ErasureTask, add_erasure, has_erasures, list_erasures, remove_task
from newsletter.subscribers.secret_keys import require_secret_keys

_LOCK = "erasures"
_LOOK_AGAIN_S = 0.1


def ask_erasure(publication: OpenPublication, subscriber: SubscriberKey, *, everywhere: bool) -> None:
    """Write down durably that a reader is to be erased. Raises ConfigError without keys."""
    keys = require_secret_keys(publication.workspace)
    publication.refuse_without_erasure_keys()
    with publication.store.transaction() as connection:
        add_erasure(connection, keys, subscriber, everywhere=everywhere)


def finish_erasures(publication: OpenPublication, patience: float = 0.0) -> Mapping[SubscriberKey, Exception]:
    """Do the erasures that readers have asked for; return those that can't be done now, with the reason.

    They stay written down. Another process or thread that is at them is waited for, so many seconds at most; then all
    are returned, with Busy.
    """
    until = monotonic() + patience
    while True:
        try:
            return _finish(publication)
        except Busy as error:
            if monotonic() >= until:
                return {task.subscriber: error for task in _list_tasks(publication)}
            sleep(_LOOK_AGAIN_S)


def _finish(publication: OpenPublication) -> Mapping[SubscriberKey, Exception]:
    store = publication.store
    with store.reading() as connection:
        if not has_erasures(connection):
            return {}
    failures: dict[SubscriberKey, Exception] = {}
    with store.sole(_LOCK):
        for task in _list_tasks(publication):
            try:
                _erase(publication, task)
            except NewsletterError as error:
                failures[task.subscriber] = error
    return failures


def _list_tasks(publication: OpenPublication) -> list[ErasureTask]:
    keys = require_secret_keys(publication.workspace)
    with publication.store.reading() as connection:
        return list_erasures(connection, keys)


def _erase(publication: OpenPublication, task: ErasureTask) -> None:
    erase = erase_everywhere if task.everywhere else erase_subscriber
    erase(publication, task.subscriber)
    with publication.store.erasing() as connection:
        remove_task(connection, task.id)
