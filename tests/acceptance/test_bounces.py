"""A real Postfix sends mail back into a Maildir, and the list is clean afterwards."""

import json

import postfix
import pytest
from conftest import Publication
from smtp_server import Server

from newsletter.subscribers.secret_keys import create_secret_keys

pytestmark = [pytest.mark.slow, pytest.mark.skipif(bool(postfix.unavailable()), reason=postfix.unavailable())]

# What the reader's own server answers to Postfix, and what that is to a list.
SAID = {
    "gone@example.com": ("550 5.1.1 no such user here", "hard"),
    "moved@example.com": ("550 5.1.6 has moved, no forwarding address", "hard"),
    "closed@example.com": ("550 5.2.1 this mailbox is disabled", "hard"),
    "no-host@example.com": ("550 5.1.2 no such domain", "hard"),
    "full@example.com": ("550 5.2.2 the mailbox is full", "soft"),
    "large@example.com": ("550 5.3.4 the message is too large", "soft"),
    "policy@example.com": ("550 5.7.1 not accepted for policy reasons", "soft"),
    "later@example.com": ("450 4.2.2 over quota for now", "soft"),
    "slow@example.com": ("450 4.4.1 the connection timed out", "soft"),
}


@pytest.mark.parametrize("verp", ["", "+"])
def test_everyone_whose_mail_comes_back_is_known(publication: Publication, server: Server, verp: str) -> None:
    create_secret_keys(publication.root)
    well = ["ada@example.com", "ben@example.com"]
    (publication.root / "subscribers.csv").write_text("email\n" + "\n".join([*SAID, *well]) + "\n")
    server.refuse = {address: said for address, (said, _) in SAID.items()}
    with postfix.postfix(login=False, onward=dict.fromkeys(SAID, server.port)) as relay:
        publication.environ |= {
            **relay.environ,
            "NEWSLETTER_SMTP__USERNAME": "",
            "NEWSLETTER_SMTP__SECURITY": "none",
            "NEWSLETTER_SMTP__HOST": "127.0.0.1",
            "NEWSLETTER_SENDER__VERP": verp,
            "NEWSLETTER_INBOX__SOURCE": str(relay.folder / "mail/box"),
        }
        sent = publication.run("send", "2.10", "--yes")
        assert "11 on the list = 11 accepted" in sent.stdout
        relay.copies(11)
        read = publication.run("inbox", "read", "--json", "--yes")  # four of eleven at once
    assert read.returncode == 0, read.stderr
    found = {one["address"]: one for one in json.loads(read.stdout) if one["kind"] in ("hard", "soft")}
    assert {address: one["kind"] for address, one in found.items()} == {
        address: kind for address, (_, kind) in SAID.items()
    }
    assert {address: one["status"] for address, one in found.items()} == {
        address: said.split()[1] for address, (said, _) in SAID.items()
    }
    assert {one["why"].partition(";")[0] for one in found.values()} <= {
        "proved by the return path" if verp else "proved by the token of a link",
        "proved by the Message-ID",
    }
    (status,) = json.loads(publication.run("status", "--json").stdout)
    assert status["since"] == {
        "hard bounce": 4, "soft bounce": 3, "blocked": 2, "complained": 0, "unsubscribed": 0,
    }  # fmt: skip
    balance = "11 on the list = 7 accepted + 0 refused + 0 deferred + 0 unknown + 0 pending + 4 suppressed"
    server.refuse = {}
    publication.through(server)
    assert balance in publication.run("send", "3.7", "--yes").stdout
    assert set(server.copies()) == {*well, *(address for address, (_, kind) in SAID.items() if kind == "soft")}
