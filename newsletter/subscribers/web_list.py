"""The address that serves another system's list as CSV: asked again only for what has changed."""

import json
import ssl
from contextlib import suppress
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from time import monotonic
from urllib.parse import urlsplit

import httpx
from pydantic import SecretStr

from newsletter.config.system_keyring import read_stored_password
from newsletter.errors import ListError
from newsletter.fetching.network_errors import explain_network_error
from newsletter.files import open_private
from newsletter.subscribers import csv_rows

_TIMEOUT_S = 30.0  # of each step
_LONGEST_S = 900.0  # of all of it
_MOST = 2 << 30  # bytes
_KEYRING_USER = "bearer"
_URL = "See that [list] url is the address of the CSV itself. Then run the same command again."
_WORDS = {
    401: ("wants to know who asks", "Look at NEWSLETTER_LIST__PASSWORD, which is sent as a bearer token."),
    403: ("does not let this program in", "Look at NEWSLETTER_LIST__PASSWORD, which is sent as a bearer token."),
    404: ("has nothing there", _URL),
    410: ("has nothing there any more", _URL),
}


@dataclass(frozen=True)
class WebList:
    """A list at an address. `password` is sent as a bearer token (RFC 6750); without one the keyring is asked.

    The owner of newsletter.toml names the address, so it may be one of a private network; redirects, which others
    decide, are not followed, and the token goes nowhere else.
    """

    url: str
    password: SecretStr | None = None

    @property
    def name(self) -> str:
        """Return the address without its query, which may hold a secret."""
        return self.url.partition("?")[0]

    def fetch(self, path: Path) -> None:
        """Write the list as it is now into a private file, or leave the file if it is that already.

        Raises ListError, with the file as it was before.
        """
        new, tag_path = path.with_stem(f"{path.stem}-new"), path.with_suffix(".etag")
        headers = {"If-None-Match": tag} if path.exists() and (tag := self._read_tag(tag_path)) else {}
        try:
            with self._open(headers) as client, client.stream("GET", self.url) as answer:
                if answer.status_code == httpx.codes.NOT_MODIFIED and headers:
                    return
                self._refuse(answer)
                self._write(answer, new)
                found = answer.headers.get("etag", "")
            self._require_list(new)
            # The old tag must never stand beside the new list.
            tag_path.unlink(missing_ok=True)
            new.replace(path)
            if found:
                with open_private(tag_path) as file:
                    json.dump({"url": self.url, "etag": found}, file)
        except httpx.HTTPError as error:
            failure = explain_network_error(error.__cause__ or error, self.name, ())
            # Its own text may quote the address with its query.
            raise ListError(f"The list at {self.name} can't be fetched: {failure.message}", next_step=_URL) from None
        finally:
            new.unlink(missing_ok=True)

    def _open(self, headers: dict[str, str]) -> httpx.Client:
        token = self.password.get_secret_value() if self.password else self._read_stored_token()
        return httpx.Client(
            headers={
                "User-Agent": f"newsletter-press/{version('newsletter-press')}",
                "Accept": "text/csv, */*;q=0.5",
                "Accept-Encoding": "identity",
                **({"Authorization": f"Bearer {token}"} if token else {}),
                **headers,
            },
            timeout=_TIMEOUT_S,
            verify=ssl.create_default_context(),
            trust_env=False,
        )

    def _read_stored_token(self) -> str | None:
        return read_stored_password(urlsplit(self.url).hostname or "", _KEYRING_USER)

    def _read_tag(self, path: Path) -> str:
        with suppress(OSError, ValueError, KeyError, TypeError):
            kept = json.loads(path.read_text(encoding="utf-8"))
            tag = kept["etag"] if kept["url"] == self.url else ""
            return tag if isinstance(tag, str) and tag.isascii() and tag.isprintable() else ""
        return ""

    def _refuse(self, answer: httpx.Response) -> None:
        """Raise ListError for an answer that is no list."""
        status, kind = answer.status_code, answer.headers.get("content-type", "").partition(";")[0].strip().lower()
        if answer.has_redirect_location:
            raise ListError(
                f"{self.name} sends elsewhere (status {status}), where nothing is asked.",
                next_step="If that is right, write the address at which a browser ends as [list] url.",
            )
        if status != httpx.codes.OK:
            what, next_step = _WORDS.get(status, ("has a fault", "Wait, and run the same command again."))
            raise ListError(f"The server of {self.name} {what} (status {status}).", next_step=next_step)
        if kind in ("text/html", "application/xhtml+xml"):
            raise ListError(f"{self.name} gives a web page and no CSV, perhaps one to log in.", next_step=_URL)
        if answer.headers.get("content-encoding", "identity").strip().lower() not in ("", "identity"):
            raise ListError(
                f"{self.name} gives the list packed, which was not asked for.",
                next_step="Let its server give the CSV as it is.",
            )

    def _write(self, answer: httpx.Response, path: Path) -> None:
        latest, size = monotonic() + _LONGEST_S, 0
        with open_private(path, "wb") as file:
            for piece in answer.iter_raw():
                size += len(piece)
                if size > _MOST or monotonic() > latest:
                    raise ListError(
                        f"The list at {self.name} does not end: it is too long, or comes too slowly.", next_step=_URL
                    )
                file.write(piece)

    def _require_list(self, path: Path) -> None:
        """Raise ListError when the file's first line names no columns of a list."""
        try:
            csv_rows.read_columns(path)
        except ListError as error:
            said, advice = next(((each.message, each.next_step) for each in error.problems), (error.message, _URL))
            raise ListError(f"What {self.name} gives is no list: {said}.", next_step=advice) from None
