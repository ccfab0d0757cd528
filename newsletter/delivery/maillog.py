"""What a mail log, or any other text, tells of messages by their Message-IDs.

A mail server names a message by its Message-ID when it has read the header, and by its own queue id from then on. That
it has the header is no proof that it has the text: the connection may have broken under it. Postfix shows a message
that it has whole by the queue manager's lines and those of the agents that deliver it; Exim writes its `<=` line then.

All of it is other people's text, of any length and in any encoding, cut off anywhere: lines that don't fit are passed
over, and only ids of ours are ever given back.
"""

import re
from collections.abc import Container, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

_CHUNK = 1 << 20
_LONGEST = 500  # an id of ours, with the longest domain that there can be (RFC 1035, section 2.3.4: 255 octets)
_LINE = 1 << 16

# What mail/headers.py makes, wherever it stands.
_ID = re.compile(rb"(?<![0-9A-Za-z.+_-])([0-9a-f]{32})@([A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*)")

# Syslog's lines, in its old form and in that of RFC 5424's time stamps: "... host postfix/qmgr[123]: QUEUEID: ...".
_POSTFIX = re.compile(rb"(\S+) \S*/([a-z0-9_-]+)\[\d+\]: (?:\[ID \d+ \S+\] )?([0-9A-Za-z]{5,20}): (.*)")
_QUEUE_MANAGERS = (b"qmgr", b"oqmgr", b"nqmgr")
_AGENTS = (b"smtp", b"lmtp", b"local", b"virtual", b"pipe", b"error", b"discard", b"relay", b"retry")
_QUEUED = re.compile(rb"removed\s*$|from=<.*\(queue active\)\s*$")
_TRIED = re.compile(rb"to=<.*\bstatus=[a-z]+ ")
_HEADER_READ = re.compile(rb"message-id=(.*)")

# "2026-11-22 14:00:05 1tE9xG-000000001Ab-0aBc <= sender ... id=THE-ID": the form of the id is Exim's section 9.
_EXIM = re.compile(rb"(?:^|\s)[0-9A-Za-z]{6}-[0-9A-Za-z]{6,11}-[0-9A-Za-z]{2,4} <= \S+ .*?\bid=(\S+)")


@dataclass
class Traces:
    """Ids of ours that were found: of messages that arrived, and of those whose text may have come in part.

    `known` says whether the text is of the right kind at all: a mail log, and with ids such as ours in it.
    """

    arrived: set[bytes] = field(default_factory=set)
    begun: set[bytes] = field(default_factory=set)
    is_log: bool = False
    has_ids: bool = False


def find_ids(file: BinaryIO, ours: Container[bytes], traces: Traces) -> None:
    """Every id of ours that stands anywhere in the text counts as arrived."""
    rest = b""
    while True:
        chunk = file.read(_CHUNK)
        text = rest + chunk
        for match in _ID.finditer(text):
            # What touches the end may go on in the next chunk, and be another id there.
            if match.end() < len(text) or not chunk:
                traces.has_ids = True
                if (found := _id(match)) in ours:
                    traces.arrived.add(found)
        if not chunk:
            return
        rest = text[-_LONGEST:]


def find_arrivals(file: BinaryIO, ours: Container[bytes], traces: Traces) -> None:
    """Those of ours that a log of Postfix or Exim shows to have arrived whole, or to have begun to.

    What one file says of a queue id means nothing in another: Postfix gives short ones out again.
    """
    under_way: dict[tuple[bytes, bytes], bytes] = {}
    for line in iter(lambda: file.readline(_LINE), b""):
        if postfix := _POSTFIX.search(line):
            traces.is_log = True
            host, program, queue_id, words = postfix.groups()
            if program == b"cleanup":
                _begin(words, (host, queue_id), ours, traces, under_way)
            elif _shows_whole(program, words) and (whole := under_way.get((host, queue_id))):
                traces.arrived.add(whole)
                traces.begun.discard(whole)
        elif exim := _EXIM.search(line):
            traces.is_log = True
            if match := _ID.search(exim[1]):
                traces.has_ids = True
                if (found := _id(match)) in ours:
                    traces.arrived.add(found)


def _begin(
    words: bytes,
    place: tuple[bytes, bytes],
    ours: Container[bytes],
    traces: Traces,
    under_way: dict[tuple[bytes, bytes], bytes],
) -> None:
    if not (header := _HEADER_READ.match(words)):
        return
    under_way.pop(place, None)  # the queue id is another message's from here on
    if match := _ID.search(header[1]):
        traces.has_ids = True
        if (found := _id(match)) in ours:
            under_way[place] = found
            if found not in traces.arrived:
                traces.begun.add(found)


def _shows_whole(program: bytes, words: bytes) -> bool:
    if program in _QUEUE_MANAGERS:
        return bool(_QUEUED.match(words) or _TRIED.match(words))
    return program in _AGENTS and bool(_TRIED.match(words))


def _id(match: re.Match[bytes]) -> bytes:
    """The id in its one spelling: a domain's letters have no case."""
    return match[1] + b"@" + match[2].lower()


@contextmanager
def opened(path: Path, standard_input: BinaryIO) -> Iterator[BinaryIO]:
    """The file, unpacked when it is gzip; - is the standard input. Raises NewsletterError for what can't be read."""
