"""Columns of a list that say who must not be mailed: those of an export of ours, and those of other programs.

Ours are always honoured. Another program's column may mean something else by the same name, so an editor says once,
in newsletter.toml, whether it is honoured. How they are named and filled was looked up for listmonk (`status`), Ghost
(`subscribed_to_emails`), Substack (`email_disabled`; `active_subscription` is about paying), Keila (`Status`),
Buttondown (`subscriber_type`, `unsubscription_date`), and Mailchimp (`UNSUB_TIME`).
"""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path

from newsletter.address import normalise
from newsletter.audience.events import Cause
from newsletter.audience.sheet import column_name, read_header, read_lines, read_records, unguard
from newsletter.audience.standing import MAILABLE, Held
from newsletter.audience.subscribers import reader_key
from newsletter.config import ReaderList
from newsletter.errors import DecisionNeeded, ListError, Problem, counted

# The columns of an export beside the list's own; no list has columns of these names by chance.
STATE, SINCE, WORDS = "newsletter_state", "newsletter_since", "newsletter_words"

QUESTION = "status-column"  # the code of a problem that asks what a column means
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
    ["0", "false", "f", "no", "n", "none", "null", "nil", "n/a", "na", "-", "--", "never", "nein", "non", "off"]
)
_MAILED = frozenset(
    ["enabled", "active", "subscribed", "confirmed", "regular", "premium", "gifted", "trialed", "free", "paid",
     "comped", "mailable", "opted-in", "opted_in", "aktiv", "actif", "activo", "attivo", "angemeldet", "abonniert",
     "inscrit", "suscrito", "iscritto"]
)  # fmt: skip
_LEFT: Mapping[str, Cause] = {
    **dict.fromkeys(
        ("unsubscribed", "unsubscribe", "opted out", "opted-out", "opt-out", "optout", "abgemeldet", "désinscrit",
         "désabonné", "removed"), Cause.UNSUBSCRIBED,
    ),
    **dict.fromkeys(
        ("bounced", "hard bounced", "hard bounce", "cleaned", "undeliverable", "unreachable"), Cause.BOUNCED
    ),
    **dict.fromkeys(("complained", "complaint", "spam complaint", "marked as spam"), Cause.COMPLAINED),
    **dict.fromkeys(
        ("blocklisted", "blacklisted", "blocked", "suppressed", "disabled", "unconfirmed", "unactivated",
         "do not mail", "do not email", "do not contact"), Cause.SUPPRESSED,
    ),
}  # fmt: skip
_SHORTEST, _LONGEST = 5, 20  # characters of the words above


class Says(Enum):
    """What a cell says of its reader."""

    MAILED = "mailed"
    LEFT = "left"
    NOTHING = "nothing"
    UNCLEAR = "unclear"


@dataclass(frozen=True, slots=True)
class Statuses:
    """What the columns of a list say: which readers must not be mailed, why, and by which words.

    `questions` name columns of which nobody has said what they mean.
    """

    left: Mapping[str, Held] = field(default_factory=dict)
    words: Mapping[str, str] = field(default_factory=dict)
    questions: Sequence[Problem] = ()

    def refuse_open(self, path: Path) -> None:
        """Raise DecisionNeeded while there is a question."""
        if self.questions:
            several = 'Several columns go into one list: honour = ["one", "other"]. ' if len(self.questions) > 1 else ""
            raise DecisionNeeded(
                f"Does {path.name} itself say who must not be mailed?",
                next_step=f"{several}Once you have answered, you are not asked again.",
                problems=self.questions,
            )


def says(column: str, cell: str) -> Says:
    """Return what a cell of this column says, as far as the column's name or the word itself tell."""
    word = cell.strip().casefold()
    if _NO.fullmatch(column):
        return Says.MAILED if not word or word in _FALSE or word.startswith("0000-00-00") else Says.LEFT
    if _YES.fullmatch(column):
        return Says.LEFT if not word or word in _FALSE or word in _LEFT else Says.MAILED
    if word in _LEFT:
        return Says.LEFT
    if not word or not _TEXT.fullmatch(column):
        return Says.NOTHING
    return Says.MAILED if word in _MAILED else Says.UNCLEAR


def statuses_of(path: Path, settings: ReaderList) -> Statuses:
    """Return what the columns of a list say, as newsletter.toml would have them understood.

    Raises ListError when the publication's own list lacks a column that is to be honoured: who has left could no longer
    be told. Another list has columns of its own.
    """
    if path.name == Path(settings.file).name:
        _refuse_lacking(path, settings.honour)
    return read_statuses(path, settings.honour, settings.ignore)


