"""The issues that have been sent, as `export site` writes them, in a folder of the service's own.

What is served is what the folder's manifest lists, and only as it was written: a file that is being renewed is not
handed out half.
"""

import logging
import re
from collections.abc import Mapping, Set
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from time import monotonic

from newsletter.campaigns.sent_issues import find_changed_issues, find_sent_issues
from newsletter.editions import EditionContext
from newsletter.editions.manifest import read_manifest
from newsletter.editions.site import export_site
from newsletter.editions.translated_drafts import read_languages
from newsletter.editions.web import render_index
from newsletter.errors import DecisionNeeded, DeliveryError
from newsletter.store import Store
from newsletter.text import format_count
from newsletter.web.public.error_line import error_line
from newsletter.workspace import Workspace

FOLDER = "site"  # in the folder for what can be made again
INDEX = "index.html"
_REST_S = 60.0  # after what passes by itself
_LOG = logging.getLogger(__name__)
_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".pdf": "application/pdf",
    ".png": "image/png",
    ".jpg": "image/jpeg",
    "feed.xml": "application/atom+xml; charset=utf-8",
    "sitemap.xml": "application/xml; charset=utf-8",
}


class ArchiveNotReady(Exception):
    """The archive is being made, or can't be. Its text is a sentence for readers."""


@dataclass(frozen=True, slots=True)
class ArchiveFile:
    """One file of the archive. `digest` is its content's, `modified` in seconds since 1970."""

    data: bytes
    digest: str
    modified: float
    media_type: str


class Archive:
    """The archive as files in a folder. `renew` runs on one thread, `find` on any.

    One that is not `is_maker` takes what another process makes there.
    """

    def __init__(self, workspace: Workspace, store: Store, *, is_maker: bool = True) -> None:
        self._is_maker = is_maker
        self._folder = workspace.cache_folder / FOLDER
        self._store = store
        self._whose = f"{workspace.publication}: " if workspace.publication else ""  # before each line of the log
        self._seen: object = None
        self._logged = ""
        self._not_before = 0.0
        self._digests = _digests(self._folder)  # what an earlier run has made is good until this one has looked
        self._empty: ArchiveFile | None = None
        translate = workspace.config.translator.translate
        self._being_made = translate("This page is being made. Please try again in a moment.")
        self._none_yet = translate("There is no archive here yet. Please try again later.")

    def find(self, name: str) -> ArchiveFile | None:
        """Return a file by its name; None when the archive has none of it.

        Raises ArchiveNotReady while there is no archive yet, or the file is just being renewed.
        """
        if self._empty:
            return self._empty if name == INDEX else None
        digests = self._digests
        if not digests:
            raise ArchiveNotReady(self._none_yet if self._logged else self._being_made)
        if name not in digests:
            return None
        path = self._folder / name
        try:
            data, modified = path.read_bytes(), path.stat().st_mtime
        except OSError as error:
            self._seen = None
            raise ArchiveNotReady(self._being_made) from error
        if sha256(data).hexdigest() != digests[name]:
            self._seen = None
            raise ArchiveNotReady(self._being_made)
        known = "feed.xml" if re.fullmatch(r"feed(?:\.[a-z0-9-]+)?\.xml", name) else name  # of each language
        kind = _TYPES.get(known) or _TYPES.get(path.suffix, "application/octet-stream")
        return ArchiveFile(data, digests[name], modified, kind)

    def renew(self, workspace: Workspace) -> None:
        """Make what has changed. Whatever is wrong is logged, and the last good archive stays."""
        if monotonic() < self._not_before:
            return
        try:
            sent = find_sent_issues(workspace, self._store)
            made_from = (sent, _files(workspace))
            state = (made_from, _names(self._folder))
            if state == self._seen and self._is_maker:
                return
            self._seen = state  # whatever comes of it would come of it again, until something changes
            self._make(workspace, sent)
            self._seen = (made_from, _names(self._folder))
            self._logged = ""
        except Exception as error:  # noqa: BLE001  # readers can still leave
            if isinstance(error, DeliveryError | OSError):
                self._seen, self._not_before = None, monotonic() + _REST_S
            if isinstance(error, DecisionNeeded):  # where the folder is, is not asked here
                folder = self._folder.relative_to(workspace.root)
                error = DecisionNeeded(error.message, next_step=f"Move what it did not write out of {folder}.")
            failure = error_line(error)
            if failure != self._logged:
                there_is = "The archive stays as it was" if self._digests or self._empty else "There is no archive yet"
                _LOG.error("%s%s: %s", self._whose, there_is, failure)
            self._logged = failure

    def _make(self, workspace: Workspace, sent: Set[str]) -> None:
        context = replace(EditionContext.from_workspace(workspace), has_form=True)
        drafts = [path for path in workspace.draft_paths() if path.stem in sent]
        if not drafts:
            page = render_index(context, []).encode()
            self._empty = ArchiveFile(page, sha256(page).hexdigest(), 0.0, _TYPES[".html"])
            why = "No issue that has been sent has its draft here" if sent else "No issue has been sent yet"
            if self._is_maker:
                _LOG.info("%s%s: the archive is a list of none", self._whose, why)
            return
        if not self._is_maker:
            self._digests = _digests(self._folder)
            self._empty = None
            return
        read = [draft for path in drafts for draft in read_languages(workspace, path)]
        changed = find_changed_issues(workspace, self._store, [draft for draft in read if not draft.language])
        site = export_site(context, read, self._folder, changed=changed)
        for name, reason in site.left_out.items():
            _LOG.warning("%s%s is not in the archive: %s", self._whose, name, reason)
        for name, error in site.without_pdf.items():
            _LOG.error("%s%s has no PDF of its present text: %s", self._whose, name, error_line(error))
        self._digests = _digests(self._folder)
        self._empty = None
        names = [*site.built, *site.kept]
        issues = format_count(len([name for name in names if not workspace.split_name(name)[1]]), "issue")
        _LOG.info("%sThe archive has %s; made again: %s", self._whose, issues, ", ".join(site.built) or "none")


def _files(workspace: Workspace) -> list[tuple[str, int, int]]:
    """Return the size and times of all files that the archive is made from."""
    folders = (workspace.drafts, *workspace.own_template_folders, workspace.fonts)
    paths = [*workspace.config_paths, *(path for folder in folders for path in sorted(folder.rglob("*")))]
    states = ((str(path), path.stat()) for path in paths if path.is_file())
    return [(name, state.st_mtime_ns, state.st_size) for name, state in states]


def _names(folder: Path) -> Set[str]:
    """Return the names of the folder's files, any of which may be in the way."""
    return {path.name for path in folder.iterdir()} if folder.is_dir() else set()


def _digests(folder: Path) -> Mapping[str, str]:
    return {name: digest for made in read_manifest(folder).values() for name, digest in made.files.items()}
