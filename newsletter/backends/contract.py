"""The promises every backend keeps, as one test that its author runs.

    from newsletter.backends.contract import check_backend

    def test_pigeon(tmp_path):
        check_backend(Pigeon(Pigeon.Settings(loft="..."), tmp_path))

`check_backend` carries some two hundred messages as a run would, and raises AssertionError with the promise that was
broken. It starts event loops of its own: an async test calls it by `asyncio.to_thread`.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Coroutine, Iterable, Sequence
from itertools import count, cycle
from secrets import token_hex

from newsletter.address import EmailAddress
from newsletter.backends import Backend, Limits, SessionLost
from newsletter.backends.contract_feed import ContractFeed, Situation
from newsletter.errors import DeliveryError
from newsletter.mail.message import Message

_LET_GO = "a session that is cancelled ends at once, and lets CancelledError pass"
_HELLO = "Hello =\r\n=2Ethere\r\n"
# Texts that a message may hold: an encoded dot alone on its line, the longest lines (RFC 5322, section 2.1.1), the
# line that begins the next message of an mbox, what shells and templates take for their own, more than a pipe holds.
_TEXTS = (
    _HELLO,
    "=2E\r\n=2E=2E\r\nQUIT\r\n=2E\r\n",
    f"{'x' * 998}\r\n{'y' * 998}\r\n",
    "From here on\r\n>From there\r\n",
    "{sender} {recipient} %s %(key)s $HOME `id` \\0 \\n '\" ;&|\r\n",
    f"{'z' * 76}\r\n" * 15_000,
)


def check_backend(
    backend: Backend,
    recipients: Sequence[str] = ("ada@example.org", "grace@example.org"),
    *,
    received: Callable[[], Iterable[bytes]] | None = None,
    deadline: float = 60.0,
) -> None:
    """Check every promise of a backend. Raises AssertionError, with the promise in words, for one that is broken.

    `received` returns every text that has arrived, less what was put on top of it on the way; then each has to be there
    once and unaltered, its line ends aside. `deadline` is the seconds that each situation may take.
    """
    _check_limits(backend.limits)
    numbers, check, addresses = count(1), token_hex(4), cycle(recipients)
    connections = backend.limits.connections

    def letters(bodies: Iterable[str]) -> list[Message]:
        return [_make_message(next(numbers), check, EmailAddress(next(addresses)), body) for body in bodies]

    ordinary = (
        Situation("nothing to carry", []),
        Situation("texts of every kind", letters(_TEXTS)),
        Situation("fifty messages at once", letters([_HELLO] * 50)),
        Situation("each message after the answer to the one before", letters([_HELLO] * 5), burst=1, patient=True),
        Situation("fifty messages, a few at a time", letters([_HELLO] * 50), burst=3),
        Situation("a feed that ends in the middle", letters([_HELLO] * 50), burst=7, ends_after=20),
        Situation(
            "all connections at once", letters([_HELLO] * max(20, 2 * connections)), burst=3, sessions=connections
        ),
    )
    cancelled = (
        Situation("cancelled while it waits", letters([_HELLO] * 2), cancel_at="wait"),
        Situation("cancelled while it carries", letters([_HELLO] * 2), cancel_at="take"),
    )
    afterwards = Situation("after it was cancelled", letters([_HELLO]))
    for situation in ordinary:
        asyncio.run(_run_in_time(_carry(backend, situation), situation, deadline))
    for situation in cancelled:
        asyncio.run(_run_in_time(_cancel(backend, situation), situation, deadline))
    asyncio.run(_run_in_time(_carry(backend, afterwards), afterwards, deadline))
    if received is not None:
        _compare([*ordinary, *cancelled, afterwards], received())


def _check_limits(limits: Limits) -> None:
    _promise(isinstance(limits, Limits), "`limits` is a Limits")
    _promise(limits.connections >= 1 and limits.window >= 1, "connections and window are one at least")
    rates = (limits.per_second, limits.per_hour, limits.per_connection)
    _promise(all(rate is None or rate > 0 for rate in rates), "a rate is None, or more than nothing")


async def _run_in_time(work: Coroutine[None, None, None], situation: Situation, deadline: float) -> None:
    task = asyncio.ensure_future(work)
    await asyncio.wait({task}, timeout=deadline)
    if not task.done():
        situation.over = True
        situation.blame(f"a session comes to its end, and has not within {deadline:g} seconds")
    task.result()


async def _carry(backend: Backend, situation: Situation) -> None:
    """Open sessions as a campaign does: all together, and each again when it broke, until nothing is left to carry."""
    together = asyncio.Barrier(situation.sessions)

    async def keep() -> None:
        await _run_session(backend, situation, together)
        while situation.left and not situation.over:
            await _run_session(backend, situation, asyncio.Barrier(1))

    await asyncio.gather(*(keep() for _ in range(situation.sessions)))


async def _cancel(backend: Backend, situation: Situation) -> None:
    """Cancel a session as a second Ctrl-C does: it has to end at once, whatever it has in hand."""
    while True:
        session = asyncio.create_task(_run_session(backend, situation, asyncio.Barrier(1)))
        now = asyncio.create_task(situation.cancel_now.wait())
        await asyncio.wait({session, now}, return_when=asyncio.FIRST_COMPLETED)
        now.cancel()
        if not session.done():
            break
        session.result()  # it broke by itself
    session.cancel()
    await asyncio.wait({session})
    if not session.cancelled():
        session.result()
        situation.blame(_LET_GO)


async def _run_session(backend: Backend, situation: Situation, together: asyncio.Barrier) -> None:
    feed = ContractFeed(situation, backend.limits.window)
    try:
        async with backend.connect() as session:
            await together.wait()
            await session.deliver(feed)
    except SessionLost as loss:
        feed.lose(str(loss))
        return
    except asyncio.CancelledError:
        feed.lose("")
        raise
    except AssertionError:
        raise
    except DeliveryError as error:
        situation.blame(f"nothing is in the way here, and it says: {error.message}", error)
    except Exception as error:  # noqa: BLE001  # a stranger's backend may raise anything, and is told what it should
        situation.blame(f"a session that breaks raises SessionLost, and this one raised {error!r}", error)
    if situation.broken:  # and the backend has swallowed the exception that said so
        raise AssertionError(situation.broken)
    situation.promise(not situation.cancel_at, _LET_GO)
    situation.promise(feed.ended, "a session returns only after wait() has said that no more will come")
    situation.promise(not feed.in_hand, "what was taken is answered or given back by a session that returns")
    situation.promise(not feed.unknown, "a session raises SessionLost after an answer of unknown")


def _compare(situations: Iterable[Situation], received: Iterable[bytes]) -> None:
    arrived = Counter(_normalise_line_ends(data) for data in received)
    for situation in situations:
        for message in situation.messages:
            copies = arrived[_normalise_line_ends(message.data)]
            if message.key in situation.accepted:
                situation.promise(copies == 1, f"what is accepted arrives once and unaltered, and {copies} copies have")
            elif message.key in situation.lost:
                situation.promise(copies <= 1, f"nothing arrives twice, and {copies} copies of one that was lost have")
            else:
                situation.promise(copies == 0, "what was never taken, or was given back, has not left")


def _normalise_line_ends(data: bytes) -> bytes:
    return data.replace(b"\r\n", b"\n")


def _promise(kept: bool, words: str) -> None:
    if not kept:
        raise AssertionError(f"broken promise: {words}")


def _make_message(number: int, check: str, recipient: EmailAddress, body: str) -> Message:
    """Return a message unlike every other, of this check and of an earlier one."""
    name = f"{number}.{check}"
    header = f"From: digest@example.org\r\nTo: {recipient}\r\nSubject: contract\r\nMessage-ID: <{name}@example.org>"
    return Message(
        # In a campaign it is the recipient's address, and may hold all that an address may: it is no file's name.
        key=f"/{name}/{{sender}}'%s`$x@example.org",
        sender=EmailAddress("bounces@example.org"),
        recipient=recipient,
        pieces=(f"{header}\r\n\r\n{body}".encode("ascii"),),
    )
