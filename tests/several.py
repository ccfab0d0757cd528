"""A workspace with more than one publication: the sample beside publications/, and others below."""

import shutil
from pathlib import Path

from conftest import ROOT, Publication


def add_publication(beside: Publication, name: str, more: str = "", list_id: str = "") -> Path:
    """Make a publication of that name in the sample's workspace; return its folder."""
    folder = beside.root / "publications" / name
    (folder / "drafts").mkdir(parents=True)
    (folder / "newsletter.toml").write_text(
        f'[publication]\ntitle = "The {name.title()}"\n\n'
        f'[list]\nid = "{list_id or f"{name}.example.org"}"\nunsubscribe = "mailto:leave-{name}@example.org"\n{more}'
    )
    return folder


def without_title(beside: Publication) -> None:
    """Make the workspace's newsletter.toml one of shared settings alone."""
    path = beside.root / "newsletter.toml"
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join(line for line in lines if not line.startswith("title = ")))


def fill(folder: Path, readers: list[str]) -> None:
    """Give a publication the sample's issue 2.10 and a list."""
    (folder / "drafts").mkdir(exist_ok=True)
    for path in (ROOT / "drafts").glob("2.10*"):
        if path.suffix in (".yaml", ".jpg"):
            shutil.copyfile(path, folder / "drafts" / path.name)
    (folder / "subscribers.csv").write_text("email\n" + "".join(f"{reader}\n" for reader in readers))


def report(message: bytes, reader: str, kind: str = "bounce") -> bytes:
    """Return a mail server's report about a reader's copy, with the copy's header."""
    header = message.partition(b"\r\n\r\n")[0].decode("ascii").replace("\r\n", "\n")
    about = f"Reporting-MTA: dns; mx\n\nFinal-Recipient: rfc822; {reader}\nAction: failed\nStatus: 5.1.1\n"
    kind = "delivery-status" if kind == "bounce" else "feedback-report"
    fields = about if kind == "delivery-status" else "Feedback-Type: abuse\nVersion: 1\nUser-Agent: x/1\n"
    return (
        f"From: MAILER-DAEMON@mx.example.net\nTo: bounces@example.org\nSubject: A report\n"
        f'Content-Type: multipart/report; report-type={kind}; boundary="b"\n\n--b\n\nIt failed\n'
        f"--b\nContent-Type: message/{kind}\n\n{fields}\n"
        f"--b\nContent-Type: text/rfc822-headers\n\n{header}\n--b--\n"
    ).encode()
