"""Pages' bytes as text, in the encodings that the web has."""

import pytest

from newsletter.fetching.page_encoding import decode_page

PAGES = {
    "declared": ("<meta charset='windows-1252'>“Größe”", "cp1252", None),
    "told by the server": ("“Größe”", "cp1252", "iso-8859-1"),
    "UTF-8 though it says otherwise": ("<meta charset=shift_jis>Größe", "utf-8", "iso-8859-1"),
    "Windows' signs in Shift_JIS": ("<meta charset=Shift_JIS>①～見出し", "cp932", None),
    "ISO-2022-JP, which is ASCII": ("<meta charset=iso-2022-jp>見出し", "iso2022_jp", None),
    "Korean of Windows": ("<meta charset=euc-kr>똠방각하", "cp949", None),
    "Hong Kong's Big5": ("<meta charset=big5>嘅咁", "big5hkscs", None),
    "Cyrillic": ("<?xml version='1.0' encoding='koi8-r'?>Новости", "koi8_r", None),
    "Japanese that says nothing": ("これは見出しです。ひらがながある。", "euc_jp", None),
    "UTF-16 with a mark": ("見出し", "utf-16", None),
    "UTF-16 without a mark": ("<html>見出し", "utf-16-le", None),
    "UTF-8 that is said to be UTF-16": ("<meta charset=utf-16>plain", "ascii", None),
    "an encoding that nobody knows": ("“Größe”", "cp1252", "klingon"),
}


@pytest.mark.parametrize(("text", "codec", "told"), PAGES.values(), ids=PAGES)
def test_a_page_is_read_as_browsers_read_it(text: str, codec: str, told: str | None) -> None:
    assert decode_page(text.encode(codec), told) == text


def test_a_few_broken_bytes_do_not_change_the_encoding() -> None:
    data = b"<meta charset=shift_jis>" + "見出し".encode("cp932") * 2000 + b"\xff\xfd"
    assert decode_page(data).startswith("<meta charset=shift_jis>見出し見出し")
