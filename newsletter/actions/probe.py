"""A look at the mail server, as a send would see it: a connection and a login, and no message."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from newsletter.backends import Announced, Backend, read_announced
from newsletter.publication import OpenPublication


@dataclass(frozen=True, kw_only=True)
class Probe:
    """Result of a look at where messages go: what the other side announced, and sentences about it."""

    announced: Announced
    description: Sequence[str]


def probe_server(publication: OpenPublication) -> Probe:
    """Open a connection as a send does, log in, ask what the server announces, and close it.

    Raises ConfigError for settings that can't be used, and Unreachable, with what to do, when no connection can be
    opened.
    """
    return asyncio.run(_probe(publication.load_backend()))


async def _probe(backend: Backend) -> Probe:
    async with backend.connect() as session:
        describe = getattr(session, "describe", None)
        description = describe() if describe else ["The backend is ready."]
        return Probe(announced=read_announced(session), description=description)
