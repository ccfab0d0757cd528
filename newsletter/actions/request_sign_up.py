"""Requests to join, as forms send them: each is kept durably, and nothing else happens before it is answered.

So whoever it is, known, unknown, erased or suppressed, gets the same answer after the same time. What follows is
decided by answer_sign_ups, when the answer is out.
"""

from collections.abc import Sequence

from newsletter.config.signup_settings import SignupSettings
from newsletter.store import Store
from newsletter.subscribers.reader_requests import (
    ReaderRequest,
    RequestKind,
    add_requests,
    count_addresses,
    count_open,
)

_OPEN_HOURS = 20  # so many hours' worth of requests may wait to be confirmed


def request_sign_ups(store: Store, settings: SignupSettings, requests: Sequence[ReaderRequest]) -> list[bool]:
    """Keep requests to join; return of each whether it was kept. Beyond the bounds of the whole publication none is.

    The bounds are about all requests together, so that the answer says nothing about one address. Raises DeliveryError
    when the store can't be written.
    """
    with store.transaction() as connection:
        room = min(
            settings.hourly - count_addresses(connection, RequestKind.JOIN, hours=1),
            find_most_open(settings) - count_open(connection, RequestKind.JOIN),
        )
        kept = requests[: max(0, room)]
        add_requests(connection, kept)
    return [number < len(kept) for number in range(len(requests))]


def find_most_open(settings: SignupSettings) -> int:
    """Return how many requests may wait to be confirmed, and how many dropped ones are kept."""
    return _OPEN_HOURS * settings.hourly
