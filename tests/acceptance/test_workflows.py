"""A pull request shows its issue, its approval is what sending asks for, and the merge sends it, once.

With real git, two people's keys, the workflows' own steps, a forge's comments over HTTP, and a real mail server.
"""

import json
import re
import sys
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import smtp_server
from approvers import Approver, let_approve, make_approver
from conftest import ROOT, copy_sample
from forge_server import TOKEN, ForgeServer, run_forge
from pyrage import x25519
from runners import IGNORED, git
from workflow_runner import Job, WorkflowRunner

pytestmark = pytest.mark.slow

_READERS = 12
_REVIEW, _SEND = ".github/workflows/newsletter-review.yml", ".github/workflows/newsletter-send.yml"


class Team:
    """Ada, who writes, and Bob: a repository whose issues both have to approve, and the runners of its forge."""

    def __init__(self, folder: Path, server: smtp_server.Server, forge: ForgeServer) -> None:
        self.ada, self.bob = (make_approver(folder, f"{name}@example.org") for name in ("ada", "bob"))
        self.server, self.forge, self.remote = server, forge, folder / "remote.git"
        self.work = copy_sample(folder / "digest")
        identity = str(x25519.Identity.generate())
        self.runner = WorkflowRunner(
            self.remote, folder / "runners",
            environ={"GITHUB_API_URL": forge.url, "GITHUB_REPOSITORY": "ada/digest", "GITHUB_SERVER_URL": "https://forge",
                     "GITHUB_REF": "refs/pull/7/merge",
                     "NEWSLETTER_SMTP__HOST": "127.0.0.1", "NEWSLETTER_SMTP__PORT": str(server.port),
                     "NEWSLETTER_SMTP__SECURITY": "none", "NEWSLETTER_SEND__RETRIES": ""},
            secrets={"NEWSLETTER_CI__AGE_IDENTITY": identity},
            variables={"NEWSLETTER_SEND": "true", "NEWSLETTER_SITE": "true"},
            token=TOKEN,
        )  # fmt: skip
        self._begin(identity)

    def _begin(self, identity: str) -> None:
        work = self.work
        settings = work.root / "newsletter.toml"
        text = settings.read_text().replace("[send]", '[send]\nrequire = ["clean-checks", "committed", "approved"]')
        text = re.sub(r"^\[list\]$", '[list]\nsource = "store"', text, flags=re.MULTILINE)
        settings.write_text(re.sub(r"\]\(https://[^)]*\)", "](mailto:editor@example.org)", text))
        let_approve(work, [self.ada, self.bob], count=2)
        (work.root / ".gitignore").write_text(IGNORED)
        # Nothing of the web can be reached from here.
        draft = work.root / "drafts/2.10.yaml"
        draft.write_text(re.sub(r"\]\(https://[^)]*\)", "](mailto:editor@example.org)", draft.read_text()))
        for name in ("1.4", "3.7"):
            (work.root / f"drafts/{name}.yaml").unlink()
        git(work.root.parent, "init", "--quiet", "--bare", "--initial-branch=main", str(self.remote))
        git(work.root, "init", "--quiet", "--initial-branch=main")
        git(work.root, "remote", "add", "origin", f"file://{self.remote}")
        self.newsletter("init", "--ci", "github")
        work.readers(_READERS)
        work.environ["NEWSLETTER_CI__AGE_IDENTITY"] = identity
        self.newsletter("subscribers", "import", "subscribers.csv", "--yes")
        with settings.open("a") as file:
            file.write('\n[ci]\nstate = "branch"\n')
        self.push("Begin", "main")
        self.newsletter("state", "init-branch", "--yes")

    def newsletter(self, *args: str, who: Approver | None = None, status: int = 0) -> str:
        environ = dict(self.work.environ)
        self.work.environ |= {
            "HOME": str(self.work.root),
            "GIT_CONFIG_NOSYSTEM": "1",
            **(who.environment if who else {}),
        }
        done = self.work.run(*args)
        self.work.environ.clear()
        self.work.environ.update(environ)
        assert done.returncode == status, done.stdout + done.stderr
        return done.stdout + done.stderr

    def push(self, message: str, branch: str) -> None:
        git(self.work.root, "add", "--all")
        git(self.work.root, "commit", "--quiet", "--message", message)
        git(self.work.root, "push", "--quiet", "origin", f"HEAD:{branch}")

    def edit(self, before: str, after: str) -> None:
        path = self.work.root / "drafts/2.10.yaml"
        text = path.read_text(encoding="utf-8")
        assert before in text
        path.write_text(text.replace(before, after), encoding="utf-8")

    def open_pull_request(self, *, fork: bool = False) -> dict[str, Job]:
        """Let the forge run what it runs for a pull request from the branch `issue`."""
        base = git(self.remote, "rev-parse", "main")
        event = {"pull_request": {
            "number": 7, "base": {"sha": base}, "head": {"repo": {"full_name": "eve/digest" if fork else "ada/digest"}},
        }}  # fmt: skip
        return self.runner.run(_REVIEW, "pull_request", event, "issue")

    def approve(self, *people: Approver) -> None:
        for person in people:
            self.newsletter("approve", "2.10", "--yes", who=person)

    def merge(self) -> None:
        """Squash the branch into main, as forges do: its commits, and their signatures, are gone."""
        clone = self.remote.parent / "merging"
        git(self.remote.parent, "clone", "--quiet", f"file://{self.remote}", str(clone))
        git(clone, "merge", "--quiet", "--squash", "origin/issue")
        git(clone, "commit", "--quiet", "--message", "Issue 2.10 (#7)")
        git(clone, "push", "--quiet", "origin", "HEAD:main")

    def send(self, event: str = "push") -> dict[str, Job]:
        return self.runner.run(_SEND, event, {}, "main")


