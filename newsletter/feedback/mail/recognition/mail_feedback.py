"""All that a mail which came back says, for those who attribute it and act on it."""

from dataclasses import dataclass

from newsletter.feedback.event import FeedbackEvent, FeedbackKind


@dataclass(frozen=True, slots=True, kw_only=True)
class MailFeedback:
    """A mail's feedback events, and what of the mail may show which delivery they are about.

    `kind` is the gravest event's. `message_ids` (with their angle brackets) name the message of ours that came back or
    is answered; `original_to` are that message's recipients; `delivered_to` the addresses to which this mail itself
    came, in their own letters, since a VERP address may be among them. `sender` is the address in From; empty where
    there is none, or more than one. `request` is what a person wrote who asks to be unsubscribed, `subject` the mail's
    own, decoded. `is_report`: it is a DSN or a feedback report (RFC 3464, RFC 5965), a program's words and no person's.
    `received_at` is the date of its topmost Received field, which the server wrote that delivered it (RFC 5321, section
    4.4), ISO 8601 in UTC; a sender's own Date says nothing sure. `trouble` says in words what of the mail could not be
    read. `trace` are its Received and Authentication-Results fields in their order. `message_id` is its own,
    `addressed_to` are the addresses in To and Cc, and `impersonal` says in words why nobody wrote it by themselves;
    it is empty where a person seems to have.

    None of it is proof: the mail's writer chose what it says.
    """

    kind: FeedbackKind
    events: tuple[FeedbackEvent, ...] = ()
    message_ids: tuple[str, ...] = ()
    delivered_to: tuple[str, ...] = ()
    original_to: tuple[str, ...] = ()
    sender: str = ""
    request: str = ""
    is_report: bool = False
    subject: str = ""
    received_at: str = ""
    trouble: str = ""
    trace: tuple[tuple[str, str], ...] = ()
    message_id: str = ""
    addressed_to: tuple[str, ...] = ()
    impersonal: str = ""
