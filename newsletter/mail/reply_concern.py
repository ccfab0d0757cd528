"""The concern of a server's reply: one reader, how much is sent at once, the sender, or the server itself.

One table decides, from the stage of the dialogue, the code (RFC 5321), the enhanced code (RFC 3463) and the words. The
words are those of large providers and common servers. A reply that is not about a reader is never counted against one:
it slows, holds or stops the campaign. What happened around a reply is not known here: whether others were accepted
meanwhile, or whether every first try was put off, is for the throttle to weigh.

feedback/smtp_replies asks another question, why an address takes no mail, and can't answer this one: "rate limited" is
both a reason to slow down and one to stop for today. Even the mapping from its reasons that fits best names the right
concern for 39 of the first 48 replies in tests/mail/test_reply_concern.py.
"""

import re
from collections.abc import Container, Sequence
from enum import Enum
from typing import NamedTuple

from newsletter.mail.message import Outcome, Result
from newsletter.mail.reply_limits import opens_soon


class Concern(Enum):
    """The subject of a reply, from which follows what to do."""

    READER = "reader"  # this mailbox, or its domain
    MESSAGE = "message"  # this text, whoever gets it: its size
    CONNECTION = "connection"  # this session is used up or refused; a new one may go on at once
    CONNECTIONS = "connections"  # more connections than the server takes
    RATE = "rate"  # more messages than the server takes now: slow down, and send this one again
    QUOTA = "quota"  # so many in an hour or a day, and they are used up
    STANDING = "standing"  # nothing is taken from this sender: block list, DMARC, login, a rule of the server
    PERHAPS_STANDING = "perhaps standing"  # policy: about the sender when several readers get it
    HEALTH = "health"  # the server's own trouble: a full disk, a service that is down


class _Rule(NamedTuple):
    """A line of the table: it holds where all that it names fits; what it leaves out fits always."""

    concern: Concern
    code: str = ""  # its beginning
    enhanced: re.Pattern[str] | None = None
    words: re.Pattern[str] | None = None
    stages: Container[str] | None = None


def _compile(*words: str) -> re.Pattern[str]:
    return re.compile("|".join(words), re.IGNORECASE)


_BEFORE_LOGIN = frozenset({"connect", "ehlo", "starttls", "auth"})
_BEFORE_RECIPIENT = _BEFORE_LOGIN | {"mail", "rset"}
_AT_MAIL = frozenset({"mail"})

