"""TLS failures in words, for every server that this program connects to."""

import ssl
from dataclasses import dataclass

_WRONG_NAME = (62, 64)  # OpenSSL: X509_V_ERR_HOSTNAME_MISMATCH, X509_V_ERR_IP_ADDRESS_MISMATCH


@dataclass(frozen=True, slots=True)
class TlsFailure:
    """A failed handshake: what is wrong, and what to do about it."""

    message: str
    next_step: str


def explain_tls_failure(error: BaseException, server: str, *, check_host: str, check_port: str) -> TlsFailure | None:
    """Return what a failed handshake with `server` means; None when no cause of the error is about TLS.

    `check_host` and `check_port` say where the server's name and its port are set, as in "Check [smtp] host".
    """
    causes = list_causes(error)
    certificate = next((cause for cause in causes if isinstance(cause, ssl.SSLCertVerificationError)), None)
    if certificate is not None:
        return TlsFailure(
            f"The certificate of {server} can't be trusted: {certificate.verify_message}.",
            f"{check_host}: it has to be the name that the certificate is made out to."
            if certificate.verify_code in _WRONG_NAME
            else "Have the server's certificate signed by an authority that this machine knows; "
            "or name its own in the environment: SSL_CERT_FILE=/path/to/certificate.pem",
        )
    if any(isinstance(cause, ssl.SSLError) for cause in causes):
        return TlsFailure(f"{server} does not answer in TLS as expected.", check_port)
    return None


def list_causes(error: BaseException) -> list[BaseException]:
    """Return the error and what led to it, the error itself first."""
    causes: list[BaseException] = []
    cause: BaseException | None = error
    while cause is not None and cause not in causes:
        causes.append(cause)
        cause = cause.__cause__ or cause.__context__
    return causes
