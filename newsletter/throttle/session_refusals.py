"""The refusals in a row that a session bears before its server slows it down or cuts it."""

_MOST = 4  # each is two errors, RCPT and the DATA behind it; a new connection costs less than finding out
_SLOW_S, _TIMES_USUAL = 0.5, 10.0


class SessionRefusals:
    """The number of messages in a row refused on one session after which it gives way to a new one.

    Postfix delays each further reply of a session by a second once there were ten errors, and ends it at twenty
    (smtpd_soft_error_limit, smtpd_hard_error_limit), unless a message is accepted between. Where a session turns slow
    sooner, that is learned; `is_slow` says that it has been.
    """

    def __init__(self) -> None:
        self.most = _MOST
        self.is_slow = False

    def record_next(self, refused: int, took: float, usual_s: float) -> None:
        """Count a message that took so many seconds on a session that had refused `refused` in a row before it."""
        if took > max(_SLOW_S, _TIMES_USUAL * usual_s):
            self.most = min(self.most, refused)
            self.is_slow = True
