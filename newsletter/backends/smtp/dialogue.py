"""The client's side of SMTP once it is logged in (RFC 5321), as a pure state machine: no socket and no clock.

Its driver gives it a message while there is `room`, writes what `outgoing` returns, hands what the server sends to
`receive`, and takes `results` and `returned` away, until `end` says why nothing more can be sent.

Three modes, by what the server announced:
- one command at a time;
- PIPELINING (RFC 2920): a text travels with the next message's MAIL, RCPT and DATA, and never before its 354;
- CHUNKING (RFC 3030): a window of whole transactions, each MAIL, RCPT, BDAT with the text, and RSET.

A reply doesn't say which command it answers: replies come in the commands' order. So the awaited ones are in a queue,
and a server that sends one reply too many or too few can't be trusted from there on.
"""

import re
from collections import deque
from collections.abc import Callable, Sequence

from newsletter.backends import SenderRefused, SessionLost
from newsletter.backends.smtp.extensions import Extensions
from newsletter.backends.smtp.reply_reader import GARBLED, ReplyReader, decode_reply
from newsletter.backends.smtp.transaction import (
    CHUNKED,
    ENVELOPE,
    RESET_AND_ENVELOPE,
    DialogueStage,
    Transaction,
    make_loss,
    make_result,
)
from newsletter.mail.message import Message, Outcome, Result
from newsletter.mail.reply_concern import Concern, classify_result

_OK = 250
_WILL_FORWARD = 251  # RFC 5321, section 3.4
_START_TEXT = 354
_CLOSING = 421  # RFC 5321, section 3.8: the server ends the connection after this reply
_LOGIN_WANTED = 530  # RFC 4954, section 6
_NOT_THE_SENDER = frozenset({Concern.MESSAGE, Concern.QUOTA})  # subjects of a 5xx to MAIL that is over at some time
# A space, an angle bracket or a line's end would end the address, or the command, early.
_ADDRESSES = re.compile(r"[!-;=?-~]* [!-;=?-~]+")
_DOT = b".\r\n"
# To a text, MAIL, RCPT and DATA, each in one line.
_FOUR_GOOD = re.compile(
    rb"250 ([^\r\n]{0,500})\r\n250 [^\r\n]{0,500}\r\n25[01] [^\r\n]{0,500}\r\n354 [^\r\n]{0,500}\r\n"
)


