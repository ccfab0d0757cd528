"""Reply codes (RFC 5321) and enhanced status codes (RFC 3463) in a server's words."""

import re

_LONGEST = 2_000

# "550 5.1.1", "#5.1.1", "(5.1.1)": not part of an IP address or of a version (RFC 3463, section 2).
_ENHANCED = re.compile(r"(?<![\w.])([245])\.([0-7])\.(\d{1,3})(?![\d]|\.\d)")
_AFTER_REPLY_CODE = re.compile(
    r"(?<!\d)[45]\d\d[ -]{1,3}#?\(?([45]\.[0-7]\.\d{1,3})(?![\d]|\.\d)|"
    r"#(?:[45]\d\d[ -])?([45]\.[0-7]\.\d{1,3})(?![\d]|\.\d)"
)
_REPLY_CODE = re.compile(r"(?<![\d.])([45][0-5]\d)(?=[ -]|$)")


def find_reply_code(words: str) -> int | None:
    """Return the first reply code of a refusal; None where there is none."""
    match = _REPLY_CODE.search(words[:_LONGEST])
    return int(match[1]) if match else None


def find_enhanced_code(words: str) -> str:
    """Return the enhanced code in the words; empty where there is none.

    Codes behind a reply code come first, and those that say something before those that end in 0.
    """
    words = words[:_LONGEST]
    codes = [match[1] or match[2] for match in _AFTER_REPLY_CODE.finditer(words)]
    codes += [match[0] for match in _ENHANCED.finditer(words) if match[1] != "2"]
    return next((code for code in codes if not code.endswith(".0")), codes[0] if codes else "")


def choose_enhanced_code(status_field: str, words: str) -> str:
    """Return the code of a DSN's Status field, or that of its words where the field says next to nothing."""
    match = _ENHANCED.search(status_field)
    code = f"{match[1]}.{match[2]}.{match[3]}" if match else ""
    if code and not code.endswith(".0"):
        return code
    in_words = find_enhanced_code(words)
    return in_words if in_words and (not code or not in_words.endswith(".0.0")) else code
