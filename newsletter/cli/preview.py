"""The command `newsletter preview`."""

import logging
import os
import sys
import threading
import webbrowser
from contextlib import suppress
from datetime import datetime
from typing import TYPE_CHECKING

import click

from newsletter.cli.context import open_publication
from newsletter.cli.output import say, show_problems
from newsletter.text import format_count
from newsletter.workspace import Workspace

if TYPE_CHECKING:
    from newsletter.web.preview.draft_state import DraftState
    from newsletter.web.preview.local_server import PreviewAddresses

_PATIENCE = 2  # seconds, for work in hand when the preview ends


@click.command()
@click.argument("draft", required=False)
@click.option("--language", metavar="TAG", default="", help="The translation into this language at first, as in ja.")
@click.option("--port", type=click.IntRange(1, 65_535), help="Instead of the publication's own port.")
@click.option("--no-open", is_flag=True, help="Print the address; open no browser.")
@click.pass_obj
def preview(debug: bool, draft: str | None, language: str, port: int | None, no_open: bool) -> None:
    """Show an issue in the browser, in every edition, while you write it. DRAFT is 2.10; the newest when left out.

    Save the draft in your editor, and the page changes; it also leads to the issue's other languages. Only the browser
    that is opened can see it, and one in which you open the address that the terminal shows.
    """
    workspace = open_publication().workspace
    path = workspace.find_draft(draft, language) if language else workspace.find_draft_file(draft)
    _ = workspace.config  # its mistakes first

    from newsletter.web.preview.local_server import preview as serve

    if debug:
        logging.basicConfig()
        logging.getLogger("newsletter").setLevel(logging.DEBUG)
    else:
        logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)  # tracebacks; the page says what is wrong

    def on_address(addresses: "PreviewAddresses") -> None:
        say(f"{path.stem} is shown at {addresses.printed}", style="bold")
        if addresses.taken:
            taken = f"This publication's own port {addresses.taken} is taken"
            say(f"{taken}: perhaps it is shown there already.", style="yellow")
        say("Save the draft, and look there. Ctrl-C ends the preview.")
        if not no_open:
            threading.Thread(target=webbrowser.open, args=[addresses.opened], daemon=True).start()

    def on_used(address: str) -> None:
        say(f"For another browser: {address}")

    # Whether Ctrl-C comes out of the server as an exception or not is a matter of moments.
    with suppress(KeyboardInterrupt):
        serve(workspace, path, port, on_address, on_used, _StatePrinter().print_state)
    say("The preview has ended.")
    _leave()


def _leave() -> None:
    """Exit at once, though a template may be at work that has no end: threads can't be stopped."""
    for thread in threading.enumerate():
        if thread is not threading.current_thread() and not thread.daemon:
            thread.join(_PATIENCE)
            if thread.is_alive():
                sys.stdout.flush()
                os._exit(0)
    sys.exit(0)


class _StatePrinter:
    """Printer of the problems of drafts: once for each change of their words, whatever line they are in."""

    def __init__(self) -> None:
        self._printed: dict[str, list[str]] = {}

    def print_state(self, draft_state: "DraftState", workspace: Workspace) -> None:
        """Print what is wrong with a draft, or that nothing is, unless that was the last thing printed about it."""
        from newsletter.web.preview.diagnostics import collect_diagnostics
        from newsletter.web.preview.subscriber_search import find_source

        every = collect_diagnostics(draft_state, None, find_source(workspace))
        found = [notice for notice in every if not notice.partial]  # else each link's answer would print it all again
        text = [text for notice in found for text in (notice.title, *(problem.message for problem in notice.problems))]
        is_whole = draft_state.error is not None or (draft_state.rendered is not None and draft_state.rendered.finished)
        if not is_whole or self._printed.get(draft_state.name) == text:
            return
        self._printed[draft_state.name] = text
        stops = [notice for notice in found if notice.stops]
        name = f"{datetime.now():%H:%M:%S} {draft_state.name}"  # noqa: DTZ005  # the clock on the wall
        if not stops:
            count = sum(len(notice.problems) for notice in found if notice.noun == "problem")
            if count:
                say(f"{name}: {format_count(count, 'problem')} before it is sent", style="bold")
            else:
                say(f"{name}: no problems", style="green")
        for notice in stops:
            say(f"{name}: {notice.title}", style="bold")
            show_problems(notice.problems)
            if notice.next_step:
                say(f"    {notice.next_step}", style="cyan")
        for notice in found:
            if not notice.stops:
                say(f"    {notice.title} (The page says more.)", style="yellow")
