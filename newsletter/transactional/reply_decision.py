"""Decision on a server's reply to a mail to one reader: what becomes of the mail, and whether to go on sending.

What concerns the sender keeps the mail waiting, uncounted. A refusal for policy may be about either: it is about the
reader's own server when others of our mails are taken meanwhile.
"""

from dataclasses import dataclass
from datetime import UTC, datetime

from newsletter.mail.message import Outcome, Result
from newsletter.mail.reply_concern import Concern, classify_result
from newsletter.transactional.mail_kinds import MailState
from newsletter.transactional.queue import QueuedMail

UNTOUCHED_S = 60.0  # until a mail is tried again that was given back: others may have more luck
FAULT_S = 3600.0  # and one that could not be written
_RETRIES_S = (60.0, 300.0, 900.0, 3600.0, 4 * 3600.0)  # and then as long as the last
_GIVE_UP_S = 5 * 86_400.0  # RFC 5321, section 4.5.4.1
_TRIES_FOR_POLICY = 4
_RATE_S, _BLOCKED_S = 60.0, 900.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplyDecision:
    """What follows from a reply: the mail's state, and how many seconds it waits if it does.

    `counts`: it was an attempt at this mail. `rest_s` is for how long nothing more is to be sent, `may_be_senders`
    whether several such replies in a row are about the sender.
    """

    state: MailState
    wait_s: float = 0.0
    counts: bool = True
    rest_s: float = 0.0
    may_be_senders: bool = False


def decide_reply(mail: QueuedMail, result: Result, *, others_accepted: bool) -> ReplyDecision:
    """Return what follows from a result; `others_accepted` says whether other mails were accepted lately."""
    if result.outcome is Outcome.ACCEPTED:
        return ReplyDecision(state=MailState.ACCEPTED)
    if result.outcome is Outcome.UNKNOWN:
        return ReplyDecision(state=MailState.UNKNOWN)
    wait_s = _RETRIES_S[min(mail.attempts, len(_RETRIES_S) - 1)]
    concern = classify_result(result)
    if concern in (Concern.RATE, Concern.CONNECTIONS, Concern.CONNECTION):
        return ReplyDecision(state=MailState.WAITING, wait_s=_RATE_S, counts=False, rest_s=_RATE_S)
    if concern in (Concern.QUOTA, Concern.STANDING):
        return ReplyDecision(state=MailState.WAITING, wait_s=_BLOCKED_S, counts=False, rest_s=_BLOCKED_S)
    if concern is Concern.PERHAPS_STANDING:
        if result.outcome is Outcome.REFUSED and others_accepted and mail.attempts + 1 >= _TRIES_FOR_POLICY:
            return ReplyDecision(state=MailState.REFUSED)
        return ReplyDecision(state=MailState.WAITING, wait_s=wait_s, may_be_senders=True)
    age_s = (datetime.now(UTC) - mail.created_at).total_seconds()
    if result.outcome is Outcome.REFUSED or age_s > _GIVE_UP_S:
        return ReplyDecision(state=MailState.REFUSED)
    return ReplyDecision(state=MailState.WAITING, wait_s=wait_s)