@pytest.fixture
def team(tmp_path: Path, server: smtp_server.Server) -> Iterator[Team]:
    with run_forge() as forge:
        yield Team(tmp_path, server, forge)


def _everybody_once() -> Counter[str]:
    return Counter({f"reader{number:04}@example.org": 1 for number in range(_READERS)})


def test_from_a_pull_request_to_every_reader_once(team: Team) -> None:
    git(team.work.root, "checkout", "--quiet", "-b", "issue")
    team.edit("on May 18.", "on May 19.")
    team.push("Mend the day", "issue")

    # The pull request shows the issue, in one comment.
    jobs = team.open_pull_request()
    assert {name: job.success for name, job in jobs.items()} == {"review": True, "comment": True}, jobs
    (comment,) = team.forge.bodies
    assert "May <del>18</del><ins>19</ins>" in comment
    review = team.runner.artifacts / "newsletter-review"
    assert (review / "index.html").is_file()
    assert list(review.glob("pictures/*email-phone-dark.png"))

    # One approval of two is not enough, and what changes after both voids them.
    team.approve(team.ada)
    team.push("Ada agrees", "issue")
    team.approve(team.bob)
    team.push("Bob agrees", "issue")
    assert "approved" in team.newsletter("status", "2.10")
    team.edit("on May 19.", "on May 20.")
    team.push("Mend it again", "issue")
    team.open_pull_request()
    assert len(team.forge.comments) == 1
    assert "May <del>18</del><ins>20</ins>" in team.forge.bodies[0].replace("\r", "")
    team.merge()
    sent = team.send()
    assert team.server.copies() == Counter(), sent
    assert not sent["send"].success
    assert "2.10 is not sent: an approval of it is void: since then the" in sent["send"].output
    assert "@example.org" not in sent["send"].output

    # Approved again, it is sent by the merge: once, with its record on main and its page on the website.
    git(team.work.root, "fetch", "--quiet", "origin")
    git(team.work.root, "checkout", "--quiet", "main")
    git(team.work.root, "merge", "--quiet", "--ff-only", "origin/main")
    team.approve(team.ada, team.bob)
    team.push("Both agree", "main")
    sent = team.send()
    assert {name: job.success for name, job in sent.items()} == {"send": True, "site": True, "publish": True}, sent
    assert team.server.copies() == _everybody_once()
    assert f"accepted = {_READERS}" in git(team.remote, "show", "main:drafts/2.10.sent.toml")
    assert (team.runner.artifacts / "pages/2.10").exists() or list((team.runner.artifacts / "pages").glob("2.10*"))
    assert "example.org" not in "".join(re.findall(r"reader\d+@\S+", sent["send"].output))

    # And nothing is sent by whatever runs afterwards.
    assert team.send("schedule")["send"].success
    assert team.send()["send"].success
    assert team.server.copies() == _everybody_once()


def test_two_runners_at_once_send_one_copy_each(team: Team) -> None:
    team.approve(team.ada, team.bob)
    team.push("Both agree", "main")
    with ThreadPoolExecutor(2) as pool:
        jobs = list(pool.map(lambda _: team.send()["send"], range(2)))
    assert any(job.success for job in jobs), [job.output for job in jobs]
    assert team.server.copies() == _everybody_once()


def test_a_fork_is_rendered_without_trust_and_gets_no_comment(team: Team) -> None:
    git(team.work.root, "checkout", "--quiet", "-b", "issue")
    team.edit("on May 18.", "on May 19.")
    (team.work.root / "templates").mkdir()
    (team.work.root / "templates/email.txt.j2").write_text("{{ ''.__class__.__mro__ }} OWNED")
    team.push("A stranger's issue", "issue")
    jobs = team.open_pull_request(fork=True)
    assert list(jobs) == ["review"]
    assert team.forge.comments == {}
    review = team.runner.artifacts / "newsletter-review"
    assert "OWNED" not in "".join(path.read_text(errors="replace") for path in review.rglob("*.txt"))


def test_a_runner_that_is_shot_while_it_sends_is_gone_on_with(team: Team) -> None:
    team.approve(team.ada, team.bob)
    team.push("Both agree", "main")
    # With slices of four readers, and a hold that ends soon.
    plan = json.dumps({"hold_s": 10.0, "renew_s": 1.0, "slice": 4, "lease_s": 0.5})
    team.runner.programs["newsletter"] = f"exec {sys.executable} {ROOT}/tests/runner_child.py '{plan}' \"$@\""

    def shoot(number: int, _text: str) -> None:
        if number == 20:
            team.runner.kill()

    team.server.on_reply = shoot
    assert not team.send()["send"].success
    team.server.on_reply = lambda _number, _text: None
    # While the runner that is gone holds the state, those that the clock starts leave it alone.
    for _ in range(20):
        team.send("schedule")
        if "2.10.sent.toml" in git(team.remote, "ls-tree", "-r", "--name-only", "main"):
            break
        time.sleep(2)
    copies = team.server.copies()
    record = git(team.remote, "show", "main:drafts/2.10.sent.toml")
    found = re.search(r"^unknown = (\d+)$", record, re.MULTILINE)
    unknown = int(found[1]) if found else 0
    assert max(copies.values()) == 1
    assert len(copies) >= _READERS - unknown
    assert "accepted" in record
