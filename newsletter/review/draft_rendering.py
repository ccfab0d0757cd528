"""Rendering of an issue's drafts for a review: each edition that can be made, and all that is wrong with the rest."""

from collections.abc import Iterator, Mapping
from pathlib import Path

from newsletter.checks import check_rendered
from newsletter.checks.draft_checks import check_languages
from newsletter.checks.draft_report import Finding
from newsletter.checks.size import measure_html
from newsletter.editions import EditionContext, place_beside, render_html, write_default
from newsletter.editions.edition_files import make_editions
from newsletter.editions.translated_drafts import read_workspace_draft
from newsletter.errors import NewsletterError, Problem
from newsletter.issue.draft import Draft
from newsletter.issue.extent import measure_extent
from newsletter.issue.model import Issue
from newsletter.review.reviewed_draft import EVERY_TAG, InboxLine, RenderedIssue, ReviewedDraft
from newsletter.workspace import Workspace

_FORMS = ("html", "text", "pdf", "web")


def render_drafts(workspace: Workspace, path: Path) -> tuple[ReviewedDraft, ...]:
    """Read, check and render the draft at `path`, and then its translations.

    What is wrong with them are findings. Nothing is written, and the network is not used. Raises ConfigError, and
    DraftError for a translation that leads out of the publication's folder.
    """
    main = read_workspace_draft(workspace, path)
    return tuple(
        _review(workspace, draft, report.findings, report.picture_weight)
        for draft, report in check_languages(workspace, main)
    )


def _review(workspace: Workspace, draft: Draft, findings: tuple[Finding, ...], picture_weight: int) -> ReviewedDraft:
    context = EditionContext.from_workspace(workspace).in_language(draft.language)
    found, rendered = dict.fromkeys(findings), None
    if draft.issue is not None:
        made, failures = _make_what_can_be(context, draft.issue)
        found |= dict.fromkeys(_find_problems(failures, draft.path))
        if "html" in made:
            made |= _make_email_with_every_tag(context, draft.issue)
            found |= dict.fromkeys(map(Finding, check_rendered(context, draft.issue).problems))
        rendered = _describe(context, draft.issue, made, picture_weight)
    return ReviewedDraft(
        name=draft.edition_name,
        path=draft.path,
        language=context.config.publication.language,
        findings=tuple(found),
        rendered=rendered,
    )


def _make_what_can_be(
    context: EditionContext, issue: Issue
) -> tuple[dict[str, Mapping[str, bytes]], list[NewsletterError]]:
    """Return the editions' files by their forms, and why the others can't be made."""
    forms = (*_FORMS, "png")
    try:
        return make_editions(context, issue, forms), []
    except NewsletterError:
        made, failures = dict[str, Mapping[str, bytes]](), list[NewsletterError]()
        for form in forms:
            try:
                made |= make_editions(context, issue, (form,))
            except NewsletterError as error:
                failures.append(error)
        return made, failures


def _make_email_with_every_tag(context: EditionContext, issue: Issue) -> dict[str, Mapping[str, bytes]]:
    """Return the email of readers with every tag, where it is another than that of all others."""
    tags = _list_tags(issue)
    if not tags:
        return {}
    every = issue.seen_by(frozenset(tags))
    html = render_html(context, every, write_default, place_beside).encode()
    pictures = {picture.name: picture.data for picture in context.pictures(every)}
    return {EVERY_TAG: {f"{issue.edition_name}.every-tag.email.html": html, **pictures}}


def _list_tags(issue: Issue) -> tuple[str, ...]:
    """Return the tags of readers who get more than others."""
    return tuple(sorted({tag for rule in issue.visibility_rules for tag in rule}))


def _find_problems(failures: list[NewsletterError], draft: Path) -> Iterator[Finding]:
    for error in failures:
        for problem in error.problems:
            yield Finding(problem)
        if not error.problems:
            yield Finding(Problem(path=draft, code="edition", message=error.message, next_step=error.next_step))


def _describe(
    context: EditionContext, issue: Issue, made: Mapping[str, Mapping[str, bytes]], picture_weight: int
) -> RenderedIssue:
    public = context.typeset(issue).seen_by(frozenset())
    texts = [*public.texts(), context.about]
    sender = context.config.sender.from_
    return RenderedIssue(
        title=context.title(public),
        inbox=InboxLine(
            sender=sender.name or sender.address,
            subject=context.subject(public),
            preheader=context.preheader(public),
        ),
        extent=measure_extent(public),
        items=len(public.all_items),
        links=sum(1 for text in texts for _ in text.links()) + len(public.links()),
        email_size=measure_html(next(iter(made["html"].values())).decode()) if "html" in made else 0,
        picture_weight=picture_weight,
        only_for=_list_tags(issue),
        files={form: made[form] for form in (*_FORMS, EVERY_TAG) if form in made},
        pages=tuple(made.get("png", {}).values()),
    )
