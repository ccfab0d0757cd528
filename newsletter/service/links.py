"""Whose link it is, by the keys as they are now: after `newsletter keys rotate` nobody restarts the service."""

import logging

from newsletter.audience.keys import KEYS_NAME, Keys, read_keys
from newsletter.audience.tokens import Leaver, Tokens
from newsletter.errors import ConfigError
from newsletter.workspace import Workspace

_LOG = logging.getLogger(__name__)


class Links:
    """Reads tokens. A file of keys that was changed is read anew; a broken one leaves those that were good."""

    def __init__(self, workspace: Workspace) -> None:
        """Raises ConfigError when there are no keys."""
        self._workspace = workspace
        self._path = workspace.root / ".newsletter" / KEYS_NAME
        self._seen = self._state()
        self._take(read_keys(workspace))

    @property
    def keys(self) -> Keys:
        return self._keys

    def read(self, token: str) -> Leaver | None:
        if (state := self._state()) != self._seen:
            self._seen = state
            try:
                self._take(read_keys(self._workspace))
            except ConfigError as error:
                _LOG.error("The keys have changed, and the old ones stay in use: %s", error.message)
        return self._tokens.read(token)

    def _take(self, keys: Keys) -> None:
        self._keys = keys
        self._tokens = Tokens(keys, self._workspace.config.reader_list.id)

    def _state(self) -> tuple[int, ...] | None:
        try:
            status = self._path.stat()
        except OSError:
            return None  # they are in the environment
        return status.st_ino, status.st_mtime_ns, status.st_size, status.st_mode
