"""Attribution of a mail to the delivery that it answers: anybody can write a mail that looks like a bounce.

Proof is what only somebody who has seen the subscriber's copy can show: the return path that we signed (VERP), or its
Message-ID, which is made of a seed that nobody else knows. The token of an unsubscribe link proves that its subscriber
leaves and nothing else: links are sent on, and are kept in browsers' histories and in web servers' logs.
"""

import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import islice

from newsletter.address import SubscriberKey, domain_of, local_part_of, normalise_address, subscriber_key
from newsletter.feedback.event import FeedbackKind
from newsletter.feedback.mail.recognition import MailFeedback
from newsletter.issue_name import NO_ISSUE, IssueName
from newsletter.ledger.deliveries import find_delivery_by_number, list_deliveries
from newsletter.ledger.notices import list_notices
from newsletter.ledger.templates import read_template
from newsletter.mail.headers import derive_message_id
from newsletter.mail.message_template import MessageTemplate
from newsletter.store import Store
from newsletter.subscribers.token_seal import TOKENS_IN_TEXT
from newsletter.subscribers.tokens import TokenSigner, parse_verp_tag
from newsletter.workspace import PublicationId

_TOKEN = re.compile(TOKENS_IN_TEXT.encode())
_MOST_TOKENS = 20  # a mail with more of them is no answer of anyone's
# The field of a returned copy, folded over lines, and quoted as some servers do.
_LIST_UNSUBSCRIBE = re.compile(
    rb"(?im)^[> \t]{0,8}List-Unsubscribe:[^\n]{0,2000}(?:\n[> ]{0,4}[ \t][^\n]{0,2000}){0,9}"
)
_MOST_HEADERS = 20


@dataclass(frozen=True, slots=True)
class Attribution:
    """A subscriber, the issue that the mail is about, and what proves it, in words.

    `publication` is whose issue it is, None where only the mail's own words say who it is about.
    """

    subscriber: SubscriberKey
    issue: IssueName
    by: str
    publication: PublicationId | None = None


class Attributors:
    """Attributors of all publications whose mail may come back to one mailbox, the reading one's first.

    A proof is bound to one publication, so that no mail is about two.
    """

    def __init__(self, attributors: Sequence["Attributor"]) -> None:
        self._attributors = attributors

    def attribute(self, mail: MailFeedback, data: bytes) -> Attribution | None:
        """Return whose delivery the mail answers, of whichever publication; None when it answers none of them."""
        return next(filter(None, (one.attribute(mail, data) for one in self._attributors)), None)

    def find_requester(self, mail: MailFeedback) -> Attribution | None:
        """Return whose token the subject bears, of whichever publication."""
        return next(filter(None, (one.find_requester(mail) for one in self._attributors)), None)


class Attributor:
    """Attributor of one mail after another to a publication's deliveries. It reads each campaign's seed once.

    Without `tokens`, which take its keys and its list's id, a Message-ID alone proves anything.
    """

    def __init__(self, store: Store, tokens: TokenSigner | None, bounces: str | None) -> None:
        self._store = store
        self._tokens = tokens
        self._bounces = bounces  # [sender] bounces
        self._origin = cache(self._read_origin)

    def attribute(self, mail: MailFeedback, data: bytes) -> Attribution | None:
        """Return whose delivery the mail answers; None when nothing in it shows that it answers one of ours.

        A token in the header that came back names a subscriber whose Message-ID is looked for, since many providers
        take the address out of a complaint. By itself it proves an opt-out that a provider reports (RFC 5965).
        """
        header = b"\n".join(match[0] for match in islice(_LIST_UNSUBSCRIBE.finditer(data), _MOST_HEADERS))
        named = self._attribute_by_token(header)
        proof = self._attribute_by_return_path(mail) or self._attribute_by_message_id(mail, named)
        return proof or (named if mail.kind is FeedbackKind.UNSUBSCRIBE else None)

    def find_requester(self, mail: MailFeedback) -> Attribution | None:
        """Return whose token the subject bears, where a mail client puts what the unsubscribe link says."""
        return self._attribute_by_token(mail.subject.encode("utf-8", "replace"))

    def _attribute_by_return_path(self, mail: MailFeedback) -> Attribution | None:
        if self._tokens is None or not self._bounces:
            return None
        mailbox, domain = local_part_of(self._bounces), domain_of(self._bounces)
        # Also while [sender] verp is not set: mail that left before may come back.
        path = re.compile(rf"{re.escape(mailbox)}[+-](\d{{1,18}}-[a-z2-7]+)@{re.escape(domain)}", re.IGNORECASE)
        for address in mail.delivered_to:
            match = path.fullmatch(address)
            number = parse_verp_tag(match[1]) if match else None
            delivery = find_delivery_by_number(self._store, number) if number is not None else None
            if match and delivery and self._tokens.is_verp_tag(match[1], delivery.id, delivery.subscriber):
                return self._attribution(delivery.subscriber, delivery.issue, "the return path")
        return None

    def _attribute_by_token(self, text: bytes) -> Attribution | None:
        if self._tokens is None:
            return None
        for match in islice(_TOKEN.finditer(text), _MOST_TOKENS):
            if leaving := self._tokens.read(match[0].decode("ascii")):
                return self._attribution(leaving.subscriber, leaving.issue, "the token of a link")
        return None

    def _attribute_by_message_id(self, mail: MailFeedback, hint: Attribution | None) -> Attribution | None:
        wanted = {message_id.lower() for message_id in mail.message_ids}
        if not wanted:
            return None
        named = [*(event.address for event in mail.events), *mail.original_to, mail.sender]
        named += [hint.subscriber] if hint else []
        for subscriber in _list_subscribers(named):
            # Message-IDs without a seed, of earlier versions, are made of the campaign's id, which is in git: no proof.
            for delivery in list_deliveries(self._store, subscriber, with_seed=True):
                seed, domain = self._origin(delivery.template)
                if derive_message_id(seed, delivery.subscriber, domain).lower() in wanted:
                    return self._attribution(delivery.subscriber, delivery.issue, "the Message-ID")
            if self._is_of_notice(subscriber, wanted):
                return self._attribution(subscriber, NO_ISSUE, "the Message-ID")
        return None

    def _is_of_notice(self, subscriber: SubscriberKey, wanted: Collection[str]) -> bool:
        """Return whether one of the Message-IDs is of a mail that the subscriber got outside of any campaign.

        Those that ask to confirm are not among them: a stranger may have typed the address, so that what comes back of
        them says nothing about a reader.
        """
        if self._tokens is None:
            return False
        seeds, domains = self._tokens.derive_notice_seeds(subscriber), {domain_of(one[:-1]) for one in wanted}
        return any(
            derive_message_id(seed, str(number), domain) in wanted
            for number in list_notices(self._store, subscriber)
            for seed in seeds
            for domain in domains
        )

    def _attribution(self, subscriber: SubscriberKey, issue: IssueName, by: str) -> Attribution:
        return Attribution(subscriber, issue, by, self._store.publication)

    def _read_origin(self, template: int) -> tuple[str, str]:
        compiled = MessageTemplate.from_bytes(read_template(self._store, template))
        return compiled.seed, compiled.domain


def _list_subscribers(addresses: Iterable[str]) -> list[SubscriberKey]:
    """Return the keys that the addresses can have, each once; what is no address means nobody."""
    keys: dict[SubscriberKey, None] = {}
    for address in addresses:
        try:
            keys[subscriber_key(normalise_address(address))] = None
        except ValueError:
            continue
    return list(keys)
