"""Takes a mail apart into a flat list of parts, in time linear in its size, whatever its bytes are.

Python's own parser calls itself for each level and holds each line against every open boundary, so that nesting makes
it slow and then fails; and of a mail that a stranger wrote badly, more can be read than a strict parser reads.
"""

import base64
import codecs
import html
import quopri
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

UNENDED = "it ends before its parts do"

_MOST_ROWS, _LONGEST_FIELD = 5_000, 8_000
_MOST_PARTS, _DEEPEST = 500, 20
_LONGEST_TEXT = 1 << 18  # characters of a part that are looked at; a notice is a few hundred

_FIELD = re.compile(rb"([!-,.-9;-~][!-9;-~]{0,200})[ \t]*:[ \t]*([^\n]*)")  # RFC 5322, section 2.2; no boundary line
_LINE = re.compile(rb"[^\n]*\n?")
_DELIMITER = re.compile(rb"^--([^\n]{1,250})\n?", re.MULTILINE)
_PARAMETER = re.compile(r";\s*([\w*'%-]{1,60})\s*=\s*(?:\"([^\"]{0,500})\"?|([^\s;\"]{1,500}))")
_ENCODED_WORD = re.compile(r"=\?([^?*\s]{1,40})(?:\*[\w-]{0,20})?\?([bBqQ])\?([^?\s]{0,1000})\?=")
_BETWEEN = re.compile(r"\?=\s+(?==\?)")  # section 6.2: spaces between encoded words are not shown
_NO_BASE64 = re.compile(rb"[^A-Za-z0-9+/]")
_TAG = re.compile(r"<[^<>]*>")
_BREAK = re.compile(r"(?i)<(?:br|/?p|/?div|/?tr|/?li|/?h\d|/?pre|/?table)\b[^<>]*>")
_UNSEEN = re.compile(r"(?is)<(style|script|head)\b[^<>]*>.*?(?:</\1\s*>|\Z)")
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")

# Codecs of Python's that are no charset of a mail's text, or are quadratic.
_NO_CHARSETS = frozenset({"punycode", "idna", "unicode_escape", "raw_unicode_escape", "undefined", "mbcs", "oem"})
# What says one charset and means the larger one that holds it.
_LARGER = {"gb2312": "gb18030", "gbk": "gb18030", "us-ascii": "utf-8", "ascii": "utf-8", "ks_c_5601-1987": "cp949"}


@dataclass(frozen=True, slots=True)
class Header:
    """A header's fields in their order: the name in small letters, the value unfolded, not decoded."""

    fields: tuple[tuple[str, str], ...] = ()

    def all(self, *names: str) -> tuple[str, ...]:
        return tuple(value for name, value in self.fields if name in names)

    def first(self, name: str) -> str:
        return next((value for known, value in self.fields if known == name), "")

    def words(self, name: str) -> str:
        """The first such field with its encoded words (RFC 2047) decoded."""
        value = _BETWEEN.sub("?=", self.first(name))
        return _ENCODED_WORD.sub(lambda word: decoded(_unpacked(word[2].lower(), word[3]), word[1]), value)


@dataclass(frozen=True, slots=True)
class Part:
    """One part that holds no others. `kind` is its content type in small letters, `within` that of what holds it."""

    header: Header
    kind: str
    parameters: dict[str, str]
    body: bytes
    within: str = ""

    @property
    def is_text(self) -> bool:
        return self.kind.startswith("text/") and self.kind != "text/rfc822-headers"

    @property
    def is_message(self) -> bool:
        """Whether it holds another mail, or the header of one."""
        return self.kind in {"message/rfc822", "message/global", "text/rfc822-headers", "message/global-headers",
                             "message/rfc822-headers", "message/partial", "message/news"}  # fmt: skip

    def content(self) -> bytes:
        """The body without its transfer encoding; the beginning alone of a long one."""
        encoding = self.header.first("content-transfer-encoding").strip().lower()
        if encoding.startswith("base64"):
            return _from_base64(self.body[: 2 * _LONGEST_TEXT])
        if encoding.startswith("quoted"):
            return quopri.decodestring(self.body[: 3 * _LONGEST_TEXT])
        return self.body[:_LONGEST_TEXT]

    def text(self) -> str:
        """What a person would read of it, as far as it is looked at."""
        text = decoded(self.content(), self.parameters.get("charset", ""))[:_LONGEST_TEXT]
        text = text.replace("\r\n", "\n").replace("\r", "\n")
        return _without_tags(text) if self.kind == "text/html" else text


