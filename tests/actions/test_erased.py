"""Who was erased gets nothing, at whatever moment it happened, and nobody in their place."""

import subprocess

import pytest
from conftest import Publication
from smtp_server import Server

from newsletter.subscribers.secret_keys import create_secret_keys


@pytest.mark.slow
def test_one_who_is_erased_while_a_send_asks_gets_nothing(digest: Publication, server: Server) -> None:
    create_secret_keys(digest.root)
    digest.readers(3)
    sending = subprocess.Popen(
        digest.command("send", "2.10"), cwd=digest.root, env=digest.environment(), text=True,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    assert sending.stdout is not None
    while "Through" not in sending.stdout.readline():
        pass
    assert digest.run("subscribers", "forget", "reader0001@example.org", "--yes").returncode == 0
    _, said = sending.communicate("y\n", timeout=60)
    assert sending.returncode == 1
    assert "Somebody was erased from the list while you looked at this." in said
    assert server.stored == []
    assert digest.run("send", "2.10", "--yes").returncode == 0
    assert set(server.copies()) == {"reader0000@example.org", "reader0002@example.org"}


@pytest.mark.slow
def test_nobody_is_sent_to_in_the_place_of_one_who_was_erased(digest: Publication, server: Server) -> None:
    create_secret_keys(digest.root)
    readers = digest.readers(3)
    server.refuse = dict.fromkeys(readers[:2], "550 5.7.1 not now")
    digest.run("send", "2.10", "--yes")
    server.refuse = {}
    assert digest.run("subscribers", "forget", readers[0], "--yes").returncode == 0
    assert digest.run("retry", "2.10", "--state", "refused", "--yes").returncode == 0
    assert set(server.copies()) == set(readers[1:])
    balance = "3 on the list = 2 accepted + 0 refused + 0 deferred + 0 unknown + 0 pending + 0 suppressed + 1 cancelled"
    assert balance in digest.run("report", "2.10").stdout
