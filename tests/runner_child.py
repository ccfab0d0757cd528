"""The command line as a runner has it, with short holds and small slices, that may be killed at a step.

Run with the arguments PLAN send --ci, PLAN being JSON: `hold_s`, `renew_s` and `slice` of a carried state, `lease_s` of
a worker, and `kill`: the `at` of a step (git's push or any command of it, or a commit of the store), its number `nth`,
and `when` ("before" or "after").
"""

import json
import os
import signal
import subprocess
import sys
from importlib import import_module
from typing import Any

from sqlalchemy.engine.default import DefaultDialect


def main() -> None:
    plan = json.loads(sys.argv.pop(1))
    for module, name, key in (
        ("newsletter.carried_state.carried_state", "HOLD_S", "hold_s"),
        ("newsletter.carried_state.carried_state", "RENEW_S", "renew_s"),
        ("newsletter.sending.claim_loop", "SLICE", "slice"),
        ("newsletter.ledger.workers", "LEASE_S", "lease_s"),
    ):
        setattr(import_module(module), name, plan[key])
    taking: Any = import_module("newsletter.carried_state.state_taking")
    taking._LOOK_S = 0.2
    kill = plan.get("kill")
    if kill:
        _watch(kill["at"], kill["nth"], kill["when"])
    from newsletter.cli import main as run

    run()


def _watch(at: str, nth: int, when: str) -> None:
    count = 0
    start, commit = subprocess.run, DefaultDialect.do_commit

    def strike(moment: str) -> None:
        if count == nth and moment == when:
            os.kill(os.getpid(), signal.SIGKILL)

    def counted_run(command: Any, *args: Any, **options: Any) -> Any:
        nonlocal count
        is_counted = (at == "push" and "push" in command) or (at == "git" and command[:1] == ["git"])
        count += is_counted
        if is_counted:
            strike("before")
        done = start(command, *args, **options)
        if is_counted:
            strike("after")
        return done

    def counted_commit(dialect: DefaultDialect, connection: Any) -> None:
        nonlocal count
        count += 1
        strike("before")
        commit(dialect, connection)
        strike("after")

    if at == "commit":
        DefaultDialect.do_commit = counted_commit  # type: ignore[method-assign]  # the seam itself
    else:
        subprocess.run = counted_run  # type: ignore[assignment]  # the seam itself


if __name__ == "__main__":
    main()
