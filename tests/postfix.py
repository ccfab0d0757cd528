"""Debian's Postfix with a configuration, a queue and a port of its own, for as long as a test needs it.

It offers STARTTLS and a login, announces PIPELINING, CHUNKING and SIZE, and delivers what it takes into one
Maildir, or throws it away. It wants root, and the Debian packages postfix, libsasl2-modules and sasl2-bin.
"""

import mailbox
import os
import pwd
import re
import shutil
import subprocess
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from certificate import make_certificate
from ports import free_port

USER, PASSWORD = "digest", "secret"
# What each server on the way writes above a message (RFC 5321, section 4.4), and Postfix's own.
_TRACE = re.compile(rb"(?:(?:Return-Path|X-Original-To|Delivered-To|Received):[^\n]*\n(?:[ \t][^\n]*\n)*)+")
_SERVICES = """\
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
proxymap unix - - n - - proxymap
error unix - - n - - error
smtp unix - - n - - smtp
retry unix - - n - - error
discard unix - - n - - discard
virtual unix - n n - - virtual
anvil unix - - n - 1 anvil
postlog unix-dgram n - n - 1 postlogd
"""


def _command(name: str) -> str:
    return shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin") or ""


def unavailable() -> str:
    """Why Postfix can't be started here; empty when it can."""
    if os.geteuid() != 0:
        return "Postfix can be started by root alone"
    missing = [name for name in ("postfix", "saslpasswd2") if not _command(name)]
    missing += [] if list(Path("/usr/lib").glob("*/sasl2/libcrammd5.so*")) else ["libsasl2-modules"]
    return f"not there: {', '.join(missing)} (Debian: postfix, sasl2-bin, libsasl2-modules)" if missing else ""


@dataclass(frozen=True)
class Postfix:
    port: int
    certificate: Path
    folder: Path

    @property
    def environ(self) -> dict[str, str]:
        """What makes `newsletter` send through it."""
        return {
            "NEWSLETTER_SMTP__HOST": "localhost",
            "NEWSLETTER_SMTP__PORT": str(self.port),
            "NEWSLETTER_SMTP__SECURITY": "starttls",
            "NEWSLETTER_SMTP__USERNAME": f"{USER}@localhost",
            "NEWSLETTER_SMTP__PASSWORD": PASSWORD,
            "SSL_CERT_FILE": str(self.certificate),
        }

    def copies(self, count: int, timeout: float = 60) -> dict[str, list[bytes]]:
        """Return what the Maildir holds for each address, less the trace headers, once `count` messages are there."""
        until = time.monotonic() + timeout
        box = mailbox.Maildir(self.folder / "mail" / "box", create=False)
        while len(box) < count and time.monotonic() < until:
            time.sleep(0.05)
        found: dict[str, list[bytes]] = {}
        for key in box.keys():  # noqa: SIM118  # a mailbox iterates over its messages
            raw = box.get_bytes(key)
            (address,) = re.findall(rb"^Delivered-To: (\S+)$", raw, re.MULTILINE)
            found.setdefault(address.decode(), []).append(_TRACE.sub(b"", raw, count=1))
        return found

    def log(self) -> str:
        return (self.folder / "postfix.log").read_text()

    def verbs(self, messages: int, timeout: float = 60) -> Counter[str]:
        """How often each command was obeyed, once the sessions that brought `messages` have ended."""
        until = time.monotonic() + timeout
        while True:
            counts: Counter[str] = Counter()
            for summary in re.findall(r"disconnect from .*?\] (.*)", self.log()):
                counts.update({name: int(count) for name, count in re.findall(r"(\w+)=(\d+)", summary)})
            if counts["mail"] >= messages or time.monotonic() > until:
                return counts
            time.sleep(0.05)


@contextmanager
def postfix(
    *,
    keep: bool = True,
    login: bool = True,
    size: int = 10_240_000,
    refuse: Mapping[str, str] | None = None,
    onward: Mapping[str, int] | None = None,
    settings: Mapping[str, object] | None = None,
    listener: str = "- smtpd",
    services: str = "",
) -> Iterator[Postfix]:
    """Yield a server for the time of the context; unless `keep`, it throws away what it has taken.

    Without `login` it takes mail from anybody who reaches its loopback port, in clear text if they like. `size` is
    the largest message that it takes, `refuse` what it answers to RCPT for some addresses. For those in `onward` it
    hands what it took to the server at that port of this machine, once, and sends back what that one will not have.
    `settings` are further ones of main.cf, `services` further lines of master.cf; `listener` is the end of the line
    there of whoever listens at the port: how many processes at most, and the program.
    """
    # Not below pytest's own folders, which are closed to others: Postfix's processes run as users of their own.
    with tempfile.TemporaryDirectory(prefix="postfix-") as name:
        folder = Path(name)
        port = free_port()
        _configure(
            folder, port, keep=keep, login=login, size=size, refuse=refuse or {}, onward=onward or {},
            more=settings or {}, master=f"127.0.0.1:{port} inet n - n - {listener}\n{services}{_SERVICES}",
        )  # fmt: skip
        command = [_command("postfix"), "-c", str(folder / "etc")]
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        running = subprocess.Popen([*command, "start-fg"], **quiet)
        # Stops it when its input ends: in the end, and also when the test's own process is killed.
        stop = ["sh", "-c", 'read _; "$@"', "sh", *command, "stop"]
        guard = subprocess.Popen(stop, stdin=subprocess.PIPE, start_new_session=True, **quiet)
        try:
            server = Postfix(port, folder / "server.pem", folder)
            _wait_for(server)
            yield server
        finally:
            guard.communicate()
            running.wait(timeout=30)


