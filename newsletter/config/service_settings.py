"""The table [service] of newsletter.toml: the web service's addresses, and the web servers before it."""

from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field

from newsletter.config import validators
from newsletter.config.section import Section
from newsletter.config.validators import OneLine


class ServiceSettings(Section):
    """The table [service]: the address at which readers reach the web service, and the one at which it listens.

    `proxies` are one's own web servers in front of it, by address or network: what they say of a client's address
    (X-Forwarded-For) is believed. `ask_reason` says whether the page asks those who have left why.
    """

    url: Annotated[str, AfterValidator(validators.check_service_url)] | None = None
    host: OneLine = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65535)] = 8600
    proxies: Annotated[
        tuple[str, ...], BeforeValidator(validators.split_commas), AfterValidator(validators.check_networks)
    ] = ()
    ask_reason: bool = False

    def leave(self, token: str) -> str | None:
        """Return the unsubscribe link with that token; None without a service."""
        return f"{self.url}/u/{token}" if self.url else None

    def choose(self, token: str) -> str | None:
        """Return the link to the page of a reader's preferences with that token; None without a service."""
        return f"{self.url}/p/{token}" if self.url else None

    @property
    def takes_one_click(self) -> bool:
        """Return whether one-click unsubscribing works, for which RFC 8058, section 3.1 requires https."""
        return self.url is not None and self.url.startswith("https:")
