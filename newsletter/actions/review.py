"""The review of issues: a folder that shows them to those who judge them, before they are sent."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from newsletter.actions.check_links import OnAnswer, check_links
from newsletter.checks.draft_report import Finding
from newsletter.errors import DecisionNeeded
from newsletter.files import write_shared
from newsletter.link_check import describe_links
from newsletter.ownership import require_own_links
from newsletter.publication import OpenPublication
from newsletter.review.changed_drafts import find_changed_drafts
from newsletter.review.code_quality import REPORT_NAME, build_code_quality
from newsletter.review.comparison import compare_drafts
from newsletter.review.draft_rendering import render_drafts
from newsletter.review.earlier_drafts import fetch_revision
from newsletter.review.edition_pictures import picture_editions
from newsletter.review.issue_review import IssueReview, order_findings
from newsletter.review.review_page import INDEX, PICTURES, render_review_list, render_review_page
from newsletter.review.reviewed_draft import ReviewedDraft
from newsletter.review.summary import LONGEST_ON_GITHUB, LONGEST_ON_GITLAB, render_summary
from newsletter.review.untrusted_rendering import find_untrusted_drafts, render_untrusted
from newsletter.workspace import Workspace

SUMMARY = "summary.md"
_OTHER_FOLDER = "Name a folder of its own with -o."


@dataclass(frozen=True, kw_only=True)
class ReviewOptions:
    """What is wanted of a review.

    With `gitlab_top`, the folder of a repository that GitLab keeps, there is a Code Quality report with paths written
    from there, and the summary may be as long as GitLab's comments. `against` is the git revision to compare with.
    `untrusted` is for drafts that a stranger wrote: see newsletter/review/untrusted_rendering.py. Nobody is asked about
    their links.
    """

    with_pictures: bool = True
    with_links: bool = True
    gitlab_top: Path | None = None
    against: str | None = None
    untrusted: bool = False


@dataclass(frozen=True, kw_only=True)
class WrittenReview:
    """The reviews of issues, and where their first page is. `findings` are those of all: problems, then notes."""

    index: Path
    reviews: tuple[IssueReview, ...]
    findings: tuple[Finding, ...]


@dataclass(frozen=True, kw_only=True)
class ReviewedPath:
    """A draft that is to be reviewed, by its publication and its path."""

    publication: OpenPublication
    path: Path


def find_issue(publication: OpenPublication, name: str | None, *, untrusted: bool) -> ReviewedPath:
    """Return the draft that a name means, the newest for None. Raises DraftError; see find_untrusted_drafts too."""
    if untrusted:
        (path,) = find_untrusted_drafts(publication.workspace, name, None)
    else:
        path = publication.workspace.find_draft(name)
    return ReviewedPath(publication=publication, path=path)


def find_changed_issues(
    publications: Sequence[OpenPublication], revision: str, *, untrusted: bool
) -> list[ReviewedPath]:
    """Return the publications' drafts that differ from a git revision; of changed settings or looks, the newest.

    Raises DecisionNeeded when git can't tell what has changed.
    """
    return [
        ReviewedPath(publication=publication, path=path)
        for publication in publications
        for path in (
            find_untrusted_drafts(publication.workspace, None, revision)
            if untrusted
            else find_changed_drafts(publication.workspace, revision)
        )
    ]


def review_issues(
    issues: Sequence[ReviewedPath],
    folder: Path,
    options: ReviewOptions,
    on_answer: OnAnswer = lambda _known, _all: None,
) -> WrittenReview:
    """Write the reviews of issues into `folder`: of one into it, of several into folders below it.

    What is wrong with an issue are findings; without a browser its review is without pictures. All is made before any
    of it is written, and an earlier review in the folder is written over. `on_answer` is told how many links of how
    many have an answer. Raises ConfigError, and DecisionNeeded where the folder holds something else.
    """
    folder = folder.absolute()
    reviews = tuple(_review(issue.publication, issue.path, options, on_answer) for issue in issues)
    findings = tuple(order_findings(each for review in reviews for draft in review.drafts for each in draft.findings))
    addresses = _name_folders(issues)
    places = [folder / address for address in addresses]
    for place, review in zip(places, reviews, strict=True):
        _refuse_links(review.root, place / PICTURES)
        _refuse_to_mix(place)
    _refuse_to_mix(folder)
    longest = LONGEST_ON_GITLAB if options.gitlab_top else LONGEST_ON_GITHUB
    shared = {SUMMARY: render_summary(reviews, longest)}
    if len(reviews) != 1:
        pages = [f"{address}/{INDEX}" for address in addresses]
        shared[INDEX] = render_review_list(list(zip(pages, reviews, strict=True)))
    if options.gitlab_top:
        shared[REPORT_NAME] = build_code_quality(findings, options.gitlab_top)
    written: dict[Path, dict[str, bytes]] = {folder: {name: text.encode() for name, text in shared.items()}}
    for place, review in zip(places, reviews, strict=True):
        summary = render_summary([review], longest).encode()
        written[place] = written.get(place, {}) | _make_files(review) | {SUMMARY: summary}
    for place, files in written.items():
        _write(place, files)
    return WrittenReview(index=folder / INDEX, reviews=reviews, findings=findings)


def _name_folders(issues: Sequence[ReviewedPath]) -> list[str]:
    """Return the folder of each review below that of all: "." of a single one, else by the issue's name."""
    if len(issues) == 1:
        return ["."]
    of_one = len({issue.publication.workspace.folder for issue in issues}) == 1
    return [
        issue.path.stem if of_one else f"{issue.publication.workspace.shown_name}/{issue.path.stem}" for issue in issues
    ]


