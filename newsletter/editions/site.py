"""The publication's website as files: every issue's page and PDF, an index, a feed and a sitemap.

Stages: choose the issues, make the files of those that have changed and what all share, see that nobody else's
files stand in the way, write, and take away what an earlier run made and this one did not.
"""

import datetime
from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path

from newsletter.editions.correction_marks import NO_CORRECTIONS, group_corrections, list_corrections
from newsletter.editions.edition_context import EditionContext
from newsletter.editions.edition_files import make_web_files
from newsletter.editions.feed import build_feed, build_sitemap
from newsletter.editions.manifest import PublishedFiles, read_manifest
from newsletter.editions.page_languages import name_shared
from newsletter.editions.pdf import render_pdf, try_pdf
from newsletter.editions.site_files import write_files
from newsletter.editions.typefaces import load_typefaces
from newsletter.editions.web import Download, Page, pdf_name, render_index
from newsletter.errors import DraftError, Problem
from newsletter.issue.draft import Draft, require_issue
from newsletter.issue.model import Issue
from newsletter.issue.skeleton import find_unwritten
from newsletter.issue.translation_parts import find_untranslated
from newsletter.issue_name import order_name
from newsletter.text import quote_text

_SHARED = "site"  # the manifest's name for what belongs to no single issue


class NothingToPublish(DraftError):
    """Error for a publication without an issue that can be published."""


@dataclass
class Site:
    """The result of a run: issues by name, translations by theirs (2.10.ja), files by path."""

    built: list[str] = field(default_factory=list)
    kept: list[str] = field(default_factory=list)
    left_out: dict[str, str] = field(default_factory=dict)
    removed: list[str] = field(default_factory=list)
    without_pdf: dict[str, DraftError] = field(default_factory=dict)
    held: dict[str, Sequence[Problem]] = field(default_factory=dict)


def export_site(
    context: EditionContext,
    drafts: Sequence[Draft],
    folder: Path,
    problems_of: Callable[[Draft], Sequence[Problem]] = lambda _draft: (),
    changed: Set[str] = frozenset(),
) -> Site:
    """Write or renew the site in `folder`; `drafts` are those of issues and of their translations.

    An issue whose PDF can't be made for want of a typeface has a page without one; if it is published with one, it
    stays as it was. `without_pdf` says why. What `problems_of` finds in a new or changed draft leaves it out, or as it
    was published (`held`). `changed` are issues whose text is not the one that readers have.

    Raises DraftError for a broken draft whose page is there already, and for a changed issue without a correction that
    is published with it; DecisionNeeded where a file that this program didn't write would be lost.
    """
    build = _SiteBuild(context, folder, read_manifest(folder), changed)
    publishable = build.choose(_select_publishable(drafts, build.before, build.site), problems_of)
    for draft, issue in publishable:
        if issue.corrects:
            build.add(draft, issue, problems_of)
    build.mark_corrected()
    for draft, issue in publishable:
        if not issue.corrects:
            build.add(draft, issue, problems_of)
    build.add_shared()
    build.write()
    return build.site


