"""Every backend that comes with the program keeps the contract, and the contract finds those that don't."""

import asyncio
import mailbox
import re
import threading
from collections.abc import Callable
from contextlib import suppress
from importlib.metadata import entry_points
from itertools import cycle
from pathlib import Path

import pytest
from conftest import ROOT, Publication
from smtp_server import Server

from newsletter import backends
from newsletter.backends import Feed, Limits, SessionLost, Unreachable
from newsletter.backends.contract import check_backend
from newsletter.errors import DeliveryError
from newsletter.mail.message import Message, Outcome, Result

TAKE = '#!/bin/sh\nexec cat >"$(mktemp "$1/XXXXXXXX")"\n'


def _load(publication: Publication, name: str) -> backends.Backend:
    publication.environ["NEWSLETTER_SEND__BACKEND"] = name
    return backends.load_backend(name, publication.workspace.config, publication.root)


def _files(folder: Path) -> Callable[[], list[bytes]]:
    return lambda: [path.read_bytes() for path in folder.iterdir()]


def test_the_built_in_backends_are_entry_points() -> None:
    points = {point.name for point in entry_points(group="newsletter.backends")}
    assert points >= {"smtp", "maildir", "command"}
    assert "memory" not in points  # an issue that went there would count as sent, and have reached nobody


def test_smtp_keeps_the_contract(publication: Publication, server: Server) -> None:
    publication.through(server)
    check_backend(_load(publication, "smtp"), received=lambda: [data for _, data in server.stored])


def test_smtp_keeps_the_contract_while_the_server_hangs_up(publication: Publication, server: Server) -> None:
    publication.through(server)
    fates = cycle([None] * 10 + ["drop"])
    server.on_reply = lambda _count, text: next(fates) if text.startswith(("354", "250 2.")) else None
    check_backend(_load(publication, "smtp"), received=lambda: [data for _, data in server.stored])


def test_maildir_keeps_the_contract(publication: Publication) -> None:
    box = publication.root / "build/maildir"
    check_backend(_load(publication, "maildir"), received=_files(box / "new"))
    assert {message["To"] for message in mailbox.Maildir(box, create=False)} == {"ada@example.org", "grace@example.org"}


@pytest.mark.parametrize("connections", [1, 3])
def test_command_keeps_the_contract(publication: Publication, connections: int) -> None:
    box = publication.root / "box"
    box.mkdir()
    program = publication.root / "take"
    program.write_text(TAKE)
    program.chmod(0o755)
    publication.environ |= {
        "NEWSLETTER_COMMAND__COMMAND": "./take box {sender} -- {recipient}",
        "NEWSLETTER_COMMAND__CONNECTIONS": str(connections),
    }
    check_backend(_load(publication, "command"), received=_files(box))


def test_the_backend_in_the_docs_keeps_the_contract_by_the_test_in_the_docs(tmp_path: Path) -> None:
    names: dict[str, Callable[[Path], None]] = {}
    for example in (ROOT / "docs/backends.md").read_text().split("```python\n")[1:]:
        exec(compile(example.split("```")[0], "docs/backends.md", "exec"), names)
    names["test_pigeon"](tmp_path)
    assert any((tmp_path / "loft").iterdir())


def test_the_settings_in_the_docs_are_valid(publication: Publication) -> None:
    sample = (publication.root / "newsletter.toml").read_text()
    chosen = re.findall(
        r'^```toml\n\[send\]\nbackend = "(\w+)"\n(.*?)^```',
        (ROOT / "docs/operators/backends.md").read_text(),
        re.MULTILINE | re.DOTALL,
    )
    assert [name for name, _ in chosen] == ["command", "maildir"]
    for name, settings in chosen:
        (publication.root / "newsletter.toml").write_text(f"{sample}\n{settings}")
        assert isinstance(_load(publication, name).limits, Limits)


class _Backend:
    """Keeps every promise in memory; each careless one below breaks one."""

    limits = Limits(connections=2, window=2)

    def __init__(self) -> None:
        self.arrived: list[bytes] = []

    def connect(self) -> "_Backend":
        return self

    async def __aenter__(self) -> "_Backend":
        return self

    async def __aexit__(self, *_: object) -> None:
        return None

    async def deliver(self, feed: Feed) -> None:
        async for message in backends.take_messages(feed):
            await self.carry(feed, message)

    async def carry(self, feed: Feed, message: Message) -> None:
        await asyncio.sleep(0)
        self.arrived.append(message.data)
        feed.answer(self.accepted(message))

    def accepted(self, message: Message) -> Result:
        return Result(key=message.key, outcome=Outcome.ACCEPTED)


def test_a_careful_backend_keeps_the_contract() -> None:
    backend = _Backend()
    check_backend(backend, received=lambda: backend.arrived)


def test_the_contract_speaks_to_the_recipients_named() -> None:
    backend = _Backend()
    check_backend(backend, ["editor@example.org"])
    assert {to for data in backend.arrived for to in re.findall(b"^To: (.*)\r$", data, re.MULTILINE)} == {
        b"editor@example.org"
    }


