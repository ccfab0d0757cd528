"""SMTP's dialogue with servers that fail anywhere, cut their words anyhow, or talk nonsense.

An honest server, here, reads every command and answers each in turn, if only with a failure. A mad one says
whatever it likes whenever it likes.
"""

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

import hypothesis.strategies as st
from feeds import messages
from hypothesis import example, given, settings

from newsletter.backends import SenderRefused
from newsletter.backends.smtp.dialogue import Dialogue
from newsletter.backends.smtp.extensions import Extensions
from newsletter.mail.message import Message, Outcome, Result

WAYS = {
    "one by one": Extensions(),
    "pipelining": Extensions(pipelining=True),
    "pipelining, size": Extensions(pipelining=True, size=0),
    "chunking": Extensions(pipelining=True, chunking=True),
}
WINDOW = 3
COUNT = 8
ways = st.sampled_from(sorted(WAYS))


@dataclass
class Server:
    """Keeps SMTP's rules (RFC 5321, 2920, 3030) over whatever bytes come, and answers as `verdicts` say.

    Each verdict is for one command that would succeed otherwise: a reply that fails it, or None.
    """

    verdicts: Iterator[bytes | None]
    lenient: bool  # says 354 to DATA, or takes a BDAT, although it has no recipient
    taken: list[bytes] = field(default_factory=list)  # texts for which it said 2xx, of those that had a recipient
    seen: Counter[bytes] = field(default_factory=Counter)  # whole texts that it read
    early: bytes = b""
    closed: bool = False
    _input: bytes = b""
    _mail: bool = False
    _rcpt: bool = False
    _in_text: bool = False

    def read(self, data: bytes) -> bytes:
        """Return the replies to whatever is whole now."""
        self._input += data
        replies = []
        while not self.closed and (reply := self._next()) is not None:
            replies.append(reply)
            self.closed = self.closed or reply.startswith(b"421")
        return b"".join(replies)

    def _next(self) -> bytes | None:
        if self._in_text:
            text, dot, rest = self._input.partition(b"\r\n.\r\n")
            if self._input.startswith(b".\r\n"):
                text, dot, rest = b"", b".\r\n", self._input[3:]
            if not dot:
                return None
            self._input, self._in_text = rest, False
            return self._text(text + b"\r\n" if text else b"")
        line, end, rest = self._input.partition(b"\r\n")
        if not end:
            return None
        verb = line.split(b" ")[0]
        if verb == b"BDAT":
            size = int(line.split(b" ")[1])
            if len(rest) < size:
                return None
            self._input = rest[size:]
            if not self._mail or not (self._rcpt or self.lenient):
                return b"503 5.5.1 no transaction\r\n"
            return self._text(rest[:size])
        self._input = rest
        match verb:
            case b"RSET":
                self._mail = self._rcpt = False
                return b"250 2.0.0 reset\r\n"
            case b"MAIL":
                assert not self._mail, "a second MAIL in one transaction"
                if (failure := next(self.verdicts)) is None:
                    self._mail = True
                return failure or b"250-2.1.0 sender\r\n250 ok\r\n"
            case b"RCPT":
                if not self._mail:
                    return b"503 5.5.1 need MAIL\r\n"
                if (failure := next(self.verdicts)) is None:
                    self._rcpt = True
                return failure or b"250 2.1.5 recipient ok\r\n"
            case b"DATA":
                if not self._mail or not (self._rcpt or self.lenient):
                    return b"554 5.5.1 no valid recipients\r\n"
                failure = next(self.verdicts)
                if failure is None:
                    assert not rest, "something followed DATA before its 354"
                    self._in_text = True
                return failure or b"354 go ahead\r\n"
            case _:
                raise AssertionError(f"unknown command: {line!r}")

    def _text(self, text: bytes) -> bytes:
        had_recipient, self._mail, self._rcpt = self._rcpt, False, False
        if text:
            self.seen[text] += 1
        if not had_recipient:
            return b"250 2.0.0 nobody gets this\r\n"
        failure = next(self.verdicts)
        if failure is None:
            self.taken.append(text)
        return failure or b"250 2.0.0 Ok: queued\r\n"


