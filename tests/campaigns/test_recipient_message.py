"""`newsletter export eml --as`: what one reader got, to the byte."""

import re
from contextlib import closing
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from pathlib import Path

import pytest
from conftest import Publication
from messages import named, parsed, texts
from scheduling import HOUR, MINUTE, set_moments
from smtp_server import Server
from sqlalchemy import select, update

from newsletter.mail.dkim_keys import generate_dkim_key
from newsletter.store import open_store
from newsletter.store.schema import campaigns, workers

READER = "jorgensen@example.net"


def _exported(publication: Publication, address: str = READER, *more: str) -> tuple[bytes, str]:
    done = publication.run("export", "eml", "2.10", "--as", address, *more)
    assert done.returncode == 0, done.stdout + done.stderr
    return (publication.root / done.stdout.split()[0]).read_bytes(), done.stdout


@pytest.mark.slow
@pytest.mark.parametrize("signed", [False, True])
def test_what_was_sent_is_what_is_exported_whatever_has_changed_since(
    digest: Publication, server: Server, signed: bool
) -> None:
    if signed:
        (rsa, _), (ed25519, _) = generate_dkim_key("rsa"), generate_dkim_key("ed25519")
        digest.environ |= {
            "NEWSLETTER_DKIM__SELECTOR": "s1,s2",
            "NEWSLETTER_DKIM__KEY": (rsa + ed25519).decode(),
        }
    digest.environ["NEWSLETTER_LIST__UNSUBSCRIBE"] = "mailto:leave@example.org?subject=leave%20{{ email }}"
    path = digest.root / "drafts/2.10.yaml"
    path.write_text(path.read_text().replace("number: 10\n", "number: 10\nsubject: >-\n  News for {{ name | all }}\n"))
    assert digest.run("send", "2.10", "--yes").returncode == 0
    path.write_text("volume: 2\nnumber: 10\nbroken")
    list_path = digest.root / "subscribers.csv"
    list_path.write_text(list_path.read_text().replace("Jørgensen, Søren", "Somebody else"))
    data, told = _exported(digest, "Jorgensen@EXAMPLE.net")
    assert data == server.message(READER)
    assert data.startswith(b"DKIM-Signature:") == signed
    assert parsed(data)["Subject"] == "News for Jørgensen, Søren"
    assert parsed(data)["List-Unsubscribe"] == "<mailto:leave@example.org?subject=leave%20jorgensen%40example.net>"
    assert "build/2.10/2.10.reader.eml" in told
    assert "frozen" in told


def _dates(server: Server) -> list[str]:
    """Each Date that messages bear, in the order in which they came."""
    return list(dict.fromkeys(str(parsed(data)["Date"]) for _, data in server.stored))


def _set_back(publication: Publication, hours: float) -> None:
    """All that was done so far was done so many hours earlier."""
    with closing(open_store(publication.workspace.database)) as store, store.transaction() as connection:
        for column in (workers.c.started_at, workers.c.ended_at, campaigns.c.created_at):
            for (moment,) in connection.execute(select(column).distinct()).all():
                if moment:
                    earlier = datetime.fromisoformat(moment) - timedelta(hours=hours)
                    connection.execute(
                        update(column.table).where(column == moment).values({column: earlier.isoformat()})
                    )


@pytest.mark.slow
def test_each_batch_bears_the_moment_at_which_it_was_sent(digest: Publication, server: Server) -> None:
    """Frozen, resumed, and sent to new readers, each a day after the other; and each copy stays as it was sent."""
    (key, _) = generate_dkim_key("ed25519")
    digest.environ |= {"NEWSLETTER_DKIM__SELECTOR": "s1", "NEWSLETTER_DKIM__KEY": key.decode()}
    readers = digest.readers(6)
    began = datetime.now(UTC).replace(microsecond=0)
    assert digest.run("send", "2.10", "--yes", "--at", "tomorrow 09:00").returncode == 0
    _set_back(digest, 48)
    with closing(open_store(digest.workspace.database)) as store:
        set_moments(store, began - MINUTE, began + HOUR, "2.10")
    server.refuse |= dict.fromkeys(readers[3:], "450 4.2.1 Later")
    digest.run("outbox", "run")
    _set_back(digest, 24)
    server.refuse.clear()
    assert digest.run("send", "2.10", "--yes").returncode == 0
    _set_back(digest, 24)
    late = digest.readers(8)[6:]
    assert digest.run("send", "2.10", "--yes", "--to-new").returncode == 0
    assert len(server.stored) == 8
    dates = _dates(server)
    assert len(dates) <= 3
    for date in dates:  # each was sent just now, whenever the issue was frozen
        assert began <= parsedate_to_datetime(date) <= datetime.now(UTC)
    for reader in (readers[0], readers[4], late[0]):
        assert re.search(rb"h=[^;]*Date:Date", server.message(reader))
        exported = parsed(_exported(digest, reader)[0])["Date"].datetime
        sent = parsed(server.message(reader))["Date"].datetime
        hours = {readers[0]: 48, readers[4]: 24, late[0]: 0}[reader]
        assert exported == sent - timedelta(hours=hours)


def test_before_it_is_sent_it_is_the_draft_for_that_reader(digest: Publication, tmp_path: Path) -> None:
    data, told = _exported(digest, READER, "-o", str(tmp_path))
    assert (tmp_path / "2.10.reader.eml").read_bytes() == data
    assert named(data) == ("Jørgensen, Søren", READER)
    assert "Dear Jørgensen, Søren," in texts(data)[0]
    assert "has not been sent" in told
    assert not (digest.root / ".newsletter").exists()


def test_a_reader_who_sees_more_gets_more(digest: Publication) -> None:
    path = digest.root / "drafts/2.10.yaml"
    path.write_text(f"{path.read_text()}\n".replace("items:\n", "items:\n  - headline: >-\n      For members\n"
                    "    detail: >-\n      The minutes\n    only_for: [members]\n"))  # fmt: skip
    assert "For members" in texts(_exported(digest)[0])[0]
    assert "For members" not in texts(_exported(digest, "ada.okafor@example.org")[0])[0]


def test_a_key_that_is_elsewhere_leaves_it_unsigned_and_says_so(digest: Publication) -> None:
    digest.environ |= {"NEWSLETTER_DKIM__SELECTOR": "s1", "NEWSLETTER_DKIM__KEY_FILE": "elsewhere.pem"}
    data, told = _exported(digest)
    assert data.startswith(b"From:")
    assert "unsigned" in told
    assert "elsewhere.pem can't be read" in told


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        (["eml", "2.10", "--as", "nobody@example.net"], 1, "nobody@example.net is not in subscribers.csv"),
        (["eml", "2.10", "--as", "no address"], 1, "'no address' is no address"),
        (["html", "2.10", "--as", READER], 2, "--as goes with `export eml`"),
        (["eml", "9.9", "--as", READER], 1, "There is no draft '9.9'"),
    ],
)
def test_what_can_not_be_copied_is_said(digest: Publication, arguments: list[str], status: int, said: str) -> None:
    done = digest.run("export", *arguments)
    assert done.returncode == status
    assert said in " ".join(done.stderr.split())
    assert not (digest.root / "build").exists()
