"""Hard or soft: the one table of what an action, an enhanced status code and words mean for the reader's address."""

import re

from newsletter.feedback.mail.recognition import phrases
from newsletter.feedback.mail.recognition.mail_feedback import FeedbackKind
from newsletter.feedback.mail.recognition.stage import SmtpStage, stage_of

_LONGEST = 2_000

# "550 5.1.1", "#5.1.1", "(5.1.1)": not part of an IP address or of a version (RFC 3463, section 2).
_CODE = re.compile(r"(?<![\w.])([245])\.([0-7])\.(\d{1,3})(?![\d]|\.\d)")
_AFTER_REPLY = re.compile(
    r"(?<!\d)[45]\d\d[ -]{1,3}#?\(?([45]\.[0-7]\.\d{1,3})(?![\d]|\.\d)|"
    r"#(?:[45]\d\d[ -])?([45]\.[0-7]\.\d{1,3})(?![\d]|\.\d)"
)
_REPLY = re.compile(r"(?<![\d.])([45])[0-5]\d(?=[ -]|$)")

# By subject and detail (RFC 3463 and its registry). A detail of its own comes before its subject's "*".
_HARD = FeedbackKind.HARD
_SOFT = FeedbackKind.SOFT
_BY_WORDS = None
_CODES: dict[str, FeedbackKind | None] = {
    "0.*": _BY_WORDS,  # nothing is said
    "1.*": _HARD,  # the address is bad, its host unknown, or moved
    "1.5": _BY_WORDS,  # "the address is valid"
    "1.7": _SOFT,  # the sender's address, not the reader's
    "1.8": _SOFT,  # the same
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
    "7.*": _SOFT,  # policy: it speaks of us
}


def judge(action: str, status: str, words: str, stage: SmtpStage | None = None) -> tuple[FeedbackKind, bool]:
    """Hard or soft, and whether the server still tries.

    `action` is a DSN's (RFC 3464, section 2.3.3), `status` an enhanced status code; either may be empty. `stage` is
    looked for in the words when none is given.
    """
    stage = stage or stage_of(words)
    said = _said(words, stage)
    if action.startswith("delay"):
        return _SOFT, True
    if not action and phrases.DELAYED.search(said):
        return _SOFT, True
    if stage and stage.before_recipient:
        return _SOFT, False
    if status.startswith("4") or (not status and _reply_class(words) == "4"):
        return _SOFT, False
    by_code = _by_code(status)
    by_words = _by_words(said)
    if by_code is None:
        return by_words or _SOFT, False
    if by_code is _HARD and status[2:3] in "124" and _contradicted(status, said):
        return _SOFT, False
    if by_code is _SOFT and status.startswith("5.7") and by_words is _HARD and not _NOT_PLAIN.search(said):
        return _HARD, False  # an unknown user is told under "policy" by many servers
    return by_code, False


# A gateway puts it before whatever another server said to RCPT, a full mailbox and a block alike.
_WRAPPER = re.compile(r"5\.1\.0 - unknown address error")
# Beside these words "unknown" and "invalid" may be about something other than the reader.
_NOT_PLAIN = re.compile(
    r"relay|rcpthosts|at a rate|too many|message size|size exceed|too large|spam|black|block ?list|listed (?:at|"
    r"by|in|on)|dmarc|\bspf\b|\bdkim\b|\bptr\b|reverse|your (?:ip|domain|server)"
)


