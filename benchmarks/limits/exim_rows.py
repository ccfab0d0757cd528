"""Rows with Exim as Debian packs it: an ACL with a rate, and so many messages of a connection.

Exim takes 0.2 s for a goodbye (QUIT), so that a new connection has its price.
"""

import os
import re
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from debian_package import find_program
from observation import Observation
from ports import free_port  # the tests' own
from private_system import read_user, running_privately, write_users
from row import Row, Standing
from server_log import Patterns, ServerLog

RATE = 50
USER = "Debian-exim"
LOG: Patterns = (
    ("accept", re.compile(r" <= .* for (?P<what>\S+)$")),
    ("refuse", re.compile(r"(?P<what>temporarily rejected \w+ .*|rejected MAIL command .*)")),
    ("refuse", re.compile(r"(?P<what>Connection from .* refused.*)")),
    ("connect", re.compile(r"SMTP connection from \S+ \(TCP/IP connection count")),
    ("close", re.compile(r"SMTP connection from .* (?:lost|closed|D=)")),
)
# Everything stays in the queue, and no router could deliver it.
CONFIGURATION = """\
primary_hostname = exim.example.org
spool_directory = {folder}/spool
log_file_path = {folder}/spool/%slog
pid_file_path = {folder}/spool/pid
daemon_smtp_ports = {port}
local_interfaces = 127.0.0.1
queue_only
keep_environment =
tls_advertise_hosts =
log_selector = +received_recipients +smtp_connection
smtp_accept_max = 100
acl_smtp_mail = check_mail
acl_smtp_rcpt = accept
{settings}
begin acl
check_mail:
{check}
  accept
"""
RATELIMIT = f"""\
  defer ratelimit = {RATE} / 1s / per_mail
        message = Sender rate limit exceeded
"""


def with_settings(settings: str = "", check: str = "") -> Callable[[Path], AbstractContextManager[Standing]]:
    """Return what starts Exim with further main settings, and with conditions of the ACL that is asked at MAIL."""

    @contextmanager
    def start(folder: Path) -> Iterator[Standing]:
        program = find_program("exim4-daemon-light", "usr/sbin/exim4")
        port, spool = free_port(), folder / "spool"
        paths = write_users(folder, [USER])
        number = read_user(folder / "passwd", USER)
        spool.mkdir()
        log = spool / "mainlog"
        log.touch()
        for path in (spool, log):
            os.chown(path, number, number)
        configuration = folder / "exim.conf"
        configuration.write_text(CONFIGURATION.format(folder=folder, port=port, settings=settings, check=check))
        command = [*program.command, "-C", str(configuration), "-bdf"]
        with running_privately(command, paths, folder / "said", port):
            observation = Observation()
            with ServerLog(log, LOG, observation).followed():
                yield Standing(port, observation)

    return start


EXIM_ROWS = (
    Row(
        name="exim-twenty",
        server="Exim without a limit, messages_per_connection = 20, for comparison",
        readers=5_000,
        quick=1_500,
        reason="as measured",
        yardstick="exim-twenty",
        environ={"NEWSLETTER_SMTP__MESSAGES_PER_CONNECTION": "20"},
        start=with_settings(),
    ),
    Row(
        name="exim-rate",
        server=f"Exim, {RATE} a second (ratelimit in an ACL, 451 at MAIL)",
        readers=1_000,
        quick=400,
        again=300,
        ideal=lambda readers: (readers - RATE) / RATE,
        reason="50 at once, then 50 a second",
        start=with_settings(check=RATELIMIT),
    ),
    Row(
        name="exim-session",
        server="Exim, 20 messages of a connection (smtp_accept_max_per_connection, 421 at MAIL)",
        readers=5_000,
        quick=1_500,
        reason="as Exim without the limit when 20 of a connection are configured: each costs Exim 0.2 s",
        yardstick="exim-twenty",
        start=with_settings("smtp_accept_max_per_connection = 20"),
    ),
)
