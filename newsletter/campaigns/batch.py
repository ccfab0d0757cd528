"""The list read for a wave, and the proof that each reader's message can be made."""

import json
import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from newsletter.campaigns.templates import Texts
from newsletter.checks.draft_source import DraftSource
from newsletter.checks.fields import locate_field
from newsletter.errors import ListError, Problem
from newsletter.issue.draft import Draft
from newsletter.ledger.staging import Recipient, StagedBatch
from newsletter.mail.headers import HeaderFault
from newsletter.mail.message_template import MessageTemplate
from newsletter.subscribers.feedback_events import ErasedSubscribers
from newsletter.subscribers.source import SubscriberSource
from newsletter.subscribers.subscriber import Subscriber
from newsletter.subscribers.suppression_status import OwnStatuses
from newsletter.text import format_count, shorten_path, suggest_nearest

_SHOWN = 3


class Wave:
    """The list's rows as entries, and what was seen on the way."""

    def __init__(
        self, texts: Texts, source: SubscriberSource, tag: str, erased: ErasedSubscribers, own: OwnStatuses
    ) -> None:
        self._texts = texts
        self._source = source
        self._tag = tag
        self._is_erased = erased
        self._own = own
        self.rows = 0
        self.found = 0
        self.erased = 0
        self.left = Counter[str]()  # by what the list's own columns say
        self.unusable = 0
        self.problems: list[Problem] = []  # of the rows that can't be used, the first few
        self.not_utf8: list[Problem] = []
        self.first_text = 0
        self.tags: set[str] = set()
        self.columns: list[str] = []

    def entries(self) -> Iterator[Recipient]:
        for row in self._source.read_rows():
            self.rows += 1
            if isinstance(row, Problem):
                self._note(row)
            elif not self._tag or self._tag in row.tags:
                if self._is_erased(row.key):
                    self.erased += 1
                elif self._own.find(row):
                    self.left[self._own.describe(row)] += 1
                else:
                    yield self._entry(row)

    def _note(self, problem: Problem) -> None:
        self.unusable += 1
        for told in (self.problems, *([self.not_utf8] if problem.code == "encoding" else [])):
            if len(told) < _SHOWN:
                told.append(problem)

    def _entry(self, row: Subscriber) -> Recipient:
        text = self._texts.number(row.tags)
        reader = row.key
        lacks = self._texts[text].lacking(row.fields)
        if not lacks:
            prove(self._texts[text], row.address, row.fields, self._source.place, row.line)
        if not self.found:
            self.first_text = text
            self.columns = list(row.fields)
        self.found += 1
        self.tags |= row.tags
        return Recipient(
            reader=reader, address=row.address, fields=row.fields, tags=row.tags, text=text, line=row.line, lacks=lacks
        )


def refuse_unusable(wave: Wave, path: Path, limit: float) -> None:
    """Raise ListError when so many rows can't be used that it is the file, and not a slip in some of its rows.

    A single row that is not UTF-8 tells that the file is not: others may be wrong without being noticed. `limit` is a
    percentage.
    """
    check = f"`newsletter subscribers check {shorten_path(path, Path.cwd())}` shows each of them. Nothing was sent."
    if wave.not_utf8:
        raise ListError(
            f"{path.name} is not in UTF-8, so readers would be lost, or called by wrong names.",
            next_step=check,
            problems=wave.not_utf8,
        )
    share = 100 * wave.unusable / wave.rows if wave.rows else 0
    if share > limit:
        raise ListError(
            f"{path.name}: {wave.unusable:,} of {format_count(wave.rows, 'row')} can't be used; that is over "
            f"{limit:g}%.",
            next_step=f"Mend them: {check}\n"
            f"To send to the others all the same: unusable = {math.ceil(share)}   under [list] in newsletter.toml",
            problems=wave.problems,
        )


def prove(template: MessageTemplate, address: str, fields: Mapping[str, str], path: Path, line: int) -> None:
    """Raises ListError when this reader's message could not be made."""
    try:
        template.prove(address, fields)
    except HeaderFault as fault:
        problem = Problem(
            path=path,
            line=line,
            code="header",
            message=f"this reader's message can't be made: {fault}",
            next_step="Mend the row, or take the field out of the subject or of [list] unsubscribe.",
        )
        raise ListError("A reader's value can't stand where the issue has it.", problems=[problem]) from fault


def refuse_lacking(staged: StagedBatch, columns: Sequence[str], path: Path, draft: Draft) -> None:
    lacking: dict[str, tuple[int, int]] = {}
    for names, count, line in staged.lacking():
        for name in names:
            before, first = lacking.get(name, (0, line))
            lacking[name] = (before + count, min(first, line))
    refuse(lacking, columns, path, draft)


def refuse(lacking: Mapping[str, tuple[int, int]], columns: Sequence[str], path: Path, draft: Draft) -> None:
    """Raises ListError for values that are missing: how many readers have none, and the first one's line.

    What no column holds has its place in the draft: that is where the name is wrong.
    """
    if lacking:
        raise ListError(
            "Some readers lack a value that the issue asks for.", problems=list(_lacks(lacking, columns, path, draft))
        )


def _lacks(
    lacking: Mapping[str, tuple[int, int]], columns: Sequence[str], path: Path, draft: Draft
) -> Iterator[Problem]:
    known = [name for name in columns if name not in ("", "tags")]
    for name, (count, line) in lacking.items():
        if name not in known:
            yield locate_field(
                DraftSource(draft.path, draft.source),
                name,
                code="missing-value",
                message=f"{format_count(count, 'reader')} {'has' if count == 1 else 'have'} no {json.dumps(name)}, "
                "for no column of the list is that field",
                next_step=suggest_nearest(name, known) or f"Fields are: {', '.join(known)}.",
            )
            continue
        yield Problem(
            path=path,
            line=line,
            code="missing-value",
            message=f"{format_count(count, 'reader')} {'has' if count == 1 else 'have'} no {json.dumps(name)}",
            next_step=f"Give the field a default in the draft: {{{{ {name} | reader }}}}, or fill the list's column.",
        )
