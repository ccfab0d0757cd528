"""Certificates that are right, expired, for another name, or of an authority that nobody knows."""

import asyncio
import ssl
from pathlib import Path

import pytest
from certificate import Authority
from page_server import LOOPBACK, Names, PageServer, page

from newsletter.fetching import FailureReason, FetchFailure, Response
from newsletter.fetching.web_client import WebClient

NAME = "page.example.org"


def serve(authority: Authority, host: str, folder: Path, *, expired: bool = False) -> PageServer:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*authority.issue(host, folder, expired=expired))
    return PageServer({"/": page()}, tls=context)


def fetch(server: PageServer, trusted: Path | None) -> Response:
    async def ask() -> Response:
        tls = ssl.create_default_context(cafile=trusted)
        async with WebClient("test", resolve=Names(everything="127.0.0.1"), allowed=LOOPBACK, tls=tls) as client:
            return await client.fetch(server.address("/", NAME))

    return asyncio.run(ask())


def test_a_certificate_of_the_name_is_trusted_at_the_address_that_was_checked(tmp_path: Path) -> None:
    authority = Authority.make(tmp_path)
    with serve(authority, NAME, tmp_path) as server:
        assert fetch(server, authority.path).status == 200
        assert server.requests[0].host == NAME


@pytest.mark.parametrize(
    ("host", "expired", "known", "reason"),
    [
        (NAME, True, True, FailureReason.CERTIFICATE),
        ("other.example.org", False, True, FailureReason.CERTIFICATE),
        (NAME, False, False, FailureReason.AUTHORITY),
    ],
)
def test_a_wrong_certificate_is_told_from_an_unknown_authority(
    tmp_path: Path, host: str, expired: bool, known: bool, reason: FailureReason
) -> None:
    authority = Authority.make(tmp_path)
    with serve(authority, host, tmp_path, expired=expired) as server, pytest.raises(FetchFailure) as caught:
        fetch(server, authority.path if known else Authority.make(tmp_path / "other").path)
    assert caught.value.reason is reason
    assert NAME in caught.value.message


def test_a_server_without_tls_is_told(tmp_path: Path) -> None:
    with PageServer({"/": page()}) as server:
        plain = server.address("/", NAME).replace("http:", "https:")

        async def ask() -> None:
            async with WebClient("test", resolve=Names(everything="127.0.0.1"), allowed=LOOPBACK) as client:
                await client.fetch(plain)

        with pytest.raises(FetchFailure) as caught:
            asyncio.run(ask())
    assert caught.value.reason is FailureReason.TLS
