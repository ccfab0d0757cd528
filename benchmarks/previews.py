"""The previews that preview.py measures: what each of them reads, how it is started, what its processes use.

The peers get the same issue as a template of their own: its headlines, details, picture and note, in the tags that
Maizzle and React Email both have, put into preview-peers/issue.vue and issue.tsx. Their servers run as one would
start them, with what they do by themselves: both check the template for what mail clients lack. They leave out
what ours does beside the email: validating the draft, and the text, the PDF and the web page.
"""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from socket import socket
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

import yaml
from draft import ROOT, Draft
from markdown_it import MarkdownIt
from table import said_by

PEERS = Path(__file__).parent / "preview-peers"
PROGRAMS = PEERS / "node_modules" / ".bin"
INSTALL = "npm install --prefix benchmarks/preview-peers --no-package-lock --ignore-scripts"
FIELD = re.compile(r"\{\{ *\w+ *\| *(.*?) *\}\}")
PATIENCE = 90  # seconds for a server to start


@dataclass(frozen=True, kw_only=True)
class Preview:
    name: str
    command: list[str]
    folder: Path  # where the command runs
    address: str  # of the page that shows the email in a frame
    file: Path  # what one edits
    text: Callable[[Draft], str]  # what stands in it for a draft
    environment: dict[str, str] = field(default_factory=dict)

    def save(self, text: str) -> float:
        """Write the file, in place; return the moment before, in seconds since the epoch."""
        moment = time.time()
        self.file.write_text(text, encoding="utf-8")
        return moment


class NotStarted(Exception):
    """A server that ended, or does not answer."""


def ours(root: Path, draft: Draft) -> Preview:
    """`newsletter preview` in the draft's workspace."""
    shutil.copyfile(ROOT / "subscribers.example.csv", root / "subscribers.csv")
    port, name = free_port(), draft.path.stem
    return Preview(
        name="newsletter preview",
        command=[sys.executable, "-m", "newsletter", "preview", name, "--no-open", "--port", str(port)],
        folder=root,
        address=f"http://127.0.0.1:{port}/{name}",
        file=draft.path,
        text=lambda draft: draft.text,
    )


def peers(root: Path, draft: Draft) -> list[Preview]:
    """Maizzle's and React Email's servers, each with a template of the issue, in folders below node_modules' own."""
    maizzle, react = root / "maizzle" / "emails", root / "react-email" / "emails"
    ports = free_port(), free_port()
    found = [
        Preview(
            name="maizzle serve",
            command=[str(PROGRAMS / "maizzle"), "serve", "--port", str(ports[0])],
            folder=maizzle.parent,
            address=f"http://localhost:{ports[0]}/emails/issue",
            file=maizzle / "issue.vue",
            text=template(PEERS / "issue.vue", "<!-- the issue -->", "/"),
        ),
        Preview(
            name="email dev (React Email)",
            command=[str(PROGRAMS / "email"), "dev", "--port", str(ports[1])],
            folder=react.parent,
            address=f"http://localhost:{ports[1]}/preview/issue",
            file=react / "issue.tsx",
            text=template(PEERS / "issue.tsx", "{/* the issue */}", "/static/"),
            environment={"NEXT_TELEMETRY_DISABLED": "1", "XDG_CONFIG_HOME": str(root / "config")},
        ),
    ]
    for preview, pictures in zip(found, (maizzle.parent / "public", react / "static"), strict=True):
        preview.file.parent.mkdir(parents=True)
        pictures.mkdir()
        for picture in draft.path.parent.glob("*.jpg"):
            shutil.copyfile(picture, pictures / picture.name)
        preview.save(preview.text(draft))
    return found


def versions() -> str:
    """Return the peers' versions, and node's."""
    names = ("@maizzle/framework", "react-email")
    files = [PEERS / "node_modules" / name / "package.json" for name in names]
    if not shutil.which("node") or not all(file.is_file() for file in files):
        raise NotStarted(f"The peers are missing, so ours runs alone. With node there, run: {INSTALL}")
    node = said_by(["node", "--version"], "node is missing.")
    found = [f"{name} {json.loads(file.read_bytes())['version']}" for name, file in zip(names, files, strict=True)]
    return ", ".join([f"node {node.removeprefix('v')}", *found])


