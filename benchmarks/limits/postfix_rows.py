"""Rows with Debian's Postfix: anvil's limits, postgrey, a policy service, a full disk, postscreen, errors, SIZE.

Each is a private instance on a port of its own (tests/postfix.py), which throws away what it takes. How fast Postfix
is without a limit depends on this machine, so the ideal is computed from the limit and from the pace of a row without
one, measured in the same run.
"""

import shutil
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from random import Random
from socketserver import StreamRequestHandler, ThreadingTCPServer

from observation import Observation
from postfix import postfix, unavailable  # the tests' own
from row import Row, Standing, Unavailable, find_command
from server_log import POSTFIX, ServerLog

ANVIL_S = 11  # a window of 10 s: anvil counts whole seconds, and begins anew after more than ten of them
FULL_S = 20
DEFER_S = 20
GREYLIST_S = 10
GREET_S = 6  # postscreen_greet_wait
ERROR_SLEEP_S = 1  # smtpd_error_sleep_time
DISK_MB = 64
UNKNOWN = 0.05
POSTSCREEN = "smtpd pass - - n - - smtpd\n"

Judge = Callable[[str], bool]  # whether a refusal is one that no sender can avoid


def anvil(**limits: object) -> dict[str, object]:
    """Return anvil's limits, for clients of this machine as well, which Postfix would except."""
    names = {f"smtpd_client_{name}_limit": value for name, value in limits.items()}
    return {"smtpd_client_event_limit_exceptions": "", "anvil_rate_time_unit": "10s", **names}


@contextmanager
def standing_postfix(
    settings: Mapping[str, object],
    *,
    judge: Judge | None = None,
    size: int = 10_240_000,
    listener: str = "- smtpd",
    services: str = "",
) -> Iterator[Standing]:
    """Run Postfix, and follow its log."""
    if why := unavailable():
        raise Unavailable(why)
    with postfix(
        keep=False,
        login=False,
        size=size,
        settings={"enable_long_queue_ids": "yes", **settings},
        listener=listener,
        services=services,
    ) as server:
        observation = Observation()
        log = ServerLog(server.folder / "postfix.log", POSTFIX, observation, judge)
        with log.followed():
            yield Standing(server.port, observation)


def with_settings(
    settings: Mapping[str, object], *, judge: Judge | None = None, size: int = 10_240_000
) -> Callable[[Path], AbstractContextManager[Standing]]:
    """Return what starts Postfix with these settings."""

    def start(folder: Path) -> AbstractContextManager[Standing]:  # noqa: ARG001  # Postfix has a folder of its own
        return standing_postfix(settings, judge=judge, size=size)

    return start


def with_postscreen(folder: Path) -> AbstractContextManager[Standing]:  # noqa: ARG001  # as above
    """Start Postfix behind postscreen with its tests in the midst of a session ("deep protocol tests")."""
    settings = {
        "postscreen_access_list": "",
        "postscreen_greet_action": "enforce",
        "postscreen_pipelining_enable": "yes",
        "postscreen_non_smtp_command_enable": "yes",
        "postscreen_bare_newline_enable": "yes",
    }
    return standing_postfix(settings, listener="1 postscreen", services=POSTSCREEN)


class FirstTries:
    """Judges refusals: the first of each reader is expected."""

    def __init__(self) -> None:
        self._seen: set[str] = set()

    def __call__(self, refusal: str) -> bool:
        address = refusal.partition("to=<")[2].partition(">")[0]
        first = address not in self._seen
        self._seen.add(address)
        return first


