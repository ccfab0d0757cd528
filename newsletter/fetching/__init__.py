"""Pages of the web, asked for politely: addresses of private networks refused, sizes and times limited.

`newsletter.fetching.web_client.WebClient` asks; it brings httpx, so import it where it is used.
"""

from newsletter.fetching.address_guard import AllowedHosts, IPAddress, Resolver
from newsletter.fetching.fetch_failure import FailureReason, FetchFailure
from newsletter.fetching.response import FetchLimits, Redirect, Response

__all__ = [
    "AllowedHosts",
    "FailureReason",
    "FetchFailure",
    "FetchLimits",
    "IPAddress",
    "Redirect",
    "Resolver",
    "Response",
]
