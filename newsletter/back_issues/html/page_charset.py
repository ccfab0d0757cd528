"""The characters of a saved page: which encoding its bytes have, as browsers find it."""

import codecs
import re

from newsletter.back_issues.converted_text import UnreadableFile

_MARKS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))
_DECLARED = re.compile(rb"<meta[^>]{0,300}?charset\s*=\s*[\"']?\s*([A-Za-z0-9_:.-]{2,40})", re.IGNORECASE)
_XML_DECLARED = re.compile(rb"^\s*<\?xml[^>]{0,200}encoding\s*=\s*[\"']([A-Za-z0-9_:.-]{2,40})", re.IGNORECASE)
_KNOWN = re.compile(r"utf-?8|utf-?16|iso|windows|cp\d|koi8|mac|shift|x-|sjis|euc|big5|gb|tis|ks_c|latin|ascii|us-ascii")
_LOOKED_AT = 4096  # bytes in which a declaration stands; browsers look at 1024
# Names that browsers read otherwise than Python does (WHATWG Encoding, section 4.2).
_WIDENED = {
    "iso-8859-1": "cp1252", "latin-1": "cp1252", "latin1": "cp1252", "ascii": "cp1252", "us-ascii": "cp1252",
    "iso-8859-9": "cp1254", "shift_jis": "cp932", "shift-jis": "cp932", "x-sjis": "cp932", "windows-31j": "cp932",
    "gb2312": "gb18030", "gbk": "gb18030", "euc-kr": "cp949", "ks_c_5601-1987": "cp949", "x-euc-jp": "euc_jp",
    "big5": "big5hkscs", "tis-620": "cp874", "iso-8859-8-i": "iso8859_8", "x-mac-roman": "mac_roman",
    "iso-2022-jp": "iso2022_jp_ext", "utf-16": "utf-8", "utf-16le": "utf-8", "utf-16be": "utf-8",
}  # fmt: skip
_CONTROLS = re.compile("[\x01-\x08\x0e-\x1a\x1c-\x1f]")


def decode_page(data: bytes, told: str | None = None) -> str:
    """Return the text of a page. `told` is the encoding that came with it, as with a mail. Raises UnreadableFile."""
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            return _clean(data[len(mark) :].decode(encoding, errors="replace"))
    if data[:4] in (b"<\0!\0", b"<\0h\0"):
        return _clean(data.decode("utf-16-le", errors="replace"))
    if not data.isascii():  # text of another encoding is hardly ever UTF-8 by chance, whatever a page says of itself
        try:
            return _clean(data.decode("utf-8"))
        except UnicodeDecodeError:
            pass
    head = data[:_LOOKED_AT]
    declared = _XML_DECLARED.search(head) or _DECLARED.search(head)
    for name in (told, declared[1].decode("ascii") if declared else None):
        if name and (text := _decode(data, name.strip().lower())) is not None:
            return _clean(text)
    return _clean(data.decode("cp1252", errors="replace"))


def _decode(data: bytes, name: str) -> str | None:
    """Return the text in an encoding by its name; None for one that is unknown."""
    if _KNOWN.match(name) is None:
        return None
    try:
        return data.decode(_WIDENED.get(name, name), errors="replace")
    except (LookupError, UnicodeError):
        return None


def _clean(text: str) -> str:
    controls = len(_CONTROLS.findall(text))
    if text.count("\0") > len(text) // 100 or controls > 20 + len(text) // 50:
        raise UnreadableFile("This is not a web page, whatever its name says.")
    return text.replace("\0", "\ufffd").replace("\r\n", "\n").replace("\r", "\n")
