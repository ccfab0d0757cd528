"""Drafts of a workspace in all their languages, as editions are made of them."""

from dataclasses import replace
from pathlib import Path

from newsletter.errors import DraftError, Problem
from newsletter.issue.draft import Draft, read_draft
from newsletter.issue.translation_visibility import apply_visibility
from newsletter.workspace import Workspace


def read_workspace_draft(workspace: Workspace, path: Path) -> Draft:
    """Read the draft in a file, whose name says whether it is a translation.

    Whom the parts of a translation are for is what the draft in the publication's own language says; where that can't
    be told, it is among its problems.
    """
    name, language = workspace.split_name(path.stem)
    draft = read_draft(path, language)
    main = next((each for each in workspace.draft_paths() if each.stem == name), None) if language else None
    return _follow(draft, read_draft(main)) if main and workspace.holds(main) else draft


def read_languages(workspace: Workspace, path: Path) -> list[Draft]:
    """Read an issue's draft and then its translations. Raises DraftError for one that leads out of the workspace."""
    workspace.refuse_outside(path)
    main = read_draft(path)
    translations = workspace.translations_of(path.stem)
    for translation in translations.values():
        workspace.refuse_outside(translation)
    return [main, *(_follow(read_draft(each, language), main) for language, each in translations.items())]


def _follow(draft: Draft, main: Draft) -> Draft:
    if draft.issue is None:
        return draft
    if main.issue is None:
        return replace(draft, issue=None, problems=(_tell_of_main(main),))
    try:
        return replace(draft, issue=apply_visibility(main.issue, draft.issue, draft.path))
    except DraftError as error:
        return replace(draft, issue=None, problems=tuple(error.problems))


def _tell_of_main(main: Draft) -> Problem:
    """Return the problem of a translation whose main draft can't be read: what is for some would be shown to all."""
    return Problem(
        path=main.path,
        code="only-for",
        message="the main draft has problems, so it can't be told who is to see what of its translations",
        next_step=f"Mend it first: newsletter draft check {main.name}",
    )
