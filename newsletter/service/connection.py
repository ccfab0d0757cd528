"""Connections that don't wait for ever: a client that is slow, or says nothing, is left.

uvicorn closes an idle connection after an answer, but waits without end for the first request, for the rest of a head
that has begun, and for a client that takes nothing. Behind a web server none of this comes here.
"""

import asyncio

from uvicorn.protocols.http.h11_impl import H11Protocol

MOST_ANSWERED = 400  # at once; uvicorn says 503 to others
_MOST_OPEN = 800  # below the 1,024 files that a process may have open
_HEAD_S = 10.0  # for the first request's head
IDLE_S = 30  # between an answer and the next request: web servers keep connections to post over
_NEXT_S = IDLE_S + 5.0  # from an answer to the end of the next head, or of a body that nobody reads
_ANSWER_S = 120.0  # from the head until the answer has been taken


class Connection(H11Protocol):
    """One client's connection, with a deadline for each thing that is waited for."""

    _deadline: asyncio.TimerHandle | None = None
    _answering = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        super().connection_made(transport)
        if len(self.connections) > _MOST_OPEN:
            transport.abort()
        else:
            self._wait(_HEAD_S)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self._look()

    def on_response_complete(self) -> None:
        self._answering = False
        self._wait(_NEXT_S)
        super().on_response_complete()
        self._look()

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        if self._deadline:
            self._deadline.cancel()

    def _look(self) -> None:
        answering = self.cycle is not None and not self.cycle.response_complete
        if answering and not self._answering:
            self._wait(_ANSWER_S)
        self._answering = answering

    def _wait(self, seconds: float) -> None:
        if self._deadline:
            self._deadline.cancel()
        self._deadline = self.loop.call_later(seconds, self.transport.abort)
