"""Mail of two publications comes back to one mailbox, and one of them reads it: each mail counts for its own."""

import json
import mailbox
from contextlib import closing
from pathlib import Path

import pytest
from conftest import Publication
from returned_mail import find_return_path, hide_proof, make_bounce, make_mail
from sent_publication import send_once
from smtp_server import Server

from newsletter.store import Store, open_store, suppressions
from newsletter.store.events import list_events
from newsletter.subscribers.secret_keys import require_secret_keys
from newsletter.subscribers.tokens import TokenSigner
from newsletter.workspace import PublicationId

PRESS = PublicationId("press")
ADA, BEN, CY, DI = (f"{name}@example.com" for name in ("ada", "ben", "cy", "di"))


@pytest.fixture
def shared(tmp_path: Path, server: Server) -> Publication:
    """Return two publications of one workspace, whose 2.10 has gone out to Ada and Ben, and to all four."""

    def settle(publication: Publication) -> None:
        publication.environ["NEWSLETTER_SENDER__VERP"] = "+"
        folder = publication.root / "publications/press"
        (folder / "drafts").mkdir(parents=True)
        (folder / "newsletter.toml").write_text(
            '[publication]\ntitle = "Press"\n[list]\nid = "press.example.org"\n'
            'unsubscribe = "mailto:leave@example.org?subject=unsubscribe"\n'
        )
        (folder / "subscribers.csv").write_text(f"email,name\n{ADA},Ada\n{BEN},Ben\n{CY},Cy\n{DI},Di\n")
        for path in (publication.root / "drafts").glob("2.10*"):
            (folder / "drafts" / path.name).write_bytes(path.read_bytes())

    publication = send_once(tmp_path / "sent", f"email,name\n{ADA},Ada\n{BEN},Ben\n", settle).copy(
        tmp_path / "digest", server
    )
    server.stored.clear()
    done = publication.run("-P", "press", "send", "2.10", "--yes")
    assert done.returncode == 0, done.stderr
    publication.environ["NEWSLETTER_INBOX__SOURCE"] = str(publication.root / "Maildir")
    return publication


def _read(publication: Publication, *options: str) -> list[dict[str, str]]:
    done = publication.run(*options, "inbox", "read", "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    found: list[dict[str, str]] = json.loads(done.stdout)
    return found


def _known(store: Store, reader: str) -> tuple[list[tuple[str, str | None]], list[str]]:
    with store.reading() as connection:
        said = [(event.kind, event.issue) for event in list_events(connection, reader, own=True)]
        return said, [*suppressions.list_causes(connection, reader)]


def test_each_mail_counts_for_the_publication_that_it_is_about(shared: Publication, server: Server) -> None:
    box = mailbox.Maildir(shared.root / "Maildir")
    by_path = find_return_path(server, 3)  # press's first delivery, the third of the database: Ada's
    by_path = f"Delivered-To: {by_path}\r\n".encode() + make_bounce(ADA, "5.1.1", hide_proof(server.message(ADA)))
    by_message_id = make_bounce(CY, "5.1.1", server.message(CY))
    keys = require_secret_keys(shared.workspace)
    token = TokenSigner(keys, "press.example.org").write("2.10", DI)
    leaving = make_mail(DI, f"unsubscribe {token}")
    for mail in (by_path, by_message_id, leaving):
        box.add(mail)
    told = {one["address"]: (one["action"], one["why"]) for one in _read(shared)}
    assert told == {
        ADA: ("suppress", "proved by the return path; it is about press"),
        CY: ("suppress", "proved by the Message-ID; it is about press"),
        DI: ("unsubscribe", "proved by the token of a link; it is about press"),
    }
    with closing(open_store(shared.workspace.database)) as main:
        assert {reader: _known(main, reader) for reader in (ADA, CY, DI)} == {
            ADA: ([], ["bounced"]),
            CY: ([], ["bounced"]),
            DI: ([], []),
        }
        assert {reader: _known(main.of(PRESS), reader) for reader in (ADA, CY, DI)} == {
            ADA: ([("hard bounce", "2.10")], ["bounced"]),
            CY: ([("hard bounce", "2.10")], ["bounced"]),
            DI: ([("unsubscribed", "2.10")], ["unsubscribed"]),
        }
    # The other one reads the same mailbox, which has nothing new for it.
    assert _read(shared, "-P", "press") != []
    with closing(open_store(shared.workspace.database)) as main:
        assert _known(main.of(PRESS), ADA) == ([("hard bounce", "2.10")], ["bounced"])
    assert "The reading of" in shared.run("-P", "press", "inbox", "undo", "--yes").stdout
    with closing(open_store(shared.workspace.database)) as main:
        assert _known(main, ADA)[1] == _known(main.of(PRESS), CY)[1] == []
    # How many of its own readers they are is what counts, whichever reads: main has two readers, and press four.
    for reader in (ADA, BEN, CY):
        box.add(b"X-Again: yes\r\n" + make_bounce(reader, "5.1.1", server.message(reader)))
    held = json.loads(shared.run("inbox", "read", "--json").stdout)[-3:]
    assert {(one["action"], one["why"].partition("at once: ")[2].partition(" (")[0]) for one in held} == {
        ("held back", "3 of 4 readers of the list, 75% of them")
    }
