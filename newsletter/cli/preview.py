"""newsletter preview"""

import logging
import sys
import webbrowser
from datetime import datetime
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING

import click

from newsletter.cli.output import say, show_problems
from newsletter.workspace import find_workspace

if TYPE_CHECKING:
    from newsletter.preview.look import Showing


@click.command()
@click.argument("draft", required=False)
@click.option("--port", type=click.IntRange(1, 65_535), help="Instead of the publication's own port.")
@click.option("--no-open", is_flag=True, help="Print the address; open no browser.")
@click.pass_obj
def preview(debug: bool, draft: str | None, port: int | None, no_open: bool) -> None:
    """Show an issue in the browser, in every edition, while you write it. DRAFT is 2.10; the newest when left out.

    Save the draft in your editor, and the page changes. Only this machine can open it.
    """
    workspace = find_workspace(Path.cwd())
    path = workspace.find_draft(draft)
    _ = workspace.config  # its mistakes first

    from newsletter.preview.server import preview as serve

    if debug:
        logging.basicConfig()
        logging.getLogger("newsletter").setLevel(logging.DEBUG)

    def on_address(address: str) -> None:
        say(f"{path.stem} is shown at {address}", style="bold")
        say("Save the draft, and look there. Ctrl-C ends the preview.")
        if not no_open:
            Thread(target=webbrowser.open, args=[address], daemon=True).start()

    try:
        serve(workspace, path, port, on_address, _Teller().tell)
    except KeyboardInterrupt:
        say("The preview has ended.")
        sys.exit(0)


class _Teller:
    """Says in the terminal how a draft stands, each time that changes."""

    def __init__(self) -> None:
        self._said: dict[str, str] = {}

    def tell(self, showing: "Showing") -> None:
        faults = showing.faults
        text = repr([(fault.message, fault.next_step, fault.problems) for fault in faults.values()])
        if self._said.get(showing.name) == text or not (faults or (showing.proof and showing.proof.finished)):
            return
        self._said[showing.name] = text
        time = f"{datetime.now():%H:%M:%S}"  # noqa: DTZ005  # the clock on the wall
        if not faults:
            say(f"{time} {showing.name}: no problems", style="green")
        for form, fault in faults.items():
            say(f"{time} {showing.name}{f' ({form})' if form else ''}: {fault.message}", style="bold")
            show_problems(fault.problems)
            if fault.next_step:
                say(f"    {fault.next_step}", style="cyan")