@dataclass
class Run:
    dialogue: Dialogue
    sent: bytes = b""
    results: list[Result] = field(default_factory=list)
    returned: list[Message] = field(default_factory=list)

    def collect(self) -> None:
        self.results += self.dialogue.results
        self.returned += [message for message, _ in self.dialogue.returned]
        self.dialogue.results.clear()
        self.dialogue.returned.clear()

    def step(self, waiting: list[Message]) -> bytes:
        """Return what a session does after each read."""
        written = b""
        while True:
            self.collect()
            more = self.dialogue.room and bool(waiting)
            if more:
                self.dialogue.give(waiting.pop(0))
            written += b"".join(self.dialogue.outgoing())
            if not more:
                self.sent += written
                return written


def _converse(way: str, verdicts: list[bytes | None], lenient: bool, cuts: list[int]) -> tuple[Run, Server, int]:
    """Return a whole conversation with an honest server whose words arrive in pieces of the lengths `cuts`, in turn."""
    waiting = messages(COUNT)
    server = Server(iter([*verdicts, *[None] * (4 * COUNT)]), lenient)
    run = Run(Dialogue(WAYS[way], WINDOW))
    coming = server.read(run.step(waiting))
    turn = 0
    while coming and run.dialogue.end is None:
        length = cuts[turn % len(cuts)] or len(coming)
        turn += 1
        run.dialogue.receive(coming[:length])
        coming = coming[length:] + server.read(run.step(waiting))
    if server.closed or run.dialogue.end is None:
        run.dialogue.lose("the server closed the connection")
    run.collect()
    return run, server, COUNT - len(waiting)


failures = st.sampled_from(
    [b"450 4.2.0 later\r\n", b"550-5.1.1 unknown\r\n550 user\r\n", b"452 full\r\n", b"554 5.6.0 spam\r\n"]
)
endings = st.sampled_from(
    [b"421 4.3.2 closing\r\n", b"530 5.7.0 login\r\n", b"334 what\r\n", b"999 no\r\n", b"hello\r\n"]
)
cuts = st.lists(st.integers(0, 40), min_size=1, max_size=6)


def _verdicts(*bad: st.SearchStrategy[bytes]) -> st.SearchStrategy[list[bytes | None]]:
    return st.lists(st.one_of(st.none(), st.none(), *bad), max_size=4 * COUNT)


@given(ways, _verdicts(failures, endings), st.booleans(), cuts)
@settings(max_examples=200)
def test_with_an_honest_server_every_message_ends_once_and_as_the_server_says(
    way: str, verdicts: list[bytes | None], lenient: bool, cuts: list[int]
) -> None:
    run, server, given_away = _converse(way, verdicts, lenient, cuts)
    ends = Counter([result.key for result in run.results] + [message.key for message in run.returned])
    assert ends == Counter(message.key for message in messages(COUNT)[:given_away])
    texts = {message.key: message.data for message in messages(COUNT)}
    for result in run.results:
        taken = texts[result.key] in server.taken
        if result.outcome is not Outcome.UNKNOWN:
            assert taken == (result.outcome is Outcome.ACCEPTED)
        if result.outcome is Outcome.ACCEPTED:
            assert result.stage == "text"
            assert result.code == 250
    assert not any(message.data in server.taken for message in run.returned)
    assert all(count == 1 for count in server.seen.values())
    if way != "chunking":
        unknown = [result for result in run.results if result.outcome is Outcome.UNKNOWN]
        assert len(unknown) <= 1


@given(ways.filter(lambda way: way != "chunking"), _verdicts(failures, endings), st.booleans(), cuts)
@settings(max_examples=120)
def test_how_the_words_are_cut_changes_nothing(
    way: str, verdicts: list[bytes | None], lenient: bool, cuts: list[int]
) -> None:
    whole, _, _ = _converse(way, verdicts, lenient, [0])
    cut, _, _ = _converse(way, verdicts, lenient, cuts)
    assert (cut.sent, cut.results, cut.returned) == (whole.sent, whole.results, whole.returned)
    assert repr(cut.dialogue.end) == repr(whole.dialogue.end)