def read_statuses(path: Path, honour: Sequence[str] = (), ignore: Sequence[str] = ()) -> Statuses:
    """Look through a list's own columns; others' are understood as `honour` and `ignore` say, or asked about.

    Of an address with several rows each counts.
    """
    lines = read_lines(path)
    header = read_header(path, lines)
    honoured = [name for name in (*map(column_name, honour), STATE) if name in header.columns]
    settled = {"", "email", "name", "tags", STATE, SINCE, WORDS, *honoured, *map(column_name, ignore)}
    open_ = [name for name in header.columns if name not in settled]
    left: dict[str, Held] = {}
    words: dict[str, str] = {}
    asked: dict[str, list[tuple[int, str]]] = {}
    telling = [name for name in open_ if any(kind.fullmatch(name) for kind in (_TEXT, _YES, _NO))]
    for record in read_records(lines, header):
        if record.fault or not any(map(str.strip, record.cells)):
            continue
        cells = dict(zip(header.columns, record.cells, strict=False))
        for name in open_:
            cell = cells.get(name, "")
            if (name in telling or _SHORTEST <= len(cell) <= _LONGEST) and says(name, cell) in (
                Says.LEFT,
                Says.UNCLEAR,
            ):
                asked.setdefault(name, []).append((record.line, cell.strip()))
        if honoured and (held := _held(cells, honoured)):
            column, word, cause = held
            with suppress(ValueError):
                reader = reader_key(normalise(unguard(cells.get("email", "").strip()).strip()))
                left[reader] = cause
                words[reader] = f"{column}: {word}" if word else f"no {column}"
    return Statuses(left, words, [_question(path, name, told) for name, told in asked.items()])


def _refuse_lacking(path: Path, honour: Sequence[str]) -> None:
    columns = read_header(path, read_lines(path)).columns
    if missing := [name for name in honour if column_name(name) not in columns]:
        raise ListError(
            f"{path.name} has no column {missing[0]}, and newsletter.toml says that it tells who must not be mailed.",
            next_step="Bring the column back, or take it out of [list] honour once nobody on the list has left.",
        )


def _held(cells: Mapping[str, str], honoured: Sequence[str]) -> tuple[str, str, Held] | None:
    """Return the column and the word by which this row must not be mailed, and the cause; None when it may be."""
    for column in honoured:
        word = " ".join(cells.get(column, "").split())
        if column == STATE:
            states = word.casefold().split(", ")
            if word and states != [MAILABLE]:
                cause = next((one for one in Cause if one in states), Cause.SUPPRESSED)
                words = cells.get(WORDS, "") if cause in states else f"{column}: {word}"
                return column, word, Held(cause, words, cells.get(SINCE, ""))
        elif _keeps_out(column, word):
            cause = _LEFT.get(word.casefold(), Cause.SUPPRESSED)
            return column, word, Held(cause, f"{column}: {word}", "")
    return None


def _keeps_out(column: str, word: str) -> bool:
    """Return whether a cell of an honoured column keeps its reader out: a word that is not known here does."""
    said = says(column, word)
    return said in (Says.LEFT, Says.UNCLEAR) or (said is Says.NOTHING and word.casefold() not in {"", *_MAILED})


def _question(path: Path, name: str, told: Sequence[tuple[int, str]]) -> Problem:
    """Ask what a column means, and show only words that are known for it: others may be personal."""
    known = Counter(word.casefold() for _, word in told if word.casefold() in _LEFT)
    shown = "".join(f", {word!r} {count:,}" for word, count in known.most_common(3))
    return Problem(
        path=path,
        line=told[0][0],
        code=QUESTION,
        message=f"the column {name} seems to say of {counted(len(told), 'row')} that nothing is to be sent there"
        f"{f' ({shown[2:]})' if shown else ''}",
        next_step=f'Under [list] in newsletter.toml: honour = ["{name}"] keeps those rows from being mailed; '
        f'ignore = ["{name}"] says that it means something else.',
    )


def status_of(cells: Mapping[str, str], honour: Sequence[str] = (), ignore: Sequence[str] = ()) -> tuple[Says, str]:
    """Return what a row of any file says of its reader, all its columns together, and which column says so.

    One that says "left" outweighs the others.
    """
    ignored = {"email", "name", "tags", *map(column_name, ignore)}
    told = {name: says(name, cell) for name, cell in cells.items() if name not in ignored}
    told |= {name: Says.LEFT for name in map(column_name, honour) if name in told and _keeps_out(name, cells[name])}
    verdicts = (Says.LEFT, Says.UNCLEAR, Says.MAILED)
    found = ((verdict, name) for verdict in verdicts for name, said in told.items() if said is verdict)
    return next(found, (Says.NOTHING, ""))


def cause_of(cell: str) -> Cause | None:
    """Return the cause that a status names by a known word."""
    return _LEFT.get(cell.strip().casefold())
