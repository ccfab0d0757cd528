"""Debian's Dovecot with a configuration, a mailbox and ports of its own, for as long as a test needs it.

Run by an ordinary user from a temporary folder; it wants the Debian package dovecot-imapd in version 2.3, since
2.4 is configured in another language.
"""

import grp
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from secrets import token_hex

from certificate import make_certificate
from imap_tools.mailbox import MailBoxUnencrypted
from ports import free_port

PASSWORD = 'se"cr\\et'


def _program() -> str:
    return shutil.which("dovecot", path=f"{os.environ.get('PATH', '')}:/usr/sbin") or ""


def unavailable() -> str:
    """Why Dovecot can't be started here; empty when it can."""
    if not _program() or not Path("/usr/lib/dovecot/imap-login").exists():
        return "no Dovecot is installed (Debian: dovecot-imapd)"
    version = subprocess.run([_program(), "--version"], check=True, capture_output=True, text=True).stdout
    return "" if version.startswith("2.3.") else f"Dovecot {version.split()[0]} is not configured as 2.3 is"


@dataclass(frozen=True)
class Dovecot:
    """A running server, as `user` sees it; it lets everybody in who knows PASSWORD, into a mailbox of their own.

    `certificate` is what a client may name as SSL_CERT_FILE.
    """

    port: int
    tls_port: int
    folder: Path
    certificate: Path
    user: str = "bounces@example.org"

    @property
    def maildir(self) -> Path:
        return self.folder / "mail" / self.user

    def fresh(self) -> "Dovecot":
        """Return the same server with an empty mailbox."""
        return replace(self, user=f"{token_hex(8)}@example.org")

    def url(self, folder: str = "INBOX", *, host: str = "localhost") -> str:
        return f"imaps://{self.user}@{host}:{self.tls_port}/{folder}"

    def plain_url(self, folder: str = "INBOX", *, host: str = "localhost") -> str:
        return f"imap://{self.user}@{host}:{self.port}/{folder}"

    @contextmanager
    def client(self, folder: str = "INBOX") -> Iterator[MailBoxUnencrypted]:
        """Yield a mail program of somebody else's, which has the folder open."""
        with MailBoxUnencrypted("127.0.0.1", self.port).login(self.user, PASSWORD, initial_folder=folder) as box:
            yield box

    def fill(self, *messages: bytes, folder: str = "INBOX") -> None:
        with self.client() as box:
            if not box.folder.exists(folder):
                box.folder.create(folder)
            for message in messages:
                box.append(message, folder)

    def held(self, folder: str = "INBOX") -> list[tuple[bytes, set[str]]]:
        """Each message of a folder with its flags."""
        with self.client() as box:
            box.folder.set(folder, readonly=True)
            return [(message.obj.as_bytes(), set(message.flags)) for message in box.fetch(mark_seen=False)]

    def log(self) -> str:
        return (self.folder / "dovecot.log").read_text()


@contextmanager
def dovecot(*settings: str) -> Iterator[Dovecot]:
    """Yield a server for the time of the context, with further lines of its configuration."""
    # Not below pytest's own folders, which are closed to others: as root, it is run as somebody else.
    with tempfile.TemporaryDirectory(prefix="dovecot-") as name:
        folder = Path(name)
        someone = pwd.getpwnam("nobody") if os.geteuid() == 0 else pwd.getpwuid(os.geteuid())
        make_certificate(folder)
        identity: dict[str, object] = {}
        if os.geteuid() == 0:
            shutil.chown(folder, someone.pw_uid, someone.pw_gid)
            shutil.chown(folder / "server.pem", someone.pw_uid, someone.pw_gid)
            identity = {"user": someone.pw_uid, "group": someone.pw_gid, "extra_groups": []}
        server = Dovecot(free_port(), free_port(), folder, folder / "server.pem")
        configuration = folder / "dovecot.conf"
        configuration.write_text(_configuration(server, someone) + "".join(f"{line}\n" for line in settings))
        # On Linux the kernel stops the server when this process is killed.
        dies_with_us = ["setpriv", "--pdeathsig", "TERM"] if shutil.which("setpriv") else []
        with (folder / "stderr").open("wb") as said:
            process = subprocess.Popen(
            [*dies_with_us, _program(), "-F", "-c", configuration],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=said, cwd=folder, **identity,
        )  # fmt: skip
        try:
            _wait_for(server, process)
            yield server
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(timeout=30)


def _configuration(server: Dovecot, someone: pwd.struct_passwd) -> str:
    return f"""
protocols = imap
listen = 127.0.0.1
base_dir = {server.folder}/run
state_dir = {server.folder}/state
log_path = {server.folder}/dovecot.log
default_internal_user = {someone.pw_name}
default_internal_group = {grp.getgrgid(someone.pw_gid).gr_name}
default_login_user = {someone.pw_name}
first_valid_uid = 1
last_valid_uid = 0
ssl = yes
ssl_cert = <{server.certificate}
ssl_key = <{server.certificate}
disable_plaintext_auth = no
auth_failure_delay = 0
auth_mechanisms = plain login
mail_location = maildir:{server.folder}/mail/%u
passdb {{
  driver = static
  args = password={PASSWORD}
}}
userdb {{
  driver = static
  args = uid={someone.pw_uid} gid={someone.pw_gid} home={server.folder}/home
}}
service anvil {{
  chroot =
  # No waiting after a login that failed.
  unix_listener anvil-auth-penalty {{
    mode = 0
  }}
}}
service imap-login {{
  chroot =
  inet_listener imap {{
    port = {server.port}
  }}
  inet_listener imaps {{
    port = {server.tls_port}
    ssl = yes
  }}
}}
"""


def _wait_for(server: Dovecot, process: "subprocess.Popen[bytes]") -> None:
    for _ in range(1_200):
        with suppress(OSError), socket.create_connection(("127.0.0.1", server.port), timeout=5) as trial:
            if trial.recv(4) == b"* OK":
                return
        if process.poll() is not None:
            break
        time.sleep(0.05)
    process.kill()
    raise AssertionError(f"Dovecot did not start:\n{(server.folder / 'stderr').read_text()}")