@dataclass(frozen=True, slots=True)
class Mail:
    """A mail's own header, and its parts that hold no others, in their order."""

    header: Header
    kind: str
    parameters: dict[str, str]
    parts: tuple[Part, ...]
    trouble: tuple[str, ...] = ()


@dataclass(slots=True)
class _Open:
    """What is being taken apart: boundaries that are open, each with its place in the order of opening."""

    data: bytes
    parts: list[Part] = field(default_factory=list)
    trouble: dict[str, None] = field(default_factory=dict)
    boundaries: list[tuple[bytes, str]] = field(default_factory=list)
    places: dict[bytes, int] = field(default_factory=dict)


def take_apart(message: bytes) -> Mail:
    """The mail's header and parts. Never raises."""
    data = message.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    start = len(data) - len(data.lstrip())
    while (line := _LINE.match(data, start)) and line[0].startswith((b"From ", b">From ")):
        start = line.end()
    work = _Open(data)
    header, start = read_header(data, start, work.trouble)
    kind, parameters = content_type(header)
    _walk(work, header, start)
    return Mail(header, kind, parameters, tuple(work.parts), tuple(work.trouble))


def _walk(work: _Open, header: Header, start: int) -> None:
    """One pass over the lines that may be delimiters; what holds others is opened, what does not is a part."""
    begun: Header | None = _opened(work, header, start)
    sections = 0
    for line in _DELIMITER.finditer(work.data, start):
        if line.start() < start:
            continue  # within a header
        place, ends = _boundary(work, line[1].rstrip())
        if place is None:
            continue
        if begun is not None:
            _add(work, begun, work.data[start : line.start()])
        while len(work.boundaries) > place + (not ends):
            del work.places[work.boundaries.pop()[0]]
        begun, start = None, line.end()
        if not ends:
            sections += 1
            if sections > _MOST_PARTS:
                work.trouble["it has too many parts"] = None
                return
            header, start = read_header(work.data, start, work.trouble)
            begun = _opened(work, header, start)
    if begun is not None:
        _add(work, begun, work.data[start:])
    if work.boundaries:
        work.trouble[UNENDED] = None


def _boundary(work: _Open, text: bytes) -> tuple[int | None, bool]:
    """Which open boundary the line is of, counted from the outermost, and whether it ends it."""
    if (place := work.places.get(text)) is not None:
        return place, False
    return (work.places.get(text[:-2]), True) if text.endswith(b"--") else (None, False)


def _opened(work: _Open, header: Header, start: int) -> Header | None:
    """The header when it is of a part that holds no others; None when its boundary is open now."""
    kind, parameters = content_type(header)
    if not kind and not work.parts and _holds_parts(work.data, start):
        kind = "multipart/mixed"
    if not kind.startswith("multipart/"):
        return header
    if len(work.boundaries) >= _DEEPEST:
        work.trouble["its parts are nested too deep"] = None
        return header
    boundary = parameters.get("boundary", "").rstrip().encode("utf-8", "surrogateescape")[:250]
    if not boundary or not work.data.count(b"--" + boundary, start, start + _LONGEST_TEXT):
        # A wrong boundary, or none: the first line that looks like one says what it should have been.
        guess = _DELIMITER.search(work.data, start, start + 4_000)
        if not guess:
            return header
        boundary = guess[1].rstrip()
    if boundary in work.places:
        return header
    work.places[boundary] = len(work.boundaries)
    work.boundaries.append((boundary, kind))
    return None


def _holds_parts(data: bytes, start: int) -> bool:
    """Whether a body under a header that lost its Content-Type begins as one of parts does."""
    line = _DELIMITER.search(data, start, start + 600)
    before = data[start : line.start()].lower() if line else b""
    return (
        line is not None
        and (not before.strip() or b"mime" in before)
        and data.count(line[0], start, start + _LONGEST_TEXT) > 1
    )


def _add(work: _Open, header: Header, body: bytes) -> None:
    kind, parameters = content_type(header)
    within = work.boundaries[-1][1] if work.boundaries else ""
    if kind.startswith("multipart/"):
        kind = "text/plain"
    elif not kind:
        kind = "message/rfc822" if within == "multipart/digest" else "text/plain"
    work.parts.append(Part(header, kind, parameters, body, within))


