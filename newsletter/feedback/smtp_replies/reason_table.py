"""Reasons of a refusal, by enhanced code (RFC 3463) and words, once it is known to be hard or soft."""

import re
from collections.abc import Iterable

from newsletter.feedback.smtp_replies import reply_phrases as phrases
from newsletter.feedback.smtp_replies.reply_phrases import compile_phrases
from newsletter.feedback.smtp_replies.smtp_stage import SmtpStage
from newsletter.subscribers.reasons import Reason

_Row = tuple[Reason, re.Pattern[str], re.Pattern[str]]
_NEVER = re.compile(r"(?!)")


def _codes(text: str) -> re.Pattern[str]:
    """Compile codes without their class, such as "2.2 | 3.1"."""
    return re.compile(rf"(?:{text.replace('.', '[.]').replace(' ', '')})\Z")


_NULL_MX = compile_phrases(r"""
    null ?mx | all relevant mx records point to non-?existent | does not accept mail | no smtp service
""")
_MOVED = compile_phrases(r"""
    has moved | user (has )?moved | new address | no longer (with|at|work|employ) | left the (company|organi[sz]ation)
    i'?m no longer (with|at)
""")
_NO_USER = compile_phrases(r"""
    user ?(is )?unknown | unknown (user|recipient|mailbox|local|address) | unknown ?recipient
    no such (user|recipient|mailbox|person|address|account|local)
    (user|recipient|mailbox|account|address) ... (unknown|not found)
    (user|recipient|mailbox|account)\b ... \b(not exist|doesn'?t exist|not valid|invalid)
""")
_INACTIVE = compile_phrases(r"""
    inactiv\w* | disabled | suspended | deactivated | discontinued | frozen | locked | terminated | expired | cancel+ed
    closed | (account|mailbox|user|address)\b ... \b(blocked|deleted|removed) | gesperrt | deaktiviert | désactivée?
    not (currently )?active | 被(锁定|禁用) | отключ | заблокирован
""")
_RECIPIENT_LIMIT = compile_phrases(r"""
    (user|recipient|mailbox) ... (receiving mail (at a rate|too quickly)|exceeded their limit)
""")
_CONNECTIONS = compile_phrases(r"""
    (concurrent|simultaneous|parallel|too many|number of) ... (connections|sessions|threads)
    (connection|session|thread)s? limit
""")
_AUTHENTICATION = compile_phrases(r"""
    \bspf\b | \bdkim\b | dmarc | \barc\b.{0,20}fail | unauthenticated | sender id | spoof | not authenticated
    purported responsible | authentication information
""")
_VIRUS = compile_phrases(r"""
    virus | malware | infected | trojan | ransomware
""")
_RELAYING = compile_phrases(r"""
    relay(ing)? (is )?(denied|not|access|prohibit|attempt|disallowed) | relay access | as a relay
    open relay | rcpthosts
    (not|no|n'?t|cannot|unable to|denied|refus\w*) (to )?(permitted to )?relay
""")
_PTR = compile_phrases(r"""
    \bptr\b | reverse dns | \brdns\b | reverse (lookup|hostname|record|address) | cannot find your (host|reverse)
    cannot (resolve|find) your hostname | without reverse
""")
_BLOCKED = compile_phrases(r"""
    black ?list\w* | block ?list\w* | deny ?list | \bdnsbl | \brbl\b | spamhaus | spamcop | barracuda | sorbs | abuseat
    (client|source|connecting|ip|\[\d[\d.]+\])\b ... \b(blocked|banned|denied|rejected|refused|not allowed|mismatch)
    your (ip|host|server|domain|network) ... \b(blocked|banned|denied|rejected|refused|not allowed)
    (blocked|banned) ... (ip|client|sender|host|server)\b | not accepted from | not welcome | listed (at|by|in|on)
    invalid ip | not accept\w* connections? from | banned sending
""")
_REPUTATION = compile_phrases(r"""
    reputation
""")
_SPAM = compile_phrases(r"""
    spam | unsolicited | junk | bulk mail | phish | 垃圾 | 迷惑 | спам | \bu[bc]e\b | suspicious | content reject
""")
_CONTENT = compile_phrases(r"""
    attachment | bare lf | (bad|invalid|missing|multiple) \S{0,20} ?headers? | header error | \bmime\b | 8bit | charset
    complian | line too long | (message|mail)( was| is)? \S{0,20}because its content | content (filter|denied|not)
""")
_SECURITY = compile_phrases(r"""
    \btls\b | starttls | certificate | encrypt | authentication (required|failed|needed) | smtp auth | \blogin\b
    credentials
""")
_SYNTAX = compile_phrases(r"""
    syntax error | command (not|un)\w* | (bad|improper) sequence | unrecogni[sz]ed command | unexpected command
    protocol error
""")
_GREYLISTED = compile_phrases(r"""
    gr[ea]y-?list\w*
""")
_LOOP = compile_phrases(r"""
    \bloop | too many hops | hop count | received headers
""")
_EXPIRED = compile_phrases(r"""
    (has|have|was|were|been) (been )?(in the queue|expired) | expired | too old | delivery time | retry time(out)?
    (could not|couldn'?t|can'?t|cannot|unable to|failed to|not) (be )?deliver(ed)? (within|after|in time|for)
    for (the (past|last) )?\d+ (hours|minutes|days) | undelivered after | (multiple|\d+) (retries|attempts)
    failing for a long time | giving up | will be retried for
""")
_SYSTEM_FULL = compile_phrases(r"""
    (insufficient|not enough|no|lack of|too little) (system |disk |free )?(storage|space|disk|resources) | disk full
    file system full
""")
_NETWORK = compile_phrases(r"""
    connection (was )?(refused|reset|closed|lost|dropped|failed|died|aborted|timed out) | lost connection | timeout
    time[ds]?[- ]?out | no route to host | (un|not )reachable | not responding | did not respond | no (answer|response)
    (could not|couldn'?t|can'?t|cannot|unable to|failed to) (connect|establish|contact|reach) | connect to | to connect
    host ... not found | name service error | name server | dns (error|fail|server) | lookup fail
""")
_SYSTEM = compile_phrases(r"""
    system (error|failure|problem) | i/o error | internal error | temporar\w* (local )?(problem|failure|error)
    overload | service (temporarily |currently )?(not |un)available | shutting down | out of memory | \bbusy\b
    try (again )?later | server (error|failure) | local error | configuration error
    not accepting connections | could not load | resources
""")

