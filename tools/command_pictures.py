"""The four commands of an issue as pictures for the README: what a terminal, an editor and a browser show of them.

Each command runs as it is typed, in a terminal of its own, in a copy of the sample publication; what is shown is what
it printed. The issue is the next one of the sample's series, with the texts of its issue 2.10; a mail server on this
machine takes the mails.
"""

import os
import pty
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from html import escape
from io import StringIO
from pathlib import Path

from playwright.sync_api import Browser
from preview_pictures import copy_sample, open_page, previewing
from rich.console import Console
from rich.syntax import Syntax
from rich.text import Text

from newsletter.demo.server import mail_server
from newsletter.editions import EditionContext, render_pages
from newsletter.issue.draft import load_issue
from newsletter.workspace import Workspace

SIZE = {"width": 1080, "height": 660}
_COLUMNS = 104
_MOVE = re.compile(r"\x1b\[(?:(\d*)A|2K|\?25[lh])|[\r\n]|[^\x1b\r\n]+|\x1b\[[\d;]*m")
_PAGE = """<!DOCTYPE html><meta charset="utf-8"><title>{title}</title><style>
body {{ margin: 0; height: 660px; box-sizing: border-box; padding: 26px; background: #d8dde2; display: grid; gap: 18px;
  grid-template: {rows} / {columns}; font: 15px/1.45 DejaVu Sans Mono, Menlo, monospace }}
section {{ background: #1b1f27; color: #e4e4e0; border-radius: 9px; overflow: hidden; box-shadow: 0 4px 14px #0005 }}
h1 {{ font: 13px/30px DejaVu Sans, Helvetica, sans-serif; margin: 0; text-align: center;
  background: #2c323d; color: #b8bec8 }}
pre {{ margin: 0; padding: 14px 20px; white-space: pre-wrap; font: inherit }}
img {{ display: block; width: 100% }}
</style>{body}"""


def shoot_commands(browser: Browser, folder: Path, workspace: Path) -> None:
    """Write command-1.png to command-4.png into `folder`; `workspace` is a folder to be made."""
    copy_sample(workspace)
    begun = _run(workspace, "newsletter draft new")
    found = re.search(r"drafts/([\d.]+)\.yaml: ([\d-]+)", begun)
    assert found, begun  # noqa: S101  # it says which draft it has begun
    name, date = found.groups()
    draft = workspace / "drafts" / f"{name}.yaml"
    volume, _, number = name.partition(".")
    model = workspace / "drafts" / "2.10.yaml"
    text = model.read_text(encoding="utf-8")
    model.unlink()  # an issue that says all of it once more would get notes
    for key, value in {"volume": volume, "number": number, "date": date}.items():
        text = re.sub(rf"^{key}: .*$", f"{key}: {value}", text, count=1, flags=re.MULTILINE)
    draft.write_text(text, encoding="utf-8")
    panes = _pane("Terminal", begun) + _pane(f"drafts/{name}.yaml", _colour_draft(text), style="font-size: 13.5px")
    _shoot(browser, folder / "command-1.png", panes, rows="150px minmax(0, 1fr)")
    with previewing(workspace, name) as way_in:
        page = browser.new_page(viewport={"width": 1440, "height": 880})
        open_page(page, way_in)
        page.screenshot(path=folder / "command-2-view.png")
        page.close()
    typed = _pane("Terminal", _prompt(f"newsletter preview {name}"))
    shown = f'<section><h1>Preview</h1><img src="{(folder / "command-2-view.png").as_uri()}" alt=""></section>'
    _shoot(browser, folder / "command-2.png", typed + shown, rows="88px minmax(0, 1fr)")
    (folder / "command-2-view.png").unlink()
    sent = _run(workspace, f"newsletter send {name}", answer="y")
    again = _run(workspace, f"newsletter send {name}")
    _shoot(browser, folder / "command-3.png", _pane("Terminal", f"{sent}\n{again}"))
    exported = _run(workspace, f"newsletter export pdf {name}")
    context = EditionContext.from_workspace(Workspace(workspace, {}))
    pages = []
    for count, data in enumerate(render_pages(context, load_issue(draft).seen_by(frozenset()), dots=110), start=1):
        path = folder / f"command-4-page-{count}.png"
        path.write_bytes(data)
        pages.append(path)
    shown = "".join(f'<section><h1>{name}.pdf</h1><img src="{path.as_uri()}" alt=""></section>' for path in pages[:2])
    panes = _pane("Terminal", exported, style="grid-column: 1 / -1") + shown
    _shoot(browser, folder / "command-4.png", panes, rows="120px minmax(0, 1fr)", columns="1fr 1fr")
    for path in pages:
        path.unlink()


