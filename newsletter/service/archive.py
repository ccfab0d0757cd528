"""The issues that have been sent, as `export site` writes them, in a folder of the service's own.

What is served is what the folder's manifest lists, and only as it was written: a file that is being renewed is not
handed out half.
"""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from newsletter.delivery import ledger
from newsletter.editions import Press
from newsletter.editions.manifest import read_manifest
from newsletter.editions.site import export_site
from newsletter.editions.web import render_index
from newsletter.errors import DeliveryError, counted, explained
from newsletter.issue.draft import read_draft
from newsletter.store import Store
from newsletter.workspace import CONFIG_NAME, Workspace

FOLDER = Path(".newsletter", "site")
INDEX = "index.html"
_LOG = logging.getLogger(__name__)
_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".pdf": "application/pdf",
    ".png": "image/png",
    ".jpg": "image/jpeg",
    "feed.xml": "application/atom+xml; charset=utf-8",
    "sitemap.xml": "application/xml; charset=utf-8",
}


class NotReady(Exception):
    """It is being made."""


@dataclass(frozen=True, slots=True)
class File:
    """One file of the archive. `digest` is its content's, `modified` in seconds since 1970."""

    data: bytes
    digest: str
    modified: float
    media_type: str


class Archive:
    """`renew` runs on one thread, `find` on any."""

    def __init__(self, workspace: Workspace, store: Store) -> None:
        self._folder = workspace.root / FOLDER
        self._store = store
        self._seen: object = None
        self._said = ""
        self._digests = _digests(self._folder)  # what an earlier run has made is good until this one has looked
        self._empty: File | None = None

    def find(self, name: str) -> File | None:
        """Raises NotReady while there is no archive yet, or the file is just being renewed."""
        if self._empty:
            return self._empty if name == INDEX else None
        digests = self._digests
        if not digests:
            raise NotReady
        if name not in digests:
            return None
        path = self._folder / name
        try:
            data, modified = path.read_bytes(), path.stat().st_mtime
        except OSError as error:
            self._seen = None
            raise NotReady from error
        if sha256(data).hexdigest() != digests[name]:
            self._seen = None
            raise NotReady
        kind = _TYPES.get(name) or _TYPES.get(path.suffix, "application/octet-stream")
        return File(data, digests[name], modified, kind)

    def renew(self, workspace: Workspace) -> None:
        """Make what has changed. Whatever is wrong is logged, and the last good archive stays."""
        try:
            drafts = sent(workspace, self._store)
            state = (drafts, _files(workspace))
            if state == self._seen:
                return
            self._seen = state  # whatever comes of it would come of it again, until something changes
            self._make(workspace, drafts)
            self._said = ""
        except Exception as error:  # noqa: BLE001  # readers can still leave
            if isinstance(error, DeliveryError | OSError):
                self._seen = None  # these pass by themselves
            told = explained(error)
            said = " ".join([told.message, *(f"{problem.place}: {problem.message}" for problem in told.problems)])
            if said != self._said:
                _LOG.error("The archive stays as it was: %s", said)
            self._said = said

    def _make(self, workspace: Workspace, drafts: list[Path]) -> None:
        press = Press.of(workspace)
        if not drafts:
            page = render_index(press, []).encode()
            self._empty = File(page, sha256(page).hexdigest(), 0.0, _TYPES[".html"])
            _LOG.info("No issue has been sent yet: the archive is a list of none")
            return
        site = export_site(press, [read_draft(path) for path in drafts], self._folder)
        for name, reason in site.left_out.items():
            _LOG.warning("%s is not in the archive: %s", name, reason)
        self._digests = _digests(self._folder)
        self._empty = None
        issues = counted(len(site.built) + len(site.kept), "issue")
        _LOG.info("The archive has %s; made anew: %s", issues, ", ".join(site.built) or "none")


def sent(workspace: Workspace, store: Store) -> list[Path]:
    """The drafts of issues whose sending has begun, by the store or by the record beside them."""
    begun = {name for name in ledger.campaign_names(store) if _has_begun(store, name)}
    return [path for path in workspace.draft_paths() if path.stem in begun or workspace.sending_has_begun(path.stem)]


def _has_begun(store: Store, name: str) -> bool:
    campaign = ledger.find_campaign(store, name)
    if campaign is None or not campaign.runs:
        return False
    return campaign.due_at is None or ledger.has_begun(store, campaign)


def _files(workspace: Workspace) -> list[tuple[str, int, int]]:
    """All that the archive is made from, by what a look at the disk tells."""
    folders = (workspace.drafts, workspace.template_path[0], workspace.fonts)
    paths = [workspace.root / CONFIG_NAME, *(path for folder in folders for path in sorted(folder.rglob("*")))]
    states = ((str(path), path.stat()) for path in paths if path.is_file())
    return [(name, state.st_mtime_ns, state.st_size) for name, state in states]


def _digests(folder: Path) -> Mapping[str, str]:
    return {name: digest for made in read_manifest(folder).values() for name, digest in made.files.items()}
