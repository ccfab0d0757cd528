"""The tutorial, followed word by word: its commands run, its texts are written, and what it shows is what comes."""

import os
import re
import shlex
import subprocess
from collections.abc import Iterator
from email import message_from_bytes
from email.policy import default
from pathlib import Path

import smtp_server
from conftest import ROOT, Publication
from preview_server import previewing

PAGE = ROOT / "docs/editors/tutorial.md"


def test_the_tutorial_leads_to_an_issue_in_ones_own_inbox(server: smtp_server.Server, tmp_path: Path) -> None:
    folder = tmp_path / "newsletter-press"  # where the tutorial begins
    folder.mkdir()
    publication = Publication(folder)
    publication.through(server)
    for kind, text in _blocks():
        match kind:
            case "console":
                folder = _follow(publication, text)
            case "toml":
                _replace_values(folder / "newsletter.toml", text)
            case "yaml":
                draft = folder / "drafts" / "1.1.yaml"
                draft.write_text(draft.read_text().split("items:\n")[0] + text)
            case "csv":
                (folder / "subscribers.csv").write_text(text)
    test, issue = (message_from_bytes(data, policy=default) for _, data in server.stored)
    assert test["subject"] == "[TEST] The Aurora has arrived"
    assert issue["subject"] == "The Aurora has arrived"
    assert [recipient for recipient, _ in server.stored] == ["you@example.org", "you@example.org"]
    part = issue.get_body(("plain",))
    assert part
    assert "Dear Your Name, this is the first issue of Harbor Notes." in part.get_content()
    tracked = _git(folder, "ls-files").split()
    assert {"drafts/1.1.yaml", "drafts/1.1.sent.toml", "newsletter.toml"} <= set(tracked)
    assert [name for name in tracked if "keys" in name or name == "subscribers.csv" or name.startswith("build")] == []


def _blocks() -> Iterator[tuple[str, str]]:
    """Yield the page's fences in their order: their kind and their text."""
    found = re.findall(r"^```(\w+)\n(.*?)^```", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    assert {kind for kind, _ in found} == {"console", "toml", "yaml", "csv"}
    yield from found


def _follow(publication: Publication, text: str) -> Path:
    """Run the commands of one fence, see that each prints the lines below it, and return the folder they end in."""
    for part in text.split("$ ")[1:]:
        command, *shown = part.splitlines()
        if command.startswith(("make ", "source ")):
            continue
        if command.startswith("cd "):
            publication.root = (publication.root / command.removeprefix("cd ")).resolve()
            continue
        if command == "newsletter preview":
            _look(publication)
            continue
        printed = _run(publication, command)
        assert [line for line in shown if line not in printed] == [], printed
    return publication.root


def _run(publication: Publication, command: str) -> str:
    if command.startswith("newsletter "):
        done = publication.run(*shlex.split(command)[1:], stdin="y\n")
        assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
        return done.stdout
    return _git(publication.root, *shlex.split(command)[1:])


def _git(folder: Path, *args: str) -> str:
    identity = {f"GIT_{who}_{what}": "you@example.org" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    done = subprocess.run(
        ["git", *args], cwd=folder, check=True, text=True, capture_output=True,
        env={**os.environ, **identity, "GIT_CONFIG_GLOBAL": os.devnull},
    )  # fmt: skip
    return done.stdout


def _look(publication: Publication) -> None:
    publication.environ["BROWSER"] = "true"
    with previewing(publication, no_open=False) as preview:
        assert preview.ask("/1.1/email.html")[0] == 200
        assert preview.end() == 0


def _replace_values(file: Path, text: str) -> None:
    """Replace values in newsletter.toml by those of a fence, each where it stands: under the name of its table."""
    tables = re.split(r"^(?=\[)", file.read_text(), flags=re.MULTILINE)
    for wanted in re.split(r"^(?=\[)", text, flags=re.MULTILINE):
        name, *lines = wanted.strip().splitlines() or [""]
        for line in filter(None, lines):
            key = line.split(" = ")[0]
            (place,) = [number for number, table in enumerate(tables) if table.startswith(f"{name}\n")]
            tables[place], count = re.subn(rf"^{key} = .*$", lambda _: line, tables[place], count=1, flags=re.MULTILINE)  # noqa: B023  # used at once
            assert count == 1, f"newsletter.toml has no {key} under {name} to replace"
    file.write_text("".join(tables))
