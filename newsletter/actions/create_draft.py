"""A new draft: the series' next number and date, or those that were asked for; an announcement; a correction."""

import datetime
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from zoneinfo import ZoneInfo

from newsletter.drafting import compose_translation
from newsletter.errors import DraftError
from newsletter.files import create_shared
from newsletter.issue.draft import read_draft, require_issue
from newsletter.issue.draft_schema import SCHEMA_NAME, build_draft_schema
from newsletter.issue.draft_source import DraftSource
from newsletter.issue.numbering import IssueNumber, find_day_of_month, number_next_issue
from newsletter.issue.skeleton import NewIssue, compose_draft
from newsletter.issue_name import (
    NAME_ADVICE,
    Numbering,
    find_numbering,
    is_draft_name,
    name_edition,
    order_name,
    parse_numbers,
)
from newsletter.publication import OpenPublication
from newsletter.text import quote_text, shorten_path
from newsletter.workspace import Workspace


@dataclass(frozen=True, kw_only=True)
class NewDraft:
    """The file that was written, and what it begins with."""

    path: Path
    issue: NewIssue


def create_draft(
    publication: OpenPublication,
    name: str | None = None,
    *,
    kind: Literal["issue", "announcement"] = "issue",
    volume: int | None = None,
    number: int | None = None,
    date: datetime.date | None = None,
) -> NewDraft:
    """Write the series' next draft, with what is given in place of what would follow, and the schema beside it.

    An announcement has a name in place of a number, and so has an issue of a publication that numbers none.

    Raises DraftError when the file is there, for what the publication's numbering has no place for, and when the last
    draft has no date to go on from.
    """
    workspace = publication.workspace
    numbering = workspace.config.publication.numbering
    issue, language = workspace.split_name(name or "")
    if language and kind == "issue":
        raise DraftError(
            f"{name} is the name of a translation of {issue}.",
            next_step=f"newsletter draft new {issue} --language {language}",
        )
    _refuse_misfit(numbering, name, kind, volume, number)
    if kind == "announcement":
        date = date or _find_today(workspace)
        return _write_draft(workspace, NewIssue(name=name or date.isoformat(), date=date, kind=kind))
    upcoming = _choose_number(workspace, numbering, volume, number, date)
    return _write_draft(workspace, NewIssue.from_number(upcoming, name))


def create_correction(publication: OpenPublication, corrects: str, *, date: datetime.date | None = None) -> NewDraft:
    """Write the draft of a correction to an issue, dated today if no date is given, and the schema beside it.

    Raises DraftError when there is no such issue, or it is a correction itself.
    """
    workspace = publication.workspace
    path = workspace.find_draft(corrects)
    found = read_draft(path)
    if found.issue and found.issue.corrects:
        raise DraftError(
            f"{path.stem} is a correction itself.",
            next_step=f"Correct the issue once more: newsletter draft new --correction {found.issue.corrects}",
        )
    name, count = f"{path.stem}-correction", 1
    while any((workspace.drafts / f"{name}{ending}").exists() for ending in (".yaml", ".yml")):
        count += 1
        name = f"{path.stem}-correction-{count}"
    new = NewIssue(
        name=name,
        date=date or _find_today(workspace),
        kind="correction",
        corrects=path.stem,
        corrected=found.date,
    )
    return _write_draft(workspace, new)


def create_translation(publication: OpenPublication, name: str | None, language: str) -> NewDraft:
    """Write the draft of an issue's translation, of the newest if none is named: all of it, each text marked with TK.

    Raises DraftError for a language that is not declared, an issue that has problems, and a translation that is there.
    """
    workspace = publication.workspace
    found = publication.draft(name)
    tag = workspace.require_translated_language(language)
    issue = require_issue(found)
    new = NewIssue(name=name_edition(found.name, tag), date=issue.date)
    return _write_draft(workspace, new, compose_translation(DraftSource(found.path, found.source)))


def _write_draft(workspace: Workspace, new: NewIssue, text: str = "") -> NewDraft:
    path = workspace.drafts / f"{new.name}.yaml"
    path.parent.mkdir(exist_ok=True)
    try:
        create_shared(path, (text or compose_draft(new)).encode())
    except FileExistsError as error:
        if text:
            raise DraftError(f"{shorten_path(path, Path.cwd())} is there already.", next_step="Edit it.") from error
        raise DraftError(
            f"{shorten_path(path, Path.cwd())} is there already.",
            next_step=f"Edit it, or name another {'--number' if new.number else '--date or name'}.",
        ) from error
    schema = workspace.drafts / SCHEMA_NAME
    if not schema.exists():
        with suppress(FileExistsError):  # a link that leads nowhere
            create_shared(schema, build_draft_schema().encode())
    return NewDraft(path=path, issue=new)


