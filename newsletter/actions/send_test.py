"""The test that an editor sends, to a few addresses and outside of every campaign."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path
from secrets import token_hex

from newsletter.address import normalise_address
from newsletter.backends import Backend
from newsletter.errors import ListError, NewsletterError
from newsletter.issue.draft import Draft, require_issue
from newsletter.issue.model import Issue
from newsletter.issue_name import IssueName
from newsletter.mail.compiler import render_single_message
from newsletter.mail.message import Message, Outcome, Result
from newsletter.mail.recipient_tags import RecipientTags
from newsletter.publication import OpenPublication
from newsletter.sending.unrecorded import send_unrecorded
from newsletter.subscribers.source import SubscriberSource
from newsletter.subscribers.subscriber import Subscriber, unlisted_subscriber

TESTERS = "testers"  # in place of an address: those in newsletter.toml


@dataclass(frozen=True, kw_only=True)
class SentTest:
    """Answers of the server to each test, in the order of their addresses.

    `unrecorded` is why it could not be noted that this text was tested, which [send] require may ask for.
    """

    issue: IssueName
    results: Sequence[Result]
    unrecorded: NewsletterError | None = None

    @property
    def accepted(self) -> bool:
        """Whether the server took every one of them."""
        return all(result.outcome is Outcome.ACCEPTED for result in self.results)

    def describe(self) -> list[str]:
        """Return a line for each test."""
        return [
            f"[TEST] {self.issue} to {result.key}: {result.outcome.value} ({result.line})" for result in self.results
        ]


@dataclass(frozen=True, kw_only=True)
class PreparedTest:
    """Messages marked [TEST], made and signed; `text_sha256` names the text that they show."""

    publication: OpenPublication
    backend: Backend
    issue: Issue
    messages: Sequence[Message]
    text_sha256: str

    async def send(self) -> SentTest:
        """Send them, and note that this text was tested when one was accepted. Raises Unreachable."""
        results = await send_unrecorded(self.backend, self.messages)
        unrecorded = None
        if any(result.outcome is Outcome.ACCEPTED for result in results.values()):
            try:
                await asyncio.to_thread(self._note)
            except NewsletterError as error:
                unrecorded = error
        ordered = [results[message.key] for message in self.messages]
        return SentTest(issue=self.issue.name, results=ordered, unrecorded=unrecorded)

    def _note(self) -> None:
        # The ledger brings SQLAlchemy, a tenth of a second that the preview's start should not wait for.
        from newsletter.ledger.issue_tests import record_test

        record_test(self.publication.store, self.issue.name, self.text_sha256)


def send_test(
    publication: OpenPublication, draft: Draft, addresses: Sequence[str], list_file: Path | None = None
) -> SentTest:
    """Send the issue, marked [TEST], to a few addresses; no campaign knows of it.

    `addresses` may hold the word "testers". Raises DraftError, ListError, ConfigError, TemplateError, and Unreachable
    when there is no session.
    """
    named = (publication.config.send.testers if address == TESTERS else (address,) for address in addresses)
    wanted = list(dict.fromkeys(chain.from_iterable(named)))
    issue = require_issue(draft)
    if not wanted:
        raise ListError(
            "newsletter.toml names no testers.", next_step='Add testers = ["you@example.org"] under [send].'
        )
    source = publication.subscriber_source(list_file)
    return asyncio.run(prepare_test(publication, issue, find_testers(wanted, source)).send())


def prepare_test(publication: OpenPublication, issue: Issue, testers: Sequence[Subscriber]) -> PreparedTest:
    """Make the messages of a test, which takes its time. Raises ConfigError and TemplateError."""
    from newsletter.campaigns.approval import hash_rendering
    from newsletter.sending.rules import load_signature

    context, recipient_tags, sign = (
        publication.edition_context,
        RecipientTags.from_workspace(publication.workspace),
        load_signature(publication.workspace),
    )
    date = datetime.now(UTC).replace(microsecond=0)
    messages = [
        render_single_message(
            context,
            issue,
            tester,
            token_hex(8),
            date,
            subject_prefix="[TEST] ",
            token=recipient_tags.unsubscribe_token(issue.name, tester.address),
        )
        for tester in testers
    ]
    return PreparedTest(
        publication=publication,
        backend=publication.load_backend(),
        issue=issue,
        messages=[sign(message) for message in messages] if sign else messages,
        text_sha256=hash_rendering(context, issue),
    )


def find_testers(addresses: Sequence[str], source: SubscriberSource) -> list[Subscriber]:
    """Return who gets a test: one who is on the list as that subscriber, another with the fields' defaults.

    Raises ListError for what is no address.
    """
    testers = []
    for text in addresses:
        try:
            testers.append(unlisted_subscriber(normalise_address(text)))
        except ValueError as error:
            raise ListError(
                f"{text!r} is no address to send a test to: {error}", next_step="Write it as name@example.org."
            ) from error
    listed = source.find(tester.key for tester in testers)
    return [listed.get(tester.key, tester) for tester in testers]
