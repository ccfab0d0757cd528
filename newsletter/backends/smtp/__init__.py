"""The backend for a mail server (RFC 5321): several connections, each as fast as the server's extensions allow."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import AfterValidator, Field, PrivateAttr, SecretStr, ValidationInfo, field_validator

from newsletter.address import domain_of
from newsletter.backends import Limits, Session
from newsletter.backends.smtp.helo import check_helo
from newsletter.config import Config, Section
from newsletter.config.system_keyring import read_stored_password
from newsletter.host import is_loopback, without_brackets
from newsletter.validation import fault_error

if TYPE_CHECKING:
    from newsletter.backends.smtp.first_login import FirstLogin

CLEAR_TEXT_ALLOWED = "none-even-over-the-network"


class SmtpSettings(Section):
    """The table [smtp]. The password comes from the environment or the keyring, never from the file.

    `helo` is the name that this machine announces itself by: its own full one, or else the sender's domain.
    `auth` says whether the secret is a password, or an access token for XOAUTH2. `window` is how many messages a
    connection with `chunking` has under way. The timeouts are in seconds: for each step until it is logged in, for
    each one up to the text, and for the reply to the text.
    """

    host: Annotated[str, AfterValidator(without_brackets), Field(min_length=1)] = "localhost"
    port: Annotated[int, Field(ge=1, le=65535)] = 587
    security: Literal["starttls", "tls", "none", "none-even-over-the-network"] = "starttls"
    helo: Annotated[str, AfterValidator(check_helo)] | None = None
    username: str = ""
    password: SecretStr | None = None
    auth: Literal["password", "xoauth2"] = "password"
    connections: Annotated[int, Field(ge=1, le=100)] = 4
    chunking: bool = False
    window: Annotated[int, Field(ge=1, le=100)] = 16
    messages_per_second: Annotated[float, Field(gt=0)] | None = None
    messages_per_hour: Annotated[int, Field(ge=1)] | None = None
    messages_per_connection: Annotated[int, Field(ge=1)] | None = None
    connect_timeout: Annotated[float, Field(gt=0)] = 60.0
    # RFC 5321, section 4.5.3.2: giving up on a command is harmless, giving up on a text risks a second copy.
    timeout: Annotated[float, Field(gt=0)] = 300.0
    text_timeout: Annotated[float, Field(gt=0)] = 600.0

    _domain: str = PrivateAttr(default="")

    def completed(self, config: Config) -> "SmtpSettings":
        """Return these settings with the sender's domain, which `helo` may fall back to."""
        settings = self.model_copy()
        settings._domain = domain_of(config.sender.from_.address)
        return settings

    @property
    def own_domain(self) -> str:
        """Return the sender's domain; empty for settings that belong to no publication."""
        return self._domain

    @property
    def place(self) -> str:
        """Return where the mail goes, for a message."""
        return f"at {self.host}"

    @property
    def server(self) -> str:
        """Return the server and the account on it, by which its limits are known."""
        return f"{self.host}:{self.port} {self.username}".rstrip()

    @field_validator("security")
    @classmethod
    def _refuse_clear_text(cls, security: str, info: ValidationInfo) -> str:
        if security == "none" and not is_loopback(info.data.get("host", "")):
            raise fault_error(
                code="clear-text",
                message="readers' addresses would cross the network in clear text",
                next_step=f'Write "starttls" or "tls"; "{CLEAR_TEXT_ALLOWED}" if you must.',
            )
        return security


class SmtpBackend:
    """A mail server as the destination."""

    Settings = SmtpSettings

    def __init__(self, settings: SmtpSettings, root: Path) -> None:
        del root
        self._settings = settings
        self._first_login: FirstLogin | None = None
        # Extensions are known once a connection is open. With PIPELINING a text and an envelope are under way.
        self.limits = Limits(
            connections=settings.connections,
            window=max(settings.window, 2) if settings.chunking else 2,
            per_second=settings.messages_per_second,
            per_hour=settings.messages_per_hour,
            per_connection=settings.messages_per_connection,
        )

    @asynccontextmanager
    async def connect(self) -> AsyncIterator[Session]:
        """Open a connection and log in. Raises Unreachable."""
        # aiosmtplib is loaded when mail goes out; reading a configuration should not wait for it.
        from newsletter.backends.smtp.connect import open_session
        from newsletter.backends.smtp.first_login import FirstLogin

        self._first_login = self._first_login or FirstLogin()
        session = await open_session(self._settings, self._password(), self._first_login)
        try:
            yield session
        except BaseException:
            session.abort()
            raise
        await session.close()

    def _password(self) -> str | None:
        settings = self._settings
        if not settings.username:
            return None
        if settings.password is not None:
            return settings.password.get_secret_value()
        return read_stored_password(settings.host, settings.username)
