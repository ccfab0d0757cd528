"""A mail server of another make: Postfix's own smtp-sink takes every message, each once and whole."""

import os
import shutil
import socket
import subprocess
import time
from collections import Counter
from email import policy
from email.parser import BytesParser

import pytest
from conftest import Publication
from ports import free_port


def _wait_for(port: int) -> None:
    for _ in range(1_000):
        with socket.socket() as trial:
            if trial.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise AssertionError("smtp-sink did not start")


@pytest.mark.slow
def test_smtp_sink_takes_every_message_once(publication: Publication) -> None:
    readers = publication.readers(150)
    port = free_port()
    folder = publication.root / "sink"
    folder.mkdir(mode=0o777)
    command = shutil.which("smtp-sink") or "/usr/sbin/smtp-sink"
    as_root = ["-u", "root"] if os.geteuid() == 0 else []  # smtp-sink wants to be told
    sink = subprocess.Popen([command, *as_root, "-d", f"{folder}/%M.", f"127.0.0.1:{port}", "100"])
    try:
        _wait_for(port)
        publication.environ |= {
            "NEWSLETTER_SMTP__HOST": "127.0.0.1", "NEWSLETTER_SMTP__PORT": str(port),
            "NEWSLETTER_SMTP__SECURITY": "none",
        }  # fmt: skip
        done = publication.run("send", "2.10", "--yes")
        assert done.returncode == 0, done.stderr
    finally:
        sink.terminate()
        sink.wait()
    copies: Counter[str] = Counter()
    for path in folder.iterdir():
        message = BytesParser(policy=policy.default).parsebytes(path.read_bytes())
        assert all(part.defects == [] for part in message.walk())
        copies[message["To"].addresses[0].addr_spec] += 1
    assert copies == Counter(readers)
