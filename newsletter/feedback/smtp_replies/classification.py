"""Classification of a reply: hard or soft, about the recipient or the sender, and for which reason."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

from newsletter.feedback.event import FeedbackKind
from newsletter.feedback.smtp_replies import reply_phrases as phrases
from newsletter.feedback.smtp_replies.reason_table import find_reason
from newsletter.feedback.smtp_replies.smtp_stage import SmtpStage, find_stage
from newsletter.feedback.smtp_replies.status_codes import find_reply_code
from newsletter.subscribers.reasons import Reason

_LONGEST = 2_000
_HARD, _SOFT = FeedbackKind.HARD, FeedbackKind.SOFT
_BY_WORDS = None

# By subject and detail of an enhanced code (RFC 3463 and its registry). A detail of its own comes before its subject's
# "*".
_CODES: dict[str, FeedbackKind | None] = {
    "0.*": _BY_WORDS,  # nothing is said
    "1.*": _HARD,  # the address is bad, its host unknown, or moved
    "1.5": _BY_WORDS,  # "the address is valid"
    "1.7": _SOFT,  # the sender's address, not the recipient's
    "1.8": _SOFT,  # likewise
    "1.9": _SOFT,  # RFC 3886: handed to a server that does not report
    "1.10": _HARD,  # RFC 7505: the domain takes no mail
    "2.*": _BY_WORDS,
    "2.1": _HARD,  # the mailbox is disabled
    "2.2": _SOFT,  # full
    "2.3": _SOFT,  # this mail is too large for it
    "2.4": _SOFT,  # a list that could not be expanded
    "3.*": _SOFT,  # the server's storage, size, software
    "3.0": _BY_WORDS,
    "4.*": _SOFT,  # the way there: timeouts, loops, congestion
    "4.0": _BY_WORDS,
    "4.1": _HARD,  # Exchange's "access denied" is an unknown address; words tell it from a server that did not answer
    "4.4": _HARD,  # no route: no such host, as Postfix and Exchange say
    "4.310": _HARD,  # Exchange Online: the domain does not exist
    "5.*": _SOFT,  # the protocol
    "5.0": _BY_WORDS,  # old servers give it with every 550
    "6.*": _SOFT,  # the media
    "7.*": _SOFT,  # policy: it is about the sender
}
_OF_SENDER_OR_MESSAGE = frozenset({"1.7", "1.8", "3.4"})  # besides all of X.5, X.6 and X.7 (RFC 3463)

# Words that a gateway puts before each reply of another server, to a full mailbox and a block alike.
_WRAPPER = re.compile(r"5\.1\.0 - unknown address error")
# Words beside which "unknown" and "invalid" may be about something other than the recipient.
_AMBIGUOUS = re.compile(
    r"relay|rcpthosts|at a rate|too many|message size|size exceed|too large|spam|black|block ?list|listed (?:at|"
    r"by|in|on)|dmarc|\bspf\b|\bdkim\b|\bptr\b|reverse|your (?:ip|domain|server)"
)
# Sentences of RFC 5321, section 4.2.2, and of RFC 3463, which servers give for an unknown user and for a refusal for
# policy alike ("e.g., mailbox not found, no access, or command rejected for policy reasons").
_STOCK = re.compile(
    r"(?:requested (?:mail )?action (?:not taken|aborted)[:;,. ]{0,3})?mailbox (?:is )?unavailable|"
    r"\(?bad destination mailbox address\)?"
)
_MAY_BE_TEMPORARY = re.compile(r"try again|temporar|timed? ?out")


@dataclass(frozen=True, slots=True)
class Classification:
    """Meaning of a reply. `delayed`: the server goes on trying. `about_sender`: of the sender or the message."""

    kind: FeedbackKind
    reason: Reason
    delayed: bool
    about_sender: bool


@dataclass(frozen=True)
class SmtpReply:
    """A reply about one address, or a report of it; each field is empty where it is not known.

    `action` is a DSN's (RFC 3464, section 2.3.3). `stage` is looked for in the words where none is given.
    """

    words: str
    enhanced: str = ""
    action: str = ""
    given_stage: SmtpStage | None = None

    @cached_property
    def stage(self) -> SmtpStage | None:
        """The stage that was given, else that which the words name."""
        return self.given_stage or find_stage(self.words)

    @cached_property
    def is_before_recipient(self) -> bool:
        """Whether the server had not been told the recipient's address."""
        return self.stage is not None and self.stage.before_recipient

    @cached_property
    def text(self) -> str:
        """The words as `_strip_stock_phrases` leaves them."""
        return _strip_stock_phrases(self.words, after_rcpt=self.stage is not None and self.stage > SmtpStage.RCPT)

    @cached_property
    def reply_class(self) -> str:
        """The first digit of the enhanced code, else of the reply code."""
        return self.enhanced[:1] or str(find_reply_code(self.words) or "")[:1]

    @cached_property
    def is_delayed(self) -> bool:
        """Whether the server goes on trying."""
        return self.action.startswith("delay") or (not self.action and phrases.DELAYED.search(self.text) is not None)

    @cached_property
    def kind_by_code(self) -> FeedbackKind | None:
        """Hard or soft by the enhanced code; None where the words must say it."""
        if not self.enhanced:
            return None
        _, subject, detail = self.enhanced.split(".")
        return _CODES.get(f"{subject}.{int(detail)}", _CODES.get(f"{subject}.*"))

    @cached_property
    def kind_by_words(self) -> FeedbackKind | None:
        """Hard or soft by the words; None where they say nothing."""
        return _judge_words(self.text)

    @cached_property
    def is_contradicted(self) -> bool:
        """Whether a hard code stands beside words that say something else: servers give 5.1.1 and 5.4.1 for much."""
        if phrases.FULL.search(self.text) or phrases.SENDER.search(self.text):
            return True
        if phrases.GONE.search(self.text) or phrases.NO_HOST.search(self.text):
            return False
        otherwise = phrases.LATER if self.enhanced.startswith("5.4") else _AMBIGUOUS
        return phrases.POLICY.search(self.text) is not None or otherwise.search(self.text) is not None

    @cached_property
    def is_plainly_gone(self) -> bool:
        """Whether the words say that the user is unknown, and nothing that could be about the sender."""
        return self.kind_by_words is _HARD and _AMBIGUOUS.search(self.text) is None