def _refuse_misfit(numbering: Numbering, name: str | None, kind: str, volume: int | None, number: int | None) -> None:
    """Raise DraftError for a name, volume or number that a draft of this kind does not get."""
    says = f'[publication] numbering is "{numbering}"'
    numbered = numbering if kind == "issue" else "none"
    if numbered != "none" and name is not None:
        raise DraftError(
            f"The next issue is named by its {'number' if numbering != 'date' else 'date'}: {says}.",
            next_step=f"newsletter draft new                            the next issue\n"
            f"newsletter draft new --kind announcement {name}   a mail beside the series",
        )
    if (volume is not None and numbered != "volume") or (number is not None and numbered not in ("volume", "number")):
        whose = "An announcement" if kind != "issue" else "The next issue"
        what = "volume" if volume is not None else "number"
        raise DraftError(
            f"{whose} has no {what}{'' if kind != 'issue' else f': {says}'}.", next_step=f"Leave --{what} out."
        )
    if numbered == "none" and name is None:
        raise DraftError(
            "This draft needs a name" + (f": {says}." if kind == "issue" else "."),
            next_step="newsletter draft new "
            + ("--kind announcement spring-fair" if kind == "announcement" else "spring-fair"),
        )
    if name is not None and (not is_draft_name(name) or find_numbering(name) != "none"):
        raise DraftError(f"{quote_text(name)} can't name this draft.", next_step=f"{NAME_ADVICE}.")


def _choose_number(
    workspace: Workspace, numbering: Numbering, volume: int | None, number: int | None, date: datetime.date | None
) -> IssueNumber:
    publication = workspace.config.publication
    paths = _list_series(workspace, numbering)
    last = day = None
    if paths:
        last_date = read_draft(paths[-1]).date or date
        if last_date is None:
            raise DraftError(
                f"{shorten_path(paths[-1], Path.cwd())} has no date to go on from.",
                next_step="Mend it, or say when the next issue comes: newsletter draft new --date 2030-01-02",
            )
        *volumes, last_number = parse_numbers(paths[-1].stem) or (0,)
        if numbering == "number" and number is None and volumes and volumes[0] > 1:
            raise DraftError(
                f"The series had volumes until {paths[-1].stem}, so its next number is not known.",
                next_step="Name it: newsletter draft new --number 64",
            )
        last = IssueNumber(volumes[0] if volumes else None, last_number, last_date)
        if publication.cadence == "monthly":
            day = find_day_of_month(known for path in reversed(paths) if (known := read_draft(path).date))
    upcoming = number_next_issue(
        last, publication.cadence, publication.new_volume, _find_today(workspace), date, day, numbering
    )
    if number is not None:
        return IssueNumber(upcoming.volume if volume is None else volume, number, upcoming.date)
    if volume is None:
        return upcoming
    known_numbers = map(parse_numbers, (path.stem for path in paths))
    numbers = [numbers[-1] for numbers in known_numbers if numbers[:-1] == (volume,)]
    return IssueNumber(volume, max(numbers, default=0) + 1, upcoming.date)


def _list_series(workspace: Workspace, numbering: Numbering) -> Sequence[Path]:
    """Return the issues that the next one follows: those of its numbering, or else of the one before it."""
    paths = workspace.draft_paths()
    if same := [path for path in paths if find_numbering(path.stem) == numbering and _is_issue(path, numbering)]:
        return sorted(same, key=lambda path: order_name(path.stem)) if numbering != "none" else same
    return [path for path in paths if find_numbering(path.stem) != "none"]


def _is_issue(path: Path, numbering: Numbering) -> bool:
    """Return whether a draft is one of the series; a number says so, words do not."""
    if numbering in ("volume", "number"):
        return True
    issue = read_draft(path).issue
    return issue is None or issue.kind == "issue"


def _find_today(workspace: Workspace) -> datetime.date:
    return datetime.datetime.now(ZoneInfo(workspace.config.publication.timezone)).date()
