"""Mail addresses in other people's text, and which of them are those of programs."""

import re
from collections.abc import Iterable, Iterator

from newsletter.address import domain_of, local_part_of, normalise_address
from newsletter.text import escape_controls

# A letter of a local part. The lookbehind in FORM lets a match begin at the first one only: the search is linear.
_LETTER = r"[^\s\x00-\x20<>()\[\]{}:;,\"'@\\|“”‘’«»„（）：；，、。＜＞「」…]"
_DOMAIN = r"(?:[^\W_](?:[\w-]{0,62}[^\W_])?(?:\.[^\W_](?:[\w-]{0,62}[^\W_])?){0,20}|\[(?:IPv6:)?[0-9a-fA-F.:]{3,45}\])"
FORM = re.compile(rf"(?<!{_LETTER})(?:\"[^\"\s@]{{1,64}}\"|{_LETTER}(?:'?{_LETTER}){{0,127}})@{_DOMAIN}")
_TYPE = re.compile(r"\s*[A-Za-z0-9/_-]{1,20}\s*;\s*")
_XTEXT = re.compile(r"\+([0-9A-F]{2})")  # RFC 3461, section 4
_UNITEXT = re.compile(r"\\x\{([0-9A-Fa-f]{2,6})\}")  # RFC 6533, section 3
_LONGEST = 320

# Addresses of programs that write about mail: no recipients, unless the returned copy says so.
_PROGRAMS = re.compile(
    r"(?i)(?:mailer[-_]?daemon|mail[-_]daemon|post[-_]?(?:master|mast)|mdaemon|mailadm\w*|mail[-_]?admin\w*|mailmaster|"
    r"mailsystem|daemon|hostmaster|abuse|spam|nobody|no-?reply|do-?not-?reply|bounces?|listserv|majordomo|"
    r"microsoftexchange[0-9a-f]{10,})(?:[-+=.][^@]*)?@"
)
# Mailboxes of mail servers. They match as a whole, since a person's name may contain such a word.
_SERVER_BOXES = re.compile(
    r"(?i)(?:mailer[-_]?daemon|mail[-_]?daemon|post[-_]?mast(?:er)?|mdaemon|mailmaster|mailsystem|daemon|"
    r"mail[-_.]?delivery[-_.\w]*|microsoftexchange[0-9a-f]{10,}|(?:system|mail)[-_.]?administrator|"
    r"mail[-_.]?(?:router|gateway))(?:[-+=._][^@]*)?|bounces?|non-?delivery"
)
_SERVER_NAMES = re.compile(
    r"(?i)mailer[-_ ]?daemon|mail[-_ ]?daemon|mdaemon|mail delivery|delivery (?:sub)?system|mail system|mailmaster|"
    r"microsoftexchange|internet mail|delivery notification|mail router|message router|messaging ?server|"
    r"mail gateway|non-?delivery"
)
_DAEMONS = re.compile(r"(?i)(?<![\w.])mail(?:er)?[-_ ]?daemon\b(?!\.)|mail delivery (?:sub)?system|microsoftexchange")
_WHOLE_NAMES = re.compile(r"(?i)bounces?|(?:e-?mail |mail )?(?:system )?administrator|post[-_ ]?mast(?:er)?")
# Quoted strings and comments, which are no addresses (RFC 5322, sections 3.2.2 and 3.2.4).
_ASIDE = re.compile(r"\"(?:[^\"\\]|\\.)*\"(?!@)|\([^()]*\)")
_ANGLE = re.compile(r"<([^<>]*)(?:>|$)")
_LONGEST_FIELD = 1_000


def normalise(address: str) -> str:
    """Return the address in this program's one spelling, or as it stands when no mail can be sent to it."""
    address = re.sub(r"(?i)^smtp[:=]", "", address[:_LONGEST].strip())  # Exchange writes the kind before the address
    try:
        return normalise_address(address)
    except ValueError:
        return escape_controls(address)


def is_program(address: str) -> bool:
    """Return whether a program, or a person who runs one, reads mail there, and no subscriber."""
    return _PROGRAMS.match(address) is not None


def is_address(text: str) -> bool:
    """Return whether the text is an address whose domain other servers can know."""
    return FORM.fullmatch(text) is not None and ("." in domain_of(text) or text.endswith("]"))


def is_mail_server(sender: str) -> bool:
    """Return whether a From field is that of a mail server; many have no address in it."""
    sender = sender[:_LONGEST]
    boxes = [local_part_of(match[0]) for match in FORM.finditer(sender)]
    name = " ".join(FORM.sub(" ", sender).split()).strip(" \t\"'<>()[],;")
    return (
        any(_SERVER_BOXES.fullmatch(box) for box in boxes)
        or _SERVER_NAMES.search(name) is not None
        or _WHOLE_NAMES.fullmatch(name) is not None
    )


def is_daemon(sender: str) -> bool:
    """Return whether a From field is that of a program which sends nothing but notices."""
    return _DAEMONS.search(sender[:_LONGEST]) is not None


def find_sender(fields: Iterable[str]) -> str:
    """Return the one address that From fields have; empty when there is none, or when two could be meant.

    Anything may be in a display name, another's address too.
    """
    unique: set[str] = set()
    for value in fields:
        if len(value) > _LONGEST_FIELD:
            return ""
        for mailbox in re.split("[,;]", _ASIDE.sub(" ", value)):
            angles = _ANGLE.findall(mailbox)
            if angles:
                unique.update(_normalise_whole(angle.strip()) for angle in angles)
            else:
                unique.update(normalise(match[0]) for match in FORM.finditer(mailbox))
    return unique.pop() if len(unique) == 1 else ""


def _normalise_whole(text: str) -> str:
    return normalise(text) if FORM.fullmatch(text) else ""


def find_addresses(text: str) -> Iterator[re.Match[str]]:
    """Yield where addresses stand in the text."""
    return FORM.finditer(text)


def find_first(text: str) -> str:
    """Return the first address in a field, in this program's spelling; empty when there is none."""
    match = FORM.search(text)
    return normalise(match[0]) if match else ""


def find_all(values: Iterator[str] | tuple[str, ...], most: int, *, as_written: bool = False) -> tuple[str, ...]:
    """Return the addresses in fields such as To, each once, in this program's spelling or `as_written`."""
    unique: dict[str, None] = {}
    for value in values:
        for match in FORM.finditer(value):
            unique.setdefault(escape_controls(match[0]) if as_written else normalise(match[0]))
            if len(unique) >= most:
                return tuple(unique)
    return tuple(unique)


def parse_recipient_field(value: str) -> str:
    """Return the address in a DSN's recipient field, `rfc822;user@example.org` by RFC 3464 and much else in practice.

    One without a domain comes back as it is; an X.400 name has no address.
    """
    value = value[: 2 * _LONGEST].strip()
    kind = value.partition(";")[0].strip().lower() if ";" in value else ""
    value = _TYPE.sub("", value, count=1) if kind and "@" not in kind else value
    value = _UNITEXT.sub(lambda match: _decode_letter(match[1]), value)
    if "@" not in value:
        value = _XTEXT.sub(lambda match: _decode_letter(match[1]), value)
    if match := FORM.search(value):
        return normalise(match[0])
    if kind == "x400" or "=" in value:
        return ""
    bare = value.strip("<>\"' \t;,")
    return escape_controls(bare) if len(bare.split()) == 1 else ""


def _decode_letter(digits: str) -> str:
    try:
        return chr(int(digits, 16))
    except ValueError:  # past the last character
        return ""
