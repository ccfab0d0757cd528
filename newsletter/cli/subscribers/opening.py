"""The publication that a command about subscribers begins with, and sentences that several of them print."""

from newsletter.cli.context import open_publication
from newsletter.cli.output import say, short
from newsletter.publication import OpenPublication
from newsletter.subscribers.feedback_events import read_erased
from newsletter.subscribers.source import SubscriberSource
from newsletter.subscribers.subscriber import unlisted_subscriber


def open_to_read() -> OpenPublication:
    """Open the publication without making a store. Raises ConfigError when nobody can tell who was erased."""
    publication = open_publication()
    if store := publication.known_store:
        read_erased(store, publication.keys)
    return publication


def open_to_write() -> OpenPublication:
    """Open the publication with its store, made when absent. Raises ConfigError when nobody can tell who was erased."""
    publication = open_publication()
    read_erased(publication.store, publication.keys)
    return publication


def require_list(publication: OpenPublication) -> SubscriberSource:
    """Return the publication's list. Raises ListError when there is none."""
    source = publication.subscriber_source()
    source.require()
    return source


def say_if_kept_out(source: SubscriberSource, key: str) -> None:
    """Print whom the list's own columns keep from being mailed, whatever the store knows."""
    if source.file and source.exists() and (words := source.read_statuses().describe(unlisted_subscriber(key))):
        say(f"{short(source.place)} itself says not to mail them ({words}). To mail them, change their row.", "yellow")


def suggest_nearest(source: SubscriberSource, key: str) -> str:
    """Return a sentence with the address of the list that is nearest, or an empty string."""
    near = source.find_nearest(key)
    return f"Did you mean {near}?" if near else ""
