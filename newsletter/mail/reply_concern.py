"""The concern of a server's reply: one reader, how much is sent at once, the sender, or the server itself.

A reply about the sender is never counted against a recipient: it slows, holds or stops the campaign. The words are
those of large providers and common servers; replies are matched by code and status first (RFC 5321, RFC 3463).

feedback/smtp_replies asks another question, why an address takes no mail, and can't answer this one: "rate limited" is
both a reason to slow down and one to stop for today. Even the mapping from its reasons that fits best names the right
concern for 39 of the 48 replies in tests/mail/test_reply_concern.py.
"""

import re
from enum import Enum

from newsletter.mail.message import Outcome, Result


class Concern(Enum):
    """The subject of a reply, from which follows what to do."""

    READER = "reader"  # this mailbox, or its domain
    MESSAGE = "message"  # this text, whoever gets it: its size, its form
    CONNECTION = "connection"  # this session is used up or refused; a new one may go on at once
    CONNECTIONS = "connections"  # more connections than the server takes
    RATE = "rate"  # more messages than the server takes now: slow down, and send this one again
    QUOTA = "quota"  # so many in an hour or a day, and they are used up
    STANDING = "standing"  # nothing is taken from this sender: block list, DMARC, login, a rule of the server
    PERHAPS_STANDING = "perhaps standing"  # policy: about the sender when several readers get it
    HEALTH = "health"  # the server's own trouble: a full disk, a service that is down


# About the recipient's own domain and mailbox, whatever else the words say (RFC 3463, RFC 7293; Exchange's 5.7.1xx).
_RECIPIENTS = re.compile(r"[45]\.(?:1\.[1-6]|2\.(?:[1-4]|122)|7\.(?:1[78]|1(?:2[49]|3[346])))$")
# Exchange Online's for accounts and addresses that may not send (5.7.5xx to 5.7.7xx), Gmail's daily limit.
_SENDERS = re.compile(r"[45]\.7\.(?:5[0-9]{2}|6[0-9]{2}|7[0-9]{2}|57|60|64)$|5\.4\.5$")
_OUTBOUND = re.compile(
    r"outbound ?spam|send ?as ?denied|(?:not (?:allowed|authori[sz]ed)|permissions?) to send (?:mail )?as|"
    r"helo command rejected|ehlo (?:command )?rejected",
    re.IGNORECASE,
)
_LONG = r"(?:daily|monthly|hourly|per (?:day|month|hour)|a day|24[ -]?h(?:ou)?rs?|for today)"
_MUCH = r"(?:limits?|quota|maximum|max|allowance|exceeded)"
_QUOTA = re.compile(
    rf"\b{_LONG}\b.{{0,60}}\b{_MUCH}\b|\b{_MUCH}\b.{{0,60}}\b{_LONG}\b|"
    r"\b(?:messages?|mails?|emails?|sending|sender|send|relay|smtp|account|plan|outgoing|outbound)\b.{0,20}\bquota\b|"
    r"\bquota\b.{0,20}\b(?:sending|outgoing|outbound)\b|\bout of (?:credits?|quota)\b|"
    r"\bcredits? (?:exceeded|exhausted)\b",
    re.IGNORECASE,
)
_MAILBOX = re.compile(r"\b(?:mailbox|recipient|user)\b.{0,40}\b(?:full|quota)\b|\bover ?quota\b", re.IGNORECASE)
_CONNECTIONS = re.compile(
    r"\b(?:concurrent|simultaneous|parallel|too many|maximum|more)\b.{0,40}\b(?:connections?|sessions?|threads?)\b|"
    r"\b(?:connection|session|thread)s?\b.{0,20}\blimit\b",
    re.IGNORECASE,
)
_RATE = re.compile(
    r"throttl|\brate[ -]?limit|\b(?:sending|send|message|mail|submission|unusual|high|maximum) rate\b|"
    r"\brate\b.{0,30}\b(?:exceed|limit|control|too high)|\bexceed\w*\b.{0,30}\brate\b|\bslow(?:ed)? down\b|"
    r"\btoo (?:fast|quickly|much mail)\b|\btoo many (?:concurrent )?(?:messages|mails|e-?mails|requests|submissions)\b",
    re.IGNORECASE,
)
_POLICY = re.compile(
    r"\bblock(?:ed|ing|list(?:ed)?)\b|\bblack ?list|\bdeny ?list|\bbanned\b|spamhaus|spamcop|barracuda|\breputation\b|"
    r"\b(?:dmarc|spf|dkim)\b|\bunauthenticated\b|\bunsolicited\b|\bspam\b|\baccess denied\b|"
    r"\brelay(?:ing)?\b.{0,20}\b(?:denied|not permitted|prohibited)\b|\bnot permitted to relay\b",
    re.IGNORECASE,
)
_TOO_MANY_CONNECTIONS = 432  # Exchange Online's, for connections and threads
_CLOSING = 421
_NOT_NOW = 454  # RFC 4954 for the login alone; Amazon SES's for all its limits
_BEFORE_RECIPIENT = ("connect", "ehlo", "mail")


def classify_result(result: Result) -> Concern:
    """Return the concern of the reply in a result."""
    if result.code is None or result.outcome not in (Outcome.DEFERRED, Outcome.REFUSED):
        return Concern.READER
    return classify_reply(result.code, result.enhanced or "", result.reply, result.stage)


def classify_reply(code: int, enhanced: str, reply: str, stage: str) -> Concern:
    """Return the concern of a reply; `stage` names the command that it answers, as results do."""
    if code // 100 not in (4, 5):
        return Concern.READER
    later = code // 100 == 4
    if _SENDERS.match(enhanced) or _OUTBOUND.search(reply):
        return Concern.QUOTA if _QUOTA.search(reply) else Concern.STANDING
    if _RECIPIENTS.match(enhanced):
        return Concern.READER
    if _CONNECTIONS.search(reply) and later:
        return Concern.CONNECTIONS
    if (_QUOTA.search(reply) or (code == _NOT_NOW and "quota" in reply.lower())) and not _MAILBOX.search(reply):
        return Concern.QUOTA
    if later and (_RATE.search(reply) or enhanced == "4.7.28"):
        return Concern.RATE
    if code == _TOO_MANY_CONNECTIONS or (code == _CLOSING and not enhanced.startswith("5.7.")):
        return Concern.CONNECTIONS
    if enhanced.startswith("5.7.") or (not later and _POLICY.search(reply)):
        return Concern.PERHAPS_STANDING
    # A reply before RCPT can't be about the recipient, who was not named yet.
    return Concern.RATE if later and stage in _BEFORE_RECIPIENT else Concern.READER
