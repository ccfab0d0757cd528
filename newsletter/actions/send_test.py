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
from newsletter.campaigns.issue_texts import read_issue_texts
from newsletter.errors import DecisionNeeded, ListError, NewsletterError
from newsletter.issue.draft import Draft
from newsletter.issue.model import Issue
from newsletter.issue_name import IssueName
from newsletter.mail.compiler import render_single_message
from newsletter.mail.message import Message, Outcome, Result
from newsletter.mail.recipient_tags import RecipientTags
from newsletter.publication import OpenPublication
from newsletter.sending.unrecorded import send_unrecorded
from newsletter.subscribers.source import SubscriberSource
from newsletter.subscribers.subscriber import Subscriber, unlisted_subscriber
from newsletter.translation import describe_language

TESTERS = "testers"  # in place of an address: those in newsletter.toml


@dataclass(frozen=True, kw_only=True)
class SentTest:
    """Answers of the server to each test, by languages, and for each language in the order of their addresses.

    `languages` are those of the results, empty for the publication's own. `unrecorded` is why it could not be noted
    that this text was tested, which [send] require may ask for.
    """

    issue: IssueName
    results: Sequence[Result]
    languages: Sequence[str] = ()
    unrecorded: NewsletterError | None = None

    @property
    def accepted(self) -> bool:
        """Whether the server took every one of them."""
        return all(result.outcome is Outcome.ACCEPTED for result in self.results)

    def describe(self) -> list[str]:
        """Return a line for each test."""
        languages = self.languages or [""] * len(self.results)
        return [
            f"[TEST] {self.issue}{f' in {describe_language(language)}' if language else ''} to {result.key}: "
            f"{result.outcome.value} ({result.line})"
            for result, language in zip(self.results, languages, strict=True)
        ]


@dataclass(frozen=True, kw_only=True)
class TestMessage:
    """One message of a test: to whom, in which language, and the hash that names the text that it shows."""

    message: Message
    address: str
    language: str
    text_sha256: str


@dataclass(frozen=True, kw_only=True)
class PreparedTest:
    """Messages marked [TEST], made and signed."""

    publication: OpenPublication
    backend: Backend
    issue: IssueName
    messages: Sequence[TestMessage]

    async def send(self) -> SentTest:
        """Send them, and note that each text was tested of which a message was accepted. Raises Unreachable."""
        results = await send_unrecorded(self.backend, [each.message for each in self.messages])
        answers = [(each, results[each.message.key]) for each in self.messages]
        accepted = dict.fromkeys(each.text_sha256 for each, result in answers if result.outcome is Outcome.ACCEPTED)
        unrecorded = None
        if accepted:
            try:
                await asyncio.to_thread(self._note, list(accepted))
            except NewsletterError as error:
                unrecorded = error
        return SentTest(
            issue=self.issue,
            results=[result._replace(key=each.address) for each, result in answers],
            languages=[each.language for each in self.messages],
            unrecorded=unrecorded,
        )

    def _note(self, texts: Sequence[str]) -> None:
        # The ledger brings SQLAlchemy, a tenth of a second that the preview's start should not wait for.
        from newsletter.ledger.issue_tests import record_test

        try:
            _ = self.publication.carried
        except DecisionNeeded:  # it is elsewhere: a test can be noted only where that is needed
            if "tested" in self.publication.config.send.require:
                raise
            return
        for text in texts:
            record_test(self.publication.store, self.issue, text)


def send_test(
    publication: OpenPublication,
    draft: Draft,
    addresses: Sequence[str],
    list_file: Path | None = None,
    *,
    language: str = "",
) -> SentTest:
    """Send the issue, marked [TEST], to a few addresses; no campaign knows of it.

    Each gets it in all its languages, or in `language` alone. `addresses` may hold the word "testers". Raises
    DraftError, ListError, ConfigError, TemplateError, and Unreachable when there is no session.
    """
    named = (publication.config.send.testers if address == TESTERS else (address,) for address in addresses)
    wanted = list(dict.fromkeys(chain.from_iterable(named)))
    texts = read_issue_texts(publication.workspace, publication.edition_context, draft)
    languages = texts.languages
    if language:
        workspace = publication.workspace
        languages = (workspace.language_of(workspace.find_translation(draft.name, language)),)
    issues = [texts.require_issue(each) for each in languages]
    if not wanted:
        raise ListError(
            "newsletter.toml names no testers.", next_step='Add testers = ["you@example.org"] under [send].'
        )
    source = publication.subscriber_source(list_file)
    return asyncio.run(prepare_test(publication, issues, find_testers(wanted, source)).send())


def prepare_test(publication: OpenPublication, issues: Sequence[Issue], testers: Sequence[Subscriber]) -> PreparedTest:
    """Make the messages of a test, which takes its time. Raises ConfigError and TemplateError.

    Each tester gets all of `issues`, which are one in several languages.
    """
    from newsletter.campaigns.issue_fingerprints import hash_rendering
    from newsletter.sending.rules import load_signature

    recipient_tags, sign = RecipientTags.from_workspace(publication.workspace), load_signature(publication.workspace)
    date = datetime.now(UTC).replace(microsecond=0)
    messages = []
    for issue in issues:
        context = publication.edition_context.in_language(issue.language)
        text = hash_rendering(context, issue)
        for tester in testers:
            message = render_single_message(
                context,
                issue,
                tester,
                token_hex(8),
                date,
                subject_prefix="[TEST] ",
                token=recipient_tags.unsubscribe_token(issue.name, tester.address),
            )
            message = (sign(message) if sign else message)._replace(key=f"{message.key} {issue.language}")
            messages.append(TestMessage(message=message, address=tester.key, language=issue.language, text_sha256=text))
    return PreparedTest(
        publication=publication,
        backend=publication.load_backend(),
        issue=issues[0].name,
        messages=messages,
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
