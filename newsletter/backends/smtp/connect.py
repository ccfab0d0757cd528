"""Opening of an SMTP connection by aiosmtplib: TCP, TLS, EHLO and the login, until our own protocol takes over."""

import asyncio
from collections.abc import Sequence
from importlib.metadata import version
from typing import TYPE_CHECKING, cast

import aiosmtplib
from aiosmtplib import SMTPAuthenticationError, SMTPException, SMTPNotSupported, SMTPResponseException

from newsletter.backends import Announced, Unreachable
from newsletter.backends.smtp.connection_errors import explain_failure, join_lines
from newsletter.backends.smtp.dialogue import Dialogue
from newsletter.backends.smtp.extensions import Extensions, read_extensions
from newsletter.backends.smtp.first_login import FirstLogin
from newsletter.backends.smtp.helo import choose_default_helo
from newsletter.backends.smtp.reply_reader import decode_reply
from newsletter.backends.smtp.session import Deadlines, SmtpSession
from newsletter.backends.smtp.transaction import ENHANCED
from newsletter.redaction import Redactor
from newsletter.text import format_count, format_size

if TYPE_CHECKING:
    from newsletter.backends.smtp import SmtpSettings


_WHOLE = 2  # times the time for one step: so long may all steps together take


async def open_session(settings: "SmtpSettings", password: str | None, first_login: FirstLogin) -> SmtpSession:
    """Open a connection that is encrypted and logged in as the settings say. Raises Unreachable with the cause."""
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
        local_hostname=settings.helo or await asyncio.to_thread(choose_default_helo, settings.own_domain),
        timeout=settings.connect_timeout,
        use_tls=settings.security == "tls",
        start_tls=False,  # STARTTLS is sent below, so that it is known which step failed
    )
    stage = "connect"
    try:
        async with asyncio.timeout(_WHOLE * settings.connect_timeout):
            await client.connect()
            stage = "ehlo"
            await _say_ehlo(client)
            if settings.security == "starttls":
                stage = "starttls"
                await client.starttls()
                stage = "ehlo"
                await _say_ehlo(client)  # RFC 3207, section 4.2
            if settings.username:
                stage = "auth"
                await first_login.wait_and_log_in(lambda: _log_in_quietly(client, settings, password or ""))
            return _hand_over(client, settings, redactor)
    except (SMTPException, OSError, ValueError) as error:
        _hang_up(client)
        redactor.cleanse(error)
        raise explain_failure(error, settings, client.local_hostname or "", stage) from error
    except BaseException:
        _hang_up(client)
        raise


async def _say_ehlo(client: aiosmtplib.SMTP) -> None:
    """Say EHLO. Raises SMTPHeloError, also when the server hangs up on it: its code is 0 then."""
    try:
        await client.ehlo()
    except aiosmtplib.SMTPServerDisconnected as error:
        raise aiosmtplib.SMTPHeloError(0, "it hung up") from error


def _hang_up(client: aiosmtplib.SMTP) -> None:
    """Close the connection at once: TLS would wait for the server's close_notify, and nobody reads that any more."""
    transport = client.transport
    client.close()
    if transport is not None:
        cast("asyncio.Transport", transport).abort()


async def _log_in_quietly(client: aiosmtplib.SMTP, settings: "SmtpSettings", secret: str) -> None:
    """Log in. Raises SMTPAuthenticationError with the status alone: a server may quote what it was given."""
    try:
        await _log_in(client, settings, secret)
    except SMTPResponseException as refusal:
        status = ENHANCED.match(join_lines(refusal.message))
        raise SMTPAuthenticationError(refusal.code, status[1] if status else "") from None


async def _log_in(client: aiosmtplib.SMTP, settings: "SmtpSettings", secret: str) -> None:
    """Log in by the strongest method that the server offers. Raises SMTPAuthenticationError and SMTPNotSupported."""
    if not client.supports_extension("auth"):
        raise SMTPNotSupported("it takes no login")
    if settings.auth == "xoauth2":
        if "xoauth2" not in client.server_auth_methods:
            raise SMTPNotSupported("it takes no login by XOAUTH2")
        await client.auth_xoauth2(settings.username, secret)
        return
    methods = {"cram-md5": client.auth_crammd5, "plain": client.auth_plain, "login": client.auth_login}
    offered = [name for name in methods if name in client.server_auth_methods]
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
    await methods[offered[0]](settings.username, secret)


def _hand_over(client: aiosmtplib.SMTP, settings: "SmtpSettings", redactor: Redactor) -> SmtpSession:
    """Take the connection over from aiosmtplib, whose protocol object receives nothing from now on."""
    extensions = read_extensions(client.esmtp_extensions, may_chunk=settings.chunking)
    dialogue = Dialogue(extensions, settings.window, lambda text: redactor(decode_reply(text)))
    if client.transport is None:
        raise aiosmtplib.SMTPServerDisconnected("the connection was lost")
    dialogue.receive(_read_early_bytes(client.protocol))
    deadlines = Deadlines(command=settings.timeout, text=settings.text_timeout)
    announced = Announced(largest_message=extensions.size or None, messages=extensions.mail_max)
    return SmtpSession(
        cast("asyncio.Transport", client.transport),
        dialogue,
        deadlines,
        announced,
        _describe(client, settings, extensions),
    )


def _describe(client: aiosmtplib.SMTP, settings: "SmtpSettings", extensions: Extensions) -> Sequence[str]:
    """Return what a connection is like, in sentences."""
    tls = client.transport.get_extra_info("ssl_object") if client.transport else None
    secured = f"encrypted by {tls.version()}" if tls is not None else "not encrypted"
    login = f", and accepts the login of {settings.username}" if settings.username else ""
    said = [f"{settings.host}:{settings.port} answers, {secured}{login}."]
    if extensions.size:
        said.append(f"It takes messages of {format_size(extensions.size)} at most.")
    else:
        said.append("It names no largest message.")
    if extensions.mail_max:
        said.append(f"A connection carries {format_count(extensions.mail_max, 'message')} at most.")
    if not extensions.pipelining:
        said.append("It does not announce PIPELINING, so that a message takes several round trips.")
    if settings.chunking and not extensions.chunking:
        said.append("It does not announce CHUNKING, so that [smtp] chunking has no effect.")
    return said


def _read_early_bytes(protocol: object) -> bytes:
    """Return what the server sent before it was asked, which the dialogue takes for a fault of the server.

    aiosmtplib keeps it in `SMTPProtocol._buffer`, and has no public way to look at it. Raises Unreachable with an
    aiosmtplib that keeps it elsewhere: a reply that is overlooked would be taken for the answer to a command.
    """
    early = getattr(protocol, "_buffer", None)
    if not isinstance(early, (bytes, bytearray)):
        raise Unreachable(
            f"aiosmtplib {version('aiosmtplib')} is not one that this program can send with.",
            next_step='Install one that it was tested with: pip install "aiosmtplib>=5,<6"',
        )
    return bytes(early)
