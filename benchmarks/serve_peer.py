"""What the service is measured beside: `bare`, a route that answers at once, and `single`, a commit for each POST."""

import sys
from pathlib import Path

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from newsletter.cli import main
from newsletter.web.public import group_writer
from newsletter.web.public.connection_limits import LimitedConnection


async def answer(_request: Request) -> PlainTextResponse:
    return PlainTextResponse("You won't get it any more.\n")


def bare() -> None:
    """Return the same server, with the same protocol class and limits, and nothing to do."""
    app = Starlette(routes=[Route("/u/{token}", answer, methods=["POST"])])
    config = uvicorn.Config(app, port=0, http=LimitedConnection, ws="none", log_config=None, access_log=False)
    listening = config.bind_socket()
    listening.listen(1024)  # from the moment that it says so
    print(f"listens at http://127.0.0.1:{listening.getsockname()[1]}", flush=True)
    uvicorn.Server(config).run(sockets=[listening])


def single() -> None:
    """Ours in all but one: no group gathers."""
    group_writer._GROUP = 1
    sys.argv = ["newsletter", "serve", "--port", "0"]
    main()


if __name__ == "__main__":
    {"bare": bare, "single": single}[Path(sys.argv[1]).name]()
