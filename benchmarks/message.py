"""Measure what one recipient's message costs: ours beside the standard library's EmailMessage and dkimpy's signature.

    .venv/bin/python benchmarks/message.py

Processor time of one message of the sample issue, in microseconds; of all rounds the shortest, so that a busy machine
does not count. EmailMessage gets the texts and the picture that ours contains. Every signature is verified by dkimpy.
"""

import email
from collections.abc import Callable
from datetime import UTC, datetime
from email.message import EmailMessage
from email.policy import SMTP, default
from pathlib import Path
from time import process_time
from typing import Any

import dkim
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from table import machine

from newsletter.editions import EditionContext
from newsletter.issue.draft import load_issue
from newsletter.mail.compiler import compile_message
from newsletter.mail.dkim import DkimSigner
from newsletter.mail.dkim_keys import generate_dkim_key
from newsletter.mail.dkim_signature import DkimKey
from newsletter.workspace import Workspace

ROOT = Path(__file__).parent.parent
FIELDS = {"name": "Ada Okafor", "email": "ada@example.org", "token": "x" * 40}


def main() -> None:
    workspace = Workspace(ROOT, {})
    issue = load_issue(workspace.find_draft("2.10"))
    template = compile_message(EditionContext.from_workspace(workspace), issue, "a1b2c3d4e5f6", datetime.now(UTC))
    message = template.render("key", FIELDS["email"], FIELDS)
    parts = [part for part in email.message_from_bytes(message.data, policy=default).walk() if not part.is_multipart()]
    text, html, *pictures = (part.get_content() for part in parts)
    pem, record = generate_dkim_key("rsa")
    sign = rsa_signing(pem)
    signer = DkimSigner("example.org", [DkimKey("s1", "rsa-sha256", sign)])
    if not dkim.verify(signer.sign(message).data, dnsfunc=lambda *_, **__: record.encode()):
        raise SystemExit("dkimpy does not verify our signature.")

    print(machine())
    print(f"A message of {len(message.data):,} bytes, {len(pictures)} picture in it.")
    show("splice the compiled template", lambda: template.render("key", FIELDS["email"], FIELDS), 2000)
    show("EmailMessage without the picture", lambda: build(text, html, []), 100)
    show("EmailMessage with it", lambda: build(text, html, pictures), 50)
    show("DKIM (RSA, 2048 bits), ours", lambda: signer.sign(message), 500)
    show("  of this the key's part", lambda: sign(b"x" * 1000), 500)
    show("DKIM, dkimpy", lambda: dkim.sign(message.data, b"s1", b"example.org", pem), 50)


def build(text: str, html: str, pictures: list[bytes]) -> bytes:
    """Build the message as a program without a compiled template would, and return its bytes."""
    message = EmailMessage(policy=SMTP)
    message["From"], message["To"] = "Digest <digest@example.org>", "Ada Okafor <ada@example.org>"
    message["Subject"], message["Message-ID"] = "Digest 2.10", "<key@example.org>"
    message.set_content(text, cte="quoted-printable")
    message.add_alternative(html, subtype="html", cte="quoted-printable")
    for picture in pictures:
        message.get_payload()[1].add_related(picture, "image", "jpeg", cid="<picture@example.org>")
    return message.as_bytes()


def rsa_signing(pem: bytes) -> Callable[[bytes], bytes]:
    key: Any = load_pem_private_key(pem, None)
    return lambda data: bytes(key.sign(data, PKCS1v15(), SHA256()))


def show(name: str, measure: Callable[[], object], rounds: int) -> None:
    shortest = min(seconds(measure) for _ in range(rounds))
    print(f"{shortest * 1e6:8,.0f} us  {name}")


def seconds(measure: Callable[[], object]) -> float:
    began = process_time()
    measure()
    return process_time() - began


if __name__ == "__main__":
    main()
