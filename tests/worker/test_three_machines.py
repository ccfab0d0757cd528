"""Three workspaces, as on three machines, on one PostgreSQL: the path of docs/operators/scaling.md, really gone."""

import shutil
from collections import Counter
from contextlib import ExitStack
from pathlib import Path

import pytest
from conftest import Publication
from postgres import Postgres
from running_workers import end, wait_until_ready
from smtp_server import Server


@pytest.mark.slow
def test_three_machines_with_a_workspace_each_send_an_issue_once(
    digest: Publication, server: Server, postgres: Postgres, tmp_path: Path
) -> None:
    addresses = digest.readers(400)
    moved = postgres.fresh()
    digest.environ["NEWSLETTER_STORE__URL"] = moved
    machines = [digest]
    for name in ("second", "third"):
        root = tmp_path / name / "digest"
        shutil.copytree(digest.root, root)
        machines.append(Publication(root, dict(digest.environ)))
    with ExitStack() as held:
        workers = [machine.start("worker") for machine in machines]
        for worker in workers:
            held.callback(end, worker)
        for worker in workers:
            wait_until_ready(worker)
        sent = machines[1].run("send", "2.10", "--yes")
        assert sent.returncode == 0, sent.stdout + sent.stderr
        assert "400 accepted" in sent.stdout
        logs = [end(worker) for worker in workers]
    assert server.copies() == Counter(addresses)
    assert all("sending, with" in log for log in logs), logs  # each had a share of it
    for machine in machines:
        again = machine.run("send", "2.10", "--yes")
        assert again.returncode == 0, again.stdout + again.stderr
    assert server.copies() == Counter(addresses)