class _BreaksOften(_Backend):
    """Each session carries four messages, loses the next, and knows of the one after it that it has not left."""

    async def deliver(self, feed: Feed) -> None:
        carried = 0
        async for message in backends.take_messages(feed):
            if carried == 4:
                if (other := feed.take()) is not None:
                    feed.untouched(other, "the session broke")
                raise SessionLost("gone")
            carried += 1
            await self.carry(feed, message)


class _SaysUnknown(_Backend):
    async def deliver(self, feed: Feed) -> None:
        carried = 0
        async for message in backends.take_messages(feed):
            if carried == 4:
                feed.answer(Result(key=message.key, outcome=Outcome.UNKNOWN))
                raise SessionLost
            carried += 1
            await self.carry(feed, message)


class _GivesBackOnce(_Backend):
    """What is given back can be taken again, by the same session, too."""

    async def deliver(self, feed: Feed) -> None:
        async for message in backends.take_messages(feed):
            if (other := feed.take()) is not None:
                feed.untouched(other)
            await self.carry(feed, message)


@pytest.mark.parametrize("kind", [_BreaksOften, _SaysUnknown, _GivesBackOnce])
def test_a_session_may_break_and_give_back(kind: type[_Backend]) -> None:
    backend = kind()
    check_backend(backend, received=lambda: backend.arrived)


class _LeavesEarly(_Backend):
    async def deliver(self, feed: Feed) -> None:
        while (message := feed.take()) is not None:
            await self.carry(feed, message)


class _LeavesAfterTheFirstWait(_Backend):
    async def deliver(self, feed: Feed) -> None:
        for _ in range(2):
            while (message := feed.take()) is not None:
                await self.carry(feed, message)
            if not await feed.wait():
                return


class _Polls(_Backend):
    async def deliver(self, feed: Feed) -> None:
        while True:
            if (message := feed.take()) is not None:
                await self.carry(feed, message)
            await asyncio.sleep(0)


class _Refuses(_Backend):
    def accepted(self, message: Message) -> Result:
        return Result(key=message.key, outcome=Outcome.REFUSED, code=550, reply="no such pigeon")


class _AnswersWithWords(_Backend):
    def accepted(self, _message: Message) -> Result:
        return "accepted"  # type: ignore[return-value]  # that is the mistake


class _AnswersTwice(_Backend):
    async def carry(self, feed: Feed, message: Message) -> None:
        await super().carry(feed, message)
        feed.answer(self.accepted(message))


class _Forgets(_Backend):
    async def carry(self, _feed: Feed, message: Message) -> None:
        self.arrived.append(message.data)


class _ForgetsTheLast(_Backend):
    """Answers a message when the next one comes, as a pipeline would that is never emptied."""

    async def deliver(self, feed: Feed) -> None:
        before = None
        async for message in backends.take_messages(feed):
            if before:
                await self.carry(feed, before)
            before = message


class _TakesTooMany(_Backend):
    async def deliver(self, feed: Feed) -> None:
        taken = []
        while True:
            while (message := feed.take()) is not None:
                taken.append(message)
            for message in taken:
                await self.carry(feed, message)
            taken.clear()
            if not await feed.wait():
                return


class _GivesBackAndKeeps(_Backend):
    async def carry(self, feed: Feed, message: Message) -> None:
        await super().carry(feed, message)
        feed.untouched(message)


class _GivesBackForEver(_Backend):
    async def carry(self, feed: Feed, message: Message) -> None:
        feed.untouched(message)


class _SendsAndGivesBack(_Backend):
    """Sends the second of two, and says that it has not."""

    async def deliver(self, feed: Feed) -> None:
        async for message in backends.take_messages(feed):
            if (other := feed.take()) is not None:
                self.arrived.append(other.data)
                feed.untouched(other)
            await self.carry(feed, message)


class _SendsTwice(_Backend):
    async def carry(self, feed: Feed, message: Message) -> None:
        self.arrived.append(message.data)
        await super().carry(feed, message)


class _Mangles(_Backend):
    async def carry(self, feed: Feed, message: Message) -> None:
        self.arrived.append(message.data.replace(b"\nFrom ", b"\n>From "))
        feed.answer(self.accepted(message))


class _LosesTheSession(_Backend):
    async def carry(self, _feed: Feed, _message: Message) -> None:
        raise SessionLost("the pigeon is gone")


class _RaisesItsOwn(_Backend):
    async def carry(self, _feed: Feed, _message: Message) -> None:
        raise ConnectionResetError("the pigeon is gone")


class _NamesFilesByKey(_Backend):
    async def carry(self, _feed: Feed, message: Message) -> None:
        Path("/nowhere", message.key).write_bytes(message.data)


class _IsNeverThere(_Backend):
    async def __aenter__(self) -> "_Backend":
        raise Unreachable("Nobody is home.")


