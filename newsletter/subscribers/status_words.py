"""Words by which other programs' exports say that somebody is not to be mailed: columns' names, and cells.

How such columns are named and filled was looked up for listmonk (`status`), Ghost (`subscribed_to_emails`), Substack
(`email_disabled`; `active_subscription` is about paying), Keila (`Status`), Buttondown (`subscriber_type`,
`unsubscription_date`), Mailchimp (`UNSUB_TIME`), HubSpot (`Unsubscribed from all email`), Salesforce
(`HasOptedOutOfEmail`), Dynamics (`Do not allow Bulk Emails`), Klaviyo (`Email Marketing Consent`), Brevo
(`emailBlacklisted`), Mailman (`nomail`) and Google Groups (`Group status`).
"""

import re
import unicodedata
from collections.abc import Mapping
from enum import Enum
from functools import lru_cache

from newsletter.subscribers.feedback_events import SuppressionKind

_WHO = "(?:(?:is|e_?mail|mail|mailing|newsletter|marketing|contact|subscriber|subscription|member|list)_)?"
_TEXT = re.compile(f"{_WHO}status|subscriber_type|opt_?in_status|consent_status")
_YES = re.compile(
    f"{_WHO}(?:subscribed|enabled|active|mailable|opt_?in|opted_in|consent)"
    "|subscribed_to_.*|accepts_.*marketing|receives_.*(?:mail|newsletter).*"
)
_GONE = "unsubscribed?|unsub|disabled|blocked|bounced|blacklisted|blocklisted|suppressed|complained|opt_?out|opted_out"
_NO = re.compile(
    f"{_WHO}(?:{_GONE}|cleaned|undeliverable|deleted|left)|globally_unsubscribed|do_not_(?:e_?)?(?:mail|contact)"
    f"|{_WHO}(?:{_GONE}|unsubscription|clean|cleaned|bounce|complaint|undeliverab(?:le|ility)|deleted|deletion|left)"
    "_(?:at|on|time|date)"
)
_FALSE = frozenset(
    ["0", "false", "f", "no", "n", "none", "null", "nil", "n/a", "na", "-", "--", "never", "nein", "non", "off", "[]"]
)
_MAILED = frozenset(
    ["enabled", "active", "subscribed", "confirmed", "regular", "premium", "gifted", "trialed", "free", "paid",
     "comped", "mailable", "opted-in", "opted_in", "aktiv", "actif", "activo", "attivo", "angemeldet", "abonniert",
     "inscrit", "suscrito", "iscritto"]
)  # fmt: skip
# Stems as they are found anywhere in a name or a status, without accents, blanks and signs.
_STEMS = (
    "unsub|opt(?:ed|s)?out|suppress|bl(?:ack|ock)list|blocked|bounce|complain|undeliver|cancel|removed|inactive|disabled"
    "|banned|deleted|nomail|abgemeldet|ausgetragen|gekundigt|desinscri|desabonn|debaja|disiscritt|descadastr|afgemeld"
    "|uitgeschreven|配信停止|登録解除|購読解除|退会"
)
_WIDE_NO = re.compile(f"{_STEMS}|donot|dontmail|dontsend|noemail|nonewsletter|abmeldung|cleaned|spamreport")
_WIDE_NO_WORDS = frozenset(["dnd"])
_WIDE_YES = re.compile(
    "consent|newsletter|optin|optedin|permission|einwilligung|isubscribed"
    "|(?:send|receive|accept|allow|want|get)s?.*(?:mail|news|marketing)"
)
_WIDE_TEXT = frozenset(["status", "delivery", "state", "standing"])
_SAYS_LEFT = re.compile(f"{_STEMS}|declined|revoked|withdrawn|^(?:never|not|nolonger)(?:subscribed|optedin|confirmed)")
_ZERO = re.compile(r"0+([.,]0+)?%?|0000-00-00.*")


def fold(words: str) -> str:
    """Return words in small letters, without accents."""
    if words.isascii():
        return words.casefold()
    apart = unicodedata.normalize("NFKD", words.casefold())
    return unicodedata.normalize("NFC", "".join(letter for letter in apart if not unicodedata.combining(letter)))


def _run_together(words: str) -> str:
    return re.sub(r"[\W_]+", "", fold(words))


_LEFT: Mapping[str, SuppressionKind] = {
    _run_together(word): cause
    for cause, words in {
        SuppressionKind.UNSUBSCRIBED: (
            "unsubscribed", "unsubscribe", "opted out", "opt out", "abgemeldet", "ausgetragen", "désinscrit",
            "désinscrite", "désabonné", "désabonnée", "dado de baja", "dada de baja", "disiscritto", "afgemeld",
            "uitgeschreven", "配信停止", "登録解除", "購読解除", "退会", "removed", "cancelled", "canceled",
        ),
        SuppressionKind.BOUNCED: ("bounced", "hard bounced", "hard bounce", "cleaned", "undeliverable", "unreachable"),
        SuppressionKind.COMPLAINED: ("complained", "complaint", "spam complaint", "marked as spam"),
        SuppressionKind.SUPPRESSED: (
            "blocklisted", "blacklisted", "blocked", "suppressed", "disabled", "unconfirmed", "unactivated", "banned",
            "inactive", "do not mail", "do not email", "do not contact", "nomail", "never subscribed",
            "not subscribed", "no longer subscribed",
        ),
    }.items()
    for word in words
}  # fmt: skip
LONGEST = 2 * max(map(len, _LEFT))  # characters of a cell that can be such a word
_INITIALS = frozenset(word[0] for word in _LEFT)
MARKS = ("", "tags")  # columns whose cells hold several words: one without a name, and the tags


