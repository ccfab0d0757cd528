"""Connections with deadlines, shared between clients: one on which a client is slow, or says nothing, is closed.

uvicorn closes an idle connection after an answer, but waits without end for the first request, for the rest of a head
that has begun, and for a client that takes nothing; and at its limit of connections it answers 503 to everyone.
"""

import asyncio
from collections import Counter
from collections.abc import Collection

from uvicorn.protocols.http.flow_control import CLOSE_HEADER
from uvicorn.protocols.http.h11_impl import H11Protocol

from newsletter.web.public.fair_shares import ConnectionPhase, client_of, connection_to_close

MOST_OPEN = 800  # below the 1,024 files that a process may have open
_MOST_REQUESTS = 1_000  # over one connection, as nginx has it by default
_HEAD_S = 10.0  # for the first request's head
IDLE_S = 30  # between an answer and the next request: web servers keep connections to post over
_NEXT_S = IDLE_S + 5.0  # from an answer to the end of the next head, or of a body that nobody reads
_ANSWER_S = 120.0  # from the head until the answer has been taken


class LimitedConnection(H11Protocol):
    """One client's connection, with a deadline for each thing that is waited for."""

    client_name = ""  # see client_of
    since = 0.0  # when it began to be at its stage, by the loop's clock
    _deadline: asyncio.TimerHandle | None = None
    _request: object = None
    _requests = 0

    @property
    def stage(self) -> ConnectionPhase:
        """Return the phase: what this connection waits for."""
        is_unread = self.transport.get_write_buffer_size() > 0
        if self.transport.is_closing() and not is_unread:
            return ConnectionPhase.GONE
        if self.cycle is None or (self.cycle.response_complete and not is_unread):
            return ConnectionPhase.IDLE  # a head that has begun is none
        return (
            ConnectionPhase.RECEIVING
            if self.cycle.more_body and not self.cycle.response_started
            else ConnectionPhase.ANSWERING
        )

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        super().connection_made(transport)
        self.client_name = client_of(self.client)
        self._wait(_HEAD_S)
        if len(self.connections) > MOST_OPEN:
            _make_room(self, [one for one in self.connections if isinstance(one, LimitedConnection)])

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self._look()

    def on_response_complete(self) -> None:
        self._wait(_NEXT_S)
        super().on_response_complete()
        self._look()

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        if self._deadline:
            self._deadline.cancel()

    def _look(self) -> None:
        """Start the deadline of a request, if one has begun."""
        if self.cycle is None or self.cycle is self._request:
            return
        self._request = self.cycle
        self._requests += 1
        if self._requests >= _MOST_REQUESTS and CLOSE_HEADER not in self.headers:
            self.headers.append(CLOSE_HEADER)  # as if the client had said so: uvicorn answers with the same
        if not self.cycle.response_complete:
            self._wait(_ANSWER_S)

    def _wait(self, seconds: float) -> None:
        if self._deadline:
            self._deadline.cancel()
        self.since = self.loop.time()
        self._deadline = self.loop.call_later(seconds, self.transport.abort)


def _make_room(newcomer: LimitedConnection, everyone: Collection[LimitedConnection]) -> None:
    """Close one of the open connections for a new one, or the new one when each of the others is worth more."""
    there = [one for one in everyone if one.stage is not ConnectionPhase.GONE]
    if len(there) > MOST_OPEN:
        counts = Counter(one.client_name for one in there)
        connection_to_close(newcomer, [one for one in there if one is not newcomer], counts).transport.abort()
