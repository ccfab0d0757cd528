"""The subjects that judges look at: issues of every kind as files, as the command line makes them.

Each subject is a folder below build/proof/subjects with email.html, email.txt, web.html, issue.pdf, and message.eml as
a dry run writes it. `received.eml` is the message that was really sent, signed, as a real Postfix has put it into a
Maildir, and `dkim.pem` the key that signed it; both are missing where no Postfix is.
"""

import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from postfix import Postfix, postfix, unavailable

ROOT = Path(__file__).parents[2]
SELECTOR = "proof"
# Of what `newsletter export all` writes, by the end of its name.
_EDITIONS = {".email.html": "email.html", ".txt": "email.txt", ".pdf": "issue.pdf", ".eml": "message.eml",
             ".html": "web.html"}  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Subject:
    """One issue in one form: its name, the folder of its files, and the files by what they are."""

    name: str
    folder: Path

    def file(self, name: str) -> Path:
        """Return the path of one of its files."""
        return self.folder / name


@dataclass(frozen=True, kw_only=True)
class _Source:
    """Where a subject comes from: a workspace, a draft in it, and settings that differ."""

    name: str
    workspace: Path
    draft: str
    language: str = ""
    environ: Mapping[str, str] = field(default_factory=dict)


def make_subjects(folder: Path) -> list[Subject]:
    """Make every subject below `folder`, anew; return them in their order."""
    shutil.rmtree(folder, ignore_errors=True)
    sources = list(_list_sources(folder / "workspaces"))
    subjects = [_make(source, folder / source.name) for source in sources]
    if not unavailable():
        for workspace in {source.workspace: None for source in sources}:
            _newsletter(workspace, "keys", "new")
            _newsletter(workspace, "dkim", "key", "--selector", SELECTOR)
        with postfix() as server:
            for source, subject in zip(sources, subjects, strict=True):
                _send(source, subject, server)
    return subjects


def find_subjects(folder: Path) -> list[Subject]:
    """Return the subjects that are in `folder` already."""
    found = [path.parent for path in sorted(folder.glob("*/issue.pdf"))]
    return [Subject(name=path.name, folder=path) for path in found]


def _list_sources(folder: Path) -> Iterator[_Source]:
    samples, translated = _copy_samples(folder / "samples"), _copy_samples(folder / "translated")
    translations = ROOT / "examples" / "translations"
    for path in translations.glob("2.10.*.yaml"):
        shutil.copyfile(path, translated / "drafts" / path.name)
    with (translated / "newsletter.toml").open("a", encoding="utf-8") as file:
        file.write("\n" + (translations / "languages.toml").read_text(encoding="utf-8"))
    for draft in ("1.4", "2.10", "3.7"):
        yield _Source(name=draft, workspace=samples, draft=draft)
        yield _Source(name=f"{draft}-briefing", workspace=samples, draft=draft,
                      environ={"NEWSLETTER_THEME__LOOK": "briefing"})  # fmt: skip
    for language in ("de", "ja", "ar"):
        yield _Source(name=f"2.10-{language}", workspace=translated, draft="2.10", language=language)
    yield _Source(name="2.10-columns", workspace=samples, draft="2.10",
                  environ={"NEWSLETTER_PDF__COLUMNS": "2", "NEWSLETTER_PDF__PRINT_LINKS": "true"})  # fmt: skip
    yield _Source(name="everything", workspace=samples, draft="2.11")
    yield _Source(name="everything-briefing", workspace=samples, draft="2.11",
                  environ={"NEWSLETTER_THEME__LOOK": "briefing"})  # fmt: skip
    yield _Source(name="2.10-no-pictures", workspace=samples, draft="2.12")
    for publication in sorted((ROOT / "examples" / "drafts").iterdir()):
        place = folder / publication.name
        shutil.copytree(publication, place)
        (draft,) = (path.stem for path in (place / "drafts").glob("*.yaml"))
        yield _Source(name=publication.name, workspace=place, draft=draft)


def _copy_samples(place: Path) -> Path:
    """Make a workspace with the three samples, one of them without its picture too, and the draft of every block."""
    shutil.copytree(ROOT / "drafts", place / "drafts", ignore=shutil.ignore_patterns("*.sent.toml"))
    for path in (ROOT / "tests/editions/everything").iterdir():
        shutil.copyfile(path, place / "drafts" / path.name)
    shutil.copyfile(ROOT / "tests/editions/everything.yaml", place / "drafts" / "2.11.yaml")
    text = (ROOT / "drafts" / "2.10.yaml").read_text(encoding="utf-8")
    without = re.sub(r"^image:\n(?: .*\n)+", "", text, flags=re.MULTILINE)
    (place / "drafts" / "2.12.yaml").write_text(without.replace("number: 10", "number: 12"), encoding="utf-8")
    shutil.copyfile(ROOT / "newsletter.toml", place / "newsletter.toml")
    shutil.copyfile(ROOT / "words.txt", place / "words.txt")
    shutil.copyfile(ROOT / "subscribers.example.csv", place / "subscribers.csv")
    return place


def _newsletter(workspace: Path, *args: str, environ: Mapping[str, str] | None = None) -> None:
    command = [sys.executable, "-m", "newsletter", *args]
    subprocess.run(
        command, cwd=workspace, env={**os.environ, **(environ or {})}, check=True, stdout=subprocess.DEVNULL,
        stdin=subprocess.DEVNULL,
    )  # fmt: skip


def _make(source: _Source, folder: Path) -> Subject:
    _newsletter(source.workspace, "export", "all", source.draft, "-o", str(folder), environ=source.environ)
    stem = f"{source.draft}.{source.language}" if source.language else source.draft
    for ending, name in _EDITIONS.items():
        (folder / f"{stem}{ending}").rename(folder / name)
    return Subject(name=source.name, folder=folder)


def _send(source: _Source, subject: Subject, server: Postfix) -> None:
    """Send the issue to one reader, signed, with links of the service, from a state of its own; keep what came."""
    reader = f"{subject.name}@example.org"
    row = f"{reader},Ada Reader,{source.language}"
    (source.workspace / "one.csv").write_text(f"email,name,language\n{row}\n", encoding="utf-8")
    key = source.workspace / ".newsletter" / f"dkim-{SELECTOR}.pem"
    environ = {
        **source.environ, **server.environ,
        "NEWSLETTER_DKIM__SELECTOR": SELECTOR,
        "NEWSLETTER_DKIM__KEY_FILE": str(key),
        "NEWSLETTER_SERVICE__URL": "https://news.example.org",
        "NEWSLETTER_STORE__URL": f"sqlite:///.newsletter/{subject.name}.db",
    }  # fmt: skip
    record = source.workspace / "drafts" / f"{source.draft}.sent.toml"
    _newsletter(
        source.workspace, "send", source.draft, "--yes", "--despite-problems", "--list", "one.csv", environ=environ
    )
    record.unlink()
    box = server.folder / "mail" / "box"
    until = time.monotonic() + 30
    while not (mine := [path for path in box.glob("new/*") if _is_to(path, reader)]) and time.monotonic() < until:
        time.sleep(0.05)
    shutil.copyfile(mine[0], subject.file("received.eml"))
    shutil.copyfile(key, subject.file("dkim.pem"))


def _is_to(mail: Path, reader: str) -> bool:
    return f"\nDelivered-To: {reader}\n".encode() in mail.read_bytes()
