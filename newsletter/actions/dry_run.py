"""A dry run: every message of a first send as a file, and nothing sent."""

import shutil
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from newsletter.actions.probe import Probe, probe_server
from newsletter.actions.send_request import make_send_request
from newsletter.campaigns.options import SendOptions
from newsletter.campaigns.plan import SendPlan, plan_first_send
from newsletter.files import create_private, make_private_folder
from newsletter.issue.draft import Draft
from newsletter.ledger.staging import StagedBatch, stage_recipients
from newsletter.mail.message import Message
from newsletter.mail.message_template import MessageTemplate
from newsletter.mail.recipient_tags import RecipientTags
from newsletter.publication import OpenPublication
from newsletter.sending.rules import load_signature


@dataclass(frozen=True, kw_only=True)
class DryRun:
    """Result of a dry run: how many messages were written, where, and how many rows of the list could not be used.

    `languages` says how many are in which language, the publication's own as an empty one; it is empty for an issue
    without translations. `largest` is the size in bytes of the largest message as it would be sent, with its signature.
    `probe` is what was found at the mail server, None where nobody asked.
    """

    messages: int
    folder: Path
    unusable: int
    languages: Mapping[str, int] = field(default_factory=dict)
    largest: int = 0
    probe: Probe | None = None

    @property
    def is_too_large(self) -> bool:
        """Whether the server announced that it takes no message as large as the largest."""
        limit = self.probe.announced.largest_message if self.probe else None
        return limit is not None and self.largest > limit


def dry_run(publication: OpenPublication, draft: Draft, options: SendOptions, *, probe: bool = False) -> DryRun:
    """Write what a first send would send, whatever has been sent already, into the issue's build folder.

    With `probe` also ask the mail server what it takes, as probe_server does. Raises what planning a send raises, and
    with `probe` what probe_server does.
    """
    with stage_recipients(publication.store) as staged:
        request = make_send_request(publication, draft, options, staged)
        plan = plan_first_send(request)
        folder = publication.workspace.build(draft.path.stem) / "dry-run"
        counts, largest = _write_messages(staged, plan, RecipientTags.from_workspace(publication.workspace), folder)
    if largest is not None and (sign := load_signature(publication.workspace)):
        largest = sign(largest)
    return DryRun(
        messages=counts.total(),
        folder=folder,
        unusable=plan.campaign.left_out,
        languages=counts if request.texts.translations else {},
        largest=largest.size if largest else 0,
        probe=probe_server(publication) if probe else None,
    )


def _write_messages(
    staged: StagedBatch, plan: SendPlan, recipient_tags: RecipientTags, folder: Path
) -> tuple[Counter[str], Message | None]:
    """Write each message of the plan's new recipients as a file; return how many in which language, and the largest."""
    shutil.rmtree(folder, ignore_errors=True)
    make_private_folder(folder)
    templates = [MessageTemplate.from_bytes(template.payload) for template in plan.templates]
    date = datetime.now(UTC)
    languages = Counter[str]()
    largest: Message | None = None
    for count, entry in enumerate(staged.recipients(), start=1):
        issue = plan.campaign.issue
        message = recipient_tags.render(
            templates[entry.template], issue, entry.subscriber, entry.address, entry.fields, date
        )
        with create_private(folder / f"{count:06}.eml") as file:  # with a token by which its reader can be unsubscribed
            file.write(message.data)
        languages[entry.language] += 1
        if largest is None or message.size > largest.size:
            largest = message
    return languages, largest
