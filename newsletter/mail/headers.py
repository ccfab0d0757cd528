"""Header fields: RFC 5322, with RFC 2369 and 2919 for mailing lists and RFC 2047 for letters beyond ASCII.

Each line is built from a whole value and never spliced. A value that holds a control character is refused, so that no
name in a list can add a header field of its own.
"""

import re
from base64 import b64encode
from collections.abc import Iterator, Sequence
from datetime import datetime
from email.utils import format_datetime, quote
from functools import lru_cache
from hashlib import sha256
from urllib.parse import quote as url_quote

from newsletter.address import EmailAddress
from newsletter.config import Config, Mailbox
from newsletter.issue_name import IssueName

_CONTROL = re.compile(r"[\x00-\x1f\x7f\x80-\x9f\u2028\u2029\ud800-\udfff]")
_ATOM = "[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"  # RFC 5322, section 3.2.3: needs no quotes
_ATOMS = re.compile(f"{_ATOM}(?: {_ATOM})*")
_LINE = 76
_WORD = 75  # RFC 2047, section 2: the longest encoded word
_LONGEST_LINE = 998  # RFC 5322, section 2.1.1: for what can't be folded


class HeaderFault(ValueError):
    """A value that no header may hold: one with a control character, or too long for a line."""


def refuse_controls(name: str, value: str) -> None:
    """Refuse characters that act on a header, a terminal or a parser instead of being read. Raises HeaderFault."""
    # isprintable() excludes all controls and is far quicker; nearly all values are.
    if not value.isprintable() and _CONTROL.search(value):
        raise HeaderFault(f"a control character or a line break in {name}")


def refuse_unmailable(name: str, address: str) -> None:
    """Refuse an address that the header called `name` can't hold. Raises HeaderFault."""
    refuse_controls(name, address)
    if not address.isascii():
        raise HeaderFault(f"{name} can hold ASCII only")
    if len(address) > _LONGEST_LINE - len(name) - len(":  <>"):
        raise HeaderFault(f"{name} is longer than a line can be")


def format_text_header(name: str, value: str) -> bytes:
    """Return an unstructured header such as Subject, folded. Raises HeaderFault."""
    refuse_controls(name, value)
    # ASCII goes as it is, unless a reader would decode it.
    plain = value.isascii() and "=?" not in value
    if plain and len(name) + 2 + len(value) <= _LINE:
        return f"{name}: {value}\r\n".encode("ascii")
    # Lines break before single spaces alone: between several, a line could have nothing but spaces.
    plain = plain and all(0 < len(word) < _LINE - len(name) - 2 for word in value.split(" "))
    text = _fold(value, len(name) + 2) if plain else format_encoded_words(value, len(name) + 2)
    return f"{name}: {text}\r\n".encode("ascii")


