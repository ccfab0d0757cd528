"""The search of a directory (LDAP, RFC 4511) that gives a list: read, never written, page by page."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from pydantic import SecretStr

from newsletter.config.system_keyring import read_stored_password
from newsletter.errors import ListError
from newsletter.subscribers.directory_values import KeptAddresses, choose_address, read_group_names, read_text
from newsletter.subscribers.fetched_source import write_list

if TYPE_CHECKING:
    from ldap3 import Connection

_AT_ONCE = 500  # entries; Active Directory gives at most 1,000
_PAGES = "1.2.840.113556.1.4.319"  # RFC 2696


@dataclass(frozen=True)
class LdapQuery:
    """A search below the name in `url`, as in ldaps://ldap.example.org/ou=people,dc=example,dc=org.

    `columns` are the list's columns, each with its attribute. `user` is the name that logs in, None for nobody's;
    `password` is that user's, and without one the system's keyring is asked. What crosses the network is encrypted, by
    ldaps:// or by StartTLS, and the server has to prove who it is; on this machine's loopback ldap:// is as it is.
    Other servers that this one names (referrals) are not asked.
    """

    url: str
    filter: str
    columns: Mapping[str, str]
    user: str | None = None
    password: SecretStr | None = None

    def __hash__(self) -> int:
        return hash((self.url, self.filter, tuple(self.columns.items()), self.user))

    @property
    def name(self) -> str:
        """Return which directory it is, for messages."""
        return self.url

    def fetch(self, path: Path) -> None:
        """Write the list as it is now into a private file. Raises ListError, with the file as it was before."""
        try:
            from newsletter.subscribers.directory_connection import connect
        except ImportError:
            raise ListError(
                f"The list is in {self.name}, and the library that talks to a directory is not installed.",
                next_step='Install it: pip install "newsletter-press[ldap]"',
            ) from None
        with (
            closing(KeptAddresses(path)) as kept,
            connect(self.url, self.user, self._find_password()) as connection,
        ):
            write_list(path, self.name, list(self.columns), self._read_rows(connection, kept))

    def _find_password(self) -> str | None:
        if not self.user:
            return None
        host = urlsplit(self.url).hostname or ""
        found = self.password.get_secret_value() if self.password else read_stored_password(host, self.user)
        if not found:
            # A name without a password would be let in as nobody (RFC 4513, section 5.1.2).
            raise ListError(
                f"[list] user logs in at {self.name}, and there is no password.",
                next_step=f"Set NEWSLETTER_LIST__PASSWORD, or store it: keyring set newsletter:{host} "
                f"'{self.user}'. Leave user out where nobody has to log in.",
            )
        return found

    def _read_rows(self, connection: "Connection", kept: KeptAddresses) -> Iterator[Sequence[str]]:
        from newsletter.subscribers.directory_connection import require_success

        cookie: bytes | None = None
        while cookie is None or cookie:
            connection.search(
                unquote(urlsplit(self.url).path.lstrip("/")),
                self.filter,
                dereference_aliases="NEVER",
                attributes=sorted(set(self.columns.values())),
                paged_size=_AT_ONCE,
                paged_criticality=True,
                paged_cookie=cookie,
            )
            require_success(connection, self.name)
            for entry in connection.response or ():
                if entry["type"] == "searchResEntry":  # and not searchResRef, a part that another server has
                    yield self._read_row(entry["raw_attributes"], kept)
            cookie = connection.result.get("controls", {}).get(_PAGES, {}).get("value", {}).get("cookie") or b""

    def _read_row(self, attributes: Mapping[str, Sequence[bytes]], kept: KeptAddresses) -> Sequence[str]:
        found = {name.casefold(): values for name, values in attributes.items()}
        row = []
        for column, attribute in self.columns.items():
            values = [read_text(value) for value in found.get(attribute.casefold(), ())]
            match column:
                case "email":
                    row.append(choose_address(values, kept))
                case "tags":
                    row.append(";".join(read_group_names(values)))
                case "name":
                    row.append(next(iter(values), ""))
                case _:
                    row.append(";".join(values))
        return row
