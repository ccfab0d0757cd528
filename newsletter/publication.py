"""An opened publication: what every use case starts from.

Nothing heavy is imported before it is needed: the ledger brings SQLAlchemy, a tenth of a second that writing and
previewing a draft should not wait for.
"""

import os
from collections.abc import Callable, Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Self

from newsletter import workspace_search
from newsletter.issue.draft import Draft, require_issue
from newsletter.issue.model import Issue
from newsletter.issue_name import IssueName
from newsletter.workspace import Workspace
from newsletter.workspace_search import find_workspace

if TYPE_CHECKING:
    from newsletter.backends import Backend
    from newsletter.carried_state.carried_state import CarriedState
    from newsletter.config import Config
    from newsletter.editions import EditionContext
    from newsletter.store import Store
    from newsletter.subscribers.erased_subscribers import ErasedSubscribers
    from newsletter.subscribers.secret_keys import SecretKeys
    from newsletter.subscribers.source import SubscriberSource


def _ignore(_notice: str) -> None:
    """Pass over what a caller who gave no callback does not want to hear."""


def list_publications(folder: Path | str = ".", environ: Mapping[str, str] | None = None) -> list[str]:
    """Return the names of the publications in the workspace that a folder lies in, as `Publication.open` takes them.

    The one beside publications/ is the first; without another it is the only one. Raises ConfigError.
    """
    start = Path(os.path.abspath(folder))  # noqa: PTH100  # a link is not followed
    environ = os.environ if environ is None else environ
    every = workspace_search.list_publications(Workspace(workspace_search.find_root(start, environ), environ))
    return [workspace.shown_name for workspace in every]


