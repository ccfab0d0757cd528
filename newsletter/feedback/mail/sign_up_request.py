"""Requests to join by mail: whoever writes to [signup] mail joins, if one's own mail server vouches for their address.

A mail that passes DMARC is its own confirmation: nobody is asked, and no stranger is ever mailed. The address has to
stand in To or Cc, since a mail that somebody else has got can be sent on to any other address with its signature whole.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from newsletter.address import EmailAddress, normalise_address, subscriber_key
from newsletter.clock import Instant, parse_instant
from newsletter.config import Config
from newsletter.feedback.event import FeedbackKind
from newsletter.feedback.mail.decision import Action, Decision, make_plain_decision
from newsletter.feedback.mail.recognition import MailFeedback
from newsletter.workspace import PublicationId

_VOUCHED = "dmarc=pass"  # RFC 7489: what SPF or DKIM alone says is not enough to act without a question


@dataclass(frozen=True, slots=True, kw_only=True)
class SignUpRequest:
    """A request to join by mail: the address in From, for which one's own mail server vouches, and what shows it.

    `received_at` is None where the mailbox does not say it.
    """

    address: EmailAddress
    message_id: str
    received_at: Instant | None
    proof: str


class SignUpOutcome(StrEnum):
    """Outcomes of a request to join by mail, in words."""

    JOINED = "a new reader"
    ALREADY = "they get it already"
    KNOWN = "this mail was dealt with before"
    OVERTAKEN = "they have left, or were taken off the list, since they wrote it"
    HELD = "nothing is sent to them, for a reason that only you can lift"
    STALE = "it is more than 30 days old"
    FULL = "too many join within this hour; the next reading goes on"
    CLOSED = 'readers can\'t join by themselves: that takes [service] url and [list] source = "store"'


# What a publication does about a request; with the last one, a dry run, nothing is written.
Join = Callable[[PublicationId, SignUpRequest, bool], SignUpOutcome]

_ACTIONS = {
    SignUpOutcome.JOINED: Action.JOIN,
    SignUpOutcome.ALREADY: Action.NOTHING,
    SignUpOutcome.KNOWN: Action.NOTHING,
    SignUpOutcome.OVERTAKEN: Action.NOTHING,
    SignUpOutcome.HELD: Action.ASK,
    SignUpOutcome.STALE: Action.ASK,
    SignUpOutcome.FULL: Action.ASK,
    SignUpOutcome.CLOSED: Action.ASK,
}


def find_joined(mail: MailFeedback, publications: Mapping[PublicationId, Config]) -> list[PublicationId]:
    """Return to which publications' [signup] mail a mail was written that is neither a bounce nor another request."""
    if mail.kind is not FeedbackKind.OTHER or mail.is_report or mail.events:
        return []
    addressed = {address.casefold() for address in mail.addressed_to}
    return [name for name, config in publications.items() if _find_address(config) in addressed]


def _find_address(config: Config) -> str | None:
    return subscriber_key(normalise_address(config.signup.mail)) if config.signup.mail else None


def decide_sign_up(
    mail: MailFeedback,
    joined: Sequence[PublicationId],
    publications: Mapping[PublicationId, Config],
    authenticated: str,
) -> tuple[Decision, SignUpRequest | None]:
    """Return what is done about a mail to `joined`, and the request where it is one that counts.

    `authenticated` is what one's own mail server says for the address in From; empty when it says nothing for it.
    """
    mail = replace(mail, kind=FeedbackKind.SIGN_UP)
    addresses = [_find_address(publications[name]) for name in joined]
    try:
        address = normalise_address(mail.sender)
    except ValueError:
        return make_plain_decision(mail, Action.ASK, "no mail can be sent to the address in From"), None
    if mail.impersonal:
        return make_plain_decision(mail, Action.NOTHING, mail.impersonal), None
    if subscriber_key(address) in addresses:
        return make_plain_decision(mail, Action.NOTHING, "it comes from the address to which one writes to join"), None
    if len({*addresses}) < len(addresses):
        return make_plain_decision(mail, Action.ASK, "several newsletters have this address in [signup] mail"), None
    if authenticated != _VOUCHED:
        why = "anybody can write a mail in a reader's name, and your mail server does not say that it passed DMARC"
        return make_plain_decision(mail, Action.ASK, why), None
    request = SignUpRequest(
        address=address,
        message_id=mail.message_id,
        received_at=parse_instant(mail.received_at) if mail.received_at else None,
        proof=authenticated,
    )
    return make_plain_decision(
        mail, Action.JOIN, f"the reader wrote it ({authenticated}, says your mail server)"
    ), request


def apply_outcomes(decision: Decision, outcomes: Mapping[PublicationId, SignUpOutcome], own: PublicationId) -> Decision:
    """Return the decision once it is known what each publication does. What is left to a person outweighs the rest."""
    gravest = min(outcomes.values(), key=lambda one: (Action.ASK, Action.JOIN, Action.NOTHING).index(_ACTIONS[one]))
    others = [name for name in outcomes if name != own]
    about = f"; it is about {', '.join(others)}" if others else ""
    said = "" if gravest is SignUpOutcome.JOINED else f"; {gravest}"
    return replace(
        decision,
        action=_ACTIONS[gravest],
        why=f"{decision.why}{said}{about}",
        tries_again=SignUpOutcome.FULL in outcomes.values(),
    )
