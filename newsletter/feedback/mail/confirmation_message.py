"""Question whether a subscriber wants to leave, sent to their own address when anybody could have written for them.

Nothing in it comes from the mail that asked for it. An answer by its link or its mailto address comes from a person who
reads that mailbox; it holds the same token as any issue's link.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime
from secrets import token_hex
from urllib.parse import quote

from newsletter import backends
from newsletter.address import EmailAddress, SubscriberKey, domain_of
from newsletter.issue_name import NO_ISSUE
from newsletter.mail import quoted_printable
from newsletter.mail.headers import (
    derive_message_id,
    format_address_header,
    format_list_id,
    format_plain_header,
    format_recipient_headers,
    format_text_header,
)
from newsletter.mail.message import Message, Result
from newsletter.sending.rules import load_signature
from newsletter.sending.unrecorded import send_unrecorded
from newsletter.subscribers.secret_keys import SecretKeys
from newsletter.subscribers.tokens import TokenSigner
from newsletter.workspace import Workspace


@dataclass(frozen=True, slots=True)
class ConfirmationSender:
    """Sender of the question, through the publication's backend and with its signature.

    `find_language` says in which language a subscriber is asked, "" for the publication's own.
    """

    workspace: Workspace
    keys: SecretKeys
    find_language: Callable[[SubscriberKey], str] = lambda _subscriber: ""

    def send(self, subscribers: Sequence[SubscriberKey]) -> Mapping[str, Result]:
        """Ask these subscribers; return the result of each one's mail. Raises DeliveryError without a connection."""
        config = self.workspace.config
        sign = load_signature(self.workspace)
        messages = [self.build_message(subscriber) for subscriber in subscribers]
        backend = backends.load_backend(config.send.backend, config, self.workspace.root)
        return asyncio.run(send_unrecorded(backend, [sign(message) for message in messages] if sign else messages))

    def build_message(self, subscriber: SubscriberKey) -> Message:
        """Return the question to one subscriber."""
        language = self.find_language(subscriber)
        config = self.workspace.config
        with suppress(KeyError):  # a language that is declared no more
            config = config.in_language(language)
        recipient = EmailAddress(subscriber)  # a key is a spelling of their address
        token = TokenSigner(self.keys, config.subscriber_list.id).write(NO_ISSUE, subscriber)
        address = config.subscriber_list.unsubscribe.removeprefix("mailto:").partition("?")[0]
        mailto = f"mailto:{address}?subject={quote(f'unsubscribe {token}')}"
        page = config.service.leave(token)
        ways = f"<{page}>, <{mailto}>" if page else f"<{mailto}>"
        title, translate = config.publication.title, config.translator.translate
        head = [
            format_address_header("From", config.sender.from_),
            format_plain_header("Reply-To", config.publication.contact),
            format_text_header("Subject", translate("Do you want to leave {title}?", title=title)),
            format_plain_header("Date", format_datetime(datetime.now(UTC).replace(microsecond=0))),
            format_plain_header("Auto-Submitted", "auto-replied"),  # RFC 3834: no program answers it
            format_list_id(config),
            format_plain_header("List-Unsubscribe", ways),
            format_plain_header("List-Unsubscribe-Post", "List-Unsubscribe=One-Click")
            if config.service.takes_one_click
            else b"",
            format_plain_header("MIME-Version", "1.0"),
            format_plain_header("Content-Type", "text/plain; charset=utf-8"),
            format_plain_header("Content-Transfer-Encoding", "quoted-printable"),
            format_recipient_headers(
                "", recipient, derive_message_id(token_hex(16), subscriber, domain_of(config.sender.envelope))
            ),
        ]
        paragraphs = [
            translate(
                "Somebody has asked by mail, in your name, that {title} is no longer sent to {address}. "
                "Mail can be written in anybody's name. So we ask you.",
                title=title,
                address=subscriber,
            ),
            translate("To leave, open this page and press its button:")
            if page
            else translate("To leave, send the mail that this link opens, as it is:"),
            page or mailto,
            translate("If you did not ask for it, do nothing: you go on getting {title}.", title=title),
            config.sender.postal_address,
        ]
        text = "\n\n".join(paragraphs) + "\n"
        return Message(
            key=subscriber,
            sender=config.sender.envelope,
            recipient=recipient,
            pieces=(*head, b"\r\n", quoted_printable.encode_without_shortcut(text), b"\r\n"),
        )
