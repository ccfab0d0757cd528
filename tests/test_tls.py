"""One explanation of a failed handshake, whichever library it comes from."""

import ssl

from newsletter.tls import explain_tls_failure, list_causes

WHERE = {"check_host": "Check the host", "check_port": "Check the port."}


def _wrapped(inner: BaseException) -> OSError:
    """Return an error as libraries hand it on: the cause of another one."""
    error = OSError("could not connect")
    error.__cause__ = inner
    return error


def test_a_certificate_for_another_name_leads_to_the_setting() -> None:
    inner = ssl.SSLCertVerificationError()
    inner.verify_code, inner.verify_message = 62, "Hostname mismatch"
    failure = explain_tls_failure(_wrapped(inner), "mail.example.org:465", **WHERE)
    assert failure is not None
    assert failure.message == "The certificate of mail.example.org:465 can't be trusted: Hostname mismatch."
    assert failure.next_step == "Check the host: it has to be the name that the certificate is made out to."


def test_a_certificate_of_an_unknown_authority_leads_to_the_environment() -> None:
    inner = ssl.SSLCertVerificationError()
    inner.verify_code, inner.verify_message = 18, "self-signed certificate"
    failure = explain_tls_failure(inner, "mail.example.org:465", **WHERE)
    assert failure is not None
    assert "SSL_CERT_FILE=" in failure.next_step


def test_a_server_without_tls_leads_to_the_port() -> None:
    failure = explain_tls_failure(_wrapped(ssl.SSLError("wrong version number")), "mail.example.org:25", **WHERE)
    assert failure is not None
    assert (failure.message, failure.next_step) == (
        "mail.example.org:25 does not answer in TLS as expected.",
        "Check the port.",
    )


def test_what_is_not_about_tls_is_left_to_others() -> None:
    assert explain_tls_failure(_wrapped(ConnectionRefusedError()), "mail.example.org:25", **WHERE) is None


def test_causes_that_lead_to_each_other_end() -> None:
    first, second = ValueError("first"), ValueError("second")
    first.__cause__, second.__cause__ = second, first
    assert list_causes(first) == [first, second]
