"""The time that a send still takes, by what is accepted and what the limits allow."""

from newsletter.throttle.departures import Departures


def estimate_seconds(departures: Departures, now: float, left: int) -> float | None:
    """Return how many seconds it takes until `left` messages are delivered; None while that is not known."""
    if left <= 0:
        return 0.0
    per_second = departures.rate.find_pace(now)
    if per_second is None:
        return None
    wait = departures.find_next(now) - now
    wait = 0.0 if wait == float("inf") else max(0.0, wait)
    seconds = wait + left / per_second
    for quota in departures.quotas:
        if quota.is_kept and quota.began is not None:
            seconds = max(seconds, quota.estimate(now, left, per_second))
    return seconds
