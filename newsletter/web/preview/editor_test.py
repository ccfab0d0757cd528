"""Sends the editor the draft as it stands on disk, through the backend that readers' copies will go through."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

from newsletter import backends
from newsletter.actions.send_test import send_test, testers, told
from newsletter.editions import EditionContext
from newsletter.errors import NewsletterError
from newsletter.issue.draft import load_issue
from newsletter.mail.message import Outcome
from newsletter.subscribers.csv_source import Subscriber
from newsletter.workspace import Workspace


def prepare_test(
    workspace: Workspace, draft: Path, address: str, reader: Subscriber | None
) -> Callable[[], Awaitable[dict[str, Any]]]:
    """A test to `address`: as that reader gets it, or as the list knows the address itself.

    Reading takes its time, and what is returned sends. Both raise what `newsletter send --test` would show.
    """
    # The ledger brings SQLAlchemy, a tenth of a second that the preview's start should not wait for.
    from newsletter.campaigns.approval import rendering_sha256
    from newsletter.mail.marks import Marks
    from newsletter.sending.run import signing

    (tester,) = testers([address], workspace.subscribers)
    if reader is not None:
        tester = replace(reader, address=tester.address)
    issue = load_issue(draft)
    context = EditionContext.from_workspace(workspace)
    backend = backends.load(workspace.config.send.backend, workspace.config, workspace.root)
    marks, sign = Marks.of(workspace), signing(workspace)
    text = rendering_sha256(context, issue)

    async def send() -> dict[str, Any]:
        (result,) = await send_test(context, issue, backend, [tester], marks, sign)
        accepted, said = result.outcome is Outcome.ACCEPTED, told(issue, result)
        if accepted:
            try:
                await asyncio.to_thread(_note, workspace, issue.name, text)
            except NewsletterError as error:
                said += f" It is not noted that this text was tested: {error.message}"
        return {"accepted": accepted, "text": said}

    return send


def _note(workspace: Workspace, issue: str, text: str) -> None:
    from newsletter import ledger
    from newsletter.store import open_store

    with closing(open_store(workspace.database, workspace.config.store.password)) as store:
        ledger.note_test(store, issue, text)
