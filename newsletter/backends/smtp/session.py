"""One SMTP connection: MAIL, RCPT, DATA and the text, each after the reply to the one before."""

import os
import re
import ssl
from typing import TYPE_CHECKING

import aiosmtplib
from aiosmtplib import SMTPAuthenticationError, SMTPException, SMTPResponse, SMTPTimeoutError

from newsletter.backends import Feed, SenderRefused, SessionLost, Unreachable, messages
from newsletter.mail.message import Message, Outcome, Receipt

if TYPE_CHECKING:
    from newsletter.backends.smtp import SmtpBackend

_ENHANCED = re.compile(r"([245]\.\d{1,3}\.\d{1,3})\s+")  # RFC 3463
_CLOSING = 421  # RFC 5321, section 3.8: the server ends the connection after this reply
_LOGIN_WANTED = 530  # RFC 4954, section 6
_OK = 250
_WRONG_NAME = (62, 64)  # OpenSSL: X509_V_ERR_HOSTNAME_MISMATCH, X509_V_ERR_IP_ADDRESS_MISMATCH
_END_OF_TEXT = b".\r\n"
_TEXT_DEADLINE_S = 600.0  # RFC 5321, section 4.5.3.2.6: giving up earlier risks a second copy


async def open_session(settings: "SmtpBackend.Settings", password: str | None) -> "SmtpSession":
    """A connection that is encrypted and logged in as the settings say. Raises Unreachable with the cause."""
    if settings.username and password is None:
        raise Unreachable(
            f"There is no password for {settings.username} at {settings.host}.",
            next_step="Set NEWSLETTER_SMTP__PASSWORD, or store it in the keyring "
            "(pip install keyring): "
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
            next_step='Check [smtp] host, port and security (465: "tls", 587: "starttls"), and your network.',
        )
    if isinstance(error, aiosmtplib.SMTPResponseException):
        return Unreachable(
            f"{server} turned the connection away: {_words(f'{error.code} {error.message}')}",
            next_step="Wait, and send again; ask whoever runs the server if it stays so.",
        )
    # asyncio has words of its own for errno; a name that can't be resolved has a negative one.
    system = next((cause for cause in causes if isinstance(cause, OSError) and cause.errno), None)
    number = system.errno if system and system.errno else 0
    words = os.strerror(number) if number > 0 else system.strerror if system else error
    return Unreachable(
        f"No connection to {server}: {words}.",
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
            try:
                receipt = await self._envelope(message) or await self._text(message)
            except _NothingSent as nothing:
                feed.untouched(message, str(nothing))
                raise SessionLost(str(nothing)) from nothing
            except SenderRefused:
                feed.untouched(message)
                raise
            feed.answer(receipt)
            if receipt.outcome is Outcome.UNKNOWN or receipt.code == _CLOSING or not self._client.is_connected:
                raise SessionLost(receipt.reply)

    async def close(self) -> None:
        try:
            await self._client.quit(timeout=5)
        except (SMTPException, OSError):
            self._client.close()

    def abort(self) -> None:
        self._client.close()

    async def _envelope(self, message: Message) -> Receipt | None:
        """Sender, reader and DATA; a receipt when the server will not have this message.

        Raises _NothingSent when the connection is of no more use, SenderRefused when it is about all messages.
        """
        for stage, command, wanted in (
            ("mail", f"MAIL FROM:<{message.sender}>", (250,)),
            ("rcpt", f"RCPT TO:<{message.recipient}>", (250, 251)),  # 251 forwards: RFC 5321, section 3.4
            ("data", "DATA", (354,)),
        ):
            try:
                reply = await self._client.execute_command(command.encode("ascii"))
            except (SMTPException, OSError) as error:
                raise _NothingSent(f"no reply to {stage.upper()}: {_words(str(error))}") from error
            if reply.code in wanted and not self._unasked_for():
                continue
            if reply.code == _CLOSING or reply.code // 100 not in (4, 5) or self._unasked_for():
                raise _NothingSent(f"{reply.code} {_words(reply.message)}")
            if reply.code // 100 == 5 and (stage == "mail" or reply.code == _LOGIN_WANTED):
                raise SenderRefused(
                    f"The server takes no mail from {message.sender}: {reply.code} {_words(reply.message)}",
                    next_step="Check [sender] bounces and from, and [smtp] username and password, in newsletter.toml.",
                )
            return await self._give_up(_receipt(message, stage, reply))
        return None

    async def _text(self, message: Message) -> Receipt:
        protocol = self._client.protocol
        if protocol is None:  # gone in the moment after its 354
            raise _NothingSent("the connection was lost")
        try:
            # The template leaves no line that begins with a dot, so the text goes as it is.
            protocol.write(message.data + _END_OF_TEXT)
            reply = await protocol.read_response(timeout=_TEXT_DEADLINE_S)
        except (SMTPException, OSError) as error:
            self._client.close()
            return _unknown(message, f"no reply came: {_words(str(error))}")
        if reply.code // 100 not in (2, 4, 5) or self._unasked_for():
            self._client.close()
            return _unknown(message, f"the reply can't be understood: {reply.code} {_words(reply.message)}")
        return _receipt(message, "text", reply)

    def _unasked_for(self) -> bool:
        """More than one reply to one command: from here on no reply could be trusted to be the right one's."""
        # aiosmtplib keeps what came too early, and has no public way to look at it.
        return bool(getattr(self._client.protocol, "_buffer", b""))

    async def _give_up(self, receipt: Receipt) -> Receipt:
        """End the transaction that a reply has failed, so that the next message begins a new one."""
        try:
            reply = await self._client.execute_command(b"RSET")
        except (SMTPException, OSError):
            self._client.close()
        else:
            if reply.code != _OK:
                self._client.close()
        return receipt


class _NothingSent(Exception):
    """The connection is of no more use, and nothing of the message's text has left."""


def _unknown(message: Message, why: str) -> Receipt:
    return Receipt(key=message.key, outcome=Outcome.UNKNOWN, stage="text", reply=why)


def _receipt(message: Message, stage: str, reply: SMTPResponse) -> Receipt:
    """What a reply says of one message. A 2xx means accepted after the text alone; see _envelope."""
    outcomes = {2: Outcome.ACCEPTED, 4: Outcome.DEFERRED, 5: Outcome.REFUSED}
    text = _words(reply.message)
    enhanced = _ENHANCED.match(text)
    return Receipt(
        key=message.key,
        outcome=outcomes[reply.code // 100],
        stage=stage,
        code=reply.code,
        enhanced=enhanced[1] if enhanced else None,
        reply=text[enhanced.end() :] if enhanced else text,
    )


def _words(reply: str) -> str:
    return " ".join(reply.split())
