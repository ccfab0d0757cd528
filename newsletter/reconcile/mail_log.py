"""Message-IDs of this publication in a mail log, or in any other text, and what they show of a message.

A mail server names a message by its Message-ID when it has read the header, and by its own queue id from then on. That
it has the header is no proof that it has the text: the connection may have broken under it. Postfix shows a message
that it has whole by the queue manager's lines and those of the agents that deliver it; Exim writes its `<=` line then.

All of it is other people's text, of any length and in any encoding, cut off anywhere: lines that don't fit are skipped,
and only Message-IDs of this publication are returned.
"""

import re
import zlib
from collections.abc import Container, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from gzip import GzipFile
from io import BufferedIOBase, BufferedReader
from pathlib import Path

from newsletter.errors import NewsletterError

_CHUNK = 1 << 20
_LONGEST_ID = 32 + 1 + 255  # RFC 1035, section 2.3.4: a domain has 255 octets at most
_LONGEST_LINE = 1 << 14  # syslog's own limits are below this

_ID = re.compile(rb"([0-9a-f]{32})@([A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*)")  # what mail/headers.py makes

# A syslog line is "... host postfix/qmgr[123]: QUEUE-ID: words"; Solaris puts an [ID ...] before the queue id.
_PROGRAM = re.compile(rb"\S*/([a-z0-9_-]+)\[\d+")
_QUEUE = re.compile(rb"(?:\[ID \d+ \S+\] )?([0-9A-Za-z]{5,25}): (.*)")
_HEADER_READ = re.compile(rb"message-id=(.*)")
_QUEUED = re.compile(rb"(?:removed|from=<.*\(queue active\))\s*$")
_TRIED = re.compile(rb"to=<.*\bstatus=[a-z]+ ")
_QUEUE_MANAGERS = (b"qmgr", b"oqmgr", b"nqmgr")
_AGENTS = (b"smtp", b"lmtp", b"local", b"virtual", b"pipe", b"error", b"retry", b"discard", b"relay")

# "2026-11-22 14:00:05 1tE9xG-000000001Ab-0aBc <= sender H=host ... S=bytes id=MESSAGE-ID T=subject ..." (Exim's
# specification, chapter "Log files"), by syslog or not. What comes before the sender is written by these two alone.
_EXIM_SYSLOG = rb"(?:<\d+>)?(?:[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d|\d{4}-\d\d-\d\dT\S+) \S+ exim\S*: "
_EXIM_TIME = rb"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(?:\.\d+)?(?: [+-]\d{4})? "
_EXIM_QUEUE = rb"[0-9A-Za-z]{6}-[0-9A-Za-z]{6,11}-[0-9A-Za-z]{2,4}"
_EXIM_SENDER = rb'(?:"(?:[^"\\]|\\.)*")?\S+'
_EXIM = re.compile(
    rb"(?:%b(?:%b)?|%b)(?:\[\d+\] )?%b <= %b( .*)" % (_EXIM_SYSLOG, _EXIM_TIME, _EXIM_TIME, _EXIM_QUEUE, _EXIM_SENDER)
)
_SAID_BY_OTHERS = re.compile(rb'\([^()]*\)|"[^"]*"')  # HELO names, certificates' names and subjects
_EXIM_ID = re.compile(rb" S=\d+(?: [A-Z0-9]+=\S+)* id=(\S+)")


@dataclass
class FoundMessageIds:
    """Message-IDs that were found: of messages that arrived, and of those whose text may have come in part.

    `has_lines` says that there were lines of a mail log, `has_ids` that there were ids such as ours at all.
    """

    arrived: set[bytes] = field(default_factory=set)
    begun: set[bytes] = field(default_factory=set)
    has_lines: bool = False
    has_ids: bool = False


