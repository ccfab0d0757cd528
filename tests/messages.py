"""Messages as a reader's program takes them apart."""

import re
from email import message_from_bytes, policy
from email.header import decode_header, make_header
from email.message import EmailMessage
from email.utils import parseaddr


def parsed(data: bytes) -> EmailMessage:
    """By the standard library, which must find nothing wrong."""
    message = message_from_bytes(data, policy=policy.default)
    for part in message.walk():
        assert part.defects == []
        for _, value in part.items():
            assert not getattr(value, "defects", ())
    assert isinstance(message, EmailMessage)
    return message


def well_formed(data: bytes) -> None:
    """Check that a message can go by DATA and by BDAT, through any server."""
    assert b"\0" not in data
    assert data.endswith(b"\r\n")
    lines = data.split(b"\r\n")
    assert all(b"\r" not in line and b"\n" not in line for line in lines)
    assert all(len(line) <= 998 and not line.startswith(b".") for line in lines)
    assert data.isascii()


def named(data: bytes) -> tuple[str, str]:
    """To, decoded as RFC 2047 has it; the new parser of Python 3.11 puts spaces between encoded words."""
    name, address = parseaddr(str(message_from_bytes(data)["To"]).replace("\r\n", ""))
    return str(make_header(decode_header(name))), address


def texts(data: bytes) -> tuple[str, str]:
    """Return the plain text and the HTML."""
    message = parsed(data)
    plain, html = message.get_body(("plain",)), message.get_body(("html",))
    assert plain is not None
    assert html is not None
    return plain.get_content().replace("\r\n", "\n"), html.get_content().replace("\r\n", "\n")


def one_spaced(text: str) -> str:
    return re.sub(r"\s+", " ", text).strip()
