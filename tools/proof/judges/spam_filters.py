"""SpamAssassin and rspamd on a message that Postfix has received: their score, and the rules that fired.

Both run without a network, so that what they would ask the DNS (block lists, SPF, DKIM, DMARC) is not in the score.
"""

import http.client
import json
import re
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from proof.subjects import Subject
from proof.verdict import Control, Finding, NotAvailable, Verdict

# SpamAssassin's own test (GTUBE): a line that every filter takes for spam.
_GTUBE = b"Subject: GTUBE\n\nXJS*C4JDBQADN1.NSBN3*2IDNEN*GTUBE-STANDARD-ANTI-UBE-TEST-EMAIL*C.34X\n"
_RULE = re.compile(r"^\s*(-?[\d.]+)\s+([A-Z][A-Z0-9_]+)\s+(.*)$", re.MULTILINE)


def ask_spamassassin(subjects: Sequence[Subject]) -> Verdict:
    """Return the rules by which SpamAssassin gives points; a message without any has no finding."""
    if shutil.which("spamassassin") is None:
        raise NotAvailable("it is not installed (Debian: spamassassin)")
    mails = _list_mails(subjects)
    findings, notes = [], []
    for name, path in mails.items():
        score, rules = _run_spamassassin(path.read_bytes())
        notes.append(f"{name}: {score}")
        findings += [
            Finding(subject=name, rule=rule, words=f"{points} points: {words}")
            for points, rule, words in rules if float(points) > 0
        ]  # fmt: skip
    score, _ = _run_spamassassin(_GTUBE)
    version = subprocess.run(["spamassassin", "--version"], check=True, capture_output=True, text=True).stdout
    return Verdict(
        version=version.split("version ")[1].split()[0],
        seen=list(mails),
        findings=findings,
        notes=notes,
        controls=[Control(planted="the line that every filter takes for spam (GTUBE)", found=score > 100)],
    )


def _run_spamassassin(mail: bytes) -> tuple[float, list[tuple[str, str, str]]]:
    done = subprocess.run(["spamassassin", "--local", "--test-mode"], input=mail, check=True, capture_output=True)
    report = done.stdout.decode("utf-8", "replace")
    # Of spam the report is there twice.
    score, *_ = re.findall(r"^Content analysis details:\s+\((-?[\d.]+) points", report, re.MULTILINE)
    return float(score), _RULE.findall(report.partition("Content analysis details")[2])


def ask_rspamd(subjects: Sequence[Subject]) -> Verdict:
    """Return the symbols by which rspamd gives points, of what a scan without a network sees."""
    if shutil.which("rspamadm") is None:
        raise NotAvailable("it is not installed (Debian: rspamd)")
    mails = _list_mails(subjects)
    findings, notes = [], []
    with _rspamd() as scan:
        for name, path in mails.items():
            said = scan(path.read_bytes())
            notes.append(f"{name}: {said['score']:.2f}")
            findings += [
                Finding(subject=name, rule=rule, words=f"{about['score']} points: {about.get('description', '')}")
                for rule, about in said["symbols"].items() if about["score"] > 0
            ]  # fmt: skip
        spam = scan(_GTUBE)
    version = subprocess.run(["rspamadm", "--version"], check=True, capture_output=True, text=True).stdout
    return Verdict(
        version=version.split()[-1],
        seen=list(mails),
        findings=findings,
        notes=notes,
        controls=[
            Control(planted="the line that every filter takes for spam (GTUBE)", found=spam["action"] == "reject")
        ],
    )


class _UnixConnection(http.client.HTTPConnection):
    """An HTTP connection to a socket in a folder, so that no port is taken."""

    def __init__(self, path: Path) -> None:
        super().__init__("localhost", timeout=60)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(60)
        self.sock.connect(str(self._path))


@contextmanager
def _rspamd() -> Iterator[Callable[[bytes], dict[str, Any]]]:
    """Start rspamd with Debian's rules and sockets of its own; yield what scans one mail."""
    with tempfile.TemporaryDirectory(prefix="rspamd-") as name:
        folder = Path(name)
        conf, listening = folder / "conf", folder / "normal.sock"
        shutil.copytree("/etc/rspamd", conf)
        settings = {
            "local.d/worker-normal.inc": f'bind_socket = "{listening} mode=0666"; count = 1;',
            "override.d/worker-proxy.inc": "enabled = false;",
            "override.d/worker-controller.inc": "enabled = false;",
            "override.d/worker-fuzzy.inc": "enabled = false;",
            "override.d/logging.inc": f'type = "file"; filename = "{folder}/log";',
            # No name server: nothing outside of this machine is asked.
            "override.d/options.inc": f'pidfile = "{folder}/pid"; control_socket = "{folder}/control mode=0600"; '
            'dns { nameserver = ["127.0.0.1:1"]; timeout = 0.1s; retransmits = 1; }',
        }
        for place, text in settings.items():
            (conf / place).parent.mkdir(exist_ok=True)
            (conf / place).write_text(text + "\n")
        (folder / "db").mkdir()
        for path in [folder, *folder.rglob("*")]:
            path.chmod(0o755 if path.is_dir() else 0o644)
        places = {"CONFDIR": conf, "LOCAL_CONFDIR": conf, "DBDIR": folder / "db", "RUNDIR": folder}
        process = subprocess.Popen(
            ["rspamd", "-f", "--insecure", "-c", conf / "rspamd.conf", *(f"--var={k}={v}" for k, v in places.items())],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
        )  # fmt: skip

        def scan(mail: bytes) -> dict[str, Any]:
            connection = _UnixConnection(listening)
            connection.request("POST", "/checkv2", mail)
            answer: dict[str, Any] = json.load(connection.getresponse())
            return answer

        try:
            _wait_until_it_answers(scan)
            yield scan
        finally:
            process.terminate()
            process.wait(timeout=30)


def _wait_until_it_answers(scan: Callable[[bytes], dict[str, Any]]) -> None:
    """Wait until rspamd has read its rules, which takes about ten seconds."""
    until = time.monotonic() + 60
    while True:
        try:
            scan(b"Subject: ready?\n\n.\n")
        except (OSError, ValueError, http.client.HTTPException):
            if time.monotonic() > until:
                raise
            time.sleep(0.2)
        else:
            return


def _list_mails(subjects: Sequence[Subject]) -> dict[str, Path]:
    """Return the received messages by their subjects. Raises NotAvailable where none could be sent."""
    received = {one.name: one.file("received.eml") for one in subjects if one.file("received.eml").exists()}
    if not received:
        raise NotAvailable("no message was sent: Postfix is missing (Debian: postfix, sasl2-bin, libsasl2-modules)")
    return received
