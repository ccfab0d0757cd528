"""flufl.bounce, which knows many old forms, kept from what would make it slow or fail."""

import logging
import re
from email import message_from_bytes

from newsletter.feedback.mail.recognition import addresses, returned
from newsletter.feedback.mail.recognition.mime import Mail
from newsletter.feedback.mail.recognition.returned import Notice

_NOT_ASCII = re.compile(rb"[\x80-\xff]")
_MOST_LINES, _LONGEST_LINE, _MOST_DELIMITERS, _MOST = 1_500, 998, 40, 20


def recipients(message: bytes, mail: Mail, notice: Notice) -> tuple[str, ...]:
    """The addresses that flufl.bounce finds. It is given the beginning of a mail, and none of many parts.

    Its patterns and Python's parser take more than linear time over long lines and nested parts.
    """
    from flufl.bounce import all_failures

    # It would show a traceback for whatever it stumbles over, addresses and all.
    logging.getLogger("flufl.bounce").disabled = True
    start = message[: _MOST_LINES * _LONGEST_LINE].replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    rows = start.split(b"\n", _MOST_LINES)[:_MOST_LINES]
    if sum(row.startswith(b"--") for row in rows) > _MOST_DELIMITERS:
        return ()
    # It fails without a From, and over one that is not ASCII.
    sender = b"" if mail.header.first("from") else b"From: nobody\n"
    short = sender + b"\n".join(_NOT_ASCII.sub(b"?", row[:_LONGEST_LINE]) for row in rows)
    try:
        temporary, permanent = all_failures(message_from_bytes(short))
    except Exception:  # noqa: BLE001  # it was made for mail that is well formed; strangers' need not be
        return ()
    found = (address.decode("ascii", "replace") for address in sorted(permanent | temporary))
    normal = dict.fromkeys(addresses.normal(address) for address in found if addresses.FORM.fullmatch(address))
    # It also takes what stands in the returned copy's header: our own address, and Message-IDs.
    said, meant = notice.text.casefold(), returned.recipients(notice)
    named = tuple(address for address in normal if address in meant or address.rpartition("@")[0].casefold() in said)
    ours = addresses.all_of(mail.header.all("to", "delivered-to"), _MOST)
    return tuple(address for address in named if address in meant or address not in ours) or named
