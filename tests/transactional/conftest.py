"""A publication with a service and keys, and its mails to single readers."""

from collections.abc import Iterator
from contextlib import closing

import pytest
from conftest import Publication
from mail_room import MailRoom

from newsletter.store import open_store
from newsletter.subscribers.secret_keys import create_secret_keys


@pytest.fixture
def room(digest: Publication) -> Iterator[MailRoom]:
    """Yield a publication through a mail server that takes everything."""
    digest.environ["NEWSLETTER_SERVICE__URL"] = "https://news.example.org"
    create_secret_keys(digest.root)
    with closing(open_store(digest.workspace.database)) as store:
        yield MailRoom(digest, store)
