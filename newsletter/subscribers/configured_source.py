"""Chooses the subscriber source that a publication's settings name."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from newsletter.config import SubscriberListSettings
from newsletter.subscribers.csv_source import CsvSource
from newsletter.subscribers.source import SubscriberSource
from newsletter.workspace import Workspace

if TYPE_CHECKING:
    from newsletter.store import Store


def open_configured_source(
    workspace: Workspace, store: Callable[[], "Store | None"], list_file: Path | None = None
) -> SubscriberSource:
    """Return where subscribers come from: `list_file`, or else what [list] in newsletter.toml names.

    What readers chose themselves outweighs it; `store` gives the store, if there is one. Raises ConfigError.
    """
    source, known = _open_list(workspace, store, list_file), store()
    if known is None:
        return source
    # The store's tables bring SQLAlchemy, which a list in a file does without.
    from newsletter.subscribers.chosen_preferences import put_preferences_over

    return put_preferences_over(source, known, summary=workspace.config.preferences.summary is not None)


def _open_list(workspace: Workspace, store: Callable[[], "Store | None"], list_file: Path | None) -> SubscriberSource:
    settings = workspace.config.subscriber_list
    if list_file is not None:
        return CsvSource(list_file, settings)
    match settings.source:
        case "csv":
            return CsvSource(workspace.subscribers, settings)
        case "store":
            from newsletter.subscribers.store_source import StoreSource

            return StoreSource(store())
        case "sql":
            return _open_query(workspace, settings)
        case "address":
            return _open_address(workspace, settings)
        case "ldap":
            return _open_directory(workspace, settings)


def _open_query(workspace: Workspace, settings: SubscriberListSettings) -> SubscriberSource:
    from newsletter.subscribers.fetched_source import FetchedSource
    from newsletter.subscribers.sql_query import SqlQuery

    origin = SqlQuery(
        url=settings.url or "", query=settings.query or "", root=workspace.root, password=settings.password
    )
    return FetchedSource(workspace.cache_folder / "list-from-database.csv", origin, settings)


def _open_address(workspace: Workspace, settings: SubscriberListSettings) -> SubscriberSource:
    from newsletter.subscribers.fetched_source import FetchedSource
    from newsletter.subscribers.web_list import WebList

    origin = WebList(url=settings.url or "", password=settings.password)
    return FetchedSource(workspace.cache_folder / "list-from-address.csv", origin, settings)


def _open_directory(workspace: Workspace, settings: SubscriberListSettings) -> SubscriberSource:
    from newsletter.subscribers.fetched_source import FetchedSource
    from newsletter.subscribers.ldap_query import LdapQuery

    origin = LdapQuery(
        url=settings.url or "",
        filter=settings.filter,
        columns=settings.columns,
        user=settings.user,
        password=settings.password,
    )
    return FetchedSource(workspace.cache_folder / "list-from-directory.csv", origin, settings)
