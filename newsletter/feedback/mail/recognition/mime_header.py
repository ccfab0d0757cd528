"""Header fields of a mail or of one of its parts, in time linear in their size."""

import quopri
import re
from dataclasses import dataclass

from newsletter.feedback.mail.recognition.mime_text import CONTROL, decode_base64, decode_text

_MOST_ROWS, _LONGEST_FIELD = 5_000, 8_000
_LONGEST_HEADER = 1 << 20
LINE = re.compile(rb"[^\n]*\n?")
_FIELD = re.compile(rb"([!-,.-9;-~][!-9;-~]{0,200})[ \t]*:[ \t]*([^\n]*)")  # RFC 5322, section 2.2; no boundary line
_PARAMETER = re.compile(r";\s*([\w*'%-]{1,60})\s*=\s*(?:\"([^\"]{0,500})\"?|([^\s;\"]{1,500}))")
_ENCODED_WORD = re.compile(r"=\?([^?*\s]{1,40})(?:\*[\w-]{0,20})?\?([bBqQ])\?([^?\s]{0,1000})\?=")
_BETWEEN = re.compile(r"\?=\s+(?==\?)")  # section 6.2: spaces between encoded words are not shown


@dataclass(frozen=True, slots=True)
class MimeHeader:
    """Header fields in their order: the name in small letters, the value unfolded, not decoded."""

    fields: tuple[tuple[str, str], ...] = ()

    def all(self, *names: str) -> tuple[str, ...]:
        """Return the values of all fields with one of these names."""
        return tuple(value for name, value in self.fields if name in names)

    def first(self, name: str) -> str:
        """Return the value of the first such field; empty where there is none."""
        return next((value for known, value in self.fields if known == name), "")

    def words(self, name: str) -> str:
        """Return the first such field with its encoded words (RFC 2047) decoded."""
        value = _BETWEEN.sub("?=", self.first(name))
        return _ENCODED_WORD.sub(lambda word: decode_text(_decode_word(word[2].lower(), word[3]), word[1]), value)


def read_header(data: bytes, start: int, trouble: dict[str, None]) -> tuple[MimeHeader, int]:
    """Return the fields from `start` on, and where the body begins: after an empty line, or at what is no field."""
    fields: list[tuple[str, list[str], int]] = []
    rows = 0
    while (line := LINE.match(data, start)) and line[0]:
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
                pieces.append(_decode_field(line[0][:_LONGEST_FIELD].strip()))
                fields[-1] = (name, pieces, size + len(line[0]))
        elif match := _FIELD.match(line[0]):
            value = _decode_field(match[2][:_LONGEST_FIELD].strip())
            fields.append((_decode_field(match[1]).lower(), [value], len(value)))
        else:
            break
        start = line.end()
    return MimeHeader(tuple((name, " ".join(pieces).strip()) for name, pieces, _ in fields)), start


def parse_header(data: bytes | str) -> MimeHeader:
    """Return the header that `data` begins with; empty lines before it are passed over."""
    raw = data.encode("utf-8", "surrogateescape") if isinstance(data, str) else data
    raw = raw[:_LONGEST_HEADER].replace(b"\r\n", b"\n").replace(b"\r", b"\n").lstrip(b"\n")
    return read_header(raw, 0, {})[0]


def parse_content_type(header: MimeHeader) -> tuple[str, dict[str, str]]:
    """Return type and parameters of a Content-Type (RFC 2045, section 5.1); the type is empty when there is none."""
    value = header.first("content-type")
    kind = value.partition(";")[0].strip().lower()
    parameters: dict[str, str] = {}
    for match in _PARAMETER.finditer(value):
        parameters.setdefault(match[1].lower(), match[2] if match[2] is not None else match[3])
    return (kind if "/" in kind else kind and "text/plain"), parameters


def _decode_word(encoding: str, word: str) -> bytes:
    raw = word.encode("utf-8", "replace")
    return decode_base64(raw) if encoding == "b" else quopri.decodestring(raw, header=True)


def _decode_field(raw: bytes) -> str:
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError:
        text = raw.decode("latin-1")
    return CONTROL.sub("", text)
