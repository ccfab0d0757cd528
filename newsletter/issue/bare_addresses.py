"""Addresses of the web and of mail that stand in a text as they are: where each begins and ends."""

import re

# As GFM's extended autolinks, section 6.9, without bare mail addresses. Punctuation of any script ends an address.
_BARE = re.compile(
    r"(?<![A-Za-z0-9@/.:+&=?%#-])(?:https?://|www\.)(?=[^\W_])"
    r"(?:[^\s<>\[\]`\"\\{}|^*\u3000-\u303f\uff01-\uff0f\uff1a-\uff20\uff3b-\uff40\uff5b-\uff65“”«»—]"
    r"|\*(?=[A-Za-z0-9/&=])){1,2100}",  # longer than an address may be, so that it is found to be too long
    re.IGNORECASE,
)
# The mailbox is that of RFC 5321 without quotes; its length bounds what each @ costs.
_BARE_MAIL = re.compile(
    r"(?<![A-Za-z0-9@/.+&=?%#-])(?:mailto:)?[A-Za-z0-9](?:[A-Za-z0-9._%+'-]{0,62}[A-Za-z0-9_+-])?"
    r"@(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.){1,8}[A-Za-z]{2,24}(?![A-Za-z0-9@/-]|:\S|\.[A-Za-z0-9])"
)
_TRAILING = re.compile(r"(?:&[A-Za-z0-9]+;|[?!.,:;*_~'’…])+\Z")
_MARKED_VALUE = re.compile(r"=_[^&=_]+_\Z")  # a parameter between two _, of which the second is no end of emphasis


def find_bare_addresses(source: str) -> list[tuple[int, int]]:
    """Return where each address that begins with https://, http:// or www. starts and ends."""
    found = []
    for match in _BARE.finditer(source):
        written = match[0]
        while True:
            shorter = written if _MARKED_VALUE.search(written) else _TRAILING.sub("", written)
            if shorter.endswith(")") and shorter.count(")") > shorter.count("("):
                shorter = shorter[:-1]
            if shorter == written:
                break
            written = shorter
        if "." in written.removeprefix("www.") or "://" in written:
            found.append((match.start(), match.start() + len(written)))
    return found


def find_bare_mail(source: str) -> list[tuple[int, int]]:
    """Return where each address of a mailbox starts and ends."""
    return [match.span() for match in _BARE_MAIL.finditer(source)] if "@" in source else []
