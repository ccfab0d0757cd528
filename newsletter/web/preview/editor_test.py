"""Sends an editor the draft as it is on disk, through the backend that sends the campaign."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from newsletter.actions.send_test import find_testers
from newsletter.actions.send_test import prepare_test as prepare
from newsletter.issue.draft import require_issue
from newsletter.publication import OpenPublication
from newsletter.subscribers.subscriber import Subscriber
from newsletter.workspace import Workspace


def prepare_test(
    workspace: Workspace, draft: Path, address: str, reader: Subscriber | None
) -> Callable[[], Awaitable[dict[str, Any]]]:
    """Prepare a test to `address`: as that reader gets it, or as the list knows the address itself.

    Reading takes its time, and what is returned sends. Both raise what `newsletter send --test` would show.
    """
    publication = OpenPublication(workspace)
    (tester,) = find_testers([address], publication.subscriber_source())
    if reader is not None:
        tester = reader._replace(address=tester.address)
    prepared = prepare(publication, [require_issue(publication.read_draft(draft))], [tester])

    async def send() -> dict[str, Any]:
        with publication:
            sent = await prepared.send()
        (said,) = sent.describe()
        if sent.unrecorded:
            said += f" It is not noted that this text was tested: {sent.unrecorded.message}"
        return {"accepted": sent.accepted, "text": said}

    return send
