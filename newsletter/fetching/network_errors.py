"""Failures of the network while a page is fetched, in words and by reason."""

import errno
import socket
import ssl
from collections.abc import Sequence
from urllib.parse import urlsplit

import httpcore

from newsletter.fetching.fetch_failure import FailureReason, FetchFailure
from newsletter.fetching.guarded_network import PrivateAddress
from newsletter.fetching.response import Redirect
from newsletter.tls import list_causes

NETWORK_ERRORS = (
    PrivateAddress,
    OSError,
    httpcore.ProtocolError,
    httpcore.NetworkError,
    httpcore.TimeoutException,
)
_NO_SUCH_NAME = (socket.EAI_NONAME, getattr(socket, "EAI_NODATA", socket.EAI_NONAME))
_NO_WAY = (errno.ENETUNREACH, errno.EHOSTUNREACH, errno.ENETDOWN, errno.EHOSTDOWN, errno.EADDRNOTAVAIL, errno.EACCES)
# OpenSSL: X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT, SELF_SIGNED_CERT_IN_CHAIN, UNABLE_TO_GET_ISSUER_CERT_LOCALLY,
# UNABLE_TO_VERIFY_LEAF_SIGNATURE. Browsers look for a missing certificate in between, and bring authorities along.
_UNKNOWN_AUTHORITY = (2, 19, 20, 21)
_BY_HAND = "Open it in a browser. If it works there, leave it as it is."


def explain_network_error(error: BaseException, address: str, redirects: Sequence[Redirect]) -> FetchFailure:
    """Return the failure that an error of the network, of httpcore or of the guard means."""
    reason, message, next_step = _find_reason(error, urlsplit(address).hostname or address)
    return FetchFailure(reason, message, address=address, redirects=redirects, next_step=next_step)


def _find_reason(error: BaseException, host: str) -> tuple[FailureReason, str, str]:
    causes = list_causes(error)
    numbers = [cause.errno for cause in causes if isinstance(cause, OSError)]
    if isinstance(error, PrivateAddress):
        return (
            FailureReason.PRIVATE,
            f"{host} is a server of a private network or on this machine, and was not asked.",
            f'If readers reach it, allow it in newsletter.toml: [links] allow = ["{host}"]',
        )
    if isinstance(error, socket.gaierror):
        if error.errno in _NO_SUCH_NAME:
            return FailureReason.UNKNOWN_NAME, f"There is no server named {host}.", "Look at the address again."
        return FailureReason.LOOKUP, f"The name {host} could not be looked up.", "See that this machine is online."
    if certificate := next((cause for cause in causes if isinstance(cause, ssl.SSLCertVerificationError)), None):
        reason = FailureReason.AUTHORITY if certificate.verify_code in _UNKNOWN_AUTHORITY else FailureReason.CERTIFICATE
        return reason, f"The certificate of {host} can't be trusted: {certificate.verify_message}.", _BY_HAND
    if any(isinstance(cause, ssl.SSLError) for cause in causes):
        return FailureReason.TLS, f"No secure connection (https) to {host} could be made.", _BY_HAND
    if any(isinstance(cause, (TimeoutError, httpcore.TimeoutException)) for cause in causes):
        return FailureReason.TIMEOUT, f"{host} did not answer in time.", _BY_HAND
    if errno.ECONNREFUSED in numbers:
        return FailureReason.REFUSED, f"{host} refuses the connection.", _BY_HAND
    if any(number in _NO_WAY for number in numbers):
        return FailureReason.UNREACHABLE, f"{host} can't be reached from here.", "See that this machine is online."
    if isinstance(error, httpcore.ProtocolError) and "disconnected" not in str(error):
        return FailureReason.PROTOCOL, f"{host} does not answer as a web server does.", _BY_HAND
    return FailureReason.DROPPED, f"{host} hung up without an answer.", _BY_HAND