@contextmanager
def behind_postgrey(folder: Path) -> Iterator[Standing]:
    """Run Postfix behind postgrey as installed, but for the seconds."""
    program = find_command("postgrey")
    data, path = folder / "postgrey", folder / "postgrey" / "socket"
    data.mkdir()
    shutil.chown(data, "postgrey", "postgrey")
    process = subprocess.Popen(
        [program, f"--unix={path}", f"--delay={GREYLIST_S}", f"--dbdir={data}"],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        for _ in range(200):
            if path.exists():
                break
            time.sleep(0.05)
        else:
            raise Unavailable("postgrey does not start here")
        settings = {"smtpd_recipient_restrictions": f"check_policy_service unix:{path}"}
        with standing_postfix(settings, judge=FirstTries()) as standing:
            yield standing
    finally:
        process.terminate()
        process.wait()


@contextmanager
def behind_policy(folder: Path) -> Iterator[Standing]:  # noqa: ARG001  # as above
    """Run Postfix whose policy service defers everybody until 20 s after the first connection."""
    observations: list[Observation] = []

    class Policy(StreamRequestHandler):
        def handle(self) -> None:
            for line in self.rfile:
                if line == b"\n":
                    began = observations[0].began if observations else None
                    over = began is not None and time.monotonic() - began >= DEFER_S
                    action = "DUNNO" if over else "DEFER Service temporarily unavailable"
                    self.wfile.write(f"action={action}\n\n".encode())

    with ThreadingTCPServer(("127.0.0.1", 0), Policy) as service:
        service.daemon_threads = True
        threading.Thread(target=service.serve_forever, daemon=True).start()
        settings = {"smtpd_recipient_restrictions": f"check_policy_service inet:127.0.0.1:{service.server_address[1]}"}
        try:
            with standing_postfix(settings) as standing:
                observations.append(standing.observation)
                yield standing
        finally:
            service.shutdown()


@contextmanager
def with_full_disk(folder: Path) -> Iterator[Standing]:
    """Run Postfix whose queue has a small file system of its own, full until 20 s after the first connection."""
    disk = folder / "spool"
    disk.mkdir()
    mount = [find_command("mount"), "-t", "tmpfs", "-o", f"size={DISK_MB}m,mode=755", "tmpfs", str(disk)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        raise Unavailable("no file system can be mounted here, so that no disk can be full")
    filler, over = disk / "filler", threading.Event()
    observations: list[Observation] = []

    def make_room() -> None:
        while not over.wait(0.01):
            began = observations[0].began if observations else None
            if began is not None and time.monotonic() - began >= FULL_S:
                filler.unlink()
                return

    thread = threading.Thread(target=make_room, daemon=True)
    try:
        with standing_postfix({"queue_directory": disk, "message_size_limit": 1_000_000}) as standing:
            fill(filler)
            observations.append(standing.observation)
            thread.start()
            yield standing
    finally:
        over.set()
        subprocess.run([find_command("umount"), "--lazy", str(disk)], check=True)


def fill(path: Path) -> None:
    """Write a file until its disk is full."""
    with suppress(OSError), path.open("wb", buffering=0) as file:
        for size in (1 << 20, 1 << 12):
            with suppress(OSError):
                while file.write(bytes(size)) == size:
                    pass


class UnknownReaders:
    """Readers whom the server does not know: a share, at random, the same ones in each run."""

    def __init__(self, share: float) -> None:
        self._share = share

    def __call__(self, address: str) -> bool:
        return Random(address).random() < self._share  # noqa: S311  # no secret

    def count(self, addresses: int) -> int:
        return sum(self(f"reader.{number:07}@example.org") for number in range(addresses))


UNKNOWN_READERS = UnknownReaders(UNKNOWN)


@contextmanager
def with_unknown_readers(folder: Path) -> Iterator[Standing]:
    """Run Postfix that does not know some readers, and slows and cuts sessions after errors."""
    known = folder / "unknown"
    names = [f"reader.{number:07}@example.org" for number in range(10_000)]
    known.write_text("".join(f"/^{name}$/ 550 5.1.1 User unknown\n" for name in names if UNKNOWN_READERS(name)))
    settings = {
        "smtpd_recipient_restrictions": f"check_recipient_access regexp:{known}",
        "smtpd_soft_error_limit": 1,
        "smtpd_hard_error_limit": 4,
    }
    with standing_postfix(settings, judge=lambda refusal: "550 5.1.1" in refusal) as standing:
        yield standing


THREE = {"NEWSLETTER_SMTP__CONNECTIONS": "3"}
FIVE = {"NEWSLETTER_SMTP__CONNECTIONS": "5"}
WINDOW = 300  # messages, or recipients

POSTFIX_ROWS = (
    Row(
        name="postfix",
        server="Postfix without a limit, for comparison",
        readers=2_000,
        quick=500,
        reason="as measured",
        yardstick="postfix",
        start=with_settings({}),
    ),
    Row(
        name="postfix-three",
        server="Postfix without a limit, three connections, for comparison",
        readers=3_000,
        quick=1_000,
        reason="as measured",
        yardstick="postfix-three",
        environ=THREE,
        start=with_settings({}),
    ),
    Row(
        name="postfix-connections",
        server="Postfix, three connections (anvil, 421 at the banner)",
        readers=3_000,
        quick=1_000,
        again=500,
        reason="as Postfix with three connections and no limit",
        yardstick="postfix-three",
        start=with_settings(anvil(connection_count=3)),
    ),
    Row(
        name="postfix-messages",
        server="Postfix, 300 messages in 10 s (anvil, 450 4.7.1)",
        readers=1_500,
        quick=600,
        ideal=lambda readers: (readers - 1) // WINDOW * ANVIL_S,
        reason="300 in each 11 s, since anvil counts whole seconds; the last 300 at Postfix's pace",
        yardstick="postfix",
        at_pace=lambda readers: (readers - 1) % WINDOW + 1,
        start=with_settings(anvil(message_rate=WINDOW)),
    ),
    Row(
        name="postfix-recipients",
        server="Postfix, 300 recipients in 10 s (anvil, 450 4.7.1)",
        readers=1_500,
        quick=600,
        ideal=lambda readers: (readers - 1) // WINDOW * ANVIL_S,
        reason="300 in each 11 s, since anvil counts whole seconds; the last 300 at Postfix's pace",
        yardstick="postfix",
        at_pace=lambda readers: (readers - 1) % WINDOW + 1,
        start=with_settings(anvil(recipient_rate=WINDOW)),
    ),
    Row(
        name="postfix-new-connections",
        server="Postfix, five new connections in 10 s (anvil)",
        readers=3_000,
        quick=1_000,
        reason="as Postfix with three connections and no limit: those that are open are kept",
        yardstick="postfix-three",
        start=with_settings(anvil(connection_rate=5)),
    ),
    Row(
        name="postgrey",
        server="Postfix with postgrey, 10 s",
        readers=300,
        quick=150,
        ideal=lambda readers: GREYLIST_S + 0.0 * readers,
        reason="10 s after the first tries, then Postfix's pace",
        yardstick="postfix",
        start=behind_postgrey,
    ),
    Row(
        name="policy",
        server="Postfix whose policy service defers everybody for 20 s",
        readers=2_000,
        quick=500,
        ideal=lambda readers: DEFER_S + 0.0 * readers,
        reason="20 s, then Postfix's pace",
        yardstick="postfix",
        start=behind_policy,
    ),
    Row(
        name="full-disk",
        server="Postfix whose disk is full for 20 s (452 4.3.1)",
        readers=2_000,
        quick=500,
        ideal=lambda readers: FULL_S + 0.0 * readers,
        reason="20 s, then Postfix's pace",
        yardstick="postfix",
        start=with_full_disk,
    ),
    Row(
        name="postscreen",
        server="Postfix with postscreen's deep tests (450 4.3.2 in the first session)",
        readers=200,
        quick=200,
        ideal=lambda readers: GREET_S + 0.0 * readers,
        reason="6 s until postscreen greets a new client; the next session goes on at Postfix's pace",
        yardstick="postfix",
        start=with_postscreen,
    ),
    Row(
        name="postfix-errors",
        server="Postfix that slows and cuts sessions after errors, 5% unknown recipients",
        readers=1_000,
        quick=500,
        ideal=lambda readers: UNKNOWN_READERS.count(readers) * ERROR_SLEEP_S / 10,
        reason="a second for each unknown reader, on one of ten connections; the others at Postfix's pace",
        yardstick="postfix",
        unreachable=UNKNOWN_READERS,
        start=with_unknown_readers,
    ),
    Row(
        name="postfix-size",
        server="Postfix whose SIZE in EHLO is smaller than the message",
        readers=1_000,
        quick=80,
        reason="EHLO says it before the first reader: nobody gets it, everybody stays pending",
        nobody=True,
        start=with_settings({}, size=20_000),
    ),
)