class StatusMeaning(Enum):
    """Meanings of a cell for the person whom its row is about."""

    MAILED = "mailed"
    LEFT = "left"
    NOTHING = "nothing"
    UNCLEAR = "unclear"


@lru_cache(maxsize=10_000)
def interpret_cell(column: str, cell: str) -> StatusMeaning:
    """Return what a cell of this column means, as far as the column's name or the word itself tell."""
    word = cell.strip().casefold()
    if column in MARKS:
        return StatusMeaning.LEFT if _find_marked_cause(cell) else StatusMeaning.NOTHING
    if _NO.fullmatch(column):
        return (
            StatusMeaning.MAILED if not word or word in _FALSE or word.startswith("0000-00-00") else StatusMeaning.LEFT
        )
    if _YES.fullmatch(column):
        return StatusMeaning.LEFT if not word or word in _FALSE or _is_left(word) else StatusMeaning.MAILED
    if not word:
        return StatusMeaning.NOTHING
    if cause_of(word):
        return StatusMeaning.LEFT
    if _TEXT.fullmatch(column):
        return (
            StatusMeaning.MAILED if word in _MAILED else StatusMeaning.LEFT if _is_left(word) else StatusMeaning.UNCLEAR
        )
    return StatusMeaning.LEFT if _says_left_widely(column, word) else StatusMeaning.NOTHING


def is_telling(column: str) -> bool:
    """Return whether a column's name alone says that its cells may be about leaving."""
    return any(kind.fullmatch(column) for kind in (_TEXT, _YES, _NO)) or bool(_wide(column))


def keeps_out(column: str, word: str) -> bool:
    """Return whether a cell of an honoured column keeps its subscriber out: a word that is not known here does."""
    said = interpret_cell(column, word)
    if said is not StatusMeaning.NOTHING:
        return said in (StatusMeaning.LEFT, StatusMeaning.UNCLEAR)
    return column not in MARKS and _wide(column) not in ("no", "yes") and word.casefold() not in {"", *_MAILED}


def says_mailed(column: str, word: str) -> bool:
    """Return whether a cell of an honoured column says that its subscriber is mailed, and not merely nothing else."""
    if column in MARKS or _NO.fullmatch(column) or _wide(column) == "no":
        return False  # an empty or a false cell says that somebody has not left, and not that they have confirmed
    return interpret_cell(column, word) is StatusMeaning.MAILED or word.strip().casefold() in _MAILED


def cause_of(cell: str) -> SuppressionKind | None:
    """Return the cause that a status names by a known word."""
    return _find_cause(cell) if _may_begin(cell[:1]) else None


@lru_cache(maxsize=1_000)
def _may_begin(letter: str) -> bool:
    """Return whether a known word may begin with this: nearly no cell of a list does."""
    return fold(letter) in _INITIALS or not letter.isalnum()


@lru_cache(maxsize=10_000)
def _find_cause(cell: str) -> SuppressionKind | None:
    return _LEFT.get(_run_together(cell))


def cause_in(column: str, cell: str) -> SuppressionKind:
    """Return the cause that a cell of an honoured column names; SUPPRESSED when its words are not known."""
    return (_find_marked_cause(cell) if column in MARKS else cause_of(cell)) or SuppressionKind.SUPPRESSED


@lru_cache(maxsize=10_000)
def _find_marked_cause(cell: str) -> SuppressionKind | None:
    """Return the cause that one word among others names; `blocked` and the like are tags of other kinds, too."""
    causes = map(cause_of, re.split(r"[,;|]|\s{2,}", cell) + cell.split())
    return next((cause for cause in causes if cause and cause is not SuppressionKind.SUPPRESSED), None)


def _is_left(word: str) -> bool:
    return bool(_SAYS_LEFT.search(_run_together(word)))


@lru_cache(maxsize=1_000)
def _wide(column: str) -> str:
    name, words = _run_together(column), fold(column).split("_")
    if _WIDE_NO.search(name) or not _WIDE_NO_WORDS.isdisjoint(words):
        return "no"
    if not _WIDE_TEXT.isdisjoint(words):
        return "text"
    return "yes" if _WIDE_YES.search(name) else ""


def _says_left_widely(column: str, word: str) -> bool:
    """Return whether a word says so in a column that a part of its name makes one of those that tell.

    That it does not say so is no sign that its subscriber is mailed: such a name may mean something else.
    """
    match _wide(column):
        case "no":
            return word not in _FALSE and word not in _MAILED and not _ZERO.fullmatch(word)
        case "yes":
            return word in _FALSE or _is_left(word)
        case "text":
            return _is_left(word)
        case _:
            return False
