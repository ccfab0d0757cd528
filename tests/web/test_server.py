"""The server and the guard that both web applications share."""

import asyncio
import socket
from contextlib import closing

import pytest
from starlette.applications import Starlette
from starlette.datastructures import Headers, MutableHeaders
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import Message, Scope
from uvicorn.protocols.http.h11_impl import H11Protocol

from newsletter.errors import ConfigError, DecisionNeeded
from newsletter.web.guard import HostGuard, SecurityHeaders, is_local
from newsletter.web.server import WebServer, bind


def test_a_port_in_use_says_so_and_what_to_do() -> None:
    with closing(bind("127.0.0.1", 0, in_use="", next_step="")) as first:
        port = first.getsockname()[1]
        with pytest.raises(DecisionNeeded) as refused:
            bind("127.0.0.1", port, in_use=", perhaps another one", next_step="Name another.")
    assert refused.value.message == f"Port {port} is in use by another program, perhaps another one."
    assert refused.value.next_step == "Name another."


@pytest.mark.parametrize("host", ["no.such.host.invalid", "a..b", "\udcff"])
def test_a_host_that_is_none(host: str) -> None:
    with pytest.raises(ConfigError, match="There is no host"):
        bind(host, 0, in_use="", next_step="")


def test_a_uvicorn_without_a_part_that_the_connections_use_is_told_before_it_listens() -> None:
    class Changed(H11Protocol):
        def __init__(self, *args: object, **settings: object) -> None:
            super().__init__(*args, **settings)  # type: ignore[arg-type]  # handed on as they are
            del self.cycle

    with (
        closing(socket.socket()) as listening,
        pytest.raises(ConfigError, match=r"uvicorn .* is built otherwise than this program expects: it has no cycle"),
    ):
        WebServer(Starlette(), listening, Changed, on_started=lambda: None, shutdown_s=1)


async def _picture(_request: Request) -> Response:
    return Response(b"", media_type="application/pdf")


async def _own_policy(_request: Request) -> Response:
    return PlainTextResponse("", headers={"Content-Security-Policy": "sandbox"})


def _mark(headers: MutableHeaders) -> None:
    headers["X-Marked"] = "yes"


GUARDED = Starlette(
    routes=[Route("/own", _own_policy), Route("/pdf", _picture)],
    middleware=[
        Middleware(SecurityHeaders, policy="default-src 'none'", mark=_mark, without_policy=["application/pdf"]),
        Middleware(HostGuard, is_own=is_local),
    ],
)


def _ask(path: str, host: str) -> tuple[int, Headers]:
    scope: Scope = {
        "type": "http", "method": "GET", "path": path, "query_string": b"", "headers": [(b"host", host.encode())],
        "root_path": "", "scheme": "http", "server": ("127.0.0.1", 80), "client": None, "http_version": "1.1",
    }  # fmt: skip
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Message) -> None:
        sent.append(message)

    asyncio.run(GUARDED(scope, receive, send))
    return sent[0]["status"], Headers(raw=sent[0]["headers"])


@pytest.mark.parametrize(
    ("path", "host", "status", "policy"),
    [("/own", "localhost", 200, "sandbox"), ("/pdf", "127.0.0.1:80", 200, None),
     ("/none", "localhost", 404, "default-src 'none'"), ("/own", "evil.example", 421, "default-src 'none'"),
     ("/own", "", 421, "default-src 'none'"), ("/own", "localhost.evil.example", 421, "default-src 'none'")],
)  # fmt: skip
def test_every_answer_is_marked_and_no_other_host_is_answered(
    path: str, host: str, status: int, policy: str | None
) -> None:
    answered, headers = _ask(path, host)
    assert answered == status
    assert headers.get("Content-Security-Policy") == policy
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["X-Marked"] == "yes"
