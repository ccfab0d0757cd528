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
    delete_oldest_asked,
)

_OPEN_HOURS = 20  # so many hours' worth of requests may wait to be confirmed
_GIVES_WAY_HOURS = 2.0


def request_sign_ups(store: Store, settings: SignupSettings, requests: Sequence[ReaderRequest]) -> list[bool]:
    """Keep requests to join; return of each whether it was kept. Beyond the bounds of the whole publication none is.

    When too many wait to be confirmed, the oldest give way, if they have had two hours: whoever floods the form from
    many networks would else close it for the week in which those requests end. The bounds are about all requests
    together, so that the answer says nothing about one address. Raises DeliveryError when the store can't be written.
    """
    with store.transaction() as connection:
        of_hour = max(0, settings.hourly - count_addresses(connection, RequestKind.JOIN, hours=1))
        room = find_most_open(settings) - count_open(connection, RequestKind.JOIN)
        if (short := min(of_hour, len(requests)) - room) > 0:
            room += delete_oldest_asked(connection, RequestKind.JOIN, short, hours=_GIVES_WAY_HOURS)
        kept = requests[: max(0, min(of_hour, room))]
        add_requests(connection, kept)
    return [number < len(kept) for number in range(len(requests))]


def find_most_open(settings: SignupSettings) -> int:
    """Return how many requests may wait to be confirmed, and how many dropped ones are kept."""
    return _OPEN_HOURS * settings.hourly
