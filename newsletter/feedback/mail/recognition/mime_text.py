"""Text out of octets: charsets, base64 and HTML, whatever a stranger wrote."""

import base64
import codecs
import html
import re

_NO_BASE64 = re.compile(rb"[^A-Za-z0-9+/]")
_TAG = re.compile(r"<[^<>]*>")
_BREAK = re.compile(r"(?i)<(?:br|/?p|/?div|/?tr|/?li|/?h\d|/?pre|/?table)\b[^<>]*>")
_UNSEEN = re.compile(r"(?is)<(style|script|head)\b[^<>]*>.*?(?:</\1\s*>|\Z)")
CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")

# Codecs of Python that are no charset of mail, or take quadratic time.
_NO_CHARSETS = frozenset({"punycode", "idna", "unicode_escape", "raw_unicode_escape", "undefined", "mbcs", "oem"})
# Charsets by whose name programs mean a larger one that includes them.
_LARGER = {"gb2312": "gb18030", "gbk": "gb18030", "us-ascii": "utf-8", "ascii": "utf-8", "ks_c_5601-1987": "cp949"}


def decode_text(raw: bytes, charset: str) -> str:
    """Return the bytes as text, in the charset that is named if it exists and the bytes are in it."""
    for name in (charset.strip().strip("'\"").lower(), "utf-8"):
        try:
            codec = codecs.lookup(_LARGER.get(name, name)).name if name else ""
            if codec and codec.replace("-", "_") not in _NO_CHARSETS:
                return CONTROL.sub("", raw.decode(codec))
        except (LookupError, ValueError):
            continue
    return CONTROL.sub("", raw.decode("utf-8", "replace") if charset else raw.decode("latin-1"))


def decode_base64(raw: bytes) -> bytes:
    """Return what can be decoded, whatever stands between the letters or is missing at the end."""
    letters = _NO_BASE64.sub(b"", raw)
    rest = len(letters) % 4
    # A letter that is left over alone holds too few bits for an octet.
    whole = letters[: len(letters) - rest] if rest == 1 else letters + b"=" * (-len(letters) % 4)
    return base64.b64decode(whole)


def strip_tags(text: str) -> str:
    """Return the words of an HTML page, a line for each block."""
    text = _BREAK.sub("\n", _UNSEEN.sub(" ", text))
    # <user@example.org> is no tag: badly made pages hold it unescaped.
    return html.unescape(_TAG.sub(lambda tag: tag[0] if "@" in tag[0] and "=" not in tag[0] else " ", text))