class _IsFull(_Backend):
    async def carry(self, _feed: Feed, _message: Message) -> None:
        raise DeliveryError("No room.")


class _AnswersFromAThread(_Backend):
    async def carry(self, feed: Feed, message: Message) -> None:
        await asyncio.to_thread(feed.answer, self.accepted(message))


class _SwallowsItsMistakes(_Backend):
    async def carry(self, feed: Feed, message: Message) -> None:
        await super().carry(feed, message)
        with suppress(AssertionError):
            feed.answer(self.accepted(message))


class _StaysWhenCancelled(_Backend):
    async def deliver(self, feed: Feed) -> None:
        with suppress(asyncio.CancelledError):
            await super().deliver(feed)


class _GoesOnWhenCancelled(_Backend):
    async def deliver(self, feed: Feed) -> None:
        while True:
            try:
                return await super().deliver(feed)
            except asyncio.CancelledError:
                continue


class _BreaksWhenCancelled(_Backend):
    async def deliver(self, feed: Feed) -> None:
        try:
            await super().deliver(feed)
        except asyncio.CancelledError as error:
            raise SessionLost from error


class _HasOneSessionOnly(_Backend):
    def __init__(self) -> None:
        super().__init__()
        self._lock = threading.Lock()

    async def __aenter__(self) -> "_Backend":
        if not self._lock.acquire(blocking=False):
            raise Unreachable("There is a session already.")
        return self

    async def __aexit__(self, *_: object) -> None:
        self._lock.release()


class _NeverComesBack(_Backend):
    async def carry(self, _feed: Feed, _message: Message) -> None:
        await asyncio.Event().wait()


class _HoldsUntilMoreCome(_Backend):
    """Answers a full window at a time: with a run that hands out no more before an answer, both wait for ever."""

    async def deliver(self, feed: Feed) -> None:
        taken: list[Message] = []
        async for message in backends.take_messages(feed):
            taken.append(message)
            if len(taken) == self.limits.window:
                for one in taken:
                    await self.carry(feed, one)
                taken.clear()
        for one in taken:
            await self.carry(feed, one)


class _NoWindow(_Backend):
    limits = Limits(window=0)


class _NoPace(_Backend):
    limits = Limits(per_second=0)


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        (_LeavesEarly, "returns only after wait() has said that no more will come (with nothing to carry)"),
        (_LeavesAfterTheFirstWait, "returns only after wait() has said"),
        (_Polls, "waits by wait(), not by asking again"),
        (_Refuses, "these messages are accepted, and it says: refused 550 no such pigeon"),
        (_AnswersWithWords, "answer() is given a Result, not 'accepted'"),
        (_AnswersTwice, "only a message in hand is answered, and only once"),
        (_Forgets, "in hand"),
        (_ForgetsTheLast, "what was taken is answered or given back by a session that returns"),
        (_TakesTooMany, "no more than limits.window (2) are in hand"),
        (_GivesBackAndKeeps, "only a message in hand is given back"),
        (_GivesBackForEver, "gives back time after time"),
        (_SendsAndGivesBack, "what is accepted arrives once and unaltered, and 2 copies have"),
        (_SendsTwice, "what is accepted arrives once and unaltered, and 2 copies have"),
        (_Mangles, "unaltered, and 0 copies have (with texts of every kind)"),
        (_LosesTheSession, "one session in 5 gets a message through, and they break: the pigeon is gone"),
        (_RaisesItsOwn, "raises SessionLost, and this one raised ConnectionResetError"),
        (_NamesFilesByKey, "raised FileNotFoundError"),
        (_IsNeverThere, "nothing is in the way here, and it says: Nobody is home."),
        (_IsFull, "nothing is in the way here, and it says: No room."),
        (_AnswersFromAThread, "answer() is called on the event loop, not in a thread"),
        (_SwallowsItsMistakes, "only a message in hand is answered, and only once"),
        (_StaysWhenCancelled, "a session that is cancelled ends at once, and lets CancelledError pass"),
        (_GoesOnWhenCancelled, "a session that is cancelled ends at once, and lets CancelledError pass"),
        (_BreaksWhenCancelled, "a session that is cancelled ends at once, and lets CancelledError pass"),
        (_HasOneSessionOnly, "it says: There is a session already. (with all connections at once)"),
        (_NoWindow, "connections and window are one at least"),
        (_NoPace, "a rate is None, or more than nothing"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_the_contract_finds_a_careless_backend(kind: type[_Backend], words: str) -> None:
    backend = kind()
    with pytest.raises(AssertionError) as caught:
        check_backend(backend, received=lambda: backend.arrived)
    assert words in str(caught.value)


@pytest.mark.parametrize("kind", [_NeverComesBack, _HoldsUntilMoreCome])
def test_the_contract_ends_a_session_that_does_not(kind: type[_Backend]) -> None:
    with pytest.raises(AssertionError, match=r"has not within 0\.5 seconds"):
        check_backend(kind(), deadline=0.5)
