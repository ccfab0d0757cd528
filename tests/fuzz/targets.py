"""Targets of fuzzing: each takes any bytes as other people's text, and raises when a promise about it is broken."""

import imaplib
import socket
import ssl
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from io import BytesIO
from itertools import accumulate
from pathlib import Path

from feeds import messages

from newsletter.backends.smtp.dialogue import Dialogue
from newsletter.backends.smtp.extensions import Extensions
from newsletter.errors import NewsletterError
from newsletter.feedback.mail.recognition import BEYOND, recognise_mail
from newsletter.feedback.mail.sources import open_source
from newsletter.issue.richtext import parse
from newsletter.mail.message import Outcome
from newsletter.reconcile.mail_log import FoundMessageIds, find_arrivals, find_message_ids
from newsletter.text import escape_controls

HERE = Path(__file__).parent
IDS = frozenset(f"{number:016x}.{'0' * 16}@example.org".encode() for number in range(4))
_WAYS = [
    Extensions(),
    Extensions(pipelining=True),
    Extensions(pipelining=True, size=0),
    Extensions(pipelining=True, chunking=True),
]
_MARK = b"\xff"  # ends one thing that a server says: never a part of a text in UTF-8


def mail(data: bytes) -> None:
    """Check that a mail that came back is always read, and nothing of it does anything to a terminal."""
    reading = recognise_mail(data)
    assert BEYOND not in reading.trouble, reading.trouble
    texts = [reading.sender, reading.request, reading.trouble, *reading.message_ids, *reading.delivered_to]
    texts += [text for event in reading.events for text in (event.address, event.evidence.words, event.enhanced)]
    assert all(text == escape_controls(text) and len(text.splitlines()) <= 1 for text in texts)
    assert len(reading.events) <= 200


def richtext(data: bytes) -> None:
    """Check that an editor's text becomes rich text or problems, and what is shown of it was written there."""
    source = data.decode("utf-8", "replace")
    text, faults = parse(source)
    plain = text.plain()
    assert isinstance(plain, str)
    assert all(0 <= (fault.at or 0) <= len(source) for fault in faults)
    if not faults:
        assert all(link.href for link in text.links())
        parse(plain)


def smtp(data: bytes) -> None:
    """Whatever a server says, and however it is cut, no message ends twice, or as accepted before its text has left."""
    way, *pieces = data.split(_MARK)
    dialogue, waiting, sent = Dialogue(_WAYS[sum(way) % len(_WAYS)], 3), messages(4), b""
    texts = {message.key: message.data for message in waiting}
    ends: Counter[str] = Counter()
    for piece in pieces:
        while dialogue.room and waiting:
            dialogue.give(waiting.pop(0))
        before = sent
        sent += b"".join(dialogue.outgoing())
        dialogue.receive(piece)
        for result in dialogue.results:
            ends[result.key] += 1
            assert result.outcome is not Outcome.ACCEPTED or texts[result.key] in before + sent
        ends.update(message.key for message, _ in dialogue.returned)
        dialogue.results.clear()
        dialogue.returned.clear()
    assert all(count == 1 for count in ends.values())
    assert all(sent.count(text) <= 1 for text in texts.values())
    if dialogue.end is not None:
        assert set(ends) == set(texts) - {message.key for message in waiting}


def imap(data: bytes) -> None:
    """Check that a mailbox is read, or the server is blamed in words; nothing else comes of what it says."""
    with _imap_server(data.split(_MARK)), suppress(NewsletterError):
        source = open_source("imap://ada@localhost/INBOX", after="move", password=lambda *_: "secret", timeout=5)
        with source as mailbox:
            for message in mailbox.mails(lambda *_: False):
                mailbox.file(message)


def maillog(data: bytes) -> None:
    """Check that a log proves nothing but of messages of ours."""
    for find in (find_arrivals, find_message_ids):
        traces = FoundMessageIds()
        find(BytesIO(data), IDS, traces)
        assert traces.arrived <= IDS
        assert traces.begun <= IDS
        assert not traces.arrived & traces.begun


TARGETS: dict[str, Callable[[bytes], None]] = {
    "mail": mail, "richtext": richtext, "smtp": smtp, "imap": imap, "maillog": maillog,
}  # fmt: skip


def seeds(target: str) -> Path:
    """Return the folder of the inputs to begin with."""
    return HERE.parent / "feedback/mail/recognition/samples" if target == "mail" else HERE / "corpus" / target


@contextmanager
def _imap_server(script: list[bytes]) -> Iterator[None]:
    """Let imaplib connect to a script: all of it is said already, with the next command's tag in place of TAG."""
    ours, theirs = socket.socketpair()
    ends = accumulate(script, lambda count, piece: count + (b"TAG" in piece), initial=0)
    said = b"".join(piece.replace(b"TAG", b"A%d" % number) for number, piece in zip(ends, script, strict=False))
    with ours, theirs, ExitStack() as undone:
        ours.settimeout(1)
        undone.enter_context(suppress(OSError))
        ours.sendall(said)
        ours.shutdown(socket.SHUT_WR)
        for owner, name, stand_in in (
            (imaplib.IMAP4, "_create_socket", lambda *_: theirs),
            (imaplib, "Int2AP", lambda _: b"A"),  # a tag begins with a number by chance
            (ssl, "create_default_context", lambda: None),  # takes longer than all the rest, and is not used
        ):
            undone.callback(setattr, owner, name, getattr(owner, name))
            setattr(owner, name, stand_in)
        yield
