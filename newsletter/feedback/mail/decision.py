"""What is done about a mail: the events it makes, in words for a person, or why it is left to one."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from newsletter.feedback.mail.attribution import Attribution
from newsletter.feedback.mail.recognition import FeedbackEvent, FeedbackKind, MailFeedback
from newsletter.feedback.mail.recognition.stage import SmtpStage
from newsletter.subscribers.feedback_events import Event, EventKind, EventSource
from newsletter.subscribers.tokens import hide_tokens
from newsletter.text import escape_controls


class Action(StrEnum):
    """What becomes of a mail."""

    SUPPRESS = "suppress"  # nobody mails there again
    COUNT = "count"  # one more soft bounce
    UNSUBSCRIBE = "unsubscribe"
    CONFIRM = "asked to confirm"  # whether they want to leave
    BLOCKED = "blocked"  # the server refuses the sender: it is noted, and not held against the reader
    NOTHING = "nothing"
    HOLD = "held back"  # too many at once: a person decides
    ASK = "left to you"


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """A mail's kind, the address that it is about (the reader's, where one is proved), and what is done and why.

    `sender` and `subject` are the mail's own, for the person whom it is left to; `held_because` says how many bounced
    at once where that is why it is held back.
    """

    kind: FeedbackKind
    address: str
    status: str
    action: Action
    why: str
    issue: str = ""
    event: Event | None = None
    sender: str = ""
    subject: str = ""
    held_because: str = ""
    received_at: str = ""


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
_BEFORE_RECIPIENT = {stage.words for stage in SmtpStage if stage.before_recipient}
_NO_FINDING = FeedbackEvent(kind=FeedbackKind.OTHER, address="")


def judge(
    reading: MailFeedback,
    proof: Attribution | None,
    asked: Attribution | None,
    find_reader: Callable[[str], str | None],
    vouched: str = "",
) -> Decision:
    """What to do about a mail.

    `asked` is whose token its subject bears: whatever the words beside it are, the link to leave made them.
    `find_reader` gives the reader whom an address is on the list as, or was sent anything as. `vouched` is what one's
    own mail server says for the address in From; empty when it says nothing for it.
    """
    if asked and reading.kind in (FeedbackKind.OTHER, FeedbackKind.UNSUBSCRIBE):
        wish = FeedbackEvent(kind=FeedbackKind.UNSUBSCRIBE, address=reading.sender, words=reading.wish)
        leaving = replace(reading, kind=FeedbackKind.UNSUBSCRIBE)
        return _decision(leaving, wish, Action.UNSUBSCRIBE, f"proved by {asked.by}", asked, EventKind.UNSUBSCRIBED)
    finding = _about(reading.findings, proof, reading.kind)
    if reading.kind is FeedbackKind.AUTO_REPLY:
        return _decision(reading, finding, Action.NOTHING, "a program answered, and no person (RFC 3834)")
    if finding.ok:
        return _decision(reading, finding, Action.NOTHING, "it arrived, as far as the server says")
    if reading.kind is FeedbackKind.OTHER:
        return _decision(reading, finding, Action.ASK, reading.trouble or "it is neither a bounce nor a known answer")
    if reading.kind is FeedbackKind.UNSUBSCRIBE and reading.wish:
        return _unsubscribe(reading, finding, proof, find_reader, vouched)
    if finding.delayed:
        return _decision(reading, finding, Action.NOTHING, "the server goes on trying")
    if proof is None:
        return _decision(reading, finding, Action.ASK, "nothing in it shows that it is about a mail of yours")
    # Of several addresses in one report, it is what is said of our reader's that counts.
    kind = finding.kind if finding.kind in _EVENTS else reading.kind
    why = f"proved by {proof.by}"
    if finding.about_us:
        why += (
            f"; the server refused {finding.stage}, before it was told this reader's address"
            if finding.stage in _BEFORE_RECIPIENT
            else "; the server refuses you, and not this reader"
        )
        return _decision(replace(reading, kind=kind), finding, Action.BLOCKED, why, proof, EventKind.BLOCKED)
    return _decision(replace(reading, kind=kind), finding, _ACTIONS[kind], why, proof, _EVENTS[kind])


def _unsubscribe(
    reading: MailFeedback,
    finding: FeedbackEvent,
    proof: Attribution | None,
    find_reader: Callable[[str], str | None],
    vouched: str,
) -> Decision:
    """Someone wants to leave, in their own words: a reader, if one's own server vouches for their address.

    Otherwise anybody may have written it, and the reader is asked. What they quote may be another reader's copy, which
    was sent on to them.
    """
    reader = find_reader(reading.sender)
    if reader and not vouched:
        why = "anybody can write a mail in a reader's name"
        return replace(_decision(reading, finding, Action.CONFIRM, why), address=reader)
    if reader:
        issue = proof.issue if proof and proof.reader == reader else ""
        leaver = Attribution(reader, issue, "the sender's address")
        why = f"a reader's own address sent it ({vouched}, says your mail server)"
        return _decision(reading, finding, Action.UNSUBSCRIBE, why, leaver, EventKind.UNSUBSCRIBED)
    who = reading.sender or "whoever wrote it"
    quoted = f"; it quotes the copy of {proof.reader}" if proof else ""
    return _decision(reading, finding, Action.ASK, f"{who} is not on the list, and was sent nothing{quoted}")


def _about(findings: Sequence[FeedbackEvent], proof: Attribution | None, kind: FeedbackKind) -> FeedbackEvent:
    """The finding that counts: the proved reader's, else the first of the gravest kind."""
    proved = (one for one in findings if proof and one.address.casefold() == proof.reader)
    gravest = (one for one in findings if one.kind is kind)
    return next(proved, None) or next(gravest, None) or next(iter(findings), _NO_FINDING)


def _decision(
    reading: MailFeedback,
    finding: FeedbackEvent,
    action: Action,
    why: str,
    proof: Attribution | None = None,
    kind: EventKind | None = None,
) -> Decision:
    event = None
    if proof and kind:
        elsewhere = finding.address if finding.address.casefold() != proof.reader else ""
        evidence = {
            "code": finding.status,
            "stage": finding.stage,
            "words": hide_tokens(finding.words),
            "proof": proof.by,
            "address": elsewhere,
        }
        event = Event(
            subscriber=proof.reader,
            kind=kind,
            source=EventSource.MAIL,
            issue=proof.issue or None,
            evidence=evidence,
            said_at=reading.received_at,
        )
    return Decision(
        kind=reading.kind,
        address=proof.reader if proof else finding.address,
        status=finding.status,
        action=action,
        why=why,
        issue=proof.issue if proof else "",
        event=event,
        sender=reading.sender,
        received_at=reading.received_at,
        subject=hide_tokens(escape_controls(" ".join(reading.subject.split())))[:_LONGEST_SUBJECT],
    )
