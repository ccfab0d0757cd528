"""The message of one recipient as a file, to the byte as it was sent, or as it would be today."""

from dataclasses import dataclass
from pathlib import Path

from newsletter.campaigns.issue_texts import read_issue_texts
from newsletter.campaigns.recipient_message import render_frozen_copy, render_subscriber_copy
from newsletter.errors import ConfigError
from newsletter.files import open_private
from newsletter.issue.draft import read_draft
from newsletter.issue_name import read_issue_name
from newsletter.mail.dkim import DkimSigner
from newsletter.mail.recipient_tags import RecipientTags
from newsletter.ownership import require_own_links
from newsletter.publication import OpenPublication


@dataclass(frozen=True, kw_only=True)
class RecipientCopy:
    """Where the message was written, and how large it is in octets.

    `frozen` says that it is the campaign's, and not the draft's as it is now; `unsigned` is why it has no DKIM
    signature that it should have, or an empty string.
    """

    path: Path
    size: int
    frozen: bool
    unsigned: str


def export_recipient_copy(
    publication: OpenPublication, draft: Path, address: str, folder: Path | None = None
) -> RecipientCopy:
    """Write the message that an address gets, or got, into `folder`, build/ISSUE if None; only its owner can read it.

    Raises ListError for an address that is neither on the list nor in the campaign, DraftError and ConfigError.
    """
    workspace, name = publication.workspace, read_issue_name(draft)
    folder = folder or workspace.build(name)
    require_own_links(folder)
    tags = RecipientTags.from_keys(workspace, publication.keys)
    store = publication.known_store
    message = render_frozen_copy(store, tags, name, address) if store else None
    is_frozen = message is not None
    if message is None:
        texts = read_issue_texts(workspace, publication.edition_context, read_draft(draft))
        message = render_subscriber_copy(texts, tags, publication.subscriber_source(), address)
    unsigned = ""
    try:
        if signer := DkimSigner.from_config(publication.config, workspace.root, workspace.config_path):
            message = signer.sign(message)
    except ConfigError as error:  # the key is on another machine, say
        unsigned = next((problem.message for problem in error.problems), error.message)
    path = folder / f"{name}.reader.eml"
    with open_private(path, "wb") as file:  # with a token by which this reader can be unsubscribed
        file.write(message.data)
    return RecipientCopy(path=path, size=len(message.data), frozen=is_frozen, unsigned=unsigned)