def format_encoded_words(text: str, taken: int) -> str:
    """Return `text` as encoded words in base64 (RFC 2047), folded; `taken` columns come before the first.

    The standard library's Header takes fifty times as long, which counts for each recipient's name and subject. A
    character is never divided between two words (section 5).
    """
    words = []
    whole = text.encode("utf-8")
    if text and len(whole) <= (min(_WORD, _LINE - taken) - len("=?utf-8?b??=")) // 4 * 3:  # as most names are
        return f"=?utf-8?b?{b64encode(whole).decode('ascii')}?="
    while text:
        # Four columns hold three bytes, beside what is around them.
        room = max((min(_WORD, _LINE - taken) - len("=?utf-8?b??=")) // 4 * 3, 0)
        piece = text[:room] or text[0]
        while len(piece) > 1 and (over := len(piece.encode("utf-8")) - room) > 0:
            piece = piece[: -(over + 3) // 4]  # a character has four bytes at most
        words.append(f"=?utf-8?b?{b64encode(piece.encode('utf-8')).decode('ascii')}?=")
        text = text[len(piece) :]
        taken = 1
    return "\r\n ".join(words)


def _fold(value: str, taken: int) -> str:
    """Break ASCII text before spaces where a line would be too long (RFC 5322, section 2.2.3)."""
    first, *words = value.split(" ")
    lines, line, room = [], first, _LINE - taken
    for word in words:
        if line and len(line) + 1 + len(word) > room:
            lines.append(line)
            line, room = "", _LINE
        line += f" {word}"
    lines.append(line)
    return "\r\n".join(lines)


def format_address_header(name: str, mailbox: Mailbox) -> bytes:
    """Return a header that names one mailbox, such as From. Raises HeaderFault."""
    return _format_mailbox(name, mailbox.name, mailbox.address)


def format_list_id(config: Config) -> bytes:
    """Return the header that names the list (RFC 2919): its identifier, which is no address, after the title."""
    return _format_mailbox("List-Id", config.publication.title, config.subscriber_list.id)


def format_plain_header(name: str, value: str) -> bytes:
    """Return a structured header whose value is ASCII and is not encoded; it is folded between addresses alone.

    Raises HeaderFault.
    """
    refuse_controls(name, value)
    line = f"{name}: {value}".replace(">, <", ">,\r\n <")
    if any(len(part) > _LONGEST_LINE for part in line.split("\r\n")):
        raise HeaderFault(f"{name} is longer than a line can be")
    try:
        return f"{line}\r\n".encode("ascii")
    except UnicodeEncodeError as error:
        raise HeaderFault(f"{name} can hold ASCII only") from error


@lru_cache(maxsize=16)
def format_date_header(date: datetime) -> bytes:
    """Return the header that says when a message was sent."""
    return format_plain_header("Date", format_datetime(date))


def format_campaign_headers(
    config: Config, issue: IssueName, date: datetime | None, subject: bytes, unsubscribe: bytes
) -> bytes:
    """Return the headers that every recipient of a campaign gets.

    `subject` and `unsubscribe` are empty where they differ by recipient. Without a `date` each batch of the campaign
    has its own.
    """
    sender = config.sender
    lines = [
        format_address_header("From", sender.from_),
        format_plain_header("Reply-To", sender.reply_to) if sender.reply_to else b"",
        subject,
        # RFC 3282; where a reader's program has nothing to choose between, it says nothing new.
        format_plain_header("Content-Language", config.publication.language) if config.translations else b"",
        format_date_header(date) if date else b"",
        format_list_id(config),
        unsubscribe,
        # RFC 8058, section 3.1
        format_plain_header("List-Unsubscribe-Post", "List-Unsubscribe=One-Click")
        if config.service.takes_one_click
        else b"",
        *_list_headers(config, issue),
        format_plain_header("MIME-Version", "1.0"),
    ]
    return b"".join(lines)


def format_notice_headers(config: Config, kind: str, date: datetime, subject: str, unsubscribe: Sequence[str]) -> bytes:
    """Return the headers of a mail to one reader that belongs to no campaign, but To and Message-ID.

    `kind` says what it is, for Gmail's Feedback-ID; `unsubscribe` are the links for unsubscribing, none for somebody
    who gets no issues. Raises HeaderFault.
    """
    sender = config.sender
    lines = [
        format_address_header("From", sender.from_),
        format_plain_header("Reply-To", sender.reply_to) if sender.reply_to else b"",
        format_text_header("Subject", subject),
        format_plain_header("Content-Language", config.publication.language) if config.translations else b"",
        format_date_header(date),
        format_automatic_header(),
        format_list_id(config),
        format_plain_header("List-Unsubscribe", ", ".join(f"<{link}>" for link in unsubscribe)) if unsubscribe else b"",
        format_plain_header("List-Unsubscribe-Post", "List-Unsubscribe=One-Click")
        if unsubscribe and config.service.takes_one_click
        else b"",
        *_list_headers(config, kind),
        format_plain_header("MIME-Version", "1.0"),
    ]
    return b"".join(lines)


def format_automatic_header() -> bytes:
    """Return the header by which no program answers a mail that a program has sent by itself (RFC 3834, section 5)."""
    return format_plain_header("Auto-Submitted", "auto-generated")


def _list_headers(config: Config, name: str) -> Iterator[bytes]:
    """Yield where to find a person and earlier issues (RFC 2369, sections 3.1 and 3.6), and Gmail's Feedback-ID.

    Gmail counts complaints by that: up to three words that tell what was sent, then the sender's own. `name` is the
    issue's, or what else it is.
    """
    publication = config.publication
    yield format_plain_header("List-Help", f"<mailto:{url_quote(publication.contact, safe='@+')}?subject=help>")
    if publication.website:
        yield format_plain_header("List-Archive", f"<{publication.website}>")
    if config.sender.feedback_id:
        yield format_plain_header("Feedback-ID", f"{name}:{config.subscriber_list.id}:{config.sender.feedback_id}")


def format_recipient_headers(name: str, address: EmailAddress, identifier: str) -> bytes:
    """Return the headers of one recipient alone, To and Message-ID.

    Never raises for values that `refuse_controls` and `refuse_unmailable` let through.
    """
    return _format_mailbox("To", name, address) + f"Message-ID: {identifier}\r\n".encode("ascii")


def derive_message_id(seed: str, reader: str, domain: str) -> str:
    """Return the Message-ID of a reader's copy of a campaign: the same each time, so that two copies are known as one.

    Nobody can forge one without the campaign's seed, so that a bounce with this id is about a copy that was sent.
    """
    digest = sha256(f"{seed}\0{reader}".encode("utf-8", "surrogatepass")).hexdigest()[:32]
    return f"<{digest}@{domain}>"


def _format_mailbox(header: str, name: str, address: str) -> bytes:
    refuse_controls(header, name)
    refuse_unmailable(header, address)
    if not name:
        return f"{header}: {address}\r\n".encode("ascii")
    # Some readers decode what looks like an encoded word even between quotes, where RFC 2047 forbids it.
    if name.isascii() and "=?" not in name and len(name) < _LINE - len(header) - 4:
        phrase = name if _ATOMS.fullmatch(name) else f'"{quote(name)}"'
    else:
        phrase = format_encoded_words(name, len(header) + 2)
    last = phrase.rpartition("\n")[2]
    gap = " " if len(header) + 2 + len(last) + len(address) + 3 <= _LINE else "\r\n "
    return f"{header}: {phrase}{gap}<{address}>\r\n".encode("ascii")