def template(frame: Path, place: str, pictures: str) -> Callable[[Draft], str]:
    """Return what makes a peer's template of a draft: the issue in its place in the frame."""
    source, markdown = frame.read_text(encoding="utf-8"), MarkdownIt("commonmark", {"html": False})

    def inline(text: str) -> str:
        html: str = markdown.renderInline(FIELD.sub(r"\1", text))
        return html.replace("<a ", "<Link ").replace("</a>", "</Link>")

    def paragraphs(text: str) -> list[str]:
        return [f"<Text>{inline(paragraph)}</Text>" for paragraph in text.split("\n") if paragraph]

    def filled(draft: Draft) -> str:
        issue = yaml.safe_load(draft.text)
        image = issue["image"]
        lines = [
            f"<h1>Vol. {issue['volume']}.{issue['number']}</h1>",
            *paragraphs(issue["intro"]),
            f'<Img src="{pictures}{image["file"]}" alt="{escape(image["alt"])}" width="576" />',
            *paragraphs(image["credit"]),
            "<ul>",
            *(f"<li>{inline(item['headline'])}</li>" for item in issue["items"]),
            "</ul>",
        ]
        for item in issue["items"]:
            lines += [f"<h2>{inline(item['headline'])}</h2>", *paragraphs(item["detail"])]
        return source.replace(place, "\n".join([*lines, *paragraphs(issue["note"])]))

    return filled


@contextmanager
def serving(preview: Preview) -> Iterator[int]:
    """Yield the preview's server, from when its page is there until it has been told to end, as its process."""
    log = preview.folder / "server.log"
    environment = {**os.environ, "NEWSLETTER_LINKS__PREVIEW": "false", **preview.environment}  # no link is followed
    with log.open("wb") as output:
        process = subprocess.Popen(
            preview.command,
            cwd=preview.folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        until = time.monotonic() + PATIENCE
        while not answers(preview.address):
            if process.poll() is not None or time.monotonic() > until:
                raise NotStarted(f"{preview.name}: no page at {preview.address}.\n{log.read_text(errors='replace')}")
            time.sleep(0.1)
        yield process.pid
    finally:
        end(process)


def end(process: subprocess.Popen[bytes]) -> None:
    """As Ctrl-C in a terminal: every process of the group; what is still there after that is killed."""
    for number in (signal.SIGINT, signal.SIGKILL):
        with suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        with suppress(subprocess.TimeoutExpired):
            process.wait(timeout=5)


def way_in(preview: Preview) -> str:
    """Return the address that ours shows in its terminal, with a key that works once; that of the others is open."""
    log = (preview.folder / "server.log").read_text(errors="replace")
    keyed = re.findall(rf"{re.escape(preview.address)}\?key=\S+", log)
    return keyed[-1] if keyed else preview.address


def answers(address: str) -> bool:
    try:
        with urlopen(Request(address, headers={"Accept": "text/html"}), timeout=PATIENCE) as answer:  # noqa: S310
            return bool(answer.status == 200)
    except HTTPError as error:
        return error.code == 403  # ours is there, and wants the key that is in its terminal
    except (URLError, ConnectionError):
        return False


def free_port() -> int:
    with socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def family(process: int) -> list[int]:
    """Return the process and all that come from it."""
    children = [
        child
        for thread in Path(f"/proc/{process}/task").iterdir()
        for child in map(int, (thread / "children").read_text().split())
    ]
    return [process, *(member for child in children for member in family(child))]


def resident(process: int) -> float:
    """Return the memory that the process and its children hold, in MB: VmRSS."""
    status = [Path(f"/proc/{member}/status").read_text() for member in family(process)]
    return sum(int(found[1]) for text in status if (found := re.search(r"^VmRSS:\s+(\d+) kB$", text, re.M))) / 1024


def processor_time(process: int) -> float:
    """Return what the process and its children have used of the processors so far, in seconds."""
    ticks = 0
    for member in family(process):
        fields = Path(f"/proc/{member}/stat").read_text().rpartition(")")[2].split()
        ticks += int(fields[11]) + int(fields[12])  # utime and stime: proc(5) counts them as 14 and 15
    return ticks / os.sysconf("SC_CLK_TCK")