def read_header(data: bytes, start: int, trouble: dict[str, None]) -> tuple[Header, int]:
    """The fields from `start` on, and where the body begins: after an empty line, or at what is no field."""
    fields: list[tuple[str, list[str], int]] = []
    rows = 0
    while (line := _LINE.match(data, start)) and line[0]:
        if line[0] == b"\n" or (not fields and not line[0].strip()):
            start = line.end()
            break
        rows += 1
        if rows > _MOST_ROWS:
            trouble["its header is too long"] = None
            end = data.find(b"\n\n", start)
            start = len(data) if end < 0 else end + 2
            break
        if line[0][:1] in b" \t" and fields:
            name, pieces, size = fields[-1]
            if size < _LONGEST_FIELD:
                pieces.append(_plain(line[0][:_LONGEST_FIELD].strip()))
                fields[-1] = (name, pieces, size + len(line[0]))
        elif match := _FIELD.match(line[0]):
            value = _plain(match[2][:_LONGEST_FIELD].strip())
            fields.append((_plain(match[1]).lower(), [value], len(value)))
        else:
            break
        start = line.end()
    return Header(tuple((name, " ".join(pieces).strip()) for name, pieces, _ in fields)), start


def parse_header(data: bytes | str) -> Header:
    """The header that `data` begins with; empty lines before it are passed over."""
    raw = data.encode("utf-8", "surrogateescape") if isinstance(data, str) else data
    raw = raw[: 4 * _LONGEST_TEXT].replace(b"\r\n", b"\n").replace(b"\r", b"\n").lstrip(b"\n")
    return read_header(raw, 0, {})[0]


def content_type(header: Header) -> tuple[str, dict[str, str]]:
    """Type and parameters of a Content-Type field (RFC 2045, section 5.1); the type is empty when there is none."""
    value = header.first("content-type")
    kind = value.partition(";")[0].strip().lower()
    parameters: dict[str, str] = {}
    for match in _PARAMETER.finditer(value):
        parameters.setdefault(match[1].lower(), match[2] if match[2] is not None else match[3])
    return (kind if "/" in kind else kind and "text/plain"), parameters


def decoded(raw: bytes, charset: str) -> str:
    """The bytes as text, in the charset that is named if there is such a one and the bytes are in it."""
    for name in (charset.strip().strip("'\"").lower(), "utf-8"):
        try:
            found = codecs.lookup(_LARGER.get(name, name)).name if name else ""
            if found and found.replace("-", "_") not in _NO_CHARSETS:
                return _CONTROL.sub("", raw.decode(found))
        except (LookupError, ValueError):
            continue
    return _CONTROL.sub("", raw.decode("utf-8", "replace") if charset else raw.decode("latin-1"))


def lines(text: str, most: int, longest: int) -> Iterator[str]:
    """The first lines of a text, each cut to a length."""
    start = 0
    for _ in range(most):
        if start > len(text) - 1:
            return
        end = text.find("\n", start)
        end = len(text) if end < 0 else end
        yield text[start : min(end, start + longest)]
        start = end + 1


def _from_base64(raw: bytes) -> bytes:
    """What can be decoded, whatever stands between the letters or is missing at the end."""
    letters = _NO_BASE64.sub(b"", raw)
    rest = len(letters) % 4
    # A letter that is left over alone holds too few bits for an octet.
    whole = letters[: len(letters) - rest] if rest == 1 else letters + b"=" * (-len(letters) % 4)
    return base64.b64decode(whole)


def _unpacked(encoding: str, word: str) -> bytes:
    raw = word.encode("utf-8", "replace")
    return _from_base64(raw) if encoding == "b" else quopri.decodestring(raw, header=True)


def _plain(raw: bytes) -> str:
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError:
        text = raw.decode("latin-1")
    return _CONTROL.sub("", text)


def _without_tags(text: str) -> str:
    text = _BREAK.sub("\n", _UNSEEN.sub(" ", text))
    # Badly made pages hold <user@example.org> as it is: that is no tag.
    return html.unescape(_TAG.sub(lambda tag: tag[0] if "@" in tag[0] and "=" not in tag[0] else " ", text))
