"""Reads readers' tokens by the secret keys as they are now, so that `newsletter keys rotate` needs no restart."""

import logging
import os
from time import monotonic

from newsletter.address import SubscriberKey
from newsletter.errors import ConfigError
from newsletter.issue_name import IssueName
from newsletter.subscribers.purpose_tokens import PurposeToken, PurposeTokenSigner, TokenPurpose
from newsletter.subscribers.secret_keys import KEYS_NAME, SecretKeys, require_secret_keys
from newsletter.subscribers.tokens import TokenHolder, TokenSigner
from newsletter.workspace import Workspace

_AGAIN_S = 3.0  # a file that can't be read may be mended where a look at it shows nothing: by its folder's rights, say
_LOG = logging.getLogger(__name__)


class TokenReader:
    """Reader of unsubscribe tokens, and of those with a purpose.

    A changed key file is read again; if it is broken, the last good keys stay in use.
    """

    def __init__(self, workspace: Workspace) -> None:
        """Read the keys. Raises ConfigError when there are none."""
        self._workspace = workspace
        self._path = str(workspace.state_folder / KEYS_NAME)  # a Path looks twice as long
        self._seen = self._failed = self._state()
        self._again = 0.0
        self._logged = ""
        self._take(require_secret_keys(workspace))

    @property
    def keys(self) -> SecretKeys:
        return self._keys

    def read(self, token: str) -> TokenHolder | None:
        """Return whose unsubscribe token it is; None for anything else."""
        self._look()
        return self._tokens.read(token)

    def write(self, issue: IssueName, subscriber: SubscriberKey) -> str:
        """Return a subscriber's unsubscribe token, as a copy of the issue would have it."""
        self._look()
        return self._tokens.write(issue, subscriber)

    def read_for(self, purpose: TokenPurpose, token: str) -> PurposeToken | None:
        """Return what a token says that was written for this purpose; None for anything else."""
        self._look()
        return self._purpose_tokens.read(purpose, token)

    def _look(self) -> None:
        state = self._state()
        if state != self._seen and (state != self._failed or monotonic() >= self._again):
            self._renew(state)

    def _renew(self, state: tuple[int, ...] | None) -> None:
        try:
            self._take(require_secret_keys(self._workspace))
            self._seen, self._logged = state, ""
        except ConfigError as error:
            self._failed, self._again = state, monotonic() + _AGAIN_S
            if error.message != self._logged:
                _LOG.error("The keys can't be read any more, and those from before stay in use: %s", error.message)
            self._logged = error.message

    def _take(self, keys: SecretKeys) -> None:
        self._keys = keys
        list_id = self._workspace.config.subscriber_list.id
        self._tokens, self._purpose_tokens = TokenSigner(keys, list_id), PurposeTokenSigner(keys, list_id)

    def _state(self) -> tuple[int, ...] | None:
        try:
            status = os.stat(self._path)  # noqa: PTH116  # for each request
        except OSError:
            return None  # they are in the environment
        return status.st_ino, status.st_mtime_ns, status.st_ctime_ns, status.st_size