def _review(publication: OpenPublication, path: Path, options: ReviewOptions, on_answer: OnAnswer) -> IssueReview:
    if options.untrusted:
        return _review_untrusted(publication.workspace, path, options)
    drafts, links = render_drafts(publication.workspace, path), dict[str, str]()
    since = fetch_revision([draft.path for draft in drafts], options.against) if options.against is not None else None
    if options.with_links:
        drafts, links = _ask_links(publication, drafts, on_answer)
    return IssueReview(
        name=path.stem,
        publication=publication.config.publication.title,
        root=publication.workspace.root,
        drafts=drafts,
        pictures=picture_editions(drafts, with_browser=options.with_pictures),
        links=links,
        comparisons=compare_drafts(publication.workspace, drafts, since),
    )


def _review_untrusted(workspace: Workspace, path: Path, options: ReviewOptions) -> IssueReview:
    rendering = render_untrusted(workspace, path, options.against)
    return IssueReview(
        name=path.stem,
        publication=rendering.publication,
        root=workspace.root,
        drafts=rendering.drafts,
        pictures=picture_editions(rendering.drafts, with_browser=options.with_pictures),
        comparisons=rendering.comparisons,
        untrusted=True,
    )


def _ask_links(
    publication: OpenPublication, drafts: Sequence[ReviewedDraft], on_answer: OnAnswer
) -> tuple[tuple[ReviewedDraft, ...], dict[str, str]]:
    """Return the drafts with what was found about their links, and in words where the links of each lead."""
    asked, said = list[ReviewedDraft](), dict[str, str]()
    for draft in drafts:
        if draft.rendered is None:
            asked.append(draft)
            continue
        report = check_links(publication, publication.read_draft(draft.path), on_answer)
        asked.append(replace(draft, findings=tuple(dict.fromkeys((*draft.findings, *report.findings)))))
        said[draft.name] = describe_links(report)
    return tuple(asked), said


def _make_files(review: IssueReview) -> dict[str, bytes]:
    files = {INDEX: render_review_page(review).encode()}
    for draft in review.drafts:
        for made in draft.rendered.files.values() if draft.rendered else ():
            files |= made
    for pictures in review.pictures.pictures.values():
        files |= {f"{PICTURES}/{picture.name}": picture.data for picture in pictures}
    return files


def _refuse_links(root: Path, folder: Path) -> None:
    """Refuse a folder to which a link within the workspace leads, since somebody else's branch can hold such a link.

    Raises DecisionNeeded, also where a link outside is somebody else's.
    """
    if links := [place for place in (folder, *folder.parents) if place.is_symlink() and place.is_relative_to(root)]:
        raise DecisionNeeded(f"{links[0]} is a link, and a review is not written through one.", next_step=_OTHER_FOLDER)
    require_own_links(folder)


def _refuse_to_mix(folder: Path) -> None:
    """Refuse a folder that has files and not the one that each review has. Raises DecisionNeeded."""
    if folder.is_dir() and not (folder / SUMMARY).is_file() and not all(path.is_dir() for path in folder.iterdir()):
        raise DecisionNeeded(f"{folder} holds other files, which a review could write over.", next_step=_OTHER_FOLDER)


def _write(folder: Path, files: Mapping[str, bytes]) -> None:
    """Write files into a folder, by their names in it; pictures of an earlier review that are none now are removed."""
    for old in (folder / PICTURES).glob("*.png"):
        if f"{PICTURES}/{old.name}" not in files:
            old.unlink()
    for name, data in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        write_shared(path, data)
