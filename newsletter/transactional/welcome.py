"""Welcome of a reader who has just joined: nothing, a note, or the newest issue, as the publication has it."""

from sqlalchemy import Connection

from newsletter.address import EmailAddress, SubscriberKey
from newsletter.config import Config
from newsletter.ledger.welcome_issues import claim_welcome_issue
from newsletter.transactional.mail_kinds import MailKind
from newsletter.transactional.queue import queue_mail


def queue_welcome(
    connection: Connection,
    config: Config,
    subscriber: SubscriberKey,
    address: EmailAddress,
    *,
    language: str = "",
    request: int | None = None,
) -> int | None:
    """Queue what [signup] welcome says for who has joined by a request; return the mail's id, None where it is none.

    The newest issue goes to nobody who has it by its campaign, or waits for it there: they get the note alone.
    """
    wanted = config.signup.welcome
    if wanted == "none":
        return None
    issue = claim_welcome_issue(connection, subscriber) if wanted == "issue" else None
    return queue_mail(
        connection, MailKind.WELCOME, subscriber, address, language=language, request=request, issue=issue
    )
