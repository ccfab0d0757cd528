"""flufl.bounce, which knows many old forms of bounces, kept from what would make it slow or fail."""

import logging
import re
from email import message_from_bytes

from newsletter.address import local_part_of
from newsletter.feedback.mail.recognition import addresses
from newsletter.feedback.mail.recognition.parsed_mail import MOST_ADDRESSES, ParsedMail

_NOT_ASCII = re.compile(rb"[\x80-\xff]")
_MOST_LINES, _LONGEST_LINE, _MOST_DELIMITERS = 1_500, 998, 40


def find_flufl_recipients(mail: ParsedMail) -> tuple[str, ...]:
    """Return the addresses that flufl.bounce finds. It is given the beginning of a mail, and none of many parts.

    Its patterns and Python's parser take more than linear time over long lines and nested parts.
    """
    from flufl.bounce import all_failures

    # flufl.bounce logs a traceback for what it can't parse, with addresses.
    logging.getLogger("flufl.bounce").disabled = True
    start = mail.raw[: _MOST_LINES * _LONGEST_LINE].replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    rows = start.split(b"\n", _MOST_LINES)[:_MOST_LINES]
    if sum(row.startswith(b"--") for row in rows) > _MOST_DELIMITERS:
        return ()
    # flufl.bounce fails without a From, and over octets beyond ASCII.
    sender = b"" if mail.header.first("from") else b"From: nobody\n"
    short = sender + b"\n".join(_NOT_ASCII.sub(b"?", row[:_LONGEST_LINE]) for row in rows)
    try:
        temporary, permanent = all_failures(message_from_bytes(short))
    except Exception:  # noqa: BLE001  # it was made for mail that is well formed; strangers' need not be
        return ()
    found = (address.decode("ascii", "replace") for address in sorted(permanent | temporary))
    return _without_ours(
        tuple(dict.fromkeys(addresses.normalise(address) for address in found if addresses.FORM.fullmatch(address))),
        mail,
    )


def _without_ours(found: tuple[str, ...], mail: ParsedMail) -> tuple[str, ...]:
    """Return the addresses without what flufl.bounce takes from the copy's header: our own, and Message-IDs."""
    said, meant = mail.text.casefold(), mail.copy_recipients
    named = tuple(address for address in found if address in meant or local_part_of(address).casefold() in said)
    ours = addresses.find_all(mail.header.all("to", "delivered-to"), MOST_ADDRESSES)
    return tuple(address for address in named if address in meant or address not in ours) or named
