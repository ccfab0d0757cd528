"""Drafts of a workspace as they are read: translations with what the main draft says for all languages."""

from dataclasses import replace
from pathlib import Path

from newsletter.issue.draft import Draft, read_draft
from newsletter.issue.translation_parts import show_as
from newsletter.workspace import Workspace


def read_workspace_draft(workspace: Workspace, path: Path) -> Draft:
    """Read the draft in a file, whose name says whether it is a translation.

    Whom the parts of a translation are for is what the draft in the publication's own language says.
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
    return replace(draft, issue=show_as(draft.issue, main.issue)) if draft.issue and main.issue else draft
