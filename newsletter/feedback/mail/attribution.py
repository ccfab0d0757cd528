"""Whose copy of which issue a mail answers, proved: anybody can write a mail that looks like a bounce.

Proof is what only somebody who has seen the reader's copy can show: the return path that we signed, or its Message-ID,
which is made of a seed that nobody else knows. The token of a link proves that its reader leaves and nothing else:
links are sent on, and stand in browsers' histories and in web servers' logs.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from itertools import islice

from newsletter.address import normalise_address, subscriber_key
from newsletter.config import Config
from newsletter.feedback.mail.recognition import FeedbackKind, MailFeedback
from newsletter.ledger.deliveries import find_delivery_by_number, list_deliveries
from newsletter.ledger.templates import read_template
from newsletter.mail.headers import message_id
from newsletter.mail.message_template import MessageTemplate
from newsletter.store import Store
from newsletter.subscribers.tokens import TOKENS_IN_TEXT, TokenSigner, parse_verp_tag

# A mail with more of them than this is no answer of anyone's.
_TOKEN = re.compile(TOKENS_IN_TEXT.encode())
_MOST_TOKENS = 20
# A returned copy's own field, folded as it may be, and quoted as some servers do.
_WAY_OUT = re.compile(rb"(?im)^[> \t]{0,8}List-Unsubscribe:[^\n]{0,2000}(?:\n[> ]{0,4}[ \t][^\n]{0,2000}){0,9}")
_MOST_HEADERS = 20


@dataclass(frozen=True, slots=True)
class Attribution:
    """A reader, the issue that the mail is about, and what shows it, in words."""

    reader: str
    issue: str
    by: str


class Attributor:
    """Looks for proof in one mail after another."""

    def __init__(self, store: Store, tokens: TokenSigner | None, config: Config) -> None:
        self._store = store
        self._tokens = tokens
        self._config = config
        self._origin = cache(self._read_origin)

    def prove(self, reading: MailFeedback, data: bytes) -> Attribution | None:
        """The surest first; None when nothing in the mail shows that it answers one of ours.

        A token in the header that came back names a reader whose Message-ID is looked for, since many providers take
        the address out of a complaint. By itself it proves an opt-out that a provider reports (RFC 5965).
        """
        header = b"\n".join(found[0] for found in islice(_WAY_OUT.finditer(data), _MOST_HEADERS))
        named = self._by_token(header)
        proof = self._by_return_path(reading) or self._by_message_id(reading, named)
        return proof or (named if reading.kind is FeedbackKind.UNSUBSCRIBE else None)

    def asked_in_subject(self, reading: MailFeedback) -> Attribution | None:
        """Whose token the subject bears, where a mail client puts what the link to leave says."""
        return self._by_token(reading.subject.encode("utf-8", "replace"))

    def _by_return_path(self, reading: MailFeedback) -> Attribution | None:
        sender = self._config.sender
        if self._tokens is None or not sender.bounces:
            return None
        mailbox, _, domain = sender.bounces.rpartition("@")
        # Not only while [sender] verp is set: mail that left before comes back later.
        path = re.compile(rf"{re.escape(mailbox)}[+-](\d{{1,18}}-[a-z2-7]+)@{re.escape(domain)}", re.IGNORECASE)
        for address in reading.delivered_to:
            found = path.fullmatch(address)
            number = parse_verp_tag(found[1]) if found else None
            copy = find_delivery_by_number(self._store, number) if number is not None else None
            if found and copy and self._tokens.marks(found[1], copy.id, copy.reader):
                return Attribution(copy.reader, copy.issue, "the return path")
        return None

    def _by_token(self, text: bytes) -> Attribution | None:
        if self._tokens is None:
            return None
        for found in islice(_TOKEN.finditer(text), _MOST_TOKENS):
            if leaver := self._tokens.read(found[0].decode("ascii")):
                return Attribution(leaver.subscriber, leaver.issue, "the token of a link")
        return None

    def _by_message_id(self, reading: MailFeedback, hint: Attribution | None) -> Attribution | None:
        wanted = {one.lower() for one in reading.message_ids}
        if not wanted:
            return None
        named = [*(finding.address for finding in reading.findings), *reading.original_to, reading.sender]
        named += [hint.reader] if hint else []
        for reader in _readers(named):
            # Those of earlier versions are made of the campaign's id, which stands in git: no proof.
            for copy in list_deliveries(self._store, reader, with_seed=True):
                seed, domain = self._origin(copy.template)
                if message_id(seed, copy.reader, domain).lower() in wanted:
                    return Attribution(copy.reader, copy.issue, "the Message-ID")
        return None

    def _read_origin(self, template: int) -> tuple[str, str]:
        compiled = MessageTemplate.from_bytes(read_template(self._store, template))
        return compiled.seed, compiled.domain


def _readers(addresses: Iterable[str]) -> list[str]:
    """Each reader whom the addresses can mean, once; what is no address means nobody."""
    readers: dict[str, None] = {}
    for address in addresses:
        try:
            readers[subscriber_key(normalise_address(address))] = None
        except ValueError:
            continue
    return list(readers)