def _configure(
    folder: Path,
    port: int,
    *,
    keep: bool,
    login: bool,
    size: int,
    refuse: Mapping[str, str],
    onward: Mapping[str, int],
    more: Mapping[str, object],
    master: str,
) -> None:
    folder.chmod(0o755)
    etc = folder / "etc"
    sasl = etc / "sasl"  # where Debian's Postfix looks for smtpd.conf; others look at cyrus_sasl_config_path
    mail = folder / "mail"
    box = [mail / "box", *(mail / "box" / name for name in ("tmp", "new", "cur"))]
    owners = {"root": [etc, sasl, folder / "spool"], "postfix": [folder / "lib"], "nobody": [mail, *box]}
    for owner, paths in owners.items():
        for path in paths:
            path.mkdir()
            os.chown(path, pwd.getpwnam(owner).pw_uid, -1)
    make_certificate(folder)
    (sasl / "smtpd.conf").write_text(
        f"pwcheck_method: auxprop\nauxprop_plugin: sasldb\nsasldb_path: {sasl}/users\nmech_list: PLAIN LOGIN CRAM-MD5\n"
    )
    subprocess.run(
        [_command("saslpasswd2"), "-c", "-p", "-f", f"{sasl}/users", "-u", "localhost", USER],
        input=PASSWORD, text=True, check=True, capture_output=True,
    )  # fmt: skip
    os.chown(sasl / "users", pwd.getpwnam("postfix").pw_uid, -1)
    daemons = subprocess.run(
        [_command("postconf"), "-dh", "daemon_directory"], check=True, capture_output=True, text=True
    ).stdout.strip()
    nobody = pwd.getpwnam("nobody").pw_uid
    refusals = " ".join(f"{{ {address} = {reply} }}" for address, reply in refuse.items())
    routes = " ".join(f"{{ {address} = smtp:[127.0.0.1]:{next_port} }}" for address, next_port in onward.items())
    settings = {
        "compatibility_level": "3.6",
        "queue_directory": folder / "spool",
        "data_directory": folder / "lib",
        "daemon_directory": daemons,
        "maillog_file": folder / "postfix.log",
        "maillog_file_prefixes": folder,
        "inet_interfaces": "127.0.0.1",
        "inet_protocols": "ipv4",
        "myhostname": "localhost",
        "mydestination": "",
        "alias_maps": "",
        # Whatever the address: no mail of a test can leave this machine.
        "virtual_mailbox_domains": "static:all",
        "virtual_mailbox_maps": "static:box/",
        "virtual_mailbox_base": folder / "mail",
        "virtual_uid_maps": f"static:{nobody}",
        "virtual_gid_maps": f"static:{nobody}",
        "virtual_transport": "virtual" if keep else "discard",
        "smtpd_tls_cert_file": folder / "server.pem",
        "smtpd_tls_security_level": "may",
        "smtpd_tls_auth_only": "yes",
        "smtpd_sasl_auth_enable": "yes",
        "cyrus_sasl_config_path": sasl,
        "smtpd_relay_restrictions": "permit_sasl_authenticated, reject" if login else "permit_mynetworks, reject",
        "smtpd_recipient_restrictions": f"check_recipient_access inline:{{ {refusals} }}" if refusals else "",
        "message_size_limit": size,
        "transport_maps": f"inline:{{ {routes} }}" if routes else "",
        "maximal_queue_lifetime": "0" if routes else "5d",
        "in_flow_delay": "0",
        **more,
    }
    (etc / "main.cf").write_text("".join(f"{name} = {value}\n" for name, value in settings.items()))
    (etc / "master.cf").write_text(master)


def _wait_for(server: Postfix) -> None:
    """Wait until it listens, without a connection, which it would count."""
    log = server.folder / "postfix.log"
    for _ in range(1_200):
        if log.exists() and "daemon started" in log.read_text():
            return
        time.sleep(0.05)
    raise AssertionError(f"Postfix did not start:\n{server.log()}")
