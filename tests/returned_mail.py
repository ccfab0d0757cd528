"""Mail that comes back, as servers and readers write it."""

import re
from collections.abc import Sequence

from smtp_server import Server


def find_return_path(server: Server, number: int) -> str:
    return next(sender for sender in server.senders if sender.startswith(f"bounces+{number}-"))


def make_bounce(
    reader: str, status: str, returned: bytes, *, to: str = "bounces@example.org", action: str = "failed"
) -> bytes:
    """Return a DSN by RFC 3464, with the header of what was returned (RFC 3462, section 2)."""
    said = (
        f"Reporting-MTA: dns; mx.example.com\r\n\r\nFinal-Recipient: rfc822; {reader}\r\nAction: {action}\r\n"
        f"Status: {status}\r\nDiagnostic-Code: smtp; 550 {status} so it is\r\n"
    )
    header = returned.partition(b"\r\n\r\n")[0] + b"\r\n"
    return make_report(
        "delivery-status", "MAILER-DAEMON@mx.example.com", to,
        [("text/plain", b"It could not be delivered.\r\n"), ("message/delivery-status", said.encode()),
         ("text/rfc822-headers", header)],
    )  # fmt: skip


def make_report(kind: str, sender: str, to: str, parts: Sequence[tuple[str, bytes]]) -> bytes:
    """Return a multipart/report (RFC 6522)."""
    head = (
        f"From: {sender}\r\nTo: {to}\r\nSubject: Undelivered\r\nDate: Sun, 22 Nov 2026 10:00:00 +0000\r\n"
        f'MIME-Version: 1.0\r\nContent-Type: multipart/report; report-type={kind}; boundary="b"\r\n\r\n'
    )
    body = b"".join(b"--b\r\nContent-Type: %s\r\n\r\n%s\r\n" % (name.encode(), data) for name, data in parts)
    return head.encode() + body + b"--b--\r\n"


def hide_proof(data: bytes) -> bytes:
    """Return a copy's header without all that only its reader has seen."""
    data = re.sub(rb"(?m)^Message-ID: .*\r\n", b"Message-ID: <made-up@example.org>\r\n", data)
    return re.sub(rb"(?m)^List-Unsubscribe: .*\r\n(?: .*\r\n)*", b"", data)


def make_mail(sender: str, subject: str, header: str = "") -> bytes:
    return f"From: {sender}\r\nTo: leave@example.org\r\nSubject: {subject}\r\n{header}\r\n\r\n".encode()
