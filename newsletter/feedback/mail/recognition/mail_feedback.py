"""What a returned mail says: values that reading makes and that everything after it shares."""

from dataclasses import dataclass
from enum import StrEnum


class FeedbackKind(StrEnum):
    """What a mail is to a list. Hard: the address is no good. Soft: this mail was not taken, another one may be."""

    HARD = "hard"
    SOFT = "soft"
    COMPLAINT = "complaint"
    UNSUBSCRIBE = "unsubscribe"
    AUTO_REPLY = "auto-reply"
    OTHER = "other"


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedbackEvent:
    """What a mail says about one address.

    `address` is written as `newsletter.address.normalise` does where it can be, else as it stands; empty if the mail
    names none. `status` is an enhanced status code (RFC 3463) that the mail itself gives, `words` what the server
    said, one printable line. `delayed`: the server still tries, and nobody is to be counted against. `about_us`: a
    soft refusal of the sender or the mail (policy, spam, a block list), not of the reader. `stage`: the command that
    was refused, where the mail tells it. `ok`: it was delivered, relayed or expanded (RFC 3464, section 2.3.3); its
    kind is OTHER.
    """

    kind: FeedbackKind
    address: str
    status: str = ""
    words: str = ""
    delayed: bool = False
    about_us: bool = False
    stage: str = ""
    ok: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class MailFeedback:
    """What a mail says.

    `kind` is the gravest finding's. `message_ids` (with their angle brackets) name the message of ours that came back
    or is answered; `original_to` whom that one was for; `delivered_to` to what addresses this mail itself came, their
    letters as they stand, since a signed return path may be among them. `sender` is the address in From; empty when
    there is none, or more than one. `wish` is what a person wrote who wants to leave, `subject` the mail's own,
    decoded. `report`: it is a DSN or a feedback report (RFC 3464, RFC 5965), a program's words and no person's.
    `received_at` is the date of its topmost Received field, which the server wrote that delivered it (RFC 5321, section
    4.4), ISO 8601 in UTC; a sender's own Date says nothing sure. `trouble` says in words what of the mail could not be
    read. `trace` are its Received and Authentication-Results fields in their order.

    None of it is proof: whoever wrote the mail chose what it says.
    """

    kind: FeedbackKind
    findings: tuple[FeedbackEvent, ...] = ()
    message_ids: tuple[str, ...] = ()
    delivered_to: tuple[str, ...] = ()
    original_to: tuple[str, ...] = ()
    sender: str = ""
    wish: str = ""
    report: bool = False
    subject: str = ""
    received_at: str = ""
    trouble: str = ""
    trace: tuple[tuple[str, str], ...] = ()
