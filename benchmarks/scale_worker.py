"""One worker of scale.py: it sends its share of a campaign through a backend that only counts.

    python benchmarks/scale_worker.py FOLDER ISSUE HANDOVER

It says `ready`, begins when a line comes in, and says at its end what it has done, as one line of JSON.
"""

import asyncio
import json
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from newsletter.backends import Feed, Limits
from newsletter.issue_name import IssueName
from newsletter.mail.message import Outcome, Result
from newsletter.publication import OpenPublication
from newsletter.sending.assignment import Assignment
from newsletter.sending.handover_share import HandoverShare
from newsletter.sending.rules import SendingRules
from newsletter.sending.worker import send_campaign

CONNECTIONS, WINDOW = 10, 16  # as many messages ahead as a send by SMTP with its defaults has


class CountingSession:
    """A connection to nobody, which accepts everything at once."""

    def __init__(self, backend: "CountingBackend") -> None:
        self._backend = backend

    async def deliver(self, feed: Feed) -> None:
        while await feed.wait():
            while (message := feed.take()) is not None:
                self._backend.count += 1
                feed.answer(
                    Result(message.key, Outcome.ACCEPTED, stage="text", code=250, enhanced="2.0.0", reply="counted")
                )
            await asyncio.sleep(0)


class CountingBackend:
    """A backend that counts messages, and carries them nowhere."""

    limits = Limits(connections=CONNECTIONS, window=WINDOW)

    def __init__(self) -> None:
        self.count = 0

    @asynccontextmanager
    async def connect(self) -> AsyncIterator[CountingSession]:
        yield CountingSession(self)


def main() -> None:
    folder, issue, handover = sys.argv[1:]
    with OpenPublication.open(Path(folder)) as publication:
        backend = CountingBackend()
        assignment = Assignment(
            store=publication.store,
            issue=IssueName(issue),
            backend=backend,
            rules=SendingRules.from_workspace(publication.workspace),
            write_record=lambda: None,
            on_progress=lambda _progress: None,
            on_stop=lambda: None,
            share=HandoverShare(handover=handover),
        )
        print("ready", flush=True)
        sys.stdin.readline()
        began, cpu = time.time(), time.process_time()
        send_campaign(assignment)
        print(
            json.dumps(
                {"count": backend.count, "began": began, "ended": time.time(), "cpu": time.process_time() - cpu}
            ),
            flush=True,
        )


if __name__ == "__main__":
    main()
