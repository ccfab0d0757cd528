"""Preferences as a reader sees and changes them on the service's page, or an editor for them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from sqlalchemy import Connection

from newsletter.address import SubscriberKey
from newsletter.campaigns.reader_languages import LanguageChooser
from newsletter.clock import Instant
from newsletter.config import Config
from newsletter.config.preference_settings import SUMMARY_TAG
from newsletter.errors import ListError
from newsletter.ledger.deliveries import list_deliveries
from newsletter.publication import OpenPublication
from newsletter.store import Store
from newsletter.store.erased import find_erased, hold_off_erasing, take_turns
from newsletter.subscribers.chosen_preferences import apply_preferences
from newsletter.subscribers.feedback_events import SuppressionKind
from newsletter.subscribers.moved_addresses import find_present_address
from newsletter.subscribers.preferences import Frequency, read_preferences, save_preferences
from newsletter.subscribers.secret_keys import SecretKeys
from newsletter.subscribers.subscriber import Subscriber
from newsletter.subscribers.suppression_status import SuppressionStatus, read_suppression_statuses

_LONGEST_NAME = 200  # characters
# A list in a file that is longer is not read for a page: it would take as long as the list is for each who asks.
_READ_AT_ONCE = 4 * 1024 * 1024  # bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class ReaderPreferences:
    """Preferences of one reader as they count now: what they chose, and what the list says beneath it.

    `key` is their present address in its one spelling. `language` is one of the publication's, `tags` are those among
    the topics that they get. `address` is where they get it, as it is written; empty for one of whom nothing is known.
    """

    key: SubscriberKey
    name: str
    address: str
    language: str
    tags: frozenset[str]
    frequency: Frequency
    status: SuppressionStatus

    @property
    def paused_until(self) -> Instant | None:
        """Return when their pause ends, None without one."""
        return next((each.until for each in self.status.suppressions if each.kind == SuppressionKind.PAUSED), None)

    @property
    def has_left(self) -> bool:
        """Return whether they have left."""
        return any(each.kind == SuppressionKind.UNSUBSCRIBED for each in self.status.suppressions)


@dataclass(frozen=True, slots=True, kw_only=True)
class WantedPreferences:
    """What a form wants changed; None, and a topic that is not among `topics`, is left as it is."""

    name: str | None = None
    language: str | None = None
    topics: Mapping[str, bool] | None = None
    frequency: Frequency | None = None


def read_reader_preferences(publication: OpenPublication, key: SubscriberKey) -> ReaderPreferences:
    """Return what counts for a subscriber now. A person who was erased is as one of whom nothing is known."""
    store, keys, config = publication.store, publication.keys, publication.config
    with store.reading() as connection:
        key = find_present_address(connection, key)
        chosen = read_preferences(connection, key)
    (status,) = read_suppression_statuses(store, keys, [key])
    listed = _find_listed(publication, key)
    fields = listed.fields if listed else {}
    tags = listed.tags if listed else frozenset({tag for tag, wanted in chosen.tags.items() if wanted})
    asked = fields if listed else {"language": chosen.language or ""}
    summary = SUMMARY_TAG in tags if listed else chosen.frequency is Frequency.SUMMARY
    return ReaderPreferences(
        key=key,
        name=fields.get("name", "") if listed else chosen.name or "",
        address=listed.address if listed else "",
        language=LanguageChooser(config, [*config.translations]).choose_tag(asked) or config.publication.language,
        tags=tags & config.preferences.topics.keys(),
        frequency=Frequency.SUMMARY if summary else Frequency.ISSUES,
        status=status,
    )


def change_preferences(
    store: Store, keys: SecretKeys | None, config: Config, changes: Sequence[tuple[SubscriberKey, WantedPreferences]]
) -> list[bool]:
    """Write down what readers want from now on, all of them or none, durably; return of each whether it was kept.

    Nothing is kept of a person who was erased. What is not offered is left as it is.
    """
    with store.transaction() as connection:
        hold_off_erasing(connection)
        take_turns(connection, {key for key, _ in changes})
        return [_change(connection, keys, config, key, wanted) for key, wanted in changes]


def _change(
    connection: Connection, keys: SecretKeys | None, config: Config, key: SubscriberKey, wanted: WantedPreferences
) -> bool:
    key = find_present_address(connection, key)
    if keys and find_erased(connection, [keys.digest(key)]):
        return False
    before = read_preferences(connection, key)
    offered = config.preferences
    topics = {tag: want for tag, want in (wanted.topics or {}).items() if tag in offered.topics}
    after = replace(before, tags={**before.tags, **topics})
    if wanted.name is not None:
        after = replace(after, name=clean_name(wanted.name))
    if wanted.language in config.languages:
        after = replace(after, language=wanted.language)
    if wanted.frequency and offered.summary:
        after = replace(after, frequency=wanted.frequency)
    if after != before:
        save_preferences(connection, key, after)
    return True


def clean_name(text: str) -> str:
    """Return a name on one line, without signs that nobody sees, and not longer than a list may have it."""
    return "".join(letter for letter in " ".join(text.split()) if letter.isprintable())[:_LONGEST_NAME].strip()


def _find_listed(publication: OpenPublication, key: SubscriberKey) -> Subscriber | None:
    """Return a subscriber as the list has them, or as their last delivery had them where the list is a long file."""
    source = publication.subscriber_source()
    file = source.file
    if file is None or (file.is_file() and file.stat().st_size <= _READ_AT_ONCE):
        try:
            return source.find([key]).get(key)
        except ListError:
            pass  # what is wrong with the list is the editor's to hear
    last = next(iter(list_deliveries(publication.store, key)), None)
    if last is None:
        return None
    with publication.store.reading() as connection:
        chosen = read_preferences(connection, key)
    then = Subscriber(address=last.address, fields=last.fields, tags=last.tags)
    return apply_preferences(then, chosen, summary=publication.config.preferences.summary is not None)
