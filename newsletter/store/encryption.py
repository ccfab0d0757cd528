"""How a PostgreSQL server has to prove who it is, before a password or an address reaches it.

https://www.postgresql.org/docs/current/libpq-ssl.html: only `verify-full` keeps out somebody in the middle; and
`require_auth` keeps a server from asking for the password itself instead of a proof that it is known (SCRAM, RFC 5802).
"""

import os
import ssl
from collections.abc import Mapping
from pathlib import Path

from sqlalchemy import URL

from newsletter.errors import DeliveryError
from newsletter.host import is_loopback

_KNOWS_METHODS = 160000  # libpq's version: the first with require_auth
_SYSTEM = "system"
# Where systems keep the roots that they trust, besides where Python's own OpenSSL looks: Debian and Arch, Fedora, SUSE,
# and the BSDs, Alpine and macOS.
_BUNDLES = (
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
)


def proofs(url: URL, libpq: int, *, password: bool) -> Mapping[str, str]:
    """Return libpq's parameters that [store] url doesn't set itself: nothing weaker is used unless it is written there.

    `libpq` is its version, as psycopg tells it: 150004 for 15.4; `password` says whether one is set. A
    server behind a socket, which lies in a folder of its own, has to prove nothing. One on this machine's loopback has
    to know the password: any user here may take a port while the server is down. Raises DeliveryError when this machine
    has no roots to prove another one by.
    """
    query = {name: str(value) for name, value in url.query.items()}
    host = query.get("host") or url.host or ""
    if not host or host.startswith("/"):
        return {}
    if is_loopback(host):
        if libpq < _KNOWS_METHODS or "require_auth" in query:
            return {}
        return {"require_auth": "scram-sha-256" if password else "scram-sha-256,none"}  # ~/.pgpass may have one, too
    mode = query.get("sslmode", "verify-full")
    asked = {"sslmode": mode}
    if mode == "verify-full" and query.get("sslrootcert", _SYSTEM) == _SYSTEM and not _has_own_root(query):
        asked["sslrootcert"] = _roots(host)
    if libpq >= _KNOWS_METHODS:
        # A client certificate is asked for by TLS, and then nothing more has to be.
        asked["require_auth"] = query.get(
            "require_auth", "scram-sha-256,none" if "sslcert" in query else "scram-sha-256"
        )
    elif mode != "disable" and "require_auth" not in query:
        asked["channel_binding"] = query.get("channel_binding", "require")  # which only SCRAM knows
    return asked


def refusal(words: str, place: str, host: str) -> DeliveryError | None:
    """Explain what libpq says when a server does not prove who it is; None when it says something else."""
    if "does not support SSL" in words:
        return DeliveryError(
            f"The server of {place} offers no TLS: readers' addresses would cross the network in clear text.",
            next_step="Turn TLS on there, or end [store] url with ?sslmode=disable if the network is yours alone.",
        )
    if "SSL error" in words or "does not match host name" in words or "root certificate" in words:
        return DeliveryError(
            f"The server of {place} does not prove that it is {host}, so nothing was said to it: {words}.",
            next_step="If its certificate is by an authority of your own, name that one's: "
            "?sslrootcert=/path/to/ca.pem behind [store] url. If not, somebody may stand between: ask whoever looks "
            "after the server.",
        )
    if "authentication method requirement" in words:
        return DeliveryError(
            f"The server of {place} does not ask for a password by SCRAM, so none was sent: {words}.",
            next_step="Let it use scram-sha-256 (in pg_hba.conf). Or write what it uses behind [store] url, such as "
            "?require_auth=md5, gss or none.",
        )
    return None


def _has_own_root(query: Mapping[str, str]) -> bool:
    """Return whether this user has told libpq in its own way whom to trust."""
    if query.get("sslrootcert") == _SYSTEM:
        return False
    return bool(os.environ.get("PGSSLROOTCERT")) or Path("~/.postgresql/root.crt").expanduser().exists()


def _roots(host: str) -> str:
    """Return the file with the roots that this system trusts: psycopg's own OpenSSL looks for `system` elsewhere."""
    found = [ssl.get_default_verify_paths().cafile, *_BUNDLES]
    for path in found:
        if path and Path(path).is_file():
            return path
    raise DeliveryError(
        f"This machine has no list of authorities to know {host} by.",
        next_step="Install it (Debian: ca-certificates), or name the authority's certificate: "
        "?sslrootcert=/path/to/ca.pem behind [store] url.",
    )
