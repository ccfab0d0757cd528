"""The refusals in a row that a session bears before its server slows it down or cuts it."""

_MOST = 4  # each is two errors, RCPT and the DATA behind it; a new connection costs less than finding out
_SLOW_S, _TIMES_USUAL = 0.5, 10.0


class SessionRefusals:
    """The number of messages in a row refused on one session after which it gives way to a new one.

    Postfix delays each further reply of a session by a second once there were ten errors, and ends it at twenty
    (smtpd_soft_error_limit, smtpd_hard_error_limit), unless a message is accepted between. Where a session turns slow
    sooner, that is learned.
    """

    def __init__(self) -> None:
        self.most = _MOST

    def find_slow(self, usual_s: float) -> float:
        """Return after how many seconds without an answer a session has turned slow, by what one usually takes."""
        return max(_SLOW_S, _TIMES_USUAL * usual_s)

    def record_slow(self, refused: int) -> None:
        """Count a session that has turned slow after it refused so many in a row."""
        self.most = min(self.most, refused)
