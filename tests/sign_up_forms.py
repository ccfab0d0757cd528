"""Forms to join, as browsers and others send them to a running service."""

import re
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from time import monotonic, sleep, time
from typing import Any
from urllib.parse import urlencode

from conftest import Publication
from service_server import FORM, PATIENCE, Answer, Service, made

from newsletter.store import Store, find_store
from newsletter.subscribers.consent_words import digest_words
from newsletter.subscribers.purpose_tokens import PurposeTokenSigner, TokenPurpose
from newsletter.subscribers.reader_requests import ReaderRequest, list_requests_of
from newsletter.subscribers.secret_keys import require_secret_keys
from newsletter.web.public.form_stamps import FormStamps

SENT, AGAIN = "Please check your email", "Please press the button once more."
_NETWORKS = count(1)


def joinable(root: Path, **settings: str) -> Publication:
    """Return a publication that readers can join, behind a web server on this machine; its issue 2.10 has been sent."""
    publication = made(root)
    publication.environ |= {"NEWSLETTER_LIST__SOURCE": "store", "NEWSLETTER_SERVICE__PROXIES": "127.0.0.1"}
    publication.environ |= {f"NEWSLETTER_SIGNUP__{name.upper()}": value for name, value in settings.items()}
    return publication


def some_network() -> str:
    """Return the address of a network that nobody has used yet."""
    number = next(_NETWORKS)
    return f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"


def stamp(publication: Publication, *, age_s: float = 60) -> str:
    """Return the stamp of a form that was made so long ago."""
    keys = require_secret_keys(publication.workspace)
    list_id = publication.workspace.config.subscriber_list.id
    return FormStamps(lambda: keys.derive(f"form {list_id}"), clock=lambda: time() - age_s).write()


def confirm_token(publication: Publication, number: int, subscriber: str) -> str:
    """Return the token of a link that is mailed to confirm a request."""
    keys = require_secret_keys(publication.workspace)
    signer = PurposeTokenSigner(keys, publication.workspace.config.subscriber_list.id)
    return signer.write(TokenPurpose.CONFIRM, subscriber, str(number), time() + 1000)


@dataclass
class Forms:
    """The forms of a running service, each sent from a network of its own unless one is named."""

    service: Service
    words: str = field(init=False)

    def __post_init__(self) -> None:
        self.words = digest_words(self.service.publication.workspace.config.consent_words)

    def fields(self, address: str, **given: str) -> dict[str, str]:
        """Return the fields of the service's own form, filled in a minute after it was made."""
        own = {"words": self.words, "stamp": stamp(self.service.publication), "language": "en", "source": "page"}
        return {**own, "email": address, **given}

    def send(self, fields: Mapping[str, str] | bytes, network: str = "", **headers: str) -> Answer:
        body: Any = fields if isinstance(fields, bytes) else urlencode(fields, errors="surrogatepass")
        through = {"X-Forwarded-For": network or some_network()}
        return self.service.ask("/subscribe", "POST", body, {**FORM, **through, **headers})

    def join(self, address: str, network: str = "", **given: str) -> Answer:
        """Send the service's own form."""
        return self.send(self.fields(address, **given), network)

    def store(self) -> Store:
        workspace = self.service.publication.workspace
        store = find_store(workspace.database, workspace.config.store.password)
        assert store
        return store

    def requests(self, key: str) -> list[ReaderRequest]:
        """Return all requests of a subscriber."""
        with closing(self.store()) as store, store.reading() as connection:
            return list_requests_of(connection, key)

    def wait(self, key: str, state: str = "asked") -> ReaderRequest:
        """Return the request of a subscriber once it has this state."""
        began = monotonic()
        while not (found := [each for each in self.requests(key) if each.state == state]):
            assert monotonic() - began < PATIENCE, (key, self.requests(key))
            sleep(0.02)
        return found[-1]


def says(page: bytes) -> str:
    """Return what a page says, without its styles."""
    text = re.sub(r"<(style|script).*?</\1>", "", page.decode(), flags=re.DOTALL)
    return re.sub("[\u2066-\u2069]", "", re.sub("<[^>]+>", "", text))


def filled(page: bytes) -> dict[str, str]:
    """Return what the fields of a page's form hold."""
    return dict(re.findall(r'name="(\w+)"[^>]* value="([^"]*)"', page.decode()))
