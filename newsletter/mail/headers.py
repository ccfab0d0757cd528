"""The header of a message: RFC 5322, with RFC 2369 and 2919 for mailing lists and RFC 2047 for letters.

Each line is built from a whole value and never spliced. A value that holds a control character is
refused, so that no name out of a list can add a header of its own.
"""

import re
from datetime import datetime
from email.header import Header
from email.utils import format_datetime, quote
from hashlib import sha256

from newsletter.config import Mailbox, ReaderList, Sender

_CONTROL = re.compile(r"[\x00-\x1f\x7f\x80-\x9f\u2028\u2029\ud800-\udfff]")
_ATOM = "[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"  # RFC 5322, section 3.2.3: needs no quotes
_ATOMS = re.compile(f"{_ATOM}(?: {_ATOM})*")
_LINE = 76


class HeaderFault(ValueError):
    """A value that must not stand in a header."""


def text_header(name: str, value: str) -> bytes:
    """An unstructured header such as Subject, folded."""
    _refuse_controls(name, value)
    # ASCII goes as it is, unless a reader would decode it, or a word is too long for a line to break before it.
    plain = value.isascii() and "=?" not in value and all(len(word) < _LINE - len(name) - 2 for word in value.split())
    header = Header(value, "us-ascii" if plain else "utf-8", maxlinelen=_LINE, header_name=name, continuation_ws=" ")
    return f"{name}: {header.encode(linesep=chr(13) + chr(10))}\r\n".encode("ascii")


def address_header(name: str, mailbox: Mailbox) -> bytes:
    """A header that names one mailbox, such as From or To."""
    _refuse_controls(name, mailbox.name)
    _refuse_controls(name, mailbox.address)
    if not mailbox.name:
        return f"{name}: {mailbox.address}\r\n".encode("ascii")
    # Some readers decode what looks like an encoded word even between quotes, where RFC 2047 forbids it.
    if mailbox.name.isascii() and "=?" not in mailbox.name and len(mailbox.name) < _LINE - len(name) - 4:
        phrase = mailbox.name if _ATOMS.fullmatch(mailbox.name) else f'"{quote(mailbox.name)}"'
    else:
        phrase = Header(mailbox.name, "utf-8", maxlinelen=_LINE, header_name=name).encode(linesep="\r\n")
    last = phrase.rpartition("\n")[2]
    gap = " " if len(name) + 2 + len(last) + len(mailbox.address) + 3 <= _LINE else "\r\n "
    return f"{name}: {phrase}{gap}<{mailbox.address}>\r\n".encode("ascii")


def plain_header(name: str, value: str) -> bytes:
    """A structured header whose value is ASCII and must not be folded or encoded."""
    _refuse_controls(name, value)
    try:
        return f"{name}: {value}\r\n".encode("ascii")
    except UnicodeEncodeError as error:
        raise HeaderFault(f"{name} can hold ASCII only") from error


def campaign_headers(sender: Sender, readers: ReaderList, list_name: str, subject: str, date: datetime) -> bytes:
    """What is the same for every reader of a campaign."""
    lines = [
        address_header("From", sender.from_),
        plain_header("Reply-To", sender.reply_to) if sender.reply_to else b"",
        text_header("Subject", subject),
        plain_header("Date", format_datetime(date)),
        # RFC 2919: the name beside the identifier is a phrase.
        address_header("List-Id", Mailbox(name=list_name, address=readers.id)),
        plain_header("List-Unsubscribe", f"<{readers.unsubscribe_link}>"),  # RFC 2369, section 3.2
        plain_header("MIME-Version", "1.0"),
    ]
    return b"".join(lines)


def reader_headers(name: str, address: str, message_id: str) -> bytes:
    """What is one reader's own."""
    return address_header("To", Mailbox(name=name, address=address)) + plain_header("Message-ID", message_id)


def message_id(campaign: str, reader: str, domain: str) -> str:
    """One id for a reader's copy of a campaign: should it ever slip out twice, it is known as one."""
    digest = sha256(f"{campaign}\0{reader}".encode()).hexdigest()[:32]
    return f"<{digest}@{domain}>"


def _refuse_controls(name: str, *values: str) -> None:
    if any(_CONTROL.search(value) for value in values):
        raise HeaderFault(f"a control character or a line break in {name}")