# Exchange Online's for accounts, tenants and addresses that may not send.
_SENDERS = re.compile(r"5\.7\.(?:[5-7][0-9]{2}|57|60|64)$")
_SENDERS_FOR_NOW = re.compile(r"4\.7\.[5-7][0-9]{2}$")  # and those that ask it to slow down
_OUTBOUND = _compile(
    r"outbound ?spam|send ?as ?denied|(?:not (?:allowed|authori[sz]ed)|permissions?) to send (?:mail )?as",
    r"[eh][eh]lo command rejected|ehlo rejected|sender throttled due to",
    r"storedrv\.submission.{0,80}[:.]QuotaExceeded",  # the sender's own mailbox is full
    r"email address is not verified|account (?:is |has been )?(?:suspended|disabled for sending|blocked from sending)",
    r"sending (?:is |has been )?(?:paused|suspended|disabled)",
)
_ADDRESS_OF_SENDER = re.compile(r"[45]\.1\.[78]$")  # RFC 3463, section 3.2: a bad sender's address
_TOO_BIG = re.compile(r"5\.3\.4$")  # RFC 3463, section 3.4: message too big for system
_OF_SYSTEM = re.compile(r"(?:5\.3\.\d+)?$")
_SIZE = _compile(
    r"\bmessage (?:file |body |size )?(?:is )?(?:too (?:big|large)|exceeds)\b|\bsize exceeds\b.{0,40}\b(?:limit|max)",
    r"\b(?:message|maximum|max|fixed) (?:message )?size (?:limit|exceed)|\bmessage exceed\w*\b.{0,40}\bsize\b",
    r"\bexceed\w*\b.{0,40}\b(?:message|maximum|size) (?:size|limits?)\b.{0,20}\b(?:bytes|[km]b)\b",
)
_SIZE_FOR_READER = _compile(r"recipsizelimit")  # Exchange's, of one mailbox
# About the reader's own domain and mailbox, whatever else the words say (RFC 3463, RFC 7293; Exchange's 5.7.1xx).
_READERS = re.compile(r"[45]\.(?:1\.(?:[1-6]|1[0-9])|2\.(?:[0-4]|12[12])|7\.(?:1[78]|1(?:2[49]|3[346])))$")
_MAILBOX = _compile(
    r"\b(?:mailbox|recipient|user|inbox)\b.{0,40}\b(?:full|quota|storage)\b|\bover ?quota\b",
    r"\b(?:mailbox|recipient|user)\b.{0,12}\b(?:unavailable|busy|locked|inactive|disabled)\b",
)
# About the sender, although a mailbox is named: Exim's callout to the sender's own, block lists before what follows.
_SENDER_NAMED = _compile(
    r"\bsender (?:address )?(?:verify|verification|callout|call-?back)\b.{0,20}\bfail",
    r"\b(?:sender|sending|your|client) (?:ip|host|server|domain)\b.{0,40}\b(?:(?:black ?)?listed|blocked|banned)\b",
    r"\bsender (?:address )?(?:is )?(?:listed|blocked|black ?listed|rejected|refused|denied)\b",
)
# GMX's and web.de's, which begin with "mailbox unavailable" whatever they are about (postmaster.gmx.net).
_POLICY_OF_GMX = _compile(r"\breject due to policy\b")
_RATE_OF_GMX = _compile(r"\bmail send limit exceeded\b")
_GREYLISTED = _compile(r"\bgr[ae]y-?list|\bdeferred for \d+ ?s|\bfirst (?:time|attempt)\b.{0,40}\btry\b")
_RSPAMD_GREYLISTED = _compile(r"^(?:please )?try again later(?:: .*)?$")
_POLICY_CODE = re.compile(r"4\.7\.1$")
_RELAYS_PEAK = _compile(r"\bpeak smtp relay limit\b")  # Gmail's, with a mailbox's code
_LONG = (
    r"(?:daily|monthly|hourly|weekly|(?:per|an?|each|this|last|in one) (?:day|month|hour|week)|24[ -]?h(?:ou)?rs?|"
    r"for today)"
)
_MUCH = r"(?:limits?|quota|maximum|max|allowance|exceeded|too many)"
_QUOTA = _compile(
    rf"\b{_LONG}\b.{{0,60}}\b{_MUCH}\b|\b{_MUCH}\b.{{0,60}}\b{_LONG}\b",
    r"\b(?:messages?|mails?|emails?|sending|sender|send|relay|smtp|account|plan|outgoing|outbound|submission|domain)"
    r"\b.{0,20}\bquota\b|\bquota\b.{0,20}\b(?:sending|outgoing|outbound)\b",
    r"\bout of (?:credits?|quota)\b|\bcredits? (?:exceeded|exhausted|used up)\b|\b(?:sending|monthly) limit reached\b",
)
_SUBMISSION_QUOTA = _compile(r"submissionquota|refusequota")  # Exchange Online's, with a mailbox's code
_QUOTA_CODE = re.compile(r"5\.4\.5$")  # Gmail's daily limit
_ANY_QUOTA = _compile(r"quota")
_CONNECTIONS = _compile(
    r"\b(?:concurrent|simultaneous|parallel|too many|maximum|more|open)\b.{0,40}"
    r"\b(?:connections?|sessions?|threads?)\b",
    r"\b(?:connection|session|thread)s?\b.{0,20}\blimit\b|\bports are busy\b|\bconnection rate\b|\bRP-003\b",
    r"\btoo many (?:new tls sessions|auth commands|login attempts|logins)\b|\bconcurrency limit\b",
)
_CONNECTION = _compile(
    r"\b(?:messages?|mails?|transactions?|recipients?)\b.{0,30}\b(?:in|on|per|this|for this) (?:this |one |a )?"
    r"(?:connection|session)\b",
    r"\bper (?:connection|session)\b.{0,20}\b(?:limit|reached|exceeded)\b|\ballowed on this connection\b|\bRP-002\b",
    r"\btoo many messages sent\b|\b(?:batch|transaction) limit\b",
    r"\btoo many (?:errors|(?:bad|syntax|protocol|non-?mail|unrecogni[sz]ed|unknown|invalid|synchronization)\b)",
    r"\btimeout exceeded\b|\bidle (?:for )?too long\b|\bsmtp command timeout\b|\bsecond transaction\b",
)
_POSTSCREEN = _compile(r"^service currently unavailable\b")  # a session in which it tested the client (450 4.3.2)
_OF_SESSION = re.compile(r"4\.5\.3$")  # RFC 3463: too many recipients; each of our messages has one
_RATE = _compile(
    r"throttl|\brate[ -]?limit|\b(?:sending|send|message|mail|submission|unusual|high|maximum) rate\b",
    r"\brate\b.{0,30}\b(?:exceed|limit|control|too high)|\bexceed\w*\b.{0,30}\brate\b|\bslow(?:ed)? down\b",
    r"\btoo (?:fast|quickly|much mail)\b|\bsend(?:ing)? (?:more )?slower\b|\bunexpected volume\b|\bRP-001\b",
    r"\btoo many (?:concurrent )?(?:messages|mails|e-?mails|requests|submissions|recipients)\b|\bfrequency limit",
    r"\b(?:reached|exceeded) (?:its|your|the) (?:sending )?limit\b|\bTSS?0\d\b|\btemporarily deferred due to\b",
)
_RATE_CODE = re.compile(r"4\.7\.28$")  # Gmail's
_SURELY_HEALTH = _compile(
    r"\binsufficient (?:system |disk )?(?:storage|resources?|space|memory)\b|\bdisk (?:is )?full\b|\bno space\b",
    r"\b(?:space shortage|out of memory|no system resources|low on (?:space|memory))\b|\b(?:too much |over)load",
    r"\b(?:queue|spool|local data|lookup|internal|local|configuration)\b.{0,12}\b(?:error|problem|failure)\b",
    r"\berror\b.{0,20}\b(?:queue|spool|reading|writing)\b",
    r"\btemporar(?:y|ily) (?:local |system |server |service |internal |lookup |authentication )*"
    r"(?:problem|error|failure|unavailable|not available)\b|\bresources temporarily\b",
    r"\bserver (?:is )?(?:too )?busy\b|\b(?:maintenance|shutting down|going down|shutdown)\b",
)
_HEALTH = _compile(
    r"\bservice (?:is )?(?:currently |temporarily )?(?:not available|unavailable|down)\b|\btry (?:it )?again later\b",
    r"\b(?:please )?try (?:again )?later\b|\btemporarily rejected\b|\bnot available\b|\bcome back later\b",
)
_HEALTH_CODE = re.compile(r"4\.(?:3\.\d+|4\.5)$")
_REFUSED_FOR_DOMAIN = _compile(r"\bfor rcpt domain\b")  # Gmail's, of a rule that one domain has made
_POLICY_5 = re.compile(r"5\.7\.\d+$")
_POLICY = _compile(
    r"\bblock(?:ed|ing|list(?:ed)?)\b|\bblack ?list|\bdeny ?list|\bbanned\b|spamhaus|spamcop|barracuda|\breputation\b",
    r"\b(?:dmarc|spf|dkim)\b|\bunauthenticated\b|\bunsolicited\b|\bspam\b|\baccess denied\b|\bclient host rejected\b",
    r"\brelay(?:ing)?\b.{0,20}\b(?:denied|not permitted|prohibited)\b|\bnot permitted to relay\b",
    r"\bsender (?:address )?(?:rejected|refused|denied|verify failed)\b",
    r"\bpolicy (?:reasons?|restrictions?|violations?)\b",
)

