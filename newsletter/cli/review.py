"""The command `newsletter review`: a folder that shows an issue to those who judge it, before it is sent."""

import sys
from pathlib import Path

import click

from newsletter.cli.context import open_publication, open_publications
from newsletter.cli.output import say, shorten


@click.command()
@click.argument("draft", required=False)
@click.option("--changed", is_flag=True, help="Each issue that differs from --against, instead of one.")
@click.option("--against", metavar="REF", help="A branch, tag or commit to compare with, as in main.")
@click.option(
    "-o",
    "--output",
    type=click.Path(file_okay=False, path_type=Path),
    help="The folder to write to; build/review/ISSUE when left out, build/review with --changed.",
)
@click.option(
    "--format",
    "format_",
    type=click.Choice(["text", "github", "gitlab"]),
    default="text",
    show_default=True,
    help="How problems are told: for people, as annotations on GitHub and Forgejo, or as GitLab's Code Quality report.",
)
@click.option(
    "--no-pictures", is_flag=True, help="Without pictures of the email and the web page: they take a browser."
)
@click.option("--no-links", is_flag=True, help="Don't ask where the links lead.")
@click.option(
    "--untrusted",
    is_flag=True,
    help="For a stranger's draft: no templates of the workspace, no network, limits of time and memory.",
)
@click.option(
    "--comment",
    metavar="FOLDER",
    type=click.Path(file_okay=False, path_type=Path),
    help="Only put the summary in FOLDER, an earlier review, on the pull request that this runs for.",
)
def review(
    draft: str | None,
    changed: bool,
    against: str | None,
    output: Path | None,
    format_: str,
    no_pictures: bool,
    no_links: bool,
    untrusted: bool,
    comment: Path | None,
) -> None:
    """Show an issue to those who judge it. DRAFT is 2.10 or a path; the newest when left out.

    Writes a folder with a page that stands alone: what has changed, problems and notes, the inbox line, pictures of
    every edition, and the editions themselves, in each language. summary.md is for a comment on a pull request.
    """
    if comment is not None:
        _comment(comment)
        return
    if changed and (draft or against is None):
        raise click.UsageError("--changed goes with --against REF, and without a DRAFT.")
    publications = open_publications() if changed else [open_publication()]
    for publication in () if untrusted else publications:
        _ = publication.config  # before what takes long to load, so that its mistakes come at once

    from newsletter.actions.review import ReviewOptions, find_changed_issues, find_issue, review_issues
    from newsletter.cli.findings import find_repository_folder, print_annotations, show_findings
    from newsletter.cli.link_check import show_link_bar
    from newsletter.review.issue_review import count_findings

    if changed and against is not None:
        issues = find_changed_issues(publications, against, untrusted=untrusted)
        folder = output or publications[0].workspace.build("review")
    else:
        (publication,) = publications
        issues = [find_issue(publication, draft, untrusted=untrusted)]
        folder = output or publication.workspace.build("review") / issues[0].path.stem
    options = ReviewOptions(
        with_pictures=not no_pictures,
        with_links=not no_links,
        gitlab_top=find_repository_folder() if format_ == "gitlab" else None,
        against=against,
        untrusted=untrusted,
    )
    with show_link_bar() as on_answer:
        written = review_issues(issues, folder, options, on_answer)
    if format_ == "github":
        print_annotations(written.findings)
    else:
        show_findings(written.findings)
    for each in written.reviews:
        whose = f"{each.publication}, " if len(publications) > 1 else ""
        say(f"{whose}{each.name}: {count_findings(each.findings)}", style="green" if each.is_fine else "bold")
        if missing := each.pictures.missing:
            say(f"Without pictures of the email and the web page: {missing.message}. {missing.next_step}")
    say(shorten(written.index))
    sys.exit(0 if all(each.is_fine for each in written.reviews) else 1)


def _comment(folder: Path) -> None:
    from newsletter.actions.comment_review import comment_on_pull_request

    done = comment_on_pull_request(folder)
    say({"made": "The comment is made.", "changed": "The comment is brought up to date."}.get(done, "Nothing changed."))