class Dialogue:
    """One connection's commands and replies, from a message to its result.

    `results` and `returned` (messages whose text was not read, with the reason) are for the driver to take and empty.
    `decode` makes a line of a reply's text.
    """

    def __init__(self, extensions: Extensions, window: int = 1, decode: Callable[[bytes], str] = decode_reply) -> None:
        self.results: list[Result] = []
        self.returned: list[tuple[Message, str]] = []
        self.end: SessionLost | SenderRefused | None = None
        self.on_text: Callable[[Message], None] | None = None  # called when a text is about to be written
        self._pipelining = extensions.pipelining
        # Without PIPELINING each command waits for its reply, and a window would have nothing to hold.
        self._chunking = extensions.chunking and extensions.pipelining
        self._size = extensions.size
        self._window = window
        self._decode = decode
        self._reader = ReplyReader()
        self._in_hand: deque[Transaction] = deque()
        self._awaited: deque[tuple[DialogueStage, Transaction]] = deque()
        self._answerable = 0  # how many of those belong to commands that have been written
        self._early = False  # the reply that is coming in began before there was a command that it could answer
        self._out: list[bytes] = []
        self._leaving: list[Transaction] = []  # whose texts are in _out
        self._unsent: deque[tuple[DialogueStage, str]] = deque()  # one command at a time: those still to come
        self._envelope_open = False
        self._reset_first = False
        self._refusal: SenderRefused | None = None

    @property
    def room(self) -> bool:
        """Return whether another message may be given now."""
        if self.end is not None or self._refusal is not None:
            return False
        return len(self._in_hand) < self._window if self._chunking else not self._envelope_open

    @property
    def has_outgoing(self) -> bool:
        """Return whether there is something to write."""
        return bool(self._out)

    @property
    def awaits(self) -> DialogueStage | None:
        """Return the command that the next reply answers; None when none is awaited."""
        return self._awaited[0][0] if self._awaited else None

    def give(self, message: Message) -> None:
        """Begin a message's transaction, or refuse the message here, as the server would have to."""
        if unfit := self._explain_unfit(message):
            self.results.append(make_result(message, DialogueStage.MAIL, None, unfit))
            return
        transaction = Transaction(message)
        self._in_hand.append(transaction)
        size = f" SIZE={message.size}" if self._size is not None else ""  # RFC 1870, section 5
        envelope = f"MAIL FROM:<{message.sender}>{size}\r\nRCPT TO:<{message.recipient}>\r\n"
        if self._chunking:
            # RFC 3030, section 2: after a failed BDAT the server's state is indeterminate until it gets RSET.
            bdat = f"{envelope}BDAT {message.size} LAST\r\n".encode("ascii")
            self._out += (bdat, *message.pieces, b"RSET\r\n")
            self._leaving.append(transaction)
            self._await(transaction, CHUNKED)
            return
        self._envelope_open = True
        commands, stages = f"{envelope}DATA\r\n", ENVELOPE
        if self._reset_first:
            self._reset_first = False
            commands, stages = f"RSET\r\n{commands}", RESET_AND_ENVELOPE
        if self._pipelining:
            self._out.append(commands.encode("ascii"))
            self._await(transaction, stages)
        else:
            self._unsent.extend(zip(stages, commands.splitlines(keepends=True), strict=True))
            self._send_command(transaction)

    def outgoing(self) -> Sequence[bytes]:
        """Return the bytes to write now, in pieces. From here on the texts among them count as having left."""
        for transaction in self._leaving:
            transaction.text_left = True
            if self.on_text is not None:
                self.on_text(transaction.message)
        self._leaving.clear()
        self._answerable = len(self._awaited)
        pieces, self._out = self._out, []
        return pieces

    def receive(self, data: bytes) -> int:
        """Take bytes from the server, in pieces of any length; return how many replies they completed."""
        if self.end is not None:
            return 0
        if self._receive_four_at_once(data):
            return 4
        count = 0
        for count, (code, text) in enumerate(self._reader.read(data), start=1):
            if code == GARBLED:
                self.lose(f"the reply can't be understood: {self._decode(text)}")
            elif self._early or self._answerable == 0:
                closing = code == _CLOSING
                reply = self._decode(text)
                if closing:
                    self._finish(make_loss("connection", code, reply), text_read=True)
                else:
                    self.lose(f"a reply that nobody asked for: {code} {reply}")
            else:
                self._handle_reply(code, text)
            if self.end is not None:
                return count
        self._early = self._reader.unfinished and (self._answerable == 0 or (self._early and count == 0))
        return count

    def _receive_four_at_once(self, data: bytes) -> bool:
        """Take the replies to a text and to the next message's envelope, when they are good and nothing else has come.

        With PIPELINING nearly all of a campaign's replies come so. The reply reader takes what is not of this form; it
        would do the same with these, and take three times as long.
        """
        awaited = self._awaited
        if len(awaited) != 4 or self._answerable != 4 or self._early or self._chunking or self._refusal is not None:
            return False
        (text, finished), (_, begun), _, (start, _) = awaited
        if text is not DialogueStage.TEXT or start is not DialogueStage.DATA or finished.failure or begun.failure:
            return False
        replies = None if self._reader.unfinished else _FOUR_GOOD.fullmatch(data)
        if replies is None:
            return False
        awaited.clear()
        self._answerable = 0
        self._handle_text_reply(finished, _OK, self._decode(replies[1]))
        self._send_text(begun)
        return True

    def lose(self, why: str) -> None:
        """End with the connection: a message whose text may have left is unknown, the others are given back."""
        if self.end is None:
            self._finish(SessionLost(why), text_read=True)

    def _explain_unfit(self, message: Message) -> str:
        if self._size and message.size > self._size:
            return f"5.3.4 the message has {message.size:,} bytes, and the server takes {self._size:,} at most"
        if not _ADDRESSES.fullmatch(f"{message.sender} {message.recipient}"):
            return "the address can't stand in an SMTP command"
        return ""

    def _await(self, transaction: Transaction, stages: Sequence[DialogueStage]) -> None:
        for stage in stages:
            self._awaited.append((stage, transaction))

    def _send_command(self, transaction: Transaction) -> None:
        stage, command = self._unsent.popleft()
        self._out.append(command.encode("ascii"))
        self._await(transaction, (stage,))

    def _handle_reply(self, code: int, text: bytes) -> None:
        stage, transaction = self._awaited.popleft()
        self._answerable -= 1
        if code == _CLOSING:
            self._handle_closing(stage, transaction, self._decode(text))
        elif stage is DialogueStage.TEXT:
            self._handle_text_reply(transaction, code, self._decode(text))
        elif code == (_START_TEXT if stage is DialogueStage.DATA else _OK) or (
            stage is DialogueStage.RCPT and code == _WILL_FORWARD
        ):
            if stage is DialogueStage.DATA:
                self._send_text(transaction)
            elif self._unsent:
                self._send_command(transaction)
        elif code // 100 in (4, 5) and stage is not DialogueStage.RSET:
            self._handle_failure(stage, transaction, code, self._decode(text))
        else:
            # A 2xx or 3xx that does not belong here accepts nobody, and no reply after it can be trusted.
            self._finish(make_loss(stage.value, code, self._decode(text)), text_read=True)
        if stage in (DialogueStage.TEXT, DialogueStage.DOT) and not self._pipelining:
            self._envelope_open = False

    def _send_text(self, transaction: Transaction) -> None:
        if transaction.failure is None:
            # No line of it begins with a dot (mail/quoted_printable.py), so the text goes as it is.
            self._out += (*transaction.message.pieces, _DOT)
            self._leaving.append(transaction)
            self._await(transaction, (DialogueStage.TEXT,))
        else:
            # RFC 2920, section 3.1: a server may say 354 although it has taken no recipient.
            self._out.append(_DOT)
            self._await(transaction, (DialogueStage.DOT,))
        self._envelope_open = not self._pipelining

    def _handle_text_reply(self, transaction: Transaction, code: int, reply: str) -> None:
        failure = transaction.failure
        if code // 100 == 3:
            self.lose(f"the reply can't be understood: {code} {reply}")
        elif code // 100 != 2:
            self._finish_oldest(failure or self._judge_failure(transaction.message, DialogueStage.TEXT, code, reply))
        elif isinstance(failure, Result) and failure.stage == DialogueStage.RCPT.value:
            self._finish_oldest(failure)  # a text for nobody may be taken
        elif failure is not None:
            transaction.failure = None
            self.lose(f"{code} {reply}, after a refused MAIL")
        else:
            self._finish_oldest(make_result(transaction.message, DialogueStage.TEXT, code, reply))

    def _handle_failure(self, stage: DialogueStage, transaction: Transaction, code: int, reply: str) -> None:
        if stage is DialogueStage.DATA or not self._pipelining:
            self._envelope_open = False
            self._unsent.clear()
        if transaction.failure is not None:
            return
        transaction.failure = self._judge_failure(transaction.message, stage, code, reply)
        if not self._chunking:  # there the reply to the text, which has left already, is still to come
            self._reset_first = True
            self._finish_oldest(transaction.failure)

    def _judge_failure(self, message: Message, stage: DialogueStage, code: int, reply: str) -> Result | SenderRefused:
        """Return the message's result, or that the sender is refused, whatever is sent."""
        result = make_result(message, stage, code, reply)
        refused = stage is DialogueStage.MAIL and code // 100 == 5
        if code == _LOGIN_WANTED or (refused and classify_result(result) not in _NOT_THE_SENDER):
            return SenderRefused(
                f"The server takes no mail from {message.sender}: {code} {reply}",
                next_step="Check [sender] bounces and from, and [smtp] username and password, in newsletter.toml.",
            )
        return result

    def _handle_closing(self, stage: DialogueStage, transaction: Transaction, reply: str) -> None:
        """End at a 421. Replies come in order, so the server has read no command behind the one that it answers so."""
        if stage is DialogueStage.TEXT:
            self._finish_oldest(transaction.failure or make_result(transaction.message, stage, _CLOSING, reply))
        if self.end is None:
            self._finish(make_loss(stage.value, _CLOSING, reply), text_read=False)

    def _finish_oldest(self, verdict: Result | SenderRefused) -> None:
        """Finish the oldest message in hand with its result, or give it back."""
        transaction = self._in_hand.popleft()
        if isinstance(verdict, Result):
            self.results.append(verdict)
        else:
            self.returned.append((transaction.message, str(verdict)))
            self._refusal = self._refusal or verdict
        # With a window of whole transactions the texts behind have left, so that their replies are waited for.
        if self._refusal and not (self._chunking and self._in_hand):
            self._finish(self._refusal, text_read=True)

    def _finish(self, end: SessionLost | SenderRefused, *, text_read: bool) -> None:
        """Give each message in hand its result, or give it back; `text_read`: a text that has left may be read."""
        refused = [each.failure for each in self._in_hand if isinstance(each.failure, SenderRefused)]
        self.end = self._refusal or (refused[0] if refused else end)
        for transaction in self._in_hand:
            message, failure = transaction.message, transaction.failure
            if isinstance(failure, Result):
                self.results.append(failure)
            elif transaction.text_left and text_read and failure is None:
                unknown = Result(
                    key=message.key, outcome=Outcome.UNKNOWN, stage=DialogueStage.TEXT.value, reply=str(end)
                )
                self.results.append(unknown)
            else:
                self.returned.append((message, str(end)))
        for queue in (self._in_hand, self._awaited, self._unsent, self._out, self._leaving):
            queue.clear()
