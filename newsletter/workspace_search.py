"""Search for the workspace that a folder lies in, and for the publication of it that a command is about."""

import os
from collections.abc import Mapping
from pathlib import Path

from newsletter.config.shared_settings import (
    CONFIG_NAME,
    NAME_RULE,
    PUBLICATIONS,
    STATE_FOLDER,
    declares_publication,
    find_shared_file,
    is_publication_name,
    read_identity,
)
from newsletter.errors import ConfigError
from newsletter.ownership import require_own
from newsletter.text import quote_text, suggest_nearest
from newsletter.workspace import Workspace

PUBLICATION_VARIABLE = "NEWSLETTER_PUBLICATION"


def find_workspace(start: Path, environ: Mapping[str, str] | None = None, publication: str | None = None) -> Workspace:
    """Find the workspace that `start` lies in, upwards as git does, as one of its publications has it.

    That is the `publication` that is named, here or in the environment; else the one in whose folder `start` lies, or
    the only one. Raises ConfigError when there is no workspace, or it is not known which publication is meant, or when
    the first one found is somebody else's: one further up is not taken in its place.
    """
    found = find_publications(start, environ, publication)
    here = found[0]
    if len(found) == 1 or not here.publication:
        require_own(here.root, here.listed_places(), here.environ)
        return here
    names = [one.shown_name for one in found]
    raise ConfigError(
        f"This workspace has several publications: {', '.join(names)}.",
        next_step=f"Say which one is meant: newsletter -P {names[0]} and the command; or go to {here.folder}",
    )


def find_publications(
    start: Path, environ: Mapping[str, str] | None = None, publication: str | None = None
) -> tuple[Workspace, ...]:
    """Find the workspace that `start` lies in as each publication has it that a command there is about.

    That is the one of `find_workspace` where one is named or `start` lies in its folder, and else all of them, the
    one beside publications/ first. Raises ConfigError.
    """
    environ = os.environ if environ is None else environ
    here = _find_here(start, environ)
    if name := publication or environ.get(PUBLICATION_VARIABLE):
        return (choose_publication(here, name),)
    return (here,) if here.publication else list_publications(here)


def find_root(start: Path, environ: Mapping[str, str] | None = None) -> Path:
    """Return the folder of the workspace that `start` lies in, also below publications/. Raises ConfigError."""
    return _find_here(start, os.environ if environ is None else environ).root


def list_publications(workspace: Workspace) -> tuple[Workspace, ...]:
    """Return the workspace as each of its publications has it: the one beside publications/ first, if there is one.

    A folder whose name can't be a publication's, or that is a link, is left out: only who asks for it is told.
    """
    found = tuple(
        other for other in workspace.list_folders() if is_publication_name(other.publication) and not _is_link(other)
    )
    beside = Workspace(workspace.root, workspace.environ)
    is_one = not found or declares_publication(beside.config_path, workspace.environ)
    return (beside, *found) if is_one else found


def choose_publication(workspace: Workspace, name: str) -> Workspace:
    """Return the workspace as the publication of that name, or of that id, has it. Raises ConfigError for none."""
    for other in workspace.list_folders():
        if other.publication == name:
            _require_place(other)
    found = list_publications(workspace)
    by_folder = [one for one in found if one.publication == name]
    by_id = [one for one in found if name in (read_identity(one.config_path).get("id"), one.shown_name)]
    if chosen := [*by_folder, *by_id]:
        return chosen[0]
    if (state := workspace.root / PUBLICATIONS / name / STATE_FOLDER).is_dir() and is_publication_name(name):
        raise ConfigError(
            f"{state.parent} is a workspace by itself, since it holds a {STATE_FOLDER}/.",
            next_step="Go there to work with it. If it was made by mistake, and nothing was ever sent from there, take "
            f"{state} away.",
        )
    names = [one.shown_name for one in found]
    hint = suggest_nearest(name, names)
    raise ConfigError(
        f"There is no publication {quote_text(name)} in {workspace.root}.",
        next_step=f"{hint} There {'is' if len(names) == 1 else 'are'}: {', '.join(names)}.".strip(),
    )


def _find_here(start: Path, environ: Mapping[str, str]) -> Workspace:
    """Return the workspace that a folder lies in, as the publication has it in whose folder that is."""
    for folder in (start, *start.parents):
        if (folder / CONFIG_NAME).is_file():
            shared_file = find_shared_file(folder / CONFIG_NAME)
            here = Workspace(shared_file.parent, environ, folder.name) if shared_file else Workspace(folder, environ)
            require_own(here.root, (*here.listed_places(), here.state_folder), environ)
            if shared_file:
                _require_place(here)
            return here
    raise ConfigError(
        f"There is no {CONFIG_NAME} here or in any folder above.",
        next_step="Go to your publication's folder, or make one: newsletter init my-newsletter",
    )


def _is_link(workspace: Workspace) -> bool:
    """Return whether a publication's folder is elsewhere: from within, it would be a workspace with another state."""
    return workspace.folder.is_symlink() or workspace.folder.parent.is_symlink()


def _require_place(workspace: Workspace) -> None:
    if not is_publication_name(workspace.publication):
        raise ConfigError(
            f"{workspace.folder} can't be a publication: its name is not one.",
            next_step=f"Name the folder with {NAME_RULE}, as in spring-fair.",
        )
    if _is_link(workspace):
        raise ConfigError(
            f"{workspace.folder} can't be a publication: it is a link to {workspace.folder.resolve()}, and there it "
            "would be known by another state, and send everything again.",
            next_step="Move the folder itself into publications/.",
        )
