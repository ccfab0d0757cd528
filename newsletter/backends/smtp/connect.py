"""Opens a connection: TCP, TLS, EHLO and the login, by aiosmtplib; what can go wrong there gets its words here."""

import asyncio
import os
import ssl
from collections.abc import Mapping
from typing import TYPE_CHECKING, cast

import aiosmtplib
from aiosmtplib import SMTPAuthenticationError, SMTPException, SMTPNotSupported, SMTPResponseException, SMTPTimeoutError

from newsletter.backends import Unreachable
from newsletter.backends.smtp.dialogue import ENHANCED, Dialogue, Extensions
from newsletter.backends.smtp.helo import default_helo
from newsletter.backends.smtp.replies import decode_reply
from newsletter.backends.smtp.session import Deadlines, SmtpSession
from newsletter.redaction import Redactor

if TYPE_CHECKING:
    from newsletter.backends.smtp import SmtpBackend

_WRONG_NAME = (62, 64)  # OpenSSL: X509_V_ERR_HOSTNAME_MISMATCH, X509_V_ERR_IP_ADDRESS_MISMATCH


async def open_session(settings: "SmtpBackend.Settings", password: str | None) -> SmtpSession:
    """A connection that is encrypted and logged in as the settings say. Raises Unreachable with the cause."""
    if settings.username and password is None:
        raise Unreachable(
            f"There is no password for {settings.username} at {settings.host}.",
            next_step="Set NEWSLETTER_SMTP__PASSWORD, or store it in the keyring "
            "(pip install keyring): "
            f"keyring set newsletter:{settings.host} {settings.username}",
        )
    redactor = Redactor([password] if password else [], settings.username)
    client = aiosmtplib.SMTP(
        hostname=settings.host,
        port=settings.port,
        local_hostname=settings.helo or await asyncio.to_thread(default_helo, settings.own_domain),
        timeout=settings.connect_timeout,
        use_tls=settings.security == "tls",
        start_tls=False,  # it is asked for below, so that it is known which step failed
    )
    try:
        await client.connect()
        await _announce(client)
        if settings.security == "starttls":
            await client.starttls()
            await _announce(client)  # RFC 3207, section 4.2
        if settings.username:
            await _logged_in(client, settings, password or "")
        return _handed_over(client, settings, redactor)
    except (SMTPException, OSError, ValueError) as error:
        _hang_up(client)
        redactor.cleanse(error)
        raise _unreachable(error, settings, client.local_hostname or "") from error
    except BaseException:
        _hang_up(client)
        raise


async def _announce(client: aiosmtplib.SMTP) -> None:
    """Say EHLO. Raises SMTPHeloError, also when the server hangs up on it: its code is 0 then."""
    try:
        await client.ehlo()
    except aiosmtplib.SMTPServerDisconnected as error:
        raise aiosmtplib.SMTPHeloError(0, "it hung up") from error


def _hang_up(client: aiosmtplib.SMTP) -> None:
    """At once: TLS would wait for the server's goodbye, which nobody is there any more to hear."""
    transport = client.transport
    client.close()
    if transport is not None:
        cast("asyncio.Transport", transport).abort()


async def _logged_in(client: aiosmtplib.SMTP, settings: "SmtpBackend.Settings", secret: str) -> None:
    """Log in. Raises SMTPAuthenticationError with the status alone: a server may quote what it was given."""
    try:
        await _log_in(client, settings, secret)
    except SMTPResponseException as refusal:
        status = ENHANCED.match(_words(refusal.message))
        raise SMTPAuthenticationError(refusal.code, status[1] if status else "") from None


async def _log_in(client: aiosmtplib.SMTP, settings: "SmtpBackend.Settings", secret: str) -> None:
    """The strongest way that the server offers. Raises SMTPAuthenticationError."""
    if not client.supports_extension("auth"):
        raise SMTPNotSupported("it takes no login")
    if settings.auth == "xoauth2":
        if "xoauth2" not in client.server_auth_methods:
            raise SMTPNotSupported("it takes no login by XOAUTH2")
        await client.auth_xoauth2(settings.username, secret)
        return
    ways = {"cram-md5": client.auth_crammd5, "plain": client.auth_plain, "login": client.auth_login}
    offered = [name for name in ways if name in client.server_auth_methods]
    if not offered:
        raise SMTPNotSupported(f"it takes a login by {', '.join(client.server_auth_methods) or 'nothing'} alone")
    if offered[0] == "cram-md5" and len(offered) > 1:
        # Servers offer CRAM-MD5 without keeping the password in the form that it needs. PLAIN and LOGIN
        # ask the same question, so that one refusal is enough, and a wrong password is not tried three times.
        try:
            await client.auth_crammd5(settings.username, secret)
        except SMTPAuthenticationError as refusal:
            if refusal.code // 100 != 5:
                raise
            del offered[0]
        else:
            return
    await ways[offered[0]](settings.username, secret)


