"""The encoding of a page's bytes, found as browsers find it."""

import codecs
import re

_MARKS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))
_WIDE = (b"<\0!\0", b"<\0h\0")  # how a page in UTF-16 without a mark begins
_DECLARED = re.compile(
    rb"<meta[^>]{0,300}?charset\s*=\s*[\"']?\s*([\w:.-]{2,40})"
    rb"|<\?xml[^>]{0,200}encoding\s*=\s*[\"']([\w:.-]{2,40})",
    re.IGNORECASE,
)
_LOOKED_AT = 8192  # bytes in which a declaration stands; browsers look at 1024
# What browsers decode, where Python's codec of that name lacks a part of it (WHATWG Encoding, section 4.2). A page that
# could be read up to its declaration is not in UTF-16, whatever it says.
_WIDENED = {
    "shift_jis": "cp932", "euc_kr": "cp949", "gbk": "gb18030", "big5": "big5hkscs", "iso2022_jp": "iso2022_jp_ext",
    "utf-16-le": "utf-8", "utf-16-be": "utf-8",
}  # fmt: skip


def decode_page(data: bytes, told: str | None = None) -> str:
    """Return the text of a page. `told` is the encoding that came with it, as with a mail or a server's answer.

    Bytes that fit UTF-8 are UTF-8, which text of another encoding hardly ever does by chance. Else it is what was told
    or declared, if that fits, and the best guess if not.
    """
    for mark, name in _MARKS:
        if data.startswith(mark):
            return data[len(mark) :].decode(name, "replace")
    if data.startswith(_WIDE):
        return data.decode("utf-16-le", "replace")
    declared = _DECLARED.search(data[:_LOOKED_AT])
    said = [name for name in (told, (declared[1] or declared[2]).decode("ascii") if declared else None) if name]
    known = [codec for name in said if (codec := _find_codec(name))]
    # Only escape sequences tell ISO-2022-JP from UTF-8: it is ASCII throughout.
    for codec in (*known, "utf-8") if data.isascii() else ("utf-8", *known):
        try:
            return data.decode(codec)
        except UnicodeDecodeError:
            continue
    # A few broken bytes in a page of megabytes: what was said is still the best that is known.
    return data.decode(known[0] if known and _fits(data, known[0]) else _guess_codec(data), "replace")


def _find_codec(name: str) -> str | None:
    """Return Python's codec for an encoding by its label on the web (WHATWG Encoding, section 4.2)."""
    import webencodings

    encoding = webencodings.lookup(name)
    if encoding is None or encoding.name in ("replacement", "x-user-defined"):
        return None
    codec: str = encoding.codec_info.name  # the library has no types
    return _WIDENED.get(codec, codec)


def _fits(data: bytes, codec: str) -> bool:
    lost = data.decode(codec, "replace").count("\ufffd")
    return lost <= 1 + len(data) // 1000


def _guess_codec(data: bytes) -> str:
    """Return the encoding of bytes that are no UTF-8 and name none: one of Japan's if they fit, or a Western one."""
    for codec in ("cp932", "euc_jp"):
        try:
            text = data.decode(codec)
        except UnicodeDecodeError:
            continue
        # Western letters read as Japanese give kanji alone; Japanese has kana in every sentence.
        foreign = [letter for letter in text if letter > "\u0100"]
        kana = sum("\u3040" <= letter <= "\u30ff" for letter in foreign)
        if len(foreign) > 5 and kana > len(foreign) / 5:
            return codec
    return "cp1252"
