"""Unsubscribe tokens and VERP tags: the signed names in a message's links and in its return path."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from newsletter.address import EmailAddress, domain_of, local_part_of, subscriber_key
from newsletter.errors import ConfigError
from newsletter.field import SAMPLE_TOKEN, UNSUBSCRIBE_FIELD, Field, split_fields
from newsletter.issue_name import IssueName
from newsletter.mail.message import Message
from newsletter.mail.message_template import MessageTemplate
from newsletter.subscribers.secret_keys import SecretKeys, find_secret_keys, require_secret_keys
from newsletter.subscribers.tokens import TokenSigner
from newsletter.workspace import Workspace


@dataclass(frozen=True)
class RecipientTags:
    """The unsubscribe token and the VERP tag of each recipient. Without keys there are none.

    `verp` is the character before the tag in a return path, `bounces` the address that return paths are made of.
    """

    tokens: TokenSigner | None = None
    verp: str = ""
    bounces: str = ""  # the address that return paths are made of

    @classmethod
    def from_workspace(cls, workspace: Workspace) -> "RecipientTags":
        """Return those that newsletter.toml asks for. Raises ConfigError when there are no keys for them."""
        config = workspace.config
        asked = config.service.url or config.sender.verp or _has_token(config.subscriber_list.unsubscribe)
        return cls.from_keys(workspace, require_secret_keys(workspace) if asked else find_secret_keys(workspace))

    @classmethod
    def from_keys(cls, workspace: Workspace, keys: SecretKeys | None) -> "RecipientTags":
        tokens = TokenSigner(keys, workspace.config.subscriber_list.id) if keys else None
        sender = workspace.config.sender
        return cls(tokens, sender.verp, sender.bounces or "")

    def require_keys(self, template: MessageTemplate) -> None:
        """Check that there are keys when the template has a placeholder for tokens. Raises ConfigError."""
        if template.takes_token and self.tokens is None:
            raise ConfigError(
                "This issue's text was frozen with readers' own links, and the keys that sign them are gone.",
                next_step="Put back .newsletter/keys.toml, or copy it from the machine where the sending began.",
            )

    def unsubscribe_token(self, issue: IssueName, address: EmailAddress) -> str:
        """Return the token of an address for an issue; without keys, one for samples that unsubscribes nobody."""
        return self.tokens.write(issue, subscriber_key(address)) if self.tokens else SAMPLE_TOKEN

    def render(
        self,
        template: MessageTemplate,
        issue: IssueName,
        reader: str,
        address: EmailAddress,
        fields: Mapping[str, str],
        date: datetime,
        delivery: int | None = None,
    ) -> Message:
        """Return a reader's message with its token, and, for a delivery, the return path that names it (VERP).

        `date` is when the batch was sent; what was frozen with a Date of its own keeps that.
        """
        if template.takes_token and self.tokens:
            fields = {**fields, UNSUBSCRIBE_FIELD: self.tokens.write(issue, reader)}
        # What is in the ledger was checked when it was frozen.
        render = template.render if delivery is None else template.render_checked
        message = render(reader, address, fields, date)
        if not self.verp or self.tokens is None or delivery is None:
            return message
        # Made of today's address for bounces and not of the frozen sender, since that is where bounces are read.
        mailbox, domain = local_part_of(self.bounces), domain_of(self.bounces)
        sender = f"{mailbox}{self.verp}{self.tokens.write_verp_tag(delivery, reader)}@{domain}"
        return Message(message.key, EmailAddress(sender), message.recipient, message.pieces)


def _has_token(text: str) -> bool:
    return any(isinstance(piece, Field) and piece.name == "token" for piece in split_fields(text))