def _handed_over(client: aiosmtplib.SMTP, settings: "SmtpBackend.Settings", redactor: Redactor) -> SmtpSession:
    """aiosmtplib lets go of the connection here: from now on its protocol object hears nothing."""
    extensions = Extensions(
        pipelining=client.supports_extension("pipelining"),
        chunking=settings.chunking and client.supports_extension("chunking"),
        size=_announced_size(client.esmtp_extensions),
    )
    dialogue = Dialogue(extensions, settings.window, lambda text: redactor(decode_reply(text)))
    if client.transport is None:
        raise aiosmtplib.SMTPServerDisconnected("the connection was lost")
    # aiosmtplib keeps what came too early, and has no public way to look at it.
    dialogue.receive(bytes(getattr(client.protocol, "_buffer", b"")))
    deadlines = Deadlines(command=settings.timeout, text=settings.text_timeout)
    return SmtpSession(cast("asyncio.Transport", client.transport), dialogue, deadlines)


def _announced_size(extensions: Mapping[str, str]) -> int | None:
    """RFC 1870, section 4: the largest text; 0, or nothing, says that there is no largest."""
    value = extensions.get("size")
    return value if value is None else int(value) if value.isdecimal() and value.isascii() else 0


def _unreachable(error: Exception, settings: "SmtpBackend.Settings", own_name: str) -> Unreachable:
    """The one place where the ways in which a connection can fail get their words."""
    server = f"[{settings.host}]:{settings.port}" if ":" in settings.host else f"{settings.host}:{settings.port}"
    causes = [error, *_causes(error)]
    certificate = next((cause for cause in causes if isinstance(cause, ssl.SSLCertVerificationError)), None)
    if certificate is not None:
        wrong_name = certificate.verify_code in _WRONG_NAME
        return Unreachable(
            f"The certificate of {server} can't be trusted: {certificate.verify_message}.",
            next_step="Check [smtp] host: it has to be the name that the certificate is made out to."
            if wrong_name
            else "Have the server's certificate signed by an authority that this machine knows; "
            "or name its own in the environment: SSL_CERT_FILE=/path/to/certificate.pem",
        )
    if any(isinstance(cause, ssl.SSLError) for cause in causes):
        return Unreachable(
            f"{server} does not answer in TLS as expected.",
            next_step='Check [smtp] port and security: 465 goes with "tls", 587 with "starttls".',
        )
    if isinstance(error, SMTPAuthenticationError):
        return Unreachable(
            f"{server} refused the login of {settings.username}: {error.code} {error.message}".rstrip(),
            next_step="Check [smtp] username and the password."
            if settings.auth == "password"
            else "Check [smtp] username; get a new access token, for they expire.",
            code=error.code,
        )
    if isinstance(error, SMTPNotSupported) or "STARTTLS" in str(error):
        return Unreachable(
            f"{server} does not offer what [smtp] asks for: {error}",
            next_step="Check [smtp] port, security, username and auth.",
        )
    if isinstance(error, SMTPTimeoutError):
        return Unreachable(
            f"{server} did not answer within {settings.connect_timeout:g} seconds.",
            next_step='Check [smtp] host, port and security (465: "tls", 587: "starttls"), and your network.',
        )
    if isinstance(error, aiosmtplib.SMTPHeloError):
        said = f"{error.code} {_words(str(error.args[1]))}" if error.code else error.message
        other = f"another name than {own_name} into [smtp] helo: this machine's full name, or your domain."
        return Unreachable(
            f"{server} turned the connection away when this machine announced itself as {own_name}: {said}",
            next_step=f"Wait, and send again; if it stays so, write {other}"
            if error.code // 100 == 4
            else f"Write {other}",
            code=error.code or None,
        )
    if isinstance(error, SMTPResponseException):
        return Unreachable(
            f"{server} turned the connection away: {error.code} {_words(str(error.args[1]))}",
            next_step="Wait, and send again; ask whoever runs the server if it stays so.",
            code=error.code,
        )
    # asyncio has words of its own for errno; a name that can't be resolved has a negative one.
    system = next((cause for cause in causes if isinstance(cause, OSError) and cause.errno), None)
    number = system.errno if system and system.errno else 0
    text = os.strerror(number) if number > 0 else system.strerror if system else error
    return Unreachable(
        f"No connection to {server}: {text}.",
        next_step="Check [smtp] host and port in newsletter.toml, and that the server runs.",
    )


def _causes(error: BaseException) -> list[BaseException]:
    cause = error.__cause__ or error.__context__
    return [cause, *_causes(cause)] if cause else []


def _words(reply: str) -> str:
    return " ".join(reply.split())
