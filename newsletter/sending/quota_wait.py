"""The wait for a server's quota, until it takes messages again."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from math import ceil

from newsletter.mail.reply_limits import DAY_S, NamedQuota
from newsletter.text import format_count

_HOUR = timedelta(hours=1)
_MARGIN = timedelta(seconds=5)  # clocks differ
_LEAST = timedelta(minutes=1)


@dataclass(frozen=True, kw_only=True)
class QuotaWait:
    """The moment at which the next try is worth while, and the `latest` at which the quota is open again."""

    asked_at: datetime
    next_try: datetime
    latest: datetime

    def describe(self) -> str:
        """Return when to go on, in words; times are local."""
        latest = f"{self.latest.astimezone():%Y-%m-%d %H:%M}"
        is_exact = self.next_try == self.latest
        opens = f"at {latest}" if is_exact else f"by {latest} at the latest"
        tries = "" if is_exact else f", trying from {self.next_try.astimezone():%H:%M} on"
        hours = ceil((self.latest - _MARGIN - self.asked_at) / _HOUR)
        return (
            f"The quota is open again {opens}. What the outbox sends goes on by itself{tries}; otherwise run the same "
            f'command again then, or now with --at "in {format_count(hours, "hour")}".'
        )


def plan_quota_wait(quota: NamedQuota, now: datetime) -> QuotaWait | None:
    """Return how long to wait for a quota, None when its words say neither when it opens nor that it is a day's.

    A window of an hour may begin with the clock's, with the first message or with each, and a day's with the day of any
    time zone; so a try is worth while at each full hour, and costs nobody anything.
    """
    if quota.opens_in_s is not None:
        at = now + max(timedelta(seconds=quota.opens_in_s), _LEAST) + _MARGIN
        return QuotaWait(asked_at=now, next_try=at, latest=at)
    if quota.window_s is None or quota.window_s > DAY_S:
        return None
    latest = now + max(timedelta(seconds=quota.window_s), _LEAST) + _MARGIN
    full_hour = now.replace(minute=0, second=0, microsecond=0) + _HOUR + _MARGIN
    if full_hour < now + _LEAST:
        full_hour += _HOUR
    return QuotaWait(asked_at=now, next_try=min(full_hour, latest), latest=latest)
