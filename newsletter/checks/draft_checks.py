"""Checks of a draft: problems, and notes on what may be meant as it is."""

from collections.abc import Iterator
from pathlib import Path

from newsletter.checks.draft_report import DraftReport, Finding
from newsletter.checks.fields import find_fields_without_default
from newsletter.checks.inbox_line import check_inbox_line
from newsletter.checks.leftovers import find_damaged_letters, find_example_texts
from newsletter.checks.link_targets import check_link_targets
from newsletter.checks.pictures import check_picture_sizes, check_picture_weight
from newsletter.checks.prose import check_prose, find_prose_problems
from newsletter.checks.publication_checks import (
    check_editions,
    find_example_settings,
    find_untranslated_about,
    find_untranslated_words,
)
from newsletter.checks.series import check_corrected_issue, check_dates, check_name, check_numbers, find_equal_headlines
from newsletter.checks.translation_differences import compare_with_main, find_missing_translations
from newsletter.editions import EditionContext
from newsletter.errors import Problem
from newsletter.issue.draft import Draft, read_draft
from newsletter.issue.draft_source import DraftSource
from newsletter.translation import describe_language
from newsletter.workspace import Workspace


def check_draft(workspace: Workspace, draft: Draft) -> DraftReport:
    """Return what is wrong with an issue's draft and its translations, and what should be looked at; see `check_file`.

    Of a translation, the report is of that alone. Raises ConfigError, and DraftError as `check_languages` does.
    """
    reports = [report for _, report in check_languages(workspace, draft)]
    found = dict.fromkeys(finding for report in reports for finding in report.findings)
    return DraftReport(tuple(found), reports[0].picture_weight)


def check_languages(workspace: Workspace, draft: Draft) -> Iterator[tuple[Draft, DraftReport]]:
    """Yield an issue's draft, then its translations, each with what `check_file` finds in it.

    Raises ConfigError, and DraftError for a translation that leads out of the publication's folder.
    """
    yield draft, check_file(workspace, draft)
    for language, path in {} if draft.language else workspace.translations_of(draft.name).items():
        workspace.refuse_outside(path)
        translation = read_draft(path, language)
        yield translation, check_file(workspace, translation)


def check_file(workspace: Workspace, draft: Draft) -> DraftReport:
    """Return what is wrong with one draft, among its publication's others too, and what should be looked at.

    A translation is compared with the draft in the publication's own language.

    Raises ConfigError for a configuration that can't be read.
    """
    found = [
        *map(Finding, draft.problems),
        *_check_own_texts(workspace, draft),
        *_check_among_others(workspace, draft),
        *_check_other_languages(workspace, draft),
        *check_prose(workspace, DraftSource(draft.path, draft.source), draft.issue),
    ]
    found.sort(key=lambda each: (each.problem.path != draft.path, each.problem.line, each.problem.column))
    return DraftReport(tuple(dict.fromkeys(found)), _measure_pictures(workspace, draft))


def _measure_pictures(workspace: Workspace, draft: Draft) -> int:
    """Return what the email's pictures weigh together, in bytes."""
    if draft.issue is None or not draft.issue.images():
        return 0
    return sum(len(picture.data) for picture in _read_context(workspace, draft).pictures(draft.issue))


def _read_context(workspace: Workspace, draft: Draft) -> EditionContext:
    return EditionContext.from_workspace(workspace).in_language(draft.language)


def find_own_problems(workspace: Workspace, draft: Draft) -> tuple[Problem, ...]:
    """Return the problems of the draft's own words, and none that another draft, a setting or a typeface may cause."""
    source = DraftSource(draft.path, draft.source)
    found = [
        *map(Finding, draft.problems),
        *_check_own_texts(workspace, draft),
        *find_prose_problems(workspace, source, draft.issue),
    ]
    return tuple(dict.fromkeys(each.problem for each in found if not each.note))


