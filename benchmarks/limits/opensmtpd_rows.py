"""Rows with OpenSMTPD as Debian packs it, which takes 100 messages of a session unless told otherwise."""

import re
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from debian_package import find_program
from observation import Observation
from ports import free_port  # the tests' own
from private_system import running_privately, write_users
from row import Row, Standing
from server_log import Patterns, ServerLog

LOG: Patterns = (
    ("accept", re.compile(r"smtp envelope evpid=\w+ from=<[^>]*> to=<(?P<what>[^>]*)>")),
    ("refuse", re.compile(r'smtp failed-command .*result="(?P<what>[^"]*)"')),
    ("connect", re.compile(r"smtp connected ")),
    ("close", re.compile(r"smtp disconnected ")),
)


def with_lines(more: str = "") -> Callable[[Path], AbstractContextManager[Standing]]:
    """Return what starts OpenSMTPD with further lines of smtpd.conf. It keeps what it takes in its queue."""

    @contextmanager
    def start(folder: Path) -> Iterator[Standing]:
        program = find_program("opensmtpd", "usr/sbin/smtpd")
        port, log = free_port(), folder / "log"
        configuration = folder / "smtpd.conf"
        # Delivery is paused (-P mta); and if it were not, nothing would leave this machine.
        configuration.write_text(
            f"{more}\nlisten on 127.0.0.1 port {port} hostname opensmtpd.example.org\n"
            'action "relay" relay host smtp://127.0.0.1:9\nmatch from local for any action "relay"\n'
        )
        folders = {"/var/spool": folder / "spool", "/var/lib": folder / "lib", "/run": folder / "run"}
        for path in (*folders.values(), folder / "lib" / "opensmtpd" / "empty", folder / "spool" / "smtpd"):
            path.mkdir(parents=True, exist_ok=True)
        (folder / "spool" / "smtpd").chmod(0o711)
        paths = {**write_users(folder, ["opensmtpd", "opensmtpq"]), **folders}
        command = [*program.command, "-d", "-P", "mta", "-f", str(configuration)]
        with running_privately(command, paths, log, port):
            observation = Observation()
            with ServerLog(log, LOG, observation).followed():
                yield Standing(port, observation)

    return start


OPENSMTPD_ROWS = (
    Row(
        name="opensmtpd-unlimited",
        server="OpenSMTPD without its limit, for comparison",
        readers=5_000,
        quick=1_500,
        reason="as measured",
        yardstick="opensmtpd-unlimited",
        start=with_lines("smtp limit max-mails 1000000"),
    ),
    Row(
        name="opensmtpd",
        server="OpenSMTPD as installed: 452 4.5.3 at MAIL after 100 messages of a session",
        readers=5_000,
        quick=1_500,
        again=1000,
        reason="as OpenSMTPD without the limit: a new connection costs nothing",
        yardstick="opensmtpd-unlimited",
        start=with_lines(),
    ),
)