# In its order: the first line that fits decides.
_TABLE: Sequence[_Rule] = (
    _Rule(Concern.QUOTA, code="5", enhanced=_QUOTA_CODE),
    _Rule(Concern.QUOTA, words=_SUBMISSION_QUOTA),
    _Rule(Concern.READER, words=_SIZE_FOR_READER),
    _Rule(Concern.MESSAGE, code="5", enhanced=_TOO_BIG),
    _Rule(Concern.MESSAGE, code="5", words=_SIZE),
    _Rule(Concern.MESSAGE, code="552", enhanced=_OF_SYSTEM, stages=_AT_MAIL),  # RFC 1870, section 6.1
    _Rule(Concern.STANDING, words=_OUTBOUND),
    _Rule(Concern.RATE, code="4", words=_RELAYS_PEAK),
    _Rule(Concern.PERHAPS_STANDING, enhanced=_ADDRESS_OF_SENDER),
    _Rule(Concern.READER, enhanced=_READERS),
    _Rule(Concern.RATE, code="4", words=_RATE_OF_GMX),
    _Rule(Concern.PERHAPS_STANDING, words=_POLICY_OF_GMX),
    _Rule(Concern.PERHAPS_STANDING, code="5", words=_SENDER_NAMED),
    _Rule(Concern.READER, words=_MAILBOX),
    _Rule(Concern.READER, code="4", words=_REFUSED_FOR_DOMAIN),
    _Rule(Concern.READER, code="4", words=_GREYLISTED),
    _Rule(Concern.CONNECTION, code="4", words=_CONNECTION),
    _Rule(Concern.CONNECTIONS, code="4", words=_CONNECTIONS),
    _Rule(Concern.RATE, code="421", words=re.compile(r"\bRP-001\b")),  # Outlook.com's, which speaks of hours and days
    _Rule(Concern.QUOTA, words=_QUOTA),
    _Rule(Concern.QUOTA, code="454", words=_ANY_QUOTA),  # RFC 4954 for the login alone; Amazon SES's for its limits
    _Rule(Concern.STANDING, enhanced=_SENDERS),
    _Rule(Concern.STANDING, code="5", stages=_BEFORE_LOGIN),
    _Rule(Concern.CONNECTION, code="4", enhanced=_OF_SESSION),
    _Rule(Concern.RATE, code="4", words=_RATE),
    _Rule(Concern.PERHAPS_STANDING, code="5", words=_RATE),
    _Rule(Concern.RATE, code="4", enhanced=_RATE_CODE),
    _Rule(Concern.RATE, code="4", enhanced=_SENDERS_FOR_NOW),
    _Rule(Concern.CONNECTIONS, code="432"),  # Exchange Online's, for connections and threads
    _Rule(Concern.CONNECTION, code="450", words=_POSTSCREEN),
    _Rule(Concern.PERHAPS_STANDING, enhanced=_POLICY_5),  # also of a 421, as Exchange Online has it
    _Rule(Concern.HEALTH, code="4", words=_SURELY_HEALTH),
    _Rule(Concern.CONNECTIONS, code="421", words=_HEALTH, stages=_BEFORE_LOGIN),
    _Rule(Concern.PERHAPS_STANDING, words=_POLICY),
    _Rule(Concern.CONNECTIONS, code="421", stages=_BEFORE_LOGIN),
    _Rule(Concern.CONNECTION, code="421"),  # RFC 5321, section 3.8: the session ends
    _Rule(Concern.READER, code="4", enhanced=_POLICY_CODE, words=_RSPAMD_GREYLISTED),
    _Rule(Concern.HEALTH, code="4", words=_HEALTH),
    _Rule(Concern.HEALTH, code="4", enhanced=_HEALTH_CODE),
    _Rule(Concern.HEALTH, code="4", stages=_BEFORE_RECIPIENT),
    _Rule(Concern.STANDING, code="5", stages=_BEFORE_RECIPIENT),
)


def classify_result(result: Result) -> Concern:
    """Return the concern of the reply in a result. A refusal of a backend's own may have an enhanced code alone."""
    if result.outcome not in (Outcome.DEFERRED, Outcome.REFUSED) or not (result.code or result.enhanced):
        return Concern.READER
    enhanced = result.enhanced or ""
    return classify_reply(result.code or 100 * int(enhanced[0]), enhanced, result.reply, result.stage)


def classify_reply(code: int, enhanced: str, reply: str, stage: str) -> Concern:
    """Return the concern of a reply; `stage` names the command that it answers, as results do."""
    digits = str(code)
    if digits[0] not in "45":
        return Concern.READER
    about_reader = stage not in _BEFORE_RECIPIENT  # who was not named before RCPT
    for rule in _TABLE:
        if (
            (about_reader or rule.concern is not Concern.READER)
            and digits.startswith(rule.code)
            and (rule.stages is None or stage in rule.stages)
            and (rule.enhanced is None or rule.enhanced.match(enhanced))
            and (rule.words is None or rule.words.search(reply))
        ):
            is_short = rule.concern is Concern.QUOTA and opens_soon(reply)
            return Concern.RATE if is_short else rule.concern
    return Concern.READER
