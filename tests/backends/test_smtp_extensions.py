"""What a server announces in reply to EHLO is believed: the largest message, and how many a connection carries."""

import asyncio
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from smtp_server import POLITE, scripted

from newsletter.backends import Announced, read_announced
from newsletter.backends.smtp import SmtpBackend
from newsletter.backends.smtp.extensions import Extensions, read_extensions


@pytest.mark.parametrize(
    ("limits", "mail_max"),
    [
        ("MAILMAX=100", 100),
        ("RCPTMAX=50 MAILMAX=7 RCPTDOMAINMAX=1", 7),
        ("mailmax=3", 3),
        ("RCPTMAX=50", None),
        ("", None),
        ("MAILMAX=0", None),  # RFC 9422, section 4: not of its form, so it is ignored
        ("MAILMAX=-1", None),
        ("MAILMAX=many", None),
        ("MAILMAX", None),
        ("MAILMAX=10000000", None),
    ],
)
def test_limits_say_how_many_messages_a_connection_carries(limits: str, mail_max: int | None) -> None:
    assert read_extensions({"limits": limits}, may_chunk=True).mail_max == mail_max


@given(st.dictionaries(st.sampled_from(["size", "limits", "pipelining", "chunking"]), st.text(max_size=60)))
def test_any_announcement_can_be_read(announced: dict[str, str]) -> None:
    extensions = read_extensions(announced, may_chunk=False)
    assert extensions.size is None or extensions.size >= 0
    assert extensions.mail_max is None or extensions.mail_max > 0
    assert not extensions.chunking


def test_no_announcement_announces_nothing() -> None:
    assert read_extensions({}, may_chunk=True) == Extensions()


@pytest.mark.parametrize(
    ("greeting", "announced"),
    [
        (
            b"250-localhost\r\n250-SIZE 10240000\r\n250 LIMITS MAILMAX=100 RCPTMAX=10\r\n",
            Announced(largest_message=10_240_000, messages=100),
        ),
        (b"250-localhost\r\n250 SIZE 0\r\n", Announced()),  # RFC 1870, section 4: no fixed largest one
        (b"250 localhost\r\n", Announced()),
    ],
)
def test_a_session_has_what_its_server_announced(greeting: bytes, announced: Announced) -> None:
    async def connect(port: int) -> Announced:
        settings = SmtpBackend.Settings(host="127.0.0.1", port=port, security="none", helo="localhost")
        async with SmtpBackend(settings, Path()).connect() as session:
            return read_announced(session)

    with scripted(lambda command: greeting if command == "EHLO" else POLITE[command]) as (port, _):
        assert asyncio.run(connect(port)) == announced
