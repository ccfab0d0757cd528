"""The message that one recipient gets, or got."""

from datetime import UTC, datetime

from newsletter.campaigns.issue_texts import IssueTexts
from newsletter.campaigns.reader_languages import LanguageChooser
from newsletter.errors import ListError
from newsletter.issue_name import IssueName
from newsletter.ledger.campaigns import find_campaign
from newsletter.ledger.deliveries import find_delivery, find_sending_time
from newsletter.ledger.templates import read_template
from newsletter.mail.message import Message
from newsletter.mail.message_template import MessageTemplate
from newsletter.mail.recipient_tags import RecipientTags
from newsletter.store import Store
from newsletter.subscribers.source import SubscriberSource
from newsletter.subscribers.subscriber import parse_subscriber_key


def render_frozen_copy(store: Store, recipient_tags: RecipientTags, issue: IssueName, address: str) -> Message | None:
    """Return what the issue's campaign sends, or sent, to an address; None when it has no such recipient.

    It is made as it is for sending, from what was frozen, so it is the same to the byte. Raises ListError, and
    ConfigError when the keys of its links are gone.
    """
    delivery = find_delivery(store, issue, parse_subscriber_key(address))
    if delivery is None:
        return None
    template = MessageTemplate.from_bytes(read_template(store, delivery.template))
    recipient_tags.require_keys(template)
    # One who has not had a turn gets it when the next run begins: now, or when it is due in the outbox.
    date = find_sending_time(store, delivery.id) or _next_sending(store, issue)
    return recipient_tags.render(
        template, issue, delivery.subscriber, delivery.address, delivery.fields, date, delivery.id
    )


def _next_sending(store: Store, issue: IssueName) -> datetime:
    campaign = find_campaign(store, issue)
    now = datetime.now(UTC)
    return max(now, campaign.due_at) if campaign and campaign.due_at else now


def render_subscriber_copy(
    texts: IssueTexts, recipient_tags: RecipientTags, source: SubscriberSource, address: str
) -> Message:
    """Return what the issue would be today for a subscriber, in their language.

    Raises ListError for one who is not on the list, and DraftError.
    """

    from newsletter.mail.compiler import render_sample  # with all that makes editions, which a frozen copy needs not

    wanted = parse_subscriber_key(address)
    if subscriber := source.find([wanted]).get(wanted):
        language = LanguageChooser(texts.context.config, list(texts.translations)).choose_tag(subscriber.fields)
        token = recipient_tags.unsubscribe_token(texts.name, subscriber.address)
        return render_sample(texts.find_context(language), texts.require_issue(language), subscriber, token)
    raise ListError(
        f"{address} is not in {source.place.name}, and {texts.name} has not been sent there.",
        next_step=f"Name an address of the list. A copy for nobody in particular: newsletter export eml {texts.name}",
    )
