"""The welcome that carries an issue: the newest one as its readers got it, with a line of welcome above."""

from dataclasses import replace
from datetime import UTC, datetime
from secrets import token_hex

from newsletter.campaigns.issue_texts import IssueTexts, read_issue_texts
from newsletter.editions import EditionContext
from newsletter.errors import DraftError
from newsletter.field import UNSUBSCRIBE_FIELD
from newsletter.issue.blocks import Paragraph, RichText, TextRun
from newsletter.issue.draft import read_draft
from newsletter.issue.model import Issue
from newsletter.issue_name import IssueName
from newsletter.mail.compiler import compile_message
from newsletter.mail.headers import format_automatic_header
from newsletter.mail.message import Message
from newsletter.subscribers.subscriber import Subscriber
from newsletter.workspace import Workspace


def read_welcome_issue(workspace: Workspace, context: EditionContext, name: IssueName) -> IssueTexts:
    """Read an issue from its drafts, as they are now. Raises DraftError for one that is gone or has problems."""
    texts = read_issue_texts(workspace, context, read_draft(workspace.find_draft(name)))
    texts.require_issue()
    return texts


def build_issue_welcome(texts: IssueTexts, language: str, reader: Subscriber, token: str, key: str) -> Message:
    """Return the issue for who has just joined, not signed, in their language or else in the publication's own.

    `token` is theirs for unsubscribing. Raises DraftError also where the text asks for a field that they have not, and
    what rendering raises.
    """
    chosen = language if language in texts.languages else ""
    context = texts.find_context(chosen)
    issue = _put_welcome_above(context, texts.require_issue(chosen).seen_by(reader.tags))
    template = compile_message(context, issue, token_hex(8), datetime.now(UTC).replace(microsecond=0))
    fields = {**reader.fields, UNSUBSCRIBE_FIELD: token}
    if missing := template.find_missing_fields(fields):
        raise DraftError(
            f"{issue.name} asks for {', '.join(missing)}, of which nothing is known of who has just joined.",
            next_step="Give it a default in the draft, as in {{ name | reader }}.",
        )
    template = replace(template, header=template.header + format_automatic_header())
    return template.render(key, reader.address, fields)


def _put_welcome_above(context: EditionContext, issue: Issue) -> Issue:
    words = context.translator.translate(
        "Welcome to {title}! So that you need not wait for the next issue, here is the newest.",
        title=context.config.publication.title,
    )
    welcome = Paragraph((TextRun(text=words),))
    intro = issue.intro or RichText(())
    return issue.model_copy(update={"intro": replace(intro, blocks=(welcome, *intro.blocks))})