class OpenPublication:
    """A workspace with its store, keys and backend, each opened when it is first asked for.

    `backend` is used in place of the one that newsletter.toml names; `on_notice` is told what opening the store did to
    it, such as an upgrade. Close it, or use it as a context manager, so that the store is released.
    """

    def __init__(
        self,
        workspace: Workspace,
        *,
        store: "Store | None" = None,
        backend: "Backend | None" = None,
        carried: "CarriedState | None" = None,
        on_notice: Callable[[str], None] = _ignore,
    ) -> None:
        self.workspace = workspace
        self._store = store
        self._owns_store = store is None
        self._backend = backend
        self._carried = carried
        self._on_notice = on_notice

    @classmethod
    def open(
        cls, folder: Path | str = ".", environ: Mapping[str, str] | None = None, publication: str | None = None
    ) -> Self:
        """Open the publication that a folder lies in; `environ` holds its NEWSLETTER_ variables (os.environ, if None).

        `publication` names one of several. Raises ConfigError where there is none.
        """
        start = Path(os.path.abspath(folder))  # noqa: PTH100  # a link is not followed
        return cls(find_workspace(start, environ, publication))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    def close(self) -> None:
        """Release the store."""
        if self._store is not None and self._owns_store:
            self._store.close()
            self._store = None

    def with_current_settings(self) -> "OpenPublication":
        """Return the publication with newsletter.toml as it is on disk now, over the same store."""
        workspace = self.workspace.with_current_settings()
        return OpenPublication(
            workspace, store=self.store, backend=self._backend, carried=self.carried, on_notice=self._on_notice
        )

    def with_carried(self, carried: "CarriedState") -> "OpenPublication":
        """Return the publication with a carried state in this machine's hands, whose store it opens by itself."""
        return OpenPublication(self.workspace, backend=self._backend, carried=carried, on_notice=self._on_notice)

    @property
    def config(self) -> "Config":
        """The settings in newsletter.toml. Raises ConfigError for what is wrong in them."""
        return self.workspace.config

    @cached_property
    def edition_context(self) -> "EditionContext":
        """What editions are made with. Raises ConfigError."""
        from newsletter.editions import EditionContext

        return EditionContext.from_workspace(self.workspace)

    @property
    def store(self) -> "Store":
        """The store, made when it is not there yet.

        Raises DeliveryError when it can't be used, ConfigError where it knows the publication by another list id, and
        DecisionNeeded where the state is carried and this machine does not hold it.
        """
        if self._store is None:
            from newsletter.store import open_store

            _ = self.carried

            workspace, password = self.workspace, self.config.store.password
            store = open_store(
                workspace.database,
                password,
                publication=workspace.publication_id,
                folder=workspace.state_folder,
            )
            self._keep(store, note=True)
        assert self._store is not None  # noqa: S101  # for mypy, which does not see into _keep
        return self._store

    @property
    def known_store(self) -> "Store | None":
        """The store if there is one; looking at a publication leaves no trace in it."""
        if self._store is None:
            if isinstance(self.workspace.database, Path) and not self.workspace.database.exists():
                return None  # without the tables' imports, which take their time
            from newsletter.store import find_store

            workspace, password = self.workspace, self.config.store.password
            store = find_store(
                workspace.database,
                password,
                publication=workspace.publication_id,
                folder=workspace.state_folder,
            )
            self._keep(store)
        return self._store

    def _keep(self, store: "Store | None", *, note: bool = False) -> None:
        """Keep a store, if it is this publication's. Raises ConfigError, with the store closed, if it is another's."""
        if store is not None:
            from newsletter.store.publication_identity import require_identity

            try:
                require_identity(store, self.config.subscriber_list.id, note=note)
            except BaseException:
                store.close()
                raise
            if store.notice:
                self._on_notice(store.notice)
        self._store = store

    @property
    def carried(self) -> "CarriedState | None":
        """The state that is carried on a branch, in this machine's hands; None where it is not carried.

        Raises DecisionNeeded where this machine does not hold it.
        """
        if self._carried is None and self.config.ci.state == "branch":
            from newsletter.carried_state.carried_state import CarriedState

            self._carried = CarriedState.open(self.workspace)
        return self._carried

    @property
    def keys(self) -> "SecretKeys | None":
        """The keys that links are signed with; None where none were made. Raises ConfigError."""
        from newsletter.subscribers.secret_keys import find_secret_keys

        return find_secret_keys(self.workspace)

    @property
    def erased(self) -> "ErasedSubscribers":
        """Who was erased, to be known by a keyed hash. Raises ConfigError without the keys that tell who."""
        from newsletter.subscribers.erased_subscribers import ErasedSubscribers, read_erased

        store = self.known_store
        return read_erased(store, self.keys) if store else ErasedSubscribers()

    def refuse_without_erasure_keys(self) -> None:
        """Raise ConfigError when people were erased and the keys are gone by which they are known again."""
        _ = self.erased

    def subscriber_source(self, list_file: Path | None = None) -> "SubscriberSource":
        """Return where subscribers come from: `list_file`, or else what newsletter.toml names. Raises ConfigError."""
        from newsletter.subscribers.configured_source import open_configured_source

        return open_configured_source(self.workspace, lambda: self.known_store, list_file)

    def require_subscribers(self) -> "SubscriberSource":
        """Return where subscribers come from. Raises ListError, with what to do, when there is no list."""
        source = self.subscriber_source()
        source.require()
        return source

    def load_backend(self) -> "Backend":
        """Return what messages are handed to. Raises ConfigError."""
        if self._backend is not None:
            return self._backend
        from newsletter import backends

        return backends.load_backend(self.config.send.backend, self.config, self.workspace.root)

    def draft(self, name: str | None = None, language: str = "") -> Draft:
        """Read a draft, 2.10 or a path, or the newest, or its translation. Raises DraftError when there is none.

        What is wrong in it are its `problems`.
        """
        return self.read_draft(self.workspace.find_draft(name, language))

    def read_draft(self, path: Path) -> Draft:
        """Read the draft in a file, whose name says whether it is a translation."""
        from newsletter.editions.translated_drafts import read_workspace_draft

        return read_workspace_draft(self.workspace, path)

    def issue(self, name: str | None = None, language: str = "") -> Issue:
        """Read the issue in a draft, 2.10 or a path, or the newest. Raises DraftError with every problem."""
        return require_issue(self.draft(name, language))

    def record(self, issue: IssueName) -> Path:
        """Return where the sent record of an issue is."""
        return self.workspace.record(issue)