# Each row: the reason, the codes that say it by themselves, the words that say it. The first row that holds counts.
# Reasons of hard bounces: the address is bad.
_OF_ADDRESS: tuple[_Row, ...] = (
    (Reason.NO_MAIL_ACCEPTED, _codes("1.10"), _NULL_MX),
    (Reason.MOVED, _codes("1.6"), _MOVED),
    (Reason.UNKNOWN_USER, _NEVER, _NO_USER),
    (Reason.INACTIVE_MAILBOX, _codes("2.1"), _INACTIVE),
    (Reason.UNKNOWN_HOST, _codes("1.2 | 4.4 | 4.310"), phrases.NO_HOST),
)
_OF_MAILBOX: tuple[_Row, ...] = (
    (Reason.RECIPIENT_LIMIT, _codes("2.122"), _RECIPIENT_LIMIT),
    (Reason.MAILBOX_FULL, _codes("2.2"), phrases.FULL),
)
_OF_SENDER: tuple[_Row, ...] = (
    (Reason.TOO_MANY_CONNECTIONS, _NEVER, _CONNECTIONS),
    (Reason.MESSAGE_TOO_LARGE, _codes("3.4 | 2.3"), phrases.LARGE),
    (Reason.AUTHENTICATION_FAILED, _codes("7.2[0-7] | 7.515 | 7.3[0-2]"), _AUTHENTICATION),
    (Reason.VIRUS, _NEVER, _VIRUS),
    (Reason.RELAYING_DENIED, _NEVER, _RELAYING),
    (Reason.MISSING_PTR, _NEVER, _PTR),
    (Reason.BLOCKED_SENDER, _codes("7.60[0-9] | 7.70[0-9]"), _BLOCKED),
    (Reason.BAD_REPUTATION, _NEVER, _REPUTATION),
    (Reason.REJECTED_SENDER, _codes("1.7 | 1.8"), phrases.SENDER),
    (Reason.RATE_LIMITED, _codes("7.28 | 4.5 | 2.121"), phrases.RATE),
    (Reason.SPAM, _NEVER, _SPAM),
    (Reason.CONTENT, _codes("6.[0-9]+"), _CONTENT),
    (Reason.SECURITY, _codes("7.[4-9] | 7.1[0-4]"), _SECURITY),
    (Reason.SYNTAX, _codes("5.[1-6]"), _SYNTAX),
)
_FOR_NOW: tuple[_Row, ...] = (
    (Reason.GREYLISTED, _NEVER, _GREYLISTED),
    (Reason.MAIL_LOOP, _codes("4.6 | 4.14"), _LOOP),
    (Reason.EXPIRED, _codes("4.7"), _EXPIRED),
    (Reason.SYSTEM_FULL, _codes("3.1"), _SYSTEM_FULL),
    (Reason.NETWORK_ERROR, _codes("4.[0-35]"), _NETWORK),
    (Reason.SYSTEM_ERROR, _codes("3.[0-9]+"), _SYSTEM),
)
_REFUSED_AT = {
    SmtpStage.CONNECT: Reason.BLOCKED_SENDER,
    SmtpStage.EHLO: Reason.BLOCKED_SENDER,
    SmtpStage.AUTH: Reason.SECURITY,
    SmtpStage.MAIL: Reason.REJECTED_SENDER,
}


def find_reason(text: str, enhanced: str, stage: SmtpStage | None, *, is_hard: bool, is_about_sender: bool) -> Reason:
    """Return the reason of a refusal. `text` is in small letters on one line."""
    code = enhanced[2:]
    if is_hard:
        return _find_row(_OF_ADDRESS, text, code) or Reason.UNKNOWN_USER
    if is_about_sender:
        at_stage = _REFUSED_AT.get(stage, Reason.POLICY) if stage else Reason.POLICY
        return _find_row((*_OF_SENDER, *_FOR_NOW), text, code) or at_stage
    return _find_row((*_OF_MAILBOX, *_FOR_NOW), text, code) or Reason.UNDETERMINED


def _find_row(rows: Iterable[_Row], text: str, code: str) -> Reason | None:
    """Return the first reason that the words say, else the first that the code says by itself."""
    by_words = (reason for reason, _, words in rows if words.search(text))
    by_code = (reason for reason, codes, _ in rows if codes.match(code))
    return next(by_words, None) or next(by_code, None)
