"""Sends the editor the draft as it stands on disk, through the backend that readers' copies will go through."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from newsletter import backends
from newsletter.audience.subscribers import Subscriber
from newsletter.delivery.testing import send_test, testers, told
from newsletter.editions import Press
from newsletter.issue.draft import load_issue
from newsletter.mail.message import Outcome
from newsletter.workspace import Workspace


def prepare_test(
    workspace: Workspace, draft: Path, address: str, reader: Subscriber | None
) -> Callable[[], Awaitable[dict[str, Any]]]:
    """A test to `address`: as that reader gets it, or as the list knows the address itself.

    Reading takes its time, and what is returned sends. Both raise what `newsletter send --test` would show.
    """
    (tester,) = testers([address], workspace.subscribers)
    if reader is not None:
        tester = replace(reader, address=tester.address)
    issue = load_issue(draft)
    press = Press.of(workspace)
    backend = backends.load(workspace.config.send.backend, workspace.config, workspace.root)

    async def send() -> dict[str, Any]:
        (receipt,) = await send_test(press, issue, backend, [tester])
        return {"accepted": receipt.outcome is Outcome.ACCEPTED, "text": told(issue, receipt)}

    return send