def about_us(kind: FeedbackKind, status: str, words: str, stage: SmtpStage | None = None) -> bool:
    """Whether a soft refusal is of the sender or of the mail: no word about the reader's address.

    By the stage (before RCPT nothing can be about the reader, and after it, it is about the message), by the code
    (RFC 3463: X.1.7, X.1.8, X.3.4, X.5.x, X.6.x, X.7.x), or by the words.
    """
    if kind is not _SOFT:
        return False
    stage = stage or stage_of(words)
    if stage and stage.before_recipient:
        return True
    said = _said(words, stage)
    if phrases.RATE.search(said):
        return True
    if phrases.FULL.search(said):
        return False
    subject, _, detail = status[2:].partition(".")
    if f"{subject}.{detail}" in {"1.7", "1.8", "3.4"} or subject in {"6", "7"} or (subject == "5" and detail != "0"):
        return True
    if any(known.search(said) for known in (phrases.SENDER, phrases.POLICY, phrases.LARGE)):
        return True
    # RFC 5321, section 4.3.2: after the text, 550 and 554 are refusals of the mail.
    return stage is not None and stage > SmtpStage.RCPT and (status[:1] or _reply_class(words)) == "5"


def explains(words: str) -> bool:
    """Whether the words alone say what is wrong."""
    return _by_words(_said(words)) is not None


# What RFC 5321, section 4.2.2, and RFC 3463 write beside a code: said of an unknown user and of a refusal for policy
# alike ("e.g., mailbox not found, no access, or command rejected for policy reasons").
_STOCK = re.compile(
    r"(?:requested (?:mail )?action (?:not taken|aborted)[:;,. ]{0,3})?mailbox (?:is )?unavailable|"
    r"\(?bad destination mailbox address\)?"
)


def _said(words: str, stage: SmtpStage | None = None) -> str:
    """Return the words in small letters on one line, without the RFCs' own sentences where there are others."""
    said = _WRAPPER.sub(" ", " ".join(words[:_LONGEST].lower().split()))
    rest = _STOCK.sub(" ", said)
    if (stage and stage > SmtpStage.RCPT) or phrases.POLICY.search(rest) or phrases.SENDER.search(rest):
        return rest
    return said


def _by_code(status: str) -> FeedbackKind | None:
    """None where the words must say it."""
    if not status:
        return None
    _, subject, detail = status.split(".")
    return _CODES.get(f"{subject}.{int(detail)}", _CODES.get(f"{subject}.*"))


def _by_words(said: str) -> FeedbackKind | None:
    """The order matters: a sender's address that is unknown, or a full mailbox, is no unknown user."""
    if phrases.SENDER.search(said) or phrases.FULL.search(said):
        return _SOFT
    if phrases.GONE.search(said):
        return _HARD
    if phrases.NO_HOST.search(said) and not re.search(r"try again|temporar|timed? ?out", said):
        return _HARD
    return _SOFT if any(known.search(said) for known in (phrases.POLICY, phrases.LARGE, phrases.LATER)) else None


def _contradicted(status: str, said: str) -> bool:
    """A hard code with words that plainly say something else: servers give 5.1.1 and 5.4.1 for much."""
    if phrases.FULL.search(said):
        return True
    if phrases.SENDER.search(said):
        return True
    if phrases.GONE.search(said) or phrases.NO_HOST.search(said):
        return False
    if phrases.POLICY.search(said):
        return True
    return (phrases.LATER if status.startswith("5.4") else _NOT_PLAIN).search(said) is not None


def _reply_class(words: str) -> str:
    match = _REPLY.search(words[:_LONGEST])
    return match[1] if match else ""


def status_in(words: str) -> str:
    """The enhanced status code in the words: one that says something, and one behind a reply code before any other."""
    words = words[:_LONGEST]
    codes = [match[1] or match[2] for match in _AFTER_REPLY.finditer(words)]
    codes += [match[0] for match in _CODE.finditer(words) if match[1] != "2"]
    return next((code for code in codes if not code.endswith(".0")), codes[0] if codes else "")


def better_status(given: str, words: str) -> str:
    """The code of a DSN's Status field, or that of its words where the field says next to nothing."""
    match = _CODE.search(given)
    code = f"{match[1]}.{match[2]}.{match[3]}" if match else ""
    if code and not code.endswith(".0"):
        return code
    said = status_in(words)
    return said if said and (not code or not said.endswith(".0.0")) else code