class _SiteBuild:
    """One run: the files that it makes, and the manifest before and after it."""

    def __init__(
        self, context: EditionContext, folder: Path, before: dict[str, PublishedFiles], changed: Set[str]
    ) -> None:
        self.site = Site()
        self.before = before
        self._context = replace(context, corrections=NO_CORRECTIONS)
        self._changed = changed
        self._folder = folder
        self._after: dict[str, PublishedFiles] = {}
        self._files: dict[str, dict[str, bytes]] = {}
        self._published: list[Issue] = []
        self._surroundings = _hash_surroundings(context)

    def choose(
        self, publishable: Sequence[tuple[Draft, Issue]], problems_of: Callable[[Draft], Sequence[Problem]]
    ) -> list[tuple[Draft, Issue]]:
        """Return the issues that are published, and let each lead to its translations.

        Left out are those that have problems and were not published before, and translations of these.
        """
        new = [(draft, issue) for draft, issue in publishable if issue.edition_name not in self.before]
        faulty = {issue.edition_name for draft, issue in new if problems_of(draft)}
        mains = {issue.name for _, issue in publishable if not issue.language and issue.edition_name not in faulty}
        chosen: list[tuple[Draft, Issue]] = []
        translations: dict[str, list[str]] = {}
        for draft, issue in publishable:
            if issue.edition_name in faulty:
                self.site.left_out[issue.edition_name] = "it has problems"
            elif issue.name not in mains:
                self.site.left_out[issue.edition_name] = f"{issue.name} is left out"
            else:
                chosen.append((draft, issue))
                if issue.language:
                    translations.setdefault(issue.name, []).append(issue.language)
        self._context = replace(self._context, translations=translations)
        return chosen

    def add(self, draft: Draft, issue: Issue, problems_of: Callable[[Draft], Sequence[Problem]]) -> None:
        """Make an issue's files, unless they are there already or its problems keep it back. Raises DraftError."""
        corrections = list_corrections(self._context.corrections, issue)
        if issue.name in self._changed and not corrections:
            raise DraftError(
                f"{issue.name} has been sent, and its draft has changed since: the page would show what no reader got.",
                next_step="To change it with a mark, and tell its readers: "
                f"newsletter draft new --correction {issue.corrects or issue.name}\n"
                "Or bring back the draft as it was sent.",
            )
        marks = [f"{each.name} {each.date} {self._context.title(each)}" for each in corrections]
        source = _hash(self._surroundings, draft.sha256, *marks, *self._list_links_between_languages(issue))
        known = self.before.get(issue.edition_name)
        if known and known.source == source and known.is_whole(self._folder):
            self._keep(issue, known)
        elif known and (problems := problems_of(draft)):
            self._hold(issue, problems, known)
        else:
            self._make(issue, source, known)

    def _list_links_between_languages(self, issue: Issue) -> list[str]:
        """Return what an issue's links to pages in its own and in other languages follow from, for its hash."""
        translations = self._context.translations
        others = [name for name, tags in translations.items() if issue.language in tags] if issue.language else []
        return [*translations.get(issue.name, ()), *sorted(others)]

    def mark_corrected(self) -> None:
        """Let the issues that follow have marks of the corrections that were added."""
        self._context = replace(self._context, corrections=group_corrections(self._published))

    def _keep(self, issue: Issue, known: PublishedFiles) -> None:
        """Leave an issue's files as they are."""
        self._after[issue.edition_name] = known
        self.site.kept.append(issue.edition_name)
        self._published.append(issue)

    def _hold(self, issue: Issue, problems: Sequence[Problem], known: PublishedFiles) -> None:
        """Keep an issue that has problems as it was published. Raises DraftError."""
        if not known.is_whole(self._folder):
            raise DraftError(
                f"{issue.edition_name} is published, its files are lost, and its draft has problems.", problems=problems
            )
        self.site.held[issue.edition_name] = problems
        self._keep(issue, known)

    def _make(self, issue: Issue, source: str, known: PublishedFiles | None) -> None:
        context, name = self._context.in_language(issue.language), issue.edition_name
        pdf, error = try_pdf(lambda: render_pdf(context, issue))
        if error:
            self.site.without_pdf[name] = error
        if pdf is None and known and pdf_name(issue) in known.files and known.is_whole(self._folder):
            self._keep(issue, known)  # with the PDF of its earlier text, since there is none of this one
            return
        self._published.append(issue)
        self._files[name] = make_web_files(context, issue, pdf) | ({pdf_name(issue): pdf} if pdf else {})
        # An issue without its PDF is made again, and reported again, in each run.
        self._after[name] = PublishedFiles.of(source if pdf else "", self._files[name])
        self.site.built.append(name)

    def add_shared(self) -> None:
        """Make the index and what else belongs to no single issue. Raises DraftError when no issue is published."""
        if not self._published:
            raise NothingToPublish(
                "There is no issue to publish yet.", next_step="newsletter draft check names what is missing."
            )
        self._published.sort(key=_order_issue, reverse=True)
        lists: dict[str, list[Page]] = {}
        for issue in self._published:
            page = _make_page(self._context.in_language(issue.language), issue, self._files, self._folder)
            lists.setdefault(issue.language, []).append(page)
        contexts = {language: self._context.in_language(language) for language in sorted(lists)}
        self._files[_SHARED] = _make_shared_files([(contexts[language], lists[language]) for language in contexts])
        self._after[_SHARED] = PublishedFiles.of("", self._files[_SHARED])

    def write(self) -> None:
        """Write the files, and delete those that an earlier run made and this one did not. Raises DecisionNeeded."""
        self.site.removed = write_files(self._folder, self.before, self._after, self._files)