def find_message_ids(file: BufferedIOBase, ours: Container[bytes], found_ids: FoundMessageIds) -> None:
    """Count every known Message-ID anywhere in the text as arrived."""
    rest = b""
    while True:
        chunk = file.read(_CHUNK)
        text = rest + chunk
        for match in _ID.finditer(text):
            # What ends here, or with a dot after it, may go on in the next chunk, and be another id there.
            if (match.end() < len(text) - 1 or not chunk) and (found := _find_known(match, ours, found_ids)):
                found_ids.arrived.add(found)
        if not chunk:
            return
        rest = text[-_LONGEST_ID - 1 :]


def find_arrivals(file: BufferedIOBase, ours: Container[bytes], found_ids: FoundMessageIds) -> None:
    """Find known Message-IDs that a log of Postfix or Exim shows to have arrived whole, or to have begun to.

    A queue id means nothing beyond one file: Postfix uses short ones again.
    """
    under_way: dict[tuple[bytes, bytes], bytes] = {}
    for line in _read_lines(file):
        head, _, words = line.partition(b"]: ")
        places = head[-_LONGEST_ID:].split()
        # A colon ends another program's name, and what follows it may be anybody's words.
        program = _PROGRAM.fullmatch(places[-1]) if len(places) > 1 and b": " not in head else None
        queue = _QUEUE.match(words) if program else None
        if program and queue:
            found_ids.has_lines = True
            _read_postfix(program[1], (places[-2], queue[1]), queue[2], under_way, ours, found_ids)
        elif exim := _EXIM.match(line):
            found_ids.has_lines = True
            named = _EXIM_ID.findall(_SAID_BY_OTHERS.sub(b"", exim[1]))
            # Of two ids one is somebody's words, and it is not known which.
            if len(named) == 1 and (found := _find_known(_ID.search(named[0]), ours, found_ids)):
                found_ids.arrived.add(found)
    found_ids.begun -= found_ids.arrived


def _read_postfix(
    program: bytes,
    place: tuple[bytes, bytes],
    words: bytes,
    under_way: dict[tuple[bytes, bytes], bytes],
    ours: Container[bytes],
    found_ids: FoundMessageIds,
) -> None:
    if words.startswith(b"client="):
        under_way.pop(place, None)  # the queue id is another message's from here on
    elif program == b"cleanup":
        if header := _HEADER_READ.match(words):
            under_way.pop(place, None)
            if found := _find_known(_ID.search(header[1]), ours, found_ids):
                under_way[place] = found
                found_ids.begun.add(found)
    elif place in under_way and _shows_whole(program, words):
        found_ids.arrived.add(under_way[place])


def _shows_whole(program: bytes, words: bytes) -> bool:
    if program in _QUEUE_MANAGERS:
        return _QUEUED.match(words) is not None
    return program in _AGENTS and _TRIED.match(words) is not None


def _find_known(match: re.Match[bytes] | None, ours: Container[bytes], found_ids: FoundMessageIds) -> bytes | None:
    """Return a known Message-ID in its one spelling (a domain's letters have no case), None for any other."""
    if match is None:
        return None
    found_ids.has_ids = True
    found = match[1] + b"@" + match[2].lower()
    return found if found in ours else None


def _read_lines(file: BufferedIOBase) -> Iterator[bytes]:
    """Yield lines, but none that are too long for a log: their middle might look like a line."""
    whole = True
    while piece := file.readline(_LONGEST_LINE):
        ends = piece.endswith(b"\n")
        if whole and (ends or len(piece) < _LONGEST_LINE):
            yield piece
        whole = ends


@contextmanager
def open_log(path: Path, standard_input: BufferedReader) -> Iterator[BufferedIOBase]:
    """Open a file, unpacked when it is gzip; - is standard input. Raises NewsletterError when it can't be read."""
    try:
        with standard_input if str(path) == "-" else path.open("rb") as raw:
            yield GzipFile(fileobj=raw) if raw.peek(2)[:2] == b"\x1f\x8b" else raw
    except (OSError, EOFError, zlib.error) as error:
        raise NewsletterError(
            f"{path} can't be read to its end: {error}.",
            next_step="Nothing has been decided. Mend the file, or take it as it was before it was packed.",
        ) from error
