"""A workspace of one's own for each test, the command line as a real process, and a real SMTP server."""

import gc
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import forked
import pytest
import smtp_server
from click.testing import CliRunner, Result
from hypothesis import settings
from offline import stay_offline

from newsletter.cli import cli
from newsletter.editions import EditionContext
from newsletter.store import Store, open_store
from newsletter.workspace import Workspace

ROOT = Path(__file__).parent.parent
Run = Callable[..., Result]
pytest_plugins = ["browser", "postgres"]

# In CI the same cases are drawn each time: it judges a change, and new cases are found wherever else the tests run.
settings.register_profile("suite", deadline=None, max_examples=25, derandomize="CI" in os.environ)
settings.load_profile("suite")
stay_offline()
# Tests make many values that live briefly: collecting cycles among them as often as Python does by itself took a third
# of the time, and more while thousands of tests are collected, which stay.
gc.disable()

# In these rooms every statement is held on both databases each time; a use case, and an upgrade of the store, is a slow
# test on the second one.
_STATEMENTS = ("store", "ledger", "subscribers")
_UPGRADES = ("test_migrations", "test_version3")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leave whole use cases on PostgreSQL to the slow tests."""
    for item in items:
        room = item.path.relative_to(ROOT / "tests").parts[0]
        if "postgresql" in item.name.partition("[")[2] and (room not in _STATEMENTS or item.path.stem in _UPGRADES):
            item.add_marker(pytest.mark.slow)


def pytest_collection_finish() -> None:
    """Collect garbage again, but not among the tests themselves."""
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)
    gc.enable()


@dataclass
class Publication:
    """A copy of the sample publication, with the command line pointed at it."""

    root: Path
    environ: dict[str, str] = field(default_factory=dict)

    @property
    def workspace(self) -> Workspace:
        return Workspace(self.root, self.environ)

    @property
    def context(self) -> EditionContext:
        workspace = self.workspace
        return EditionContext.from_workspace(workspace)

    def command(self, *args: str) -> list[str]:
        return [sys.executable, "-m", "newsletter", *args]

    def environment(self) -> dict[str, str]:
        # Who is put off is not waited for, and no link is looked at by itself, unless a test is about that.
        quiet = {"NEWSLETTER_SEND__RETRIES": "", "NEWSLETTER_LINKS__PREVIEW": "false"}
        return {**os.environ, "NO_COLOR": "1", "COLUMNS": "120", **quiet, **self.environ}

    def run(self, *args: str, stdin: str = "", timeout: float = 120) -> "subprocess.CompletedProcess[str]":
        environ = self.environment()
        # The interpreter reads these when it starts.
        if any(name.startswith("PYTHON") and name != "PYTHONFAULTHANDLER" for name in self.environ):
            return subprocess.run(
                self.command(*args), cwd=self.root, env=environ, input=stdin, text=True,
                capture_output=True, timeout=timeout, check=False,
            )  # fmt: skip
        return forked.run(args, cwd=self.root, env=environ, stdin=stdin, timeout=timeout)

    def run_on_terminal(self, *args: str, typed: str = "") -> "subprocess.CompletedProcess[str]":
        return forked.run_on_terminal(args, cwd=self.root, env=self.environment(), typed=typed, timeout=120)

    def start(self, *args: str) -> forked.Run:
        return forked.start(args, cwd=self.root, env=self.environment())

    def draft(self, name: str, text: str) -> Path:
        path = self.root / "drafts" / f"{name}.yaml"
        path.write_text(text, encoding="utf-8")
        return path

    def readers(self, count: int) -> list[str]:
        """Write a list of that many readers; returns their addresses."""
        addresses = [f"reader{number:04}@example.org" for number in range(count)]
        rows = [f"{address},Reader {number},{'even' if number % 2 == 0 else 'odd'}"
                for number, address in enumerate(addresses)]  # fmt: skip
        (self.root / "subscribers.csv").write_text("\n".join(["email,name,tags", *rows]) + "\n")
        return addresses

    def through(self, server: smtp_server.Server) -> None:
        self.environ |= {
            "NEWSLETTER_SMTP__HOST": "127.0.0.1",
            "NEWSLETTER_SMTP__PORT": str(server.port),
            "NEWSLETTER_SMTP__SECURITY": "none",
        }


def copy_sample(root: Path) -> Publication:
    """Return a copy of the sample publication in a new folder."""
    (root / "drafts").mkdir(parents=True)
    for path in (ROOT / "drafts").iterdir():
        if path.suffix in (".yaml", ".jpg"):
            shutil.copyfile(path, root / "drafts" / path.name)
    for name in ("newsletter.toml", "words.txt"):
        shutil.copyfile(ROOT / name, root / name)
    shutil.copyfile(ROOT / "subscribers.example.csv", root / "subscribers.csv")
    return Publication(root)


@pytest.fixture
def publication(tmp_path: Path) -> Publication:
    return copy_sample(tmp_path / "digest")


@pytest.fixture
def everything(publication: Publication) -> Path:
    """Return the path of a draft, 2.11, that holds every block and every section; its pictures lie beside it."""
    for path in (ROOT / "tests/editions/everything").iterdir():
        shutil.copyfile(path, publication.root / "drafts" / path.name)
    return publication.draft("2.11", (ROOT / "tests/editions/everything.yaml").read_text(encoding="utf-8"))


@pytest.fixture
def server() -> Iterator[smtp_server.Server]:
    with smtp_server.running() as running:
        yield running


@pytest.fixture
def digest(publication: Publication, server: smtp_server.Server) -> Publication:
    """Return the publication, with a mail server that takes everything."""
    publication.through(server)
    return publication


@pytest.fixture
def run(digest: Publication, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Return the command line within this process, pointed at the digest."""
    monkeypatch.chdir(digest.root)
    for name, value in digest.environment().items():
        monkeypatch.setenv(name, value)
    return lambda *args, **how: CliRunner().invoke(cli, args, **how)


@pytest.fixture
def opened(publication: Publication) -> Iterator[Store]:
    """Yield the publication's state, as the command line will find it."""
    with closing(open_store(publication.workspace.database)) as store:
        yield store


@pytest.fixture
def write_list(tmp_path: Path) -> Callable[[bytes | str], Path]:
    def write(content: bytes | str) -> Path:
        path = tmp_path / "list.csv"
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return write
