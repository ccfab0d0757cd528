"""The command line with faults inside: at the nth commit of the store, or at the nth write to a socket.

Run with the arguments PLAN send 2.10 --yes, PLAN being JSON; see `Seams`. The seams are those of SQLAlchemy and
asyncio, so that nothing of the program is replaced but its patience.
"""

import asyncio
import json
import os
import resource
import signal
import socket
import sys
import time
from importlib import import_module
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, event
from sqlalchemy.engine.default import DefaultDialect

from newsletter.store.prepared_statements import PreparedStatement

_ANSWERS, _TELLING = 3, 4
_SIGNALS = {"kill": signal.SIGKILL, "term": signal.SIGTERM, "int": signal.SIGINT, "stop": signal.SIGSTOP}


class Seams:
    """Counts commits and writes, and lets the plan's faults strike.

    The plan: `faults`, each with `at`, `nth`, `when`, `act`, `pages`, `seconds`; `lease_s`, the length of a lease;
    `clock_ahead_s`, by how much the wall clock is wrong; `lock_wait_s`, the longest wait for the database;
    `send_buffer`, in bytes. Through files 3 and 4 another process is asked to do something to the database.
    """

    def __init__(self, plan: dict[str, Any]) -> None:
        self._faults = plan.get("faults", [])
        self._plan = plan
        self._counts = {"commit": 0, "write": 0}
        self._room: int | None = None  # pages that the database may still grow by
        self._most: int | None = None  # pages that it may have
        self._kill_when_blocked = False
        self._tell_of_wait = False
        self._clock_ahead_s = plan.get("clock_ahead_s", 0.0)

    def install(self) -> None:
        self._lose_patience()
        if self._plan.get("lease_s"):
            workers: Any = import_module("newsletter.ledger.workers")
            workers.LEASE_S = self._plan["lease_s"]
        if self._clock_ahead_s or any(fault["act"] == "clock" for fault in self._faults):
            self._own_clock()
        self._watch_store()
        self._watch_sockets()
        signal.signal(signal.SIGUSR1, lambda *_: setattr(self, "_kill_when_blocked", True))

    def _lose_patience(self) -> None:
        """Let readers who are put off without an end be tried within seconds, as they rightly are within minutes."""
        rules: Any = import_module("newsletter.sending.rules")
        controller: Any = import_module("newsletter.throttle.controller")
        greylisting: Any = import_module("newsletter.throttle.greylisting")
        rules._PATIENCE_S = 10.0
        controller._TROUBLE_RETRY_S, controller._LONGEST_TROUBLE_RETRY_S = 0.01, 0.5
        greylisting._SCOUTS_S = tuple(seconds / 100 for seconds in greylisting._SCOUTS_S)
        greylisting._LONGEST_S = 3.0

    def _own_clock(self) -> None:
        """Let the program have a wall clock of its own."""
        real = time.time

        def wall() -> float:
            return real() + self._clock_ahead_s

        lease_clock: Any = import_module("newsletter.lease_clock")
        lease_clock.CLOCKS = (lease_clock.CLOCKS[0], wall)
        for name, module in list(sys.modules.items()):
            if name.startswith("newsletter.") and getattr(module, "time", None) is real:
                module.time = wall  # type: ignore[attr-defined]
        time.time = wall

    def _strike(self, at: str, when: str) -> dict[str, Any] | None:
        for fault in self._faults:
            if (fault["at"], fault["when"], fault["nth"]) == (at, when, self._counts[at]):
                self._tell("struck")
                if fault["act"] in _SIGNALS:
                    os.kill(os.getpid(), _SIGNALS[fault["act"]])
                return fault
        return None

    def _tell(self, word: str) -> None:
        os.write(_TELLING, f"{word}\n".encode())

    def _ask(self, word: str) -> None:
        self._tell(word)
        os.read(_ANSWERS, 100)

    def _watch_store(self) -> None:
        commit = DefaultDialect.do_commit

        def do_commit(dialect: DefaultDialect, connection: Any) -> None:
            self._counts["commit"] += 1
            self._strike("commit", "before")
            commit(dialect, connection)
            if (fault := self._strike("commit", "after")) is not None:
                self._take(fault)
            self._limit(connection)

        DefaultDialect.do_commit = do_commit  # the seam: what every commit goes through

        @event.listens_for(Engine, "do_connect")
        def be_impatient(dialect: Any, _record: Any, _args: Any, options: dict[str, Any]) -> None:
            if dialect.name == "sqlite" and self._plan.get("lock_wait_s"):
                options["timeout"] = self._plan["lock_wait_s"]

        @event.listens_for(Engine, "connect")
        def limit(connection: Any, _record: Any) -> None:
            self._limit(connection)

        @event.listens_for(Engine, "begin")
        def be_impatient_there_too(connection: Connection) -> None:
            if connection.dialect.name == "postgresql" and self._plan.get("lock_wait_s"):
                connection.exec_driver_sql(f"SET LOCAL lock_timeout = {int(1000 * self._plan['lock_wait_s'])}")

        @event.listens_for(Engine, "before_cursor_execute")
        def tell_of_wait(connection: Connection, _cursor: Any, statement: str, *_: Any) -> None:
            # What SQLite's lock holds up is whoever means to write, what PostgreSQL's does is everybody.
            to_write, anything = "BEGIN IMMEDIATE", ("SELECT", "WITH", "UPDATE", "INSERT")
            blocked = to_write if connection.dialect.name == "sqlite" else anything
            if self._tell_of_wait and statement.lstrip().startswith(blocked):
                self._tell_of_wait = False
                self._tell("waiting")

        bind = PreparedStatement._bind

        def tell_of_wait_there_too(statement: PreparedStatement, connection: Connection, rows: Any) -> Any:
            text, bound = bind(statement, connection, rows)
            tell_of_wait(connection, None, text)
            return text, bound

        PreparedStatement._bind = tell_of_wait_there_too  # the driver executes these, unseen by SQLAlchemy

    def _take(self, fault: dict[str, Any]) -> None:
        if fault["act"] == "full":
            self._room = fault["pages"]
        elif fault["act"] == "no space":
            largest = max((path.stat().st_size for path in Path(".newsletter").iterdir()), default=0)
            limit = largest + 4096 * fault["pages"] if fault["pages"] >= 0 else 0
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.getrlimit(resource.RLIMIT_FSIZE)[1]))
        elif fault["act"].startswith("lock"):
            self._ask("lock")
            self._tell_of_wait = fault["act"] == "lock briefly"
        elif fault["act"] == "cut":
            self._ask("cut")
        elif fault["act"] == "clock":
            self._clock_ahead_s += fault["seconds"]

    def _limit(self, connection: Any) -> None:
        """Let the database grow by the pages that are left; the limit belongs to each connection."""
        if self._room is None:
            return
        cursor = connection.cursor()
        (pages,) = cursor.execute("PRAGMA page_count").fetchone()
        self._most = pages + self._room if self._most is None else self._most
        cursor.execute(f"PRAGMA max_page_count = {self._most}")
        cursor.close()

    def _watch_sockets(self) -> None:
        transport: Any = asyncio.selector_events._SelectorSocketTransport
        write, begin = transport.write, transport.__init__

        def counted_write(self_: Any, data: bytes) -> None:
            self._counts["write"] += 1
            self._strike("write", "before")
            if any(fault["when"] == "half" and fault["nth"] == self._counts["write"] for fault in self._faults):
                if not self_._buffer:
                    self_._sock.send(data[: len(data) // 2])
                self._strike("write", "half")
            write(self_, data)
            self._strike("write", "after")
            if self._kill_when_blocked and self_._buffer:
                os.kill(os.getpid(), signal.SIGKILL)

        def small_begin(self_: Any, loop: Any, sock: Any, *args: Any, **options: Any) -> None:
            if self._plan.get("send_buffer"):
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, self._plan["send_buffer"])
            begin(self_, loop, sock, *args, **options)

        transport.write = counted_write
        transport.writelines = lambda self_, lines: counted_write(self_, b"".join(lines))
        transport.__init__ = small_begin


if __name__ == "__main__":
    plan = json.loads(sys.argv.pop(1))
    Seams(plan).install()
    from newsletter.cli import main

    main()
