"""An issue that was sent once, really, and is copied for each test that reads what came back."""

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import smtp_server
from conftest import Publication, copy_sample

from newsletter.subscribers.secret_keys import create_secret_keys


@dataclass(frozen=True)
class SentPublication:
    """A publication whose 2.10 has gone out, and what the mail server had then."""

    publication: Publication
    server: smtp_server.Server

    def copy(self, root: Path, server: smtp_server.Server) -> Publication:
        """Return a copy of one's own, sent through `server` as far as anybody can see."""
        copy = Publication(root, dict(self.publication.environ))
        shutil.copytree(self.publication.root, root)
        server.stored.extend(self.server.stored)
        server.senders.update(self.server.senders)
        copy.through(server)
        return copy


def send_once(root: Path, subscribers: str, settle: Callable[[Publication], None]) -> SentPublication:
    """Send 2.10 to these subscribers, with keys and with the settings that `settle` makes."""
    publication = copy_sample(root)
    create_secret_keys(root)
    (root / "subscribers.csv").write_text(subscribers)
    settle(publication)
    with smtp_server.running() as server:
        publication.through(server)
        done = publication.run("send", "2.10", "--yes")
    assert done.returncode == 0, done.stdout + done.stderr
    return SentPublication(publication, server)
