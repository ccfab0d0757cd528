"""The table [list] of newsletter.toml: where subscribers come from, and how they leave."""

import re
from typing import Annotated, Literal
from urllib.parse import parse_qsl, urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, ValidationInfo

from newsletter.config import validators
from newsletter.config.section import Section
from newsletter.config.validators import OneLine
from newsletter.host import is_loopback
from newsletter.validation import fault_error


def check_database_url(text: str) -> str:
    """Check the address of a CSV, or of a database in the form of SQLAlchemy (and libpq), without a password."""
    validators.check_one_line(text)
    try:
        parts = urlsplit(text)
        words = [name.casefold() for name, _ in parse_qsl(parts.query, keep_blank_values=True)]
        secret = parts.password is not None or "password" in words
        good = re.fullmatch(r"[a-z][a-z0-9_]*(\+[a-z0-9_]+)?://[^#]*/[^/#].*", text) and parts.port != 0
    except ValueError:
        secret = good = False
    if secret:
        raise fault_error(
            code="secret",
            message="'url' holds a password, which would be shared through git and shown in messages",
            next_step="Take it out, and set NEWSLETTER_LIST__PASSWORD, or store it in the system's keyring.",
        )
    if not good:
        # The value is not shown, since it may hold a password all the same.
        raise fault_error(
            code="list-source",
            message="'url' names neither a database nor a list",
            next_step="Write postgresql://user@host:5432/database, sqlite:/// and a path, or an address with https://.",
        )
    return text


def _require_origin(source: str, info: ValidationInfo) -> str:
    missing = [name for name in ("url", "query") if name in info.data and not (info.data[name] or "").strip()]
    if source == "sql" and missing:
        raise fault_error(
            code="list-source",
            message=f"source is sql, and there is no {missing[0]}",
            next_step='Write url = "postgresql://user@host/database" and '
            'query = "SELECT email, name FROM members" under [list].',
        )
    url = info.data.get("url") or ""
    parts = urlsplit(url)
    is_safe = parts.scheme == "https" or (parts.scheme == "http" and is_loopback(parts.hostname or ""))
    if source == "address" and "url" in info.data and not is_safe:
        # The value is not shown, since its query may hold a secret.
        raise fault_error(
            code="list-source",
            message="source is an address, and url is none that is safe to fetch a list from",
            next_step='Write url = "https://members.example.org/readers.csv" under [list].',
        )
    return source


class SubscriberListSettings(Section):
    """The table [list]: where it comes from, and the address for unsubscribing by mail.

    `source` says whether subscribers are in `file`, in the store, are what `query` finds in the database at `url`, or
    what the address `url` serves as CSV; `password` is the database's, or the address's bearer token.
    `default_language` is that of readers of whom the list says nothing, `fallback_language` that of readers in whose
    language an issue has no draft. `unusable` is the percentage of rows that can't be used above which nothing is sent.
    `honour` are columns that say who must not be mailed, `ignore` those that only look so.
    """

    url: Annotated[str, AfterValidator(check_database_url)] | None = None
    query: str | None = None
    password: SecretStr | None = None
    source: Annotated[Literal["csv", "store", "sql", "address"], AfterValidator(_require_origin)] = "csv"
    file: OneLine = "subscribers.csv"
    unusable: Annotated[float, Field(ge=0, le=100)] = 2
    honour: Annotated[tuple[OneLine, ...], BeforeValidator(validators.split_commas)] = ()
    ignore: Annotated[tuple[OneLine, ...], BeforeValidator(validators.split_commas)] = ()
    id: Annotated[str, AfterValidator(validators.check_list_id)]
    unsubscribe: Annotated[str, AfterValidator(validators.check_mailto)]
    default_language: Annotated[str, AfterValidator(validators.check_language)] | None = None
    fallback_language: Annotated[str, AfterValidator(validators.check_language)] | None = None

    @property
    def unsubscribe_link(self) -> str:
        """Return the mailto: address of the unsubscribe link, with its fields, and with a subject if it names none."""
        return self.unsubscribe if "?" in self.unsubscribe else f"{self.unsubscribe}?subject=unsubscribe"
