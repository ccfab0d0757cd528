"""Editions as files: of one issue, and of every issue as a website."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from newsletter.campaigns.sent_issues import find_changed_issues, find_sent_issues
from newsletter.checks.draft_checks import find_own_problems
from newsletter.config.shared_settings import PUBLICATIONS
from newsletter.editions import edition_files
from newsletter.editions.publication_list import ListedPublication, write_publication_list
from newsletter.editions.site import NothingToPublish, Site
from newsletter.editions.site import export_site as write_site
from newsletter.editions.translated_drafts import read_languages
from newsletter.errors import NewsletterError, Problem
from newsletter.issue.draft import Draft, require_issue
from newsletter.issue.model import Issue
from newsletter.mail.compiler import render_eml
from newsletter.publication import OpenPublication

FORMS = (*edition_files.FORMS, "eml")
ALL_FORMS = ("html", "text", "pdf", "web", "eml")


def export(
    publication: OpenPublication, issue: Issue, forms: Sequence[str], folder: Path | None = None
) -> dict[str, Path]:
    """Write an issue's editions into `folder`, build/ISSUE if None; return where each is, pictures by their own names.

    The forms are html, text, pdf, web, png (the PDF's pages) and eml. All are made before any is written. Raises
    DraftError, TemplateError, ConfigError and DecisionNeeded.
    """
    folder = folder or publication.workspace.build(issue.name)
    context = publication.edition_context.in_language(issue.language)
    return edition_files.export_editions(context, issue, forms, folder, more={"eml": render_eml})


def read_all_languages(publication: OpenPublication, name: str | None = None) -> list[Issue]:
    """Read an issue in the publication's own language, the newest if none is named, and in its translations.

    Raises DraftError with every problem of the first draft that has any.
    """
    path = publication.workspace.find_draft(name)
    return [require_issue(draft) for draft in read_languages(publication.workspace, path)]


def export_site(publication: OpenPublication, folder: Path | None = None, *, sent_only: bool = False) -> Site:
    """Write every issue's page and PDF with an index, a feed and a sitemap into `folder`, build/site if None.

    With `sent_only` those alone of which a sent record says that somebody has, or may have, them: git brings the
    records anywhere. What has not changed is not made again. An issue that was corrected has a mark that says so.

    Raises DraftError, also for an issue whose text has changed since it was sent and that has no correction,
    TemplateError and ConfigError.
    """
    workspace = publication.workspace
    paths = workspace.draft_paths()
    if sent_only:
        sent = find_sent_issues(workspace, None)
        paths = [path for path in paths if path.stem in sent]
    drafts = [draft for path in paths for draft in read_languages(workspace, path)]

    def find_problems(draft: Draft) -> Sequence[Problem]:
        # The mails of an issue that has left lead to its page, whatever is wrong with it.
        return () if workspace.sending_has_begun(draft.name) else find_own_problems(workspace, draft)

    folder = folder or workspace.build_folder / "site"
    mains = [draft for draft in drafts if not draft.language]
    changed = find_changed_issues(workspace, publication.known_store, mains)
    return write_site(publication.edition_context, drafts, folder, find_problems, changed)


@dataclass(frozen=True, kw_only=True)
class PublishedSites:
    """Sites of a workspace's publications by their folders, the list of them, and what kept one from being made."""

    sites: Mapping[Path, Site]
    index: Path | None
    failures: Mapping[str, NewsletterError]


def export_all_sites(
    publications: Sequence[OpenPublication], folder: Path, *, sent_only: bool = False
) -> PublishedSites:
    """Write each publication's site below `folder`, by its name, and a page that lists them all.

    The one beside publications/ is in `folder` itself, where its pages have always been, and the list is below it then.
    What is wrong with one keeps no other from being written, and leaves its site as it was.
    """
    sites, failures, listed = dict[Path, Site](), dict[str, NewsletterError](), list[tuple[OpenPublication, str]]()
    for publication in publications:
        name = publication.workspace.publication
        try:
            sites[folder / name] = export_site(publication, folder / name, sent_only=sent_only)
        except NothingToPublish:
            continue
        except NewsletterError as error:
            failures[publication.workspace.shown_name] = error
            if not (folder / name / "index.html").exists():
                continue
        listed.append((publication, name))
    has_first = any(not publication.workspace.publication for publication in publications)
    above = "../" if has_first else ""
    pages = []
    for publication, name in listed:
        with suppress(NewsletterError):  # it is told above
            pages.append(ListedPublication(publication.edition_context, f"{above}{name}/" if name else above))
    index = write_publication_list(pages, folder / PUBLICATIONS if has_first else folder) if pages else None
    return PublishedSites(sites=sites, index=index, failures=failures)
