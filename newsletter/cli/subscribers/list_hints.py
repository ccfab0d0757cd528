"""Sentences about the list that several commands print."""

from newsletter.address import EmailAddress
from newsletter.cli.output import say, shorten
from newsletter.subscribers.source import SubscriberSource
from newsletter.subscribers.subscriber import unlisted_subscriber


def say_if_kept_out(source: SubscriberSource, key: str) -> None:
    """Print whom the list's own columns keep from being mailed, whatever the store knows."""
    subscriber = unlisted_subscriber(EmailAddress(key))  # a key is a spelling of their address
    if source.file and source.exists() and (words := source.read_statuses().describe(subscriber)):
        say(
            f"{shorten(source.place)} itself says not to mail them ({words}). To mail them, change their row.", "yellow"
        )


def on_the_list(source: SubscriberSource) -> str:
    """Return "on the list", with the file's name where it is one."""
    return f"on the list {shorten(source.place)}" if source.file else "on the list"


def suggest_nearest(source: SubscriberSource, key: str) -> str:
    """Return a sentence with the address of the list that is nearest, or an empty string."""
    near = source.find_nearest(key)
    return f"Did you mean {near}?" if near else ""
