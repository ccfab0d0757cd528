"""One SMTP connection: MAIL, RCPT, DATA and the text, each after the reply to the one before."""

import re
import ssl
from typing import TYPE_CHECKING

import aiosmtplib
from aiosmtplib import SMTPAuthenticationError, SMTPException, SMTPResponse, SMTPServerDisconnected, SMTPTimeoutError

from newsletter.backends import Feed, SessionLost, Unreachable, messages
from newsletter.mail.message import Message, Outcome, Receipt

if TYPE_CHECKING:
    from newsletter.backends.smtp import SmtpBackend

_ENHANCED = re.compile(r"([245]\.\d{1,3}\.\d{1,3})\s+")  # RFC 3463
_CLOSING = 421  # RFC 5321, section 3.8: the server ends the connection after this reply
_END_OF_TEXT = b".\r\n"
_TEXT_DEADLINE_S = 600.0  # RFC 5321, section 4.5.3.2.6: giving up earlier risks a second copy


async def open_session(settings: "SmtpBackend.Settings", password: str | None) -> "SmtpSession":
    """A connection that is encrypted and logged in as the settings say. Raises Unreachable with the cause."""
    if settings.username and password is None:
        raise Unreachable(
            f"There is no password for {settings.username} at {settings.host}.",
            next_step="Set NEWSLETTER_SMTP__PASSWORD, or store it in the keyring "
            "(pip install 'newsletter-press[keyring]'): "
            f"keyring set newsletter:{settings.host} {settings.username}",
        )
    client = aiosmtplib.SMTP(
        hostname=settings.host,
        port=settings.port,
        timeout=settings.timeout,
        use_tls=settings.security == "tls",
        start_tls=settings.security == "starttls",
    )
    try:
        await client.connect()
        await client.ehlo()
        if settings.username:
            await client.login(settings.username, password or "")
    except (SMTPException, OSError, ValueError) as error:
        client.close()
        raise _unreachable(error, settings) from error
    return SmtpSession(client)


def _unreachable(error: Exception, settings: "SmtpBackend.Settings") -> Unreachable:
    """The one place where the ways in which a connection can fail get their words."""
    server = f"{settings.host}:{settings.port}"
    causes = [error, *_causes(error)]
    certificate = next((cause for cause in causes if isinstance(cause, ssl.SSLCertVerificationError)), None)
    if certificate is not None:
        return Unreachable(
            f"The certificate of {server} can't be trusted: {certificate.verify_message}.",
            next_step="Check [smtp] host: it has to be the name that the certificate is made out to.",
        )
    if any(isinstance(cause, ssl.SSLError) for cause in causes):
        return Unreachable(
            f"{server} does not answer in TLS as expected.",
            next_step='Check [smtp] port and security: 465 goes with "tls", 587 with "starttls".',
        )
    if isinstance(error, SMTPAuthenticationError):
        return Unreachable(
            f"{server} refused the login of {settings.username}: {error.code} {error.message}",
            next_step="Check [smtp] username and the password.",
        )
    if isinstance(error, aiosmtplib.SMTPNotSupported) or "STARTTLS" in str(error):
        return Unreachable(
            f"{server} does not offer what [smtp] asks for: {error}",
            next_step="Check [smtp] port, security and username.",
        )
    if isinstance(error, SMTPTimeoutError):
        return Unreachable(
            f"{server} did not answer within {settings.timeout:g} seconds.",
            next_step="Check [smtp] host and port, and your network.",
        )
    if isinstance(error, aiosmtplib.SMTPResponseException):
        return Unreachable(
            f"{server} turned the connection away: {error.code} {error.message}",
            next_step="Wait, and send again; ask whoever runs the server if it stays so.",
        )
    return Unreachable(
        f"No connection to {server}: {error}.",
        next_step="Check [smtp] host and port in newsletter.toml, and that the server runs.",
    )


def _causes(error: BaseException) -> list[BaseException]:
    cause = error.__cause__ or error.__context__
    return [cause, *_causes(cause)] if cause else []


class SmtpSession:
    def __init__(self, client: aiosmtplib.SMTP) -> None:
        self._client = client

    async def deliver(self, feed: Feed) -> None:
        async for message in messages(feed):
            receipt = await self._transaction(message, feed)
            if receipt is None:
                raise SessionLost
            feed.answer(receipt)
            if receipt.code == _CLOSING or not self._client.is_connected:
                raise SessionLost

    async def close(self) -> None:
        try:
            await self._client.quit(timeout=5)
        except (SMTPException, OSError):
            self._client.close()

    async def _transaction(self, message: Message, feed: Feed) -> Receipt | None:
        """One message; None when the connection broke before its text, and it was given back to the feed."""
        stage = ""
        try:
            for stage, command, wanted in (
                ("mail", f"MAIL FROM:<{message.sender}>", 250),
                ("rcpt", f"RCPT TO:<{message.recipient}>", 250),
                ("data", "DATA", 354),
            ):
                reply = await self._client.execute_command(command.encode("ascii"))
                if reply.code == _CLOSING:
                    feed.untouched(message)
                    return None
                # 251 forwards (RFC 5321, section 3.4), and is as good as 250.
                if reply.code != wanted and not (stage == "rcpt" and reply.code == 251):
                    return await self._give_up(_receipt(message, stage, reply))
        except (SMTPServerDisconnected, SMTPTimeoutError, ConnectionError):
            feed.untouched(message)
            return None
        return await self._text(message)

    async def _text(self, message: Message) -> Receipt:
        protocol = self._client.protocol
        if protocol is None:  # gone in the moment after its 354
            return Receipt(key=message.key, outcome=Outcome.DEFERRED, stage="text", reply="the connection was lost")
        try:
            # The template leaves no line that begins with a dot, so the text goes as it is.
            protocol.write(message.data + _END_OF_TEXT)
            reply = await protocol.read_response(timeout=_TEXT_DEADLINE_S)
        except (SMTPServerDisconnected, SMTPTimeoutError, ConnectionError) as error:
            self._client.close()
            return Receipt(key=message.key, outcome=Outcome.UNKNOWN, stage="text", reply=f"no reply came: {error}")
        return _receipt(message, "text", reply)

    async def _give_up(self, receipt: Receipt) -> Receipt:
        """End the transaction that a reply has failed, so that the next message begins a new one."""
        try:
            await self._client.execute_command(b"RSET")
        except (SMTPServerDisconnected, SMTPTimeoutError, ConnectionError):
            self._client.close()
        return receipt


def _receipt(message: Message, stage: str, reply: SMTPResponse) -> Receipt:
    match reply.code // 100:
        case 2:
            outcome = Outcome.ACCEPTED
        case 4:
            outcome = Outcome.DEFERRED
        case _:
            outcome = Outcome.REFUSED
    text = " ".join(reply.message.split())
    enhanced = _ENHANCED.match(text)
    return Receipt(
        key=message.key,
        outcome=outcome,
        stage=stage,
        code=reply.code,
        enhanced=enhanced[1] if enhanced else None,
        reply=text[enhanced.end() :] if enhanced else text,
    )
