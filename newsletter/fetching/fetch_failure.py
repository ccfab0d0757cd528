"""The failure to fetch a page: its reason for the program, and in words for a person."""

from collections.abc import Sequence
from enum import StrEnum

from newsletter.errors import NewsletterError
from newsletter.fetching.response import Redirect


class FailureReason(StrEnum):
    """The reasons for which no answer was had from a web server."""

    ADDRESS = "address"  # none that can be asked: unreadable, or neither http nor https
    PRIVATE = "private"  # an address of a private network or of this machine, which was not asked
    UNKNOWN_NAME = "unknown-name"  # there is no server of that name
    LOOKUP = "lookup"  # the name could not be looked up, for want of a network or of a name server's answer
    REFUSED = "refused"  # nothing answers at that port
    UNREACHABLE = "unreachable"  # there is no way there, from here or at all
    TIMEOUT = "timeout"
    CERTIFICATE = "certificate"  # expired, for another name, or signed by the server itself
    AUTHORITY = "authority"  # a certificate of an authority that this machine does not know; a browser may
    TLS = "tls"  # the server does not answer in TLS as expected
    DROPPED = "dropped"  # the server hung up before its answer was whole
    PROTOCOL = "protocol"  # the answer is not HTTP, or breaks its rules
    REDIRECTS = "redirects"  # more than are followed, so most likely a loop


class FetchFailure(NewsletterError):
    """A page that could not be fetched: the user looks at the address, or at the network.

    `address` is what was asked last, and `redirects` what led there from the address that the caller gave.
    """

    def __init__(
        self,
        reason: FailureReason,
        message: str,
        *,
        address: str,
        redirects: Sequence[Redirect] = (),
        next_step: str = "",
    ) -> None:
        super().__init__(message, next_step=next_step)
        self.reason = reason
        self.address = address
        self.redirects = tuple(redirects)
