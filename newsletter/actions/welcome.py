"""Welcome of readers who have joined: a mail of its own, with the newest issue where the publication wants that."""

from sqlalchemy import Connection

from newsletter.address import EmailAddress, subscriber_key
from newsletter.campaigns.sent_issues import find_sent_issues
from newsletter.config.signup_settings import SignupSettings
from newsletter.issue_name import IssueName
from newsletter.ledger.campaigns import find_campaign, list_issues
from newsletter.publication import OpenPublication
from newsletter.transactional.mail_kinds import MailKind
from newsletter.transactional.queue import queue_mail


def find_welcome_issue(publication: OpenPublication) -> IssueName | None:
    """Return the issue that a welcome carries: the newest that went to the whole list; None where it is to carry none.

    Announcements and corrections are about one moment, and welcome nobody.
    """
    if publication.config.signup.welcome != "issue":
        return None
    store = publication.store
    sent = find_sent_issues(publication.workspace, store)
    for name in reversed(list_issues(store)):
        campaign = find_campaign(store, name) if name in sent else None
        if campaign and campaign.kind == "issue" and "" in campaign.batches and campaign.cancelled_at is None:
            return name
    return None


def queue_welcome(
    connection: Connection,
    settings: SignupSettings,
    address: EmailAddress,
    *,
    language: str = "",
    request: int | None = None,
    issue: IssueName | None = None,
) -> None:
    """Queue the mail that follows joining, unless the publication wants none."""
    if settings.welcome == "none":
        return
    queue_mail(
        connection,
        MailKind.WELCOME,
        subscriber_key(address),
        address,
        language=language,
        request=request,
        issue=issue,
    )
