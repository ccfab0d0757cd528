"""The table [list] of newsletter.toml: where subscribers come from, and how they leave."""

import re
from collections.abc import Mapping
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
            next_step="Write postgresql://user@host:5432/database, sqlite:/// and a path, an address with https://, or "
            "ldaps://host/ou=people,dc=example,dc=org.",
        )
    return text


def check_attributes(columns: Mapping[str, str]) -> Mapping[str, str]:
    """Check a directory's attributes by the columns that they fill: "email" has to be among them."""
    wrong = [name for name in columns if not re.fullmatch(r"[a-z_][a-z0-9_]*", name)]
    # RFC 4512, section 2.5: a name or numbers with dots, and options.
    wrong += [
        name
        for name in columns.values()
        if not re.fullmatch(r"([A-Za-z][A-Za-z0-9-]*|\d+(\.\d+)+)(;[A-Za-z0-9-]+)*", name)
    ]
    if wrong or "email" not in columns:
        raise fault_error(
            code="list-source",
            message=f"{wrong[0]!r} is neither a column nor an attribute" if wrong else "no column is named email",
            next_step='Write columns = { email = "mail", name = "displayName" }, each column in small letters.',
        )
    return columns


def _require_directory(url: str) -> None:
    parts = urlsplit(url)
    good = parts.scheme in ("ldap", "ldaps") and parts.hostname and "=" in parts.path
    if not good or parts.query or parts.username is not None:
        raise fault_error(
            code="list-source",
            message="source is ldap, and url does not say where in a directory the list is",
            next_step='Write url = "ldaps://ldap.example.org/ou=people,dc=example,dc=org" under [list], the name that '
            "logs in as user, and what is searched for as filter.",
        )


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
    if source == "ldap" and "url" in info.data:
        _require_directory(url)
    return source


class SubscriberListSettings(Section):
    """The table [list]: where it comes from, and the address for unsubscribing by mail.

    `source` says whether subscribers are in `file`, in the store, are what `query` finds in the database at `url`,
    what the address `url` serves as CSV, or what `filter` finds in the directory below `url`, where `user` logs in and
    `columns` names the attributes. `password` is the database's or the directory's, or the address's bearer token.
    `default_language` is that of readers of whom the list says nothing, `fallback_language` that of readers in whose
    language an issue has no draft. `unusable` is the percentage of rows that can't be used above which nothing is sent.
    `honour` are columns that say who must not be mailed, `ignore` those that only look so.
    """

    url: Annotated[str, AfterValidator(check_database_url)] | None = None
    query: str | None = None
    filter: OneLine = "(mail=*)"
    columns: Annotated[Mapping[str, OneLine], AfterValidator(check_attributes)] = {"email": "mail", "name": "cn"}
    user: OneLine | None = None
    password: SecretStr | None = None
    source: Annotated[Literal["csv", "store", "sql", "address", "ldap"], AfterValidator(_require_origin)] = "csv"
    file: OneLine = "subscribers.csv"
    unusable: Annotated[float, Field(ge=0, le=100)] = 2
    honour: Annotated[tuple[OneLine, ...], BeforeValidator(validators.split_commas)] = ()
    ignore: Annotated[tuple[OneLine, ...], BeforeValidator(validators.split_commas)] = ()
    id: Annotated[str, AfterValidator(validators.check_list_id)]
    unsubscribe: Annotated[str, AfterValidator(validators.check_mailto)]
    default_language: Annotated[str, AfterValidator(validators.check_language)] | None = None
    fallback_language: Annotated[str, AfterValidator(validators.check_language)] | None = None

    def __hash__(self) -> int:
        # Sources are told apart by their settings; a directory's columns are a mapping, which has no hash.
        return hash((self.id, self.source, self.file, self.url, self.honour, self.ignore))

    @property
    def unsubscribe_link(self) -> str:
        """Return the mailto: address of the unsubscribe link, with its fields, and with a subject if it names none."""
        return self.unsubscribe if "?" in self.unsubscribe else f"{self.unsubscribe}?subject=unsubscribe"
