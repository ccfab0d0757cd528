"""Failures of opening an SMTP connection, each in words with what to do about it."""

import os
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from aiosmtplib import (
    SMTPAuthenticationError,
    SMTPHeloError,
    SMTPNotSupported,
    SMTPResponseException,
    SMTPTimeoutError,
)

from newsletter.backends import Unreachable
from newsletter.backends.smtp.transaction import ENHANCED
from newsletter.tls import explain_tls_failure, list_causes

if TYPE_CHECKING:
    from newsletter.backends.smtp import SmtpSettings


class ConnectionFailure:
    """A failed attempt to connect and log in, with what it was about."""

    def __init__(self, error: Exception, settings: "SmtpSettings", own_name: str, stage: str) -> None:
        self.error = error
        self.settings = settings
        self.stage = stage  # the step that failed
        self.own_name = own_name  # as it was announced by EHLO
        host = f"[{settings.host}]" if ":" in settings.host else settings.host
        self.server = f"{host}:{settings.port}"


def explain_failure(error: Exception, settings: "SmtpSettings", own_name: str, stage: str) -> Unreachable:
    """Return why no connection could be opened, which failed at `stage`, as Unreachable has it.

    `own_name` is what this machine announced itself as.
    """
    failure = ConnectionFailure(error, settings, own_name, stage)
    for explain in _EXPLANATIONS:
        if explained := explain(failure):
            break
    else:
        explained = _explain_system(failure)
    explained.stage = stage
    if isinstance(error, SMTPResponseException):
        reply = join_lines(str(error.args[1]))
        status = ENHANCED.match(reply)
        explained.enhanced = status[1] if status else None
        explained.reply = reply[status.end() :] if status else reply
    return explained


def _explain_tls(failure: ConnectionFailure) -> Unreachable | None:
    tls = explain_tls_failure(
        failure.error,
        failure.server,
        check_host="Check [smtp] host",
        check_port='Check [smtp] port and security: 465 goes with "tls", 587 with "starttls".',
    )
    return Unreachable(tls.message, next_step=tls.next_step) if tls else None


def _explain_login(failure: ConnectionFailure) -> Unreachable | None:
    error, settings = failure.error, failure.settings
    if not isinstance(error, SMTPAuthenticationError):
        return None
    return Unreachable(
        f"{failure.server} refused the login of {settings.username}: {error.code} {error.message}".rstrip(),
        next_step="Check [smtp] username and the password."
        if settings.auth == "password"
        else "Check [smtp] username; get a new access token, for they expire.",
        code=error.code,
    )


def _explain_missing_extension(failure: ConnectionFailure) -> Unreachable | None:
    if not isinstance(failure.error, SMTPNotSupported) and "STARTTLS" not in str(failure.error):
        return None
    return Unreachable(
        f"{failure.server} does not offer what [smtp] asks for: {failure.error}",
        next_step="Check [smtp] port, security, username and auth.",
    )


def _explain_timeout(failure: ConnectionFailure) -> Unreachable | None:
    # One step was not done in its time, or all of them together.
    if not isinstance(failure.error, SMTPTimeoutError | TimeoutError) or getattr(failure.error, "errno", None):
        return None
    return Unreachable(
        f"{failure.server} did not answer within {failure.settings.connect_timeout:g} seconds.",
        next_step='Check [smtp] host, port and security (465: "tls", 587: "starttls"), and your network.',
    )


def _explain_helo(failure: ConnectionFailure) -> Unreachable | None:
    error, own_name = failure.error, failure.own_name
    if not isinstance(error, SMTPHeloError):
        return None
    reply = f"{error.code} {join_lines(str(error.args[1]))}" if error.code else error.message
    other = f"another name than {own_name} into [smtp] helo: this machine's full name, or your domain."
    return Unreachable(
        f"{failure.server} turned the connection away when this machine announced itself as {own_name}: {reply}",
        next_step=f"Wait, and send again; if it stays so, write {other}"
        if error.code // 100 == 4
        else f"Write {other}",
        code=error.code or None,
    )


def _explain_reply(failure: ConnectionFailure) -> Unreachable | None:
    error = failure.error
    if not isinstance(error, SMTPResponseException):
        return None
    return Unreachable(
        f"{failure.server} turned the connection away: {error.code} {join_lines(str(error.args[1]))}",
        next_step="Wait, and send again; ask whoever runs the server if it stays so.",
        code=error.code,
    )


def _explain_system(failure: ConnectionFailure) -> Unreachable:
    """Explain what the system says. asyncio has words of its own for an errno, and a name not found a negative one."""
    system = next((cause for cause in list_causes(failure.error) if isinstance(cause, OSError) and cause.errno), None)
    words: object = failure.error
    if system is not None and system.errno:
        words = os.strerror(system.errno) if system.errno > 0 else system.strerror
    return Unreachable(
        f"No connection to {failure.server}: {words}.",
        next_step="Check [smtp] host and port in newsletter.toml, and that the server runs.",
    )


# In this order: the first that knows the failure explains it. A reply is explained last, since others are replies, too.
_EXPLANATIONS: Sequence[Callable[[ConnectionFailure], Unreachable | None]] = (
    _explain_tls,
    _explain_login,
    _explain_missing_extension,
    _explain_timeout,
    _explain_helo,
    _explain_reply,
)


def join_lines(reply: str) -> str:
    """Return a reply of several lines as one."""
    return " ".join(reply.split())