def _run(workspace: Path, command: str, answer: str = "") -> str:
    """Run a command in a terminal, and return what stands there at its end, with colours."""
    with ThreadPoolExecutor() as thread:  # in this one, playwright keeps an event loop running
        return thread.submit(_run_in_terminal, workspace, command, answer).result()


def _run_in_terminal(workspace: Path, command: str, answer: str) -> str:
    environment = {**os.environ, "TERM": "xterm-256color", "COLUMNS": str(_COLUMNS), "LINES": "40"}
    environment.pop("NO_COLOR", None)
    terminal, inner = pty.openpty()
    with mail_server(workspace / "mailbox") as port:
        server = {"HOST": "127.0.0.1", "PORT": str(port), "SECURITY": "none"}
        environment |= {f"NEWSLETTER_SMTP__{key}": value for key, value in server.items()}
        process = subprocess.Popen(  # noqa: S603  # ours
            [sys.executable, "-m", *command.split()], cwd=workspace, env=environment, stdin=inner, stdout=inner,
            stderr=inner, start_new_session=True,
        )  # fmt: skip
        os.close(inner)
        written = b""
        while data := _read(terminal):
            written += data
            if answer and b"[y/N]" in written:
                os.write(terminal, f"{answer}\n".encode())
                answer = ""
        status = process.wait()
    os.close(terminal)
    assert status == 0, written.decode()  # noqa: S101  # the pictures would be of a failure
    return f"{_prompt(command)}\n{_settle(written.decode())}"


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65536)
    except OSError:  # Linux says so at the end of what a process wrote
        return b""


def _prompt(command: str) -> str:
    return f"\x1b[1;36m$\x1b[0m \x1b[1m{command}\x1b[0m"


def _settle(written: str) -> str:
    """Return what a terminal shows in the end of lines that were written over: of a progress bar, its last state."""
    lines, row = [""], 0
    for match in _MOVE.finditer(written):
        part = match[0]
        if part == "\n":
            row += 1
            lines += [""] * (row == len(lines))
        elif part == "\r" or part.startswith("\x1b[?25"):
            continue
        elif part == "\x1b[2K":
            lines[row] = ""
        elif part.endswith("A"):
            row -= int(match[1] or 1)
        else:
            lines[row] += part
    return "\n".join(lines).rstrip("\n")


def _colour_draft(text: str) -> str:
    """Return a draft as an editor shows it, from its first field on."""
    out = StringIO()
    console = Console(file=out, force_terminal=True, color_system="truecolor", width=130)
    begin = text[text.index("volume:") :]
    console.print(Syntax(begin, "yaml", theme="dracula", background_color="#1b1f27"))
    return out.getvalue()


def _pane(title: str, written: str, style: str = "") -> str:
    console = Console(record=True, file=StringIO(), width=140, soft_wrap=True)
    console.print(Text.from_ansi(written), soft_wrap=True)
    shown = console.export_html(inline_styles=True, code_format="{code}")
    return f'<section style="{style}"><h1>{escape(title)}</h1><pre>{shown}</pre></section>'


def _shoot(browser: Browser, file: Path, body: str, rows: str = "1fr", columns: str = "1fr") -> None:
    source = file.with_suffix(".html")
    source.write_text(_PAGE.format(title=file.stem, body=body, rows=rows, columns=columns), encoding="utf-8")
    page = browser.new_page(viewport=SIZE)
    page.goto(source.as_uri())
    page.screenshot(path=file)
    page.close()
    source.unlink()
