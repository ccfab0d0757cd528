"""A PostgreSQL server with standbys that take over, and ways to it that lead to whichever is the primary."""

import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Collection, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from postgres import USER, Postgres, programs, restart, running_postgres, start_server
from torture.database_proxy import DatabaseProxy, proxying

_STANDBY = "standby"  # its application_name, by which the primary waits for it
_PATIENCE_S = 60.0


class DatabaseCluster:
    """The primary of the moment, its standby if there is one, and every way to it that was opened."""

    def __init__(self, primary: Postgres, held: ExitStack) -> None:
        self.primary = primary
        self.ways: list[DatabaseProxy] = []
        self._held = held
        self._standby: Postgres | None = None

    def open_way(self) -> DatabaseProxy:
        """Return a proxy that leads to the primary, as a name does that is pointed at the next one later."""
        way = self._held.enter_context(proxying(self.primary.port))
        self.ways.append(way)
        return way

    def add_standby(self) -> None:
        """Copy the primary to a standby, and let every commit wait from then on until the standby has it on disk."""
        self._standby = self._held.enter_context(_following(self.primary))
        latest = time.monotonic() + _PATIENCE_S
        while not self.primary.execute("SELECT 1 FROM pg_stat_replication WHERE state = 'streaming'"):
            if time.monotonic() > latest:
                raise RuntimeError("the standby does not follow")
            time.sleep(0.05)
        self.primary.execute(f"ALTER SYSTEM SET synchronous_standby_names = '{_STANDBY}'")
        self.primary.execute("SELECT pg_reload_conf()")
        while not self.primary.execute("SELECT 1 FROM pg_stat_replication WHERE sync_state = 'sync'"):
            if time.monotonic() > latest:
                raise RuntimeError("the primary does not wait for the standby")
            time.sleep(0.05)

    def fail_over(self, *, left_behind: Collection[DatabaseProxy] = (), for_s: float = 0.0) -> None:
        """Let the standby take over. The primary dies, unless some ways are left behind with it for so many seconds."""
        old, new = self.primary, self._standby
        if new is None:
            raise RuntimeError("there is no standby")
        if not left_behind:
            old.stop(signal.SIGQUIT)
        new.execute("SELECT pg_promote()")
        self.primary, self._standby = new, None
        for way in self.ways:
            if way not in left_behind:
                way.lead_to(new.port)
        if left_behind:
            time.sleep(for_s)
            for way in left_behind:
                way.lead_to(new.port)
            old.stop(signal.SIGQUIT)

    def restart(self, sign: int) -> None:
        """Stop the primary by a signal, and start it once more."""
        restart(self.primary, sign)


@contextmanager
def _following(primary: Postgres) -> Iterator[Postgres]:
    """Yield a standby of a server for the time of the context."""
    binaries = programs()
    assert binaries is not None
    home = Path(tempfile.mkdtemp(prefix="newsletter-standby-", dir=primary.folder.parent))
    owner, identity = primary.folder.stat(), {}
    if os.geteuid() == 0:
        shutil.chown(home, owner.st_uid, owner.st_gid)
        identity = {"user": owner.st_uid, "group": owner.st_gid, "extra_groups": []}
    try:
        way = f"host=127.0.0.1 port={primary.port} user={USER} application_name={_STANDBY}"
        subprocess.run(
            [binaries / "pg_basebackup", "--dbname", way, "--pgdata", home / "data", "--write-recovery-conf",
             "--checkpoint=fast", "--no-sync"],
            check=True, cwd=home, **identity,
        )  # fmt: skip
        server = start_server(binaries, home, (), identity)
        try:
            yield server
        finally:
            server.stop(signal.SIGQUIT)
    finally:
        shutil.rmtree(home, ignore_errors=True)


@contextmanager
def running_cluster() -> Iterator[DatabaseCluster]:
    """Yield a primary without a standby, and end it with all that was added to it."""
    with ExitStack() as held:
        yield DatabaseCluster(held.enter_context(running_postgres()), held)
