"""A forge's comments, over HTTP on loopback, as GitHub, Forgejo and GitLab answer for them."""

import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

TOKEN = "a-token-of-this-run"
_GITHUB = re.compile(r"/repos/(?P<project>[^/]+/[^/]+)/issues/(?:(?P<number>\d+)/comments|comments/(?P<comment>\d+))")
_GITLAB = re.compile(r"/projects/(?P<project>[^/]+)/merge_requests/(?P<number>\d+)/notes(?:/(?P<comment>\d+))?")


@dataclass
class ForgeServer:
    """What the forge has: comments by their numbers, and what it was asked. `refuses` is a status for every request."""

    url: str = ""
    own: str = "github-actions[bot]"
    comments: dict[int, dict[str, Any]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    refuses: int = 0

    def add(self, author: str, body: str) -> None:
        """Let somebody comment."""
        number = len(self.comments) + 1
        self.comments[number] = {
            "id": number, "body": body, "user": {"login": author}, "author": {"username": author},
        }  # fmt: skip

    @property
    def bodies(self) -> list[str]:
        return [comment["body"] for comment in self.comments.values()]


@contextmanager
def run_forge() -> Iterator[ForgeServer]:
    """Answer on a port of its own until the block ends."""
    forge = ForgeServer()

    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            forge.asked.append(f"{self.command} {self.path}")
            parts = urlsplit(self.path)
            length = int(self.headers.get("Content-Length") or 0)
            sent = json.loads(self.rfile.read(length)) if length else {}
            tokens = (self.headers.get("Authorization"), self.headers.get("PRIVATE-TOKEN"))
            found = _GITHUB.fullmatch(parts.path) or _GITLAB.fullmatch(parts.path)
            if forge.refuses or not {f"Bearer {TOKEN}", TOKEN} & set(tokens):
                self._say(forge.refuses or 401, {"message": "no"})
            elif parts.path == "/user":
                self._say(200, {"username": forge.own})
            elif found is None or unquote(found["project"]) not in ("ada/digest", "42"):
                self._say(404, {"message": "not found"})
            elif self.command == "GET":
                page = int(parse_qs(parts.query)["page"][0])
                self._say(200, list(forge.comments.values())[(page - 1) * 50 : page * 50])
            elif self.command == "POST" and found["comment"] is None:
                forge.add(forge.own, sent["body"])
                self._say(201, forge.comments[len(forge.comments)])
            elif self.command in ("PATCH", "PUT") and found["comment"]:
                forge.comments[int(found["comment"])]["body"] = sent["body"].replace("\n", "\r\n")
                self._say(200, {})
            else:
                self._say(405, {})

        def _say(self, status: int, value: object) -> None:
            body = json.dumps(value).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        # The names are http.server's.
        do_GET = do_POST = do_PATCH = do_PUT = _answer  # noqa: N815

        def log_message(self, *_args: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        forge.url = f"http://127.0.0.1:{server.server_port}"
        try:
            yield forge
        finally:
            server.shutdown()