def _check_own_texts(workspace: Workspace, draft: Draft) -> Iterator[Finding]:
    source, context = DraftSource(draft.path, draft.source), _read_context(workspace, draft)
    yield from find_damaged_letters(source)
    if draft.issue is not None:
        yield from find_example_texts(source, draft.issue)
        yield from find_equal_headlines(source, draft.issue, _list_readable(workspace, draft.language))
        yield from find_fields_without_default(source, draft.issue)
        yield from check_picture_sizes(source, context, draft.issue)
        yield from check_picture_weight(source, context, draft.issue)


def _check_among_others(workspace: Workspace, draft: Draft) -> Iterator[Finding]:
    source, context, paths = (
        DraftSource(draft.path, draft.source),
        _read_context(workspace, draft),
        _list_readable(workspace),
    )
    if not draft.language:  # what a translation says of these is compared with its main draft
        yield from check_dates(source, draft, paths)
        yield from check_numbers(source, draft, paths)
        if not (_lacks_own_name(draft) or workspace.sending_has_begun(draft.name)):
            yield from check_name(source, draft, paths, context.config.publication.numbering)
        yield from check_corrected_issue(source, draft, paths)
    yield from find_example_settings(context)
    yield from find_untranslated_words(context)
    yield from find_untranslated_about(context)
    if draft.issue is None:
        return
    yield from check_link_targets(source, context, draft.issue, [path.stem for path in paths])
    made = list(check_editions(context, draft.issue))
    yield from made
    if all(each.note for each in made):
        yield from check_inbox_line(source, context, draft.issue)


def _check_other_languages(workspace: Workspace, draft: Draft) -> Iterator[Finding]:
    """Compare a translation with its main draft, or find the languages that a main draft has no translation in."""
    if not draft.language:
        if _lacks_own_name(draft) or workspace.sending_has_begun(draft.name):
            return
        known = workspace.translations_of(draft.name)
        missing = [language for language in workspace.config.languages[1:] if language not in known]
        yield from find_missing_translations(draft, missing, _list_unclaimed(workspace) if missing else {})
        return
    yield from _find_second_files(workspace, draft)
    mains = [path for path in _list_readable(workspace) if path.stem == draft.name]
    if mains:
        yield from compare_with_main(read_draft(mains[0]), draft, workspace.config.publication.language)
    else:
        yield Finding(
            DraftSource(draft.path, draft.source).at_location(
                (),
                code="translation",
                message=f"this is a translation of {draft.name}, which has no draft",
                next_step=f"Write {draft.name}.yaml, or rename this.",
            )
        )


def _lacks_own_name(draft: Draft) -> bool:
    """Return whether a draft is told to be named otherwise: what else its name says is not worth telling then."""
    return any(problem.code == "file-name" for problem in draft.problems)


def _list_unclaimed(workspace: Workspace) -> dict[str, list[Path]]:
    """Return the translations of issues that have no draft, by language."""
    issues = {path.stem for path in workspace.draft_paths()}
    unclaimed: dict[str, list[Path]] = {}
    for path in workspace.translation_paths():
        issue, language = workspace.split_name(path.stem)
        if issue not in issues:
            unclaimed.setdefault(language, []).append(path)
    return unclaimed


def _find_second_files(workspace: Workspace, draft: Draft) -> Iterator[Finding]:
    """Find files that are the same issue in the same language as a translation, such as 2.10.JA.yaml."""
    for path in workspace.translation_paths():
        if path.name != draft.path.name and workspace.split_name(path.stem) == (draft.name, draft.language):
            yield Finding(
                DraftSource(draft.path, draft.source).at_location(
                    (),
                    code="translation",
                    message=f"{path.name} is {draft.name} in {describe_language(draft.language)} as well",
                    next_step="Keep one of the two in drafts/.",
                )
            )


def _list_readable(workspace: Workspace, language: str = "") -> list[Path]:
    """Return the publication's drafts, or translations. One's trouble is its own, told when that one is checked."""
    paths = workspace.draft_paths()
    if language:
        names = {workspace.split_name(path.stem): path for path in workspace.translation_paths()}
        paths = [names[key] for path in paths if (key := (path.stem, language)) in names]
    return [path for path in paths if path.is_file() and workspace.holds(path)]
