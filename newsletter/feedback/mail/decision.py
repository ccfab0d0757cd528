"""Decision on a mail that came back: which event it makes, why in words for a person, or that it is left to one."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from newsletter.address import SubscriberKey
from newsletter.clock import parse_instant
from newsletter.feedback.event import FeedbackEvent, FeedbackEvidence, FeedbackKind
from newsletter.feedback.mail.attribution import Attribution
from newsletter.feedback.mail.recognition import MailFeedback
from newsletter.issue_name import NO_ISSUE, IssueName
from newsletter.subscribers.feedback_events import Event, EventKind, EventSource
from newsletter.subscribers.reasons import Reason
from newsletter.subscribers.token_seal import hide_tokens
from newsletter.text import escape_controls
from newsletter.workspace import PublicationId


class Action(StrEnum):
    """Action that is taken on a mail."""

    SUPPRESS = "suppress"  # nobody mails there again
    COUNT = "count"  # one more soft bounce
    UNSUBSCRIBE = "unsubscribe"
    JOIN = "joined"
    CONFIRM = "asked to confirm"  # the subscriber is asked whether they want to leave
    BLOCKED = "blocked"  # the server refuses the sender: it is noted, and not held against the subscriber
    NOTHING = "nothing"
    HOLD = "held back"  # too many at once: a person decides
    ASK = "left to you"


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """Action on a mail, with its reason in words, the address that it is about and the event that is recorded.

    `address` is the subscriber's where the mail is attributed. `sender` and `subject` are the mail's own, for the
    person whom it is left to; `held_because` says how many bounced at once where that is why it is held back.
    `publication` is whose subscriber it is about, None for the one that reads the mail. `tries_again`: the next reading
    looks at the mail again.
    """

    kind: FeedbackKind
    address: str
    status: str
    action: Action
    why: str
    issue: IssueName = NO_ISSUE
    event: Event | None = None
    sender: str = ""
    subject: str = ""
    held_because: str = ""
    received_at: str = ""
    publication: PublicationId | None = None
    tries_again: bool = False


_EVENTS = {
    FeedbackKind.HARD: EventKind.HARD,
    FeedbackKind.SOFT: EventKind.SOFT,
    FeedbackKind.COMPLAINT: EventKind.COMPLAINED,
    FeedbackKind.UNSUBSCRIBE: EventKind.UNSUBSCRIBED,
}
_ACTIONS = {
    FeedbackKind.HARD: Action.SUPPRESS,
    FeedbackKind.SOFT: Action.COUNT,
    FeedbackKind.COMPLAINT: Action.SUPPRESS,
    FeedbackKind.UNSUBSCRIBE: Action.UNSUBSCRIBE,
}
_LONGEST_SUBJECT = 100  # letters of a subject that are shown
_NO_EVENT = FeedbackEvent(kind=FeedbackKind.OTHER, address="")


def decide_action(
    mail: MailFeedback,
    attribution: Attribution | None,
    requested_by: Attribution | None,
    find_subscriber: Callable[[str], str | None],
    authenticated: str = "",
) -> Decision:
    """Return what is done about a mail.

    `requested_by` is the subscriber whose token the subject bears: whatever the words beside it are, the unsubscribe
    link made them. `find_subscriber` gives the subscriber whom an address is on the list as, or was sent anything as.
    `authenticated` is what one's own mail server says for the address in From; empty when it says nothing for it.
    """
    if requested_by and mail.kind in (FeedbackKind.OTHER, FeedbackKind.UNSUBSCRIBE):
        return _unsubscribe_by_token(mail, requested_by)
    event = _choose_event(mail.events, attribution, mail.kind)
    if nothing := _why_nothing(mail, event):
        return _make_decision(mail, event, Action.NOTHING, nothing)
    if mail.kind is FeedbackKind.OTHER:
        return _make_decision(mail, event, Action.ASK, mail.trouble or "it is neither a bounce nor a known answer")
    if mail.kind is FeedbackKind.UNSUBSCRIBE and mail.request:
        return _unsubscribe_by_words(mail, event, attribution, find_subscriber, authenticated)
    if attribution is None:
        return _make_decision(mail, event, Action.ASK, "nothing in it shows that it is about a mail of yours")
    return _act_on_report(mail, event, attribution)


def make_plain_decision(mail: MailFeedback, action: Action, why: str) -> Decision:
    """Return the decision on a mail that is about whoever wrote it, and of which no event follows by itself."""
    return _make_decision(mail, replace(_NO_EVENT, address=mail.sender), action, why)


def _unsubscribe_by_token(mail: MailFeedback, requested_by: Attribution) -> Decision:
    event = FeedbackEvent(
        kind=FeedbackKind.UNSUBSCRIBE,
        address=mail.sender,
        reason=Reason.UNSUBSCRIBED,
        evidence=FeedbackEvidence(part="subject", words=mail.request),
    )
    why = f"proved by {requested_by.by}"
    mail = replace(mail, kind=FeedbackKind.UNSUBSCRIBE)
    return _make_decision(mail, event, Action.UNSUBSCRIBE, why, requested_by, EventKind.UNSUBSCRIBED)


def _why_nothing(mail: MailFeedback, event: FeedbackEvent) -> str:
    """Return why nothing has to be done; empty where something has."""
    if mail.kind is FeedbackKind.AUTO_REPLY:
        return "a program answered, and no person (RFC 3834)"
    if event.delivered:
        return "it arrived, as far as the server says"
    return "the server goes on trying" if event.delayed else ""


def _unsubscribe_by_words(
    mail: MailFeedback,
    event: FeedbackEvent,
    attribution: Attribution | None,
    find_subscriber: Callable[[str], str | None],
    authenticated: str,
) -> Decision:
    """Unsubscribe who asks for it in their own words, if one's own server vouches for their address.

    Otherwise anybody may have written it, and the subscriber is asked. What they quote may be another's copy, which was
    sent on to them.
    """
    subscriber = find_subscriber(mail.sender)
    if subscriber and not authenticated:
        why = "anybody can write a mail in a reader's name"
        return replace(_make_decision(mail, event, Action.CONFIRM, why), address=subscriber)
    if subscriber:
        issue = attribution.issue if attribution and attribution.subscriber == subscriber else NO_ISSUE
        by_sender = Attribution(SubscriberKey(subscriber), issue, "the sender's address")
        why = f"a reader's own address sent it ({authenticated}, says your mail server)"
        return _make_decision(mail, event, Action.UNSUBSCRIBE, why, by_sender, EventKind.UNSUBSCRIBED)
    who = mail.sender or "whoever wrote it"
    quoted = f"; it quotes the copy of {attribution.subscriber}" if attribution else ""
    return _make_decision(mail, event, Action.ASK, f"{who} is not on the list, and was sent nothing{quoted}")


def _act_on_report(mail: MailFeedback, event: FeedbackEvent, attribution: Attribution) -> Decision:
    """Act on an attributed bounce, complaint or opt-out.

    Of several addresses in one report, what is said of the attributed subscriber's counts.
    """
    kind = event.kind if event.kind in _EVENTS else mail.kind
    mail = replace(mail, kind=kind)
    why = f"proved by {attribution.by}"
    if not event.about_sender:
        return _make_decision(mail, event, _ACTIONS[kind], why, attribution, _EVENTS[kind])
    if event.stage and event.stage.before_recipient:
        why += f"; the server refused {event.stage.command}, before it was told this reader's address"
    else:
        why += "; the server refuses you, and not this reader"
    return _make_decision(mail, event, Action.BLOCKED, why, attribution, EventKind.BLOCKED)


def _choose_event(
    events: Sequence[FeedbackEvent], attribution: Attribution | None, kind: FeedbackKind
) -> FeedbackEvent:
    """Return the event that counts: that about the attributed subscriber, else the first of the gravest kind."""
    attributed = (event for event in events if attribution and event.address.casefold() == attribution.subscriber)
    gravest = (event for event in events if event.kind is kind)
    return next(attributed, None) or next(gravest, None) or next(iter(events), _NO_EVENT)


def _make_decision(
    mail: MailFeedback,
    event: FeedbackEvent,
    action: Action,
    why: str,
    attribution: Attribution | None = None,
    kind: EventKind | None = None,
) -> Decision:
    return Decision(
        kind=mail.kind,
        address=attribution.subscriber if attribution else event.address,
        status=event.enhanced,
        action=action,
        why=why,
        issue=attribution.issue if attribution else NO_ISSUE,
        publication=attribution.publication if attribution else None,
        event=_make_stored_event(mail, event, attribution, kind) if attribution and kind else None,
        sender=mail.sender,
        received_at=mail.received_at,
        subject=hide_tokens(escape_controls(" ".join(mail.subject.split())))[:_LONGEST_SUBJECT],
    )


def _make_stored_event(mail: MailFeedback, event: FeedbackEvent, attribution: Attribution, kind: EventKind) -> Event:
    elsewhere = event.address if event.address.casefold() != attribution.subscriber else ""
    evidence = {
        "code": event.enhanced,
        "stage": event.stage.command if event.stage else "",
        "words": hide_tokens(event.evidence.words),
        "proof": attribution.by,
        "address": elsewhere,
    }
    return Event(
        subscriber=attribution.subscriber,
        kind=kind,
        source=EventSource.MAIL,
        issue=attribution.issue or None,
        evidence=evidence,
        said_at=parse_instant(mail.received_at) if mail.received_at else None,
        reason=event.reason,
        stage=event.stage.key if event.stage else "",
    )
