"""A new draft: the series' next number and date, or those that were asked for."""

import datetime
from dataclasses import dataclass
from pathlib import Path
from zoneinfo import ZoneInfo

from newsletter.errors import DraftError
from newsletter.issue.draft import read_draft
from newsletter.issue.draft_schema import SCHEMA_NAME, build_draft_schema
from newsletter.issue.numbering import IssueNumber, find_day_of_month, number_next_issue
from newsletter.issue.skeleton import compose_draft
from newsletter.publication import OpenPublication
from newsletter.text import shorten_path
from newsletter.workspace import Workspace, parse_draft_name


@dataclass(frozen=True, kw_only=True)
class NewDraft:
    """The file that was written, and the issue's number and date in it."""

    path: Path
    number: IssueNumber


def create_draft(
    publication: OpenPublication,
    *,
    volume: int | None = None,
    number: int | None = None,
    date: datetime.date | None = None,
) -> NewDraft:
    """Write the series' next draft, with what is given in place of what would follow, and the schema beside it.

    Raises DraftError when the file is there, and when the last draft has no date to go on from.
    """
    workspace = publication.workspace
    upcoming = _choose_number(workspace, volume, number, date)
    path = workspace.drafts / f"{upcoming.volume}.{upcoming.number}.yaml"
    path.parent.mkdir(exist_ok=True)
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(compose_draft(upcoming))
    except FileExistsError as error:
        raise DraftError(
            f"{shorten_path(path, Path.cwd())} is there already.", next_step="Edit it, or name another --number."
        ) from error
    schema = workspace.drafts / SCHEMA_NAME
    if not schema.exists():
        schema.write_text(build_draft_schema(), encoding="utf-8")
    return NewDraft(path=path, number=upcoming)


def _choose_number(
    workspace: Workspace, volume: int | None, number: int | None, date: datetime.date | None
) -> IssueNumber:
    publication = workspace.config.publication
    today = datetime.datetime.now(ZoneInfo(publication.timezone)).date()
    paths = workspace.draft_paths()
    last = day = None
    if paths:
        last_date = read_draft(paths[-1]).date or date
        if last_date is None:
            raise DraftError(
                f"{shorten_path(paths[-1], Path.cwd())} has no date to go on from.",
                next_step="Mend it, or say when the next issue comes: newsletter draft new --date 2030-01-02",
            )
        last = IssueNumber(*parse_draft_name(paths[-1]), last_date)
        if publication.cadence == "monthly":
            day = find_day_of_month(known for path in reversed(paths) if (known := read_draft(path).date))
    upcoming = number_next_issue(last, publication.cadence, publication.new_volume, today, date, day)
    if number is not None:
        return IssueNumber(upcoming.volume if volume is None else volume, number, upcoming.date)
    if volume is None:
        return upcoming
    numbers = [number for known, number in map(parse_draft_name, paths) if known == volume]
    return IssueNumber(volume, max(numbers, default=0) + 1, upcoming.date)