def _make_page(context: EditionContext, issue: Issue, files: Mapping[str, Mapping[str, bytes]], folder: Path) -> Page:
    pdf = pdf_name(issue)
    made = files.get(issue.edition_name)
    octets = len(made.get(pdf, b"")) if made is not None else (folder / pdf).stat().st_size
    public = context.typeset(issue).seen_by(frozenset())
    return Page(
        public,
        context.label(public),
        context.title(public),
        context.template_values(public)["date"],
        Download(pdf, octets, context.translator) if octets else None,
        list_corrections(context.corrections, issue),
    )


def _select_publishable(
    drafts: Sequence[Draft], before: Mapping[str, PublishedFiles], site: Site
) -> list[tuple[Draft, Issue]]:
    """Return the finished drafts, newest first. An unfinished one is left out, unless it is published: DraftError."""
    issues: list[tuple[Draft, Issue]] = []
    for draft in drafts:
        name = draft.edition_name
        published = name in before
        if draft.issue is None:
            if published:
                require_issue(draft)
            site.left_out[name] = "it has problems"
        elif texts := find_unwritten(draft.issue) or (() if published else find_untranslated(draft.issue)):
            if published:
                raise DraftError(
                    f"{draft.path.name} is published, and has a text that is still to be written: "
                    f"{quote_text(texts[0])}.",
                    next_step="Write it, or take the item out.",
                )
            site.left_out[name] = "not all of it is written yet"
        elif any(issue.edition_name == name for _, issue in issues):
            raise DraftError(f"Two drafts say that they are {name}.", next_step="Keep one of them.")
        else:
            issues.append((draft, draft.issue))
    # A draft under another name leaves its old page without one, and would be mended by its name.
    gone = set(before) - {_SHARED} - {issue.edition_name for _, issue in issues}
    for draft in drafts if gone else ():
        require_issue(draft)
    return sorted(issues, key=lambda pair: _order_issue(pair[1]), reverse=True)


def _order_issue(issue: Issue) -> tuple[datetime.date, list[tuple[int, int, str]]]:
    return issue.date, order_name(issue.name)


def _make_shared_files(lists: Sequence[tuple[EditionContext, Sequence[Page]]]) -> dict[str, bytes]:
    """Return the index and the feed of each language, and one sitemap. `lists` begins with the publication's own."""
    context = lists[0][0]
    shared = {name_shared(each, "index", "html"): render_index(each, pages).encode() for each, pages in lists}
    if logo := context.logo():
        shared[logo.name] = logo.data
    if context.config.publication.website:
        shared |= {name_shared(each, "feed", "xml"): build_feed(each, pages) for each, pages in lists}
        shared["sitemap.xml"] = build_sitemap(lists)
    return shared


def _hash_surroundings(context: EditionContext) -> str:
    """Return a hash of all that an issue's files are made from, except the draft."""
    parts = [version("newsletter-press"), version("typst"), context.config.model_dump_json(), str(context.has_form)]
    for folder in context.template_path:
        for path in sorted(folder.rglob("*")) if folder.is_dir() else ():
            if path.is_file():
                parts += [str(path.relative_to(folder)), sha256(path.read_bytes()).hexdigest()]
    parts += sorted({font.family for font in load_typefaces(context.fonts).fonts()})
    for path in sorted(context.fonts.rglob("*")) if context.fonts.is_dir() else ():
        if path.is_file():
            parts += [path.name, sha256(path.read_bytes()).hexdigest()]
    return _hash(*parts)


def _hash(*parts: str) -> str:
    return sha256("\0".join(parts).encode()).hexdigest()
