"""The length of a session: after how many messages a server ends a connection, or takes no more on it."""

_TRY_LONGER_AFTER = 50  # sessions of the learned length: then one shows whether it still holds
_LONGER = 1.25


class SessionLength:
    """The number of messages after which a connection is closed, so that the server need not refuse the next.

    It is kept to once two sessions ended after the same number, or the server said it. `most` is the configured one.
    """

    def __init__(self, most: int | None, learned: int | None) -> None:
        self._most = most
        self.learned = learned
        self._last: int | None = None
        self._sessions = 0

    def find(self) -> int | None:
        """Return how many messages a session is to carry; None for no limit."""
        if self.learned is None:
            return self._most
        return min(self.learned, self._most or self.learned)

    def begin_session(self) -> int | None:
        """Return how many messages a new session is to carry: now and then one is to show whether more are borne."""
        if self.learned is None or self._sessions < _TRY_LONGER_AFTER:
            return self.find()
        self._sessions = 0
        longest = int(self.learned * _LONGER) + 1
        return min(longest, self._most or longest)

    def record_announced(self, messages: int) -> None:
        """Take in what the server says (RFC 9422, MAILMAX)."""
        self.learned = min(messages, self.learned or messages)

    def record_ended(self, carried: int) -> None:
        """Count a session that the server ended, or refused to go on with, after so many messages."""
        if carried < 1:
            return
        if carried == self._last:
            self.learned = carried
        self._sessions = 0
        self._last = carried

    def record_closed(self, carried: int) -> None:
        """Count a session that was closed from here."""
        if self.learned is None or carried < self.learned:
            return
        self._sessions += 1
        if carried > self.learned:
            self.learned, self._sessions = carried, 0
