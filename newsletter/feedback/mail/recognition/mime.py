"""MIME parts of a mail (RFC 2045, RFC 2046) as a flat list, in time linear in its size, whatever its bytes are.

Python's own parser calls itself for each level and holds each line against every open boundary, so that nesting makes
it slow and then fails; and of a mail that a stranger wrote badly, more can be read than a strict parser reads.
"""

import quopri
import re
from dataclasses import dataclass, field

from newsletter.feedback.mail.recognition.mime_header import LINE, MimeHeader, parse_content_type, read_header
from newsletter.feedback.mail.recognition.mime_text import decode_base64, decode_text, strip_tags

UNENDED = "it ends before its parts do"

_MOST_PARTS, _DEEPEST = 500, 20
LONGEST_TEXT = 1 << 18  # characters of a part that are looked at; a notice has a few hundred

_DELIMITER = re.compile(rb"^--([^\n]{1,250})\n?", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class MimePart:
    """A part that holds no others. `kind` is its content type in small letters, `within` that of what holds it."""

    header: MimeHeader
    kind: str
    parameters: dict[str, str]
    body: bytes
    within: str = ""

    @property
    def is_text(self) -> bool:
        """Whether the part is words for people."""
        return self.kind.startswith("text/") and self.kind != "text/rfc822-headers"

    @property
    def is_message(self) -> bool:
        """Whether the part is another mail, or the header of one."""
        return self.kind in {"message/rfc822", "message/global", "text/rfc822-headers", "message/global-headers",
                             "message/rfc822-headers", "message/partial", "message/news"}  # fmt: skip

    def content(self) -> bytes:
        """Return the body without its transfer encoding; the beginning alone of a long one."""
        encoding = self.header.first("content-transfer-encoding").strip().lower()
        if encoding.startswith("base64"):
            return decode_base64(self.body[: 2 * LONGEST_TEXT])
        if encoding.startswith("quoted"):
            return quopri.decodestring(self.body[: 3 * LONGEST_TEXT])
        return self.body[:LONGEST_TEXT]

    def text(self) -> str:
        """Return what a person would read of it, as far as it is looked at."""
        text = decode_text(self.content(), self.parameters.get("charset", ""))[:LONGEST_TEXT]
        text = text.replace("\r\n", "\n").replace("\r", "\n")
        return strip_tags(text) if self.kind == "text/html" else text


@dataclass(frozen=True, slots=True)
class MimeMessage:
    """A mail's own header, and its parts that hold no others, in their order. `trouble` says what can't be read."""

    header: MimeHeader
    kind: str
    parameters: dict[str, str]
    parts: tuple[MimePart, ...]
    trouble: tuple[str, ...] = ()


@dataclass(slots=True)
class _OpenMultiparts:
    """State of the walk: boundaries that are open, each with its place in the order of opening."""

    data: bytes
    parts: list[MimePart] = field(default_factory=list)
    trouble: dict[str, None] = field(default_factory=dict)
    boundaries: list[tuple[bytes, str]] = field(default_factory=list)
    places: dict[bytes, int] = field(default_factory=dict)


def parse_mime(message: bytes) -> MimeMessage:
    """Return the mail's header and parts. Never raises."""
    data = message.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    start = len(data) - len(data.lstrip())
    while (line := LINE.match(data, start)) and line[0].startswith((b"From ", b">From ")):
        start = line.end()
    state = _OpenMultiparts(data)
    header, start = read_header(data, start, state.trouble)
    kind, parameters = parse_content_type(header)
    _walk_delimiters(state, header, start)
    return MimeMessage(header, kind, parameters, tuple(state.parts), tuple(state.trouble))


def _walk_delimiters(state: _OpenMultiparts, header: MimeHeader, start: int) -> None:
    """Go once over the lines that may be delimiters; open what holds parts, and add what holds none."""
    begun: MimeHeader | None = _open_multipart(state, header, start)
    sections = 0
    for line in _DELIMITER.finditer(state.data, start):
        if line.start() < start:
            continue  # within a header
        place, ends = _find_boundary(state, line[1].rstrip())
        if place is None:
            continue
        if begun is not None:
            _add_part(state, begun, state.data[start : line.start()])
        while len(state.boundaries) > place + (not ends):
            del state.places[state.boundaries.pop()[0]]
        begun, start = None, line.end()
        if not ends:
            sections += 1
            if sections > _MOST_PARTS:
                state.trouble["it has too many parts"] = None
                return
            header, start = read_header(state.data, start, state.trouble)
            begun = _open_multipart(state, header, start)
    if begun is not None:
        _add_part(state, begun, state.data[start:])
    if state.boundaries:
        state.trouble[UNENDED] = None


def _find_boundary(state: _OpenMultiparts, text: bytes) -> tuple[int | None, bool]:
    """Return which open boundary the line is of, counted from the outermost, and whether the line ends it."""
    if (place := state.places.get(text)) is not None:
        return place, False
    return (state.places.get(text[:-2]), True) if text.endswith(b"--") else (None, False)


def _open_multipart(state: _OpenMultiparts, header: MimeHeader, start: int) -> MimeHeader | None:
    """Open the boundary of a part that holds others, and return None; return the header of any other part."""
    kind, parameters = parse_content_type(header)
    if not kind and not state.parts and _holds_parts(state.data, start):
        kind = "multipart/mixed"
    if not kind.startswith("multipart/"):
        return header
    if len(state.boundaries) >= _DEEPEST:
        state.trouble["its parts are nested too deep"] = None
        return header
    boundary = parameters.get("boundary", "").rstrip().encode("utf-8", "surrogateescape")[:250]
    if not boundary or not state.data.count(b"--" + boundary, start, start + LONGEST_TEXT):
        # A wrong boundary, or none: the first line that looks like one says what it should have been.
        guess = _DELIMITER.search(state.data, start, start + 4_000)
        if not guess:
            return header
        boundary = guess[1].rstrip()
    if boundary in state.places:
        return header
    state.places[boundary] = len(state.boundaries)
    state.boundaries.append((boundary, kind))
    return None


def _holds_parts(data: bytes, start: int) -> bool:
    """Return whether a body under a header that lost its Content-Type begins as one of parts does."""
    line = _DELIMITER.search(data, start, start + 600)
    before = data[start : line.start()].lower() if line else b""
    return (
        line is not None
        and (not before.strip() or b"mime" in before)
        and data.count(line[0], start, start + LONGEST_TEXT) > 1
    )


def _add_part(state: _OpenMultiparts, header: MimeHeader, body: bytes) -> None:
    kind, parameters = parse_content_type(header)
    within = state.boundaries[-1][1] if state.boundaries else ""
    if kind.startswith("multipart/"):
        kind = "text/plain"
    elif not kind:
        kind = "message/rfc822" if within == "multipart/digest" else "text/plain"
    state.parts.append(MimePart(header, kind, parameters, body, within))