def _strip_stock_phrases(words: str, *, after_rcpt: bool = False) -> str:
    """Return the words in small letters on one line, without the RFCs' own sentences where there are others."""
    text = _WRAPPER.sub(" ", " ".join(words[:_LONGEST].lower().split()))
    rest = _STOCK.sub(" ", text)
    return rest if after_rcpt or phrases.POLICY.search(rest) or phrases.SENDER.search(rest) else text


def _judge_words(text: str) -> FeedbackKind | None:
    """Return hard or soft. The order matters: an unknown sender, or a full mailbox, is no unknown user."""
    if phrases.SENDER.search(text) or phrases.FULL.search(text):
        return _SOFT
    if phrases.GONE.search(text) or (phrases.NO_HOST.search(text) and not _MAY_BE_TEMPORARY.search(text)):
        return _HARD
    return _SOFT if any(pattern.search(text) for pattern in (phrases.POLICY, phrases.LARGE, phrases.LATER)) else None


# Hard or soft, by the first test that holds.
_KINDS: tuple[tuple[str, Callable[[SmtpReply], bool], FeedbackKind], ...] = (
    ("the server goes on trying", lambda reply: reply.is_delayed, _SOFT),
    ("the recipient was not named yet", lambda reply: reply.is_before_recipient, _SOFT),
    ("the code is of a transient failure", lambda reply: reply.reply_class == "4", _SOFT),
    ("no code, and the words are of a bad address",
     lambda reply: reply.kind_by_code is None and reply.kind_by_words is _HARD, _HARD),
    ("no code, and no such words", lambda reply: reply.kind_by_code is None, _SOFT),
    ("a hard code, and words of something else",
     lambda reply: reply.kind_by_code is _HARD and reply.enhanced[2:3] in "124" and reply.is_contradicted, _SOFT),
    ("a hard code", lambda reply: reply.kind_by_code is _HARD, _HARD),
    ("an unknown user under a code of policy",  # as many servers say it
     lambda reply: reply.enhanced.startswith("5.7") and reply.is_plainly_gone, _HARD),
    ("a soft code", lambda _: True, _SOFT),
)  # fmt: skip


def classify_reply(
    words: str, enhanced: str = "", *, action: str = "", stage: SmtpStage | None = None
) -> Classification:
    """Return what a reply means for an address."""
    reply = SmtpReply(words, enhanced, action, stage)
    kind = next(kind for _, holds, kind in _KINDS if holds(reply))
    about_sender = kind is _SOFT and _is_about_sender(reply)
    reason = find_reason(reply.text, reply.enhanced, reply.stage, is_hard=kind is _HARD, is_about_sender=about_sender)
    return Classification(kind, reason, reply.is_delayed, about_sender)


def _is_about_sender(reply: SmtpReply) -> bool:
    """Return whether a soft refusal is of the sender or the message: no word about the recipient's address.

    By the stage (before RCPT the recipient is unknown, and after it the message is judged), by the code, or by the
    words.
    """
    text = reply.text
    if reply.is_before_recipient or phrases.RATE.search(text):
        return True
    subject, _, detail = reply.enhanced[2:].partition(".")
    by_code = (
        f"{subject}.{detail}" in _OF_SENDER_OR_MESSAGE or subject in {"6", "7"} or (subject == "5" and detail != "0")
    )
    by_words = any(pattern.search(text) for pattern in (phrases.SENDER, phrases.POLICY, phrases.LARGE))
    # RFC 5321, section 4.3.2: after the text, 550 and 554 are refusals of the message.
    by_stage = reply.stage is not None and reply.stage > SmtpStage.RCPT and reply.reply_class == "5"
    return phrases.FULL.search(text) is None and (by_code or by_words or by_stage)


def explains_failure(words: str) -> bool:
    """Return whether the words alone say what is wrong."""
    return _judge_words(_strip_stock_phrases(words)) is not None
