"""Back issues in other forms as drafts: each file is read, structured, named, and written beside the other drafts."""

import datetime
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from newsletter.actions.check import check_draft
from newsletter.back_issues.back_issue import BackIssue
from newsletter.back_issues.conversion import convert_file, convert_html
from newsletter.back_issues.converted_text import UnreadableFile
from newsletter.back_issues.drafts.composition import compose_back_issue, list_comments
from newsletter.back_issues.picture_files import PictureFiles
from newsletter.back_issues.source_file import read_source_file
from newsletter.back_issues.structuring.issue_label import IssueLabel
from newsletter.back_issues.structuring.structure import SourceContext, structure
from newsletter.config import Config
from newsletter.errors import NewsletterError
from newsletter.files import create_shared
from newsletter.issue.draft import MAX_BYTES, read_draft
from newsletter.issue.draft_schema import SCHEMA_NAME, build_draft_schema
from newsletter.issue.richtext import parse
from newsletter.issue_name import Numbering, is_draft_name, parse_numbers
from newsletter.publication import OpenPublication
from newsletter.text import format_size, quote_text, shorten_path
from newsletter.workspace import Workspace


@dataclass(frozen=True, kw_only=True)
class ImportedBackIssue:
    """What became of one file: its draft with the pictures beside it, or the error that kept it from being one.

    `undecided` are the remarks that stand in the draft as comments; `problems` is how many `draft check` finds.
    """

    file: Path
    draft: Path | None = None
    pictures: tuple[Path, ...] = ()
    undecided: tuple[str, ...] = ()
    problems: int = 0
    error: NewsletterError | None = None


def import_back_issues(
    publication: OpenPublication,
    files: Sequence[Path],
    *,
    volume: int | None = None,
    number: int | None = None,
    date: datetime.date | None = None,
) -> Iterator[ImportedBackIssue]:
    """Write a draft for each file that holds a back issue, and yield what became of it. Nothing is overwritten.

    Volume, number and date are those of a single file whose text does not say them.
    """
    for file in files:
        try:
            yield _import_file(publication, file, volume, number, date)
        except (NewsletterError, OSError) as error:
            yield ImportedBackIssue(file=file, error=_explain(error))


def _explain(error: NewsletterError | OSError) -> NewsletterError:
    if isinstance(error, NewsletterError):
        return error
    return UnreadableFile(f"The draft can't be written: {error.strerror}.")


def _import_file(
    publication: OpenPublication, file: Path, volume: int | None, number: int | None, date: datetime.date | None
) -> ImportedBackIssue:
    workspace = publication.workspace
    settings = workspace.config.publication
    converted = convert_file(read_source_file(file))
    if len(converted.markdown) > 2 * MAX_BYTES:  # marks and addresses may go, but not so many
        raise _make_too_large(len(converted.markdown))
    pictures = PictureFiles(file.parent, workspace.drafts, _make_stem(file), converted.pictures)
    context = SourceContext(
        file_name=file.name,
        given=IssueLabel(volume=volume, number=number, date=date),
        masthead=settings.title,
        standing=_list_standing(workspace.config),
        base=settings.website,
        find_picture=pictures.find_picture,
        convert_html=convert_html,
    )
    issue = structure(converted, context)
    if not (issue.items or issue.sections):
        raise UnreadableFile("Nothing that an issue could hold was found in it.")
    name, issue = _name_issue(issue, settings.numbering)
    path = _write_draft(workspace, name, issue, pictures)
    found = read_draft(path)
    return ImportedBackIssue(
        file=file,
        draft=path,
        pictures=tuple(workspace.drafts / name for name in pictures.wanted),
        undecided=list_comments(issue),
        # What is wrong with the publication is no matter of this draft.
        problems=sum(1 for problem in check_draft(publication, found).problems if problem.path == path),
    )


def _list_standing(config: Config) -> tuple[str, ...]:
    """Return the paragraphs that each edition has at its end."""
    publication, address = config.publication, config.sender.postal_address
    about = parse(publication.about)[0].plain()
    return (about, f"Write to us: {publication.contact}", address, f"{publication.title}, {address}")


def _make_stem(file: Path) -> str:
    return "-".join("".join(sign if sign.isalnum() else " " for sign in file.stem[:40]).split()).lower() or "picture"


def _name_issue(issue: BackIssue, numbering: Numbering) -> tuple[str, BackIssue]:
    """Return the name that an issue has in a publication of this numbering, and the issue as it is named.

    Raises UnreadableFile where it has no number or date, with how to give it.
    """
    if issue.date is None:
        raise UnreadableFile("No date was found in it.", next_step="Give it, for this file alone: --date 2023-05-31")
    if numbering in ("volume", "number"):
        if issue.number is None:
            example = "2.10" if numbering == "volume" else "10"
            raise UnreadableFile(
                "No number was found in it.", next_step=f"Give it, for this file alone: --number {example}"
            )
        if numbering == "volume" and issue.volume is None:
            raise UnreadableFile(
                f"It is number {issue.number}, but of which volume was not found.",
                next_step=f"Give both, for this file alone: --number 2.{issue.number}",
            )
        return ".".join(str(part) for part in (issue.volume, issue.number) if part), issue
    unnumbered = replace(issue, volume=None, number=None)
    if numbering == "date":
        return issue.date.isoformat(), unnumbered
    if issue.slug is None or not is_draft_name(issue.slug) or parse_numbers(issue.slug):
        raise UnreadableFile(
            "Neither its name nor its text gives a name for a draft.",
            next_step="Rename the file: small letters, digits and hyphens, as in spring-fair.",
        )
    return issue.slug, unnumbered


def _write_draft(workspace: Workspace, name: str, issue: BackIssue, pictures: PictureFiles) -> Path:
    """Write a draft and its pictures. Raises UnreadableFile when the draft is there, or would be too large."""
    path = workspace.drafts / f"{name}.yaml"
    there = next((p for p in (path, path.with_suffix(".yml")) if p.exists() or p.is_symlink()), None)
    if there:
        raise _make_there(there)
    text = compose_back_issue(issue, issue.date or datetime.date.min)
    if (size := len(text.encode())) > MAX_BYTES:
        raise _make_too_large(size)
    path.parent.mkdir(exist_ok=True)
    try:
        create_shared(path, text.encode())
    except FileExistsError as error:
        raise _make_there(path) from error
    pictures.write()
    schema = workspace.drafts / SCHEMA_NAME
    if not schema.exists():
        with suppress(FileExistsError):  # a link that leads nowhere
            create_shared(schema, build_draft_schema().encode())
    return path


def _make_too_large(size: int) -> UnreadableFile:
    return UnreadableFile(
        f"It holds {format_size(size)} of text; a draft has {format_size(MAX_BYTES, 0)} at most.",
        next_step="Split the file: one for each issue.",
    )


def _make_there(path: Path) -> UnreadableFile:
    where = shorten_path(path, Path.cwd())
    return UnreadableFile(
        f"{quote_text(str(where))} is there already, and was not changed.",
        next_step="To import a file again, move its draft away first.",
    )
