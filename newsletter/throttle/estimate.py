"""The time that a send still takes, by what is accepted and what the limits allow."""

from math import inf

from newsletter.mail.reply_concern import Concern
from newsletter.throttle.departures import Departures


def estimate_seconds(departures: Departures, now: float, left: int) -> float | None:
    """Return how many seconds it takes until `left` messages are delivered; None while that can't be known.

    It can't before anything was accepted, nor while the server takes nothing and has not shown when it will again. A
    window that was used up once is taken for one, although it is not kept to yet; not after words of trouble, which may
    be over.
    """
    if left <= 0:
        return 0.0
    per_second = departures.find_pace(now)
    if per_second is None or departures.is_end_unknown:
        return None
    wait = departures.find_next(now) - now
    wait = 0.0 if wait == inf else max(0.0, wait)
    is_trouble = departures.stopped_by is Concern.HEALTH
    quotas = [quota for quota in departures.quotas if quota.began is not None and (quota.is_kept or not is_trouble)]
    return max([wait + left / per_second, *(quota.estimate(now, left, per_second) for quota in quotas)])