@given(_verdicts(failures), st.booleans(), cuts)
@settings(max_examples=120)
def test_how_the_words_are_cut_changes_nothing_in_a_window(
    verdicts: list[bytes | None], lenient: bool, cuts: list[int]
) -> None:
    # What ends a session comes sooner or later than the messages behind it, so those end differently.
    verdicts = [None if verdict and verdict.startswith(b"55") else verdict for verdict in verdicts]
    whole, _, _ = _converse("chunking", verdicts, lenient, [0])
    cut, _, _ = _converse("chunking", verdicts, lenient, cuts)
    assert (cut.sent, cut.results, cut.returned) == (whole.sent, whole.results, whole.returned)


replies = st.sampled_from(
    [b"250 ok\r\n", b"250 ok\r\n", b"354 go\r\n", b"354 go\r\n", b"250-ok\r\n", b"550 no\r\n", b"450 later\r\n",
     b"421 bye\r\n", b"530 login\r\n", b"999 what\r\n", b"25", b"0 ok\r", b"\n", b"\r\n", b"", b"250\r\n", b"250 ok\n"]
)  # fmt: skip
madness = st.lists(st.one_of(st.none(), replies, st.lists(replies, max_size=5).map(b"".join), st.binary(max_size=40)))


@given(ways, madness, st.booleans())
@example(way="chunking", words=[None, b"250\n250\n", b"530 login\r\n"], lose=False)
@settings(max_examples=300)
def test_a_mad_server_costs_no_copy_and_no_crash(way: str, words: list[bytes | None], lose: bool) -> None:
    """None among the words stands for a moment in which the session writes what it has."""
    waiting, run = messages(COUNT), Run(Dialogue(WAYS[way], WINDOW))
    texts = {message.key: message.data for message in messages(COUNT)}
    said = b""
    for piece in words:
        before = run.sent
        if piece is None:
            run.step(waiting)
        else:
            said += piece
            run.dialogue.receive(piece)
        run.collect()
        # Nobody is accepted by what was said before the text had left.
        for result in run.results:
            if result.outcome in (Outcome.ACCEPTED, Outcome.UNKNOWN):
                assert texts[result.key] in before
        if way != "chunking":
            assert sum(text in run.sent for text in texts.values()) <= len(re.findall(rb"(?m)^354[ \t\r\n]", said))
    # A refusal of the sender ends a window only after the replies to the texts that have left.
    if lose or (run.returned and run.dialogue.end is None):
        run.dialogue.lose("lost")
        run.collect()
    ends = Counter([result.key for result in run.results] + [message.key for message in run.returned])
    given_away = [message.key for message in messages(COUNT)[: COUNT - len(waiting)]]
    assert set(ends) <= set(given_away)
    assert all(count == 1 for count in ends.values())
    if run.dialogue.end is not None:
        assert set(ends) == set(given_away)
        assert run.dialogue.outgoing() == []
        assert not run.dialogue.room
    assert all(run.sent.count(text) <= 1 for text in texts.values())
    for message in run.returned:
        if not isinstance(run.dialogue.end, SenderRefused) and getattr(run.dialogue.end, "code", None) != 421:
            assert texts[message.key] not in run.sent


@given(st.lists(st.binary(max_size=5000), max_size=30), ways)
def test_no_words_are_kept_without_bound(words: list[bytes], way: str) -> None:
    dialogue = Dialogue(WAYS[way], WINDOW)
    dialogue.give(messages(1)[0])
    dialogue.outgoing()
    for piece in words:
        dialogue.receive(piece.replace(b"\n", b"-"))
    total = sum(len(piece) for piece in words)
    assert (dialogue.end is None) == (total <= 8192)
