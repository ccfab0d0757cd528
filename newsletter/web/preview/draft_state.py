"""The state of a draft on disk: rendered when all is well; else the last good rendering, and what is wrong."""

import logging
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path

from newsletter.editions.translated_drafts import read_workspace_draft
from newsletter.errors import DraftError, NewsletterError, explain
from newsletter.issue.draft import Draft, read_draft, require_issue
from newsletter.web.preview.rendered_draft import RenderedDraft
from newsletter.workspace import Workspace

_LOG = logging.getLogger(__name__)
_REVISIONS = count(1)
_RENDERINGS = count(1)


@dataclass(frozen=True, kw_only=True)
class DraftState:
    """The state of a draft: what there is to show of it now.

    `rendered` is the last good state, and `error` why it is not the present one. `text` names the text and the
    picture of that rendering, and for a translation its main draft's text; `identity` the file itself, by which it is
    known again when it is renamed. `revision` grows with every state.
    """

    name: str
    revision: int = 0
    file: Path | None = None
    rendered: RenderedDraft | None = None
    error: NewsletterError | None = None
    moved_to: str = ""
    text: str = ""
    identity: tuple[int, ...] | None = None

    @property
    def faults(self) -> dict[str, NewsletterError]:
        """Return the errors by the edition that each keeps from being made; "" stands for all editions."""
        if self.error:
            return {"": self.error}
        return dict(self.rendered.faults) if self.rendered else {}

    @property
    def is_empty(self) -> bool:
        """Whether the draft's file holds nothing at this moment."""
        try:
            return self.file is not None and self.file.stat().st_size == 0
        except OSError:
            return False

    def now(self, **changes: object) -> "DraftState":
        """Return the next state: this one with `changes` and a new revision."""
        return replace(self, revision=next(_REVISIONS), **changes)  # type: ignore[arg-type]  # replace checks them


def find_drafts(workspace: Workspace, more: Path) -> dict[str, Path]:
    """Return every draft by its name, translations by theirs; `more` is one that the command line named, anywhere."""
    known = {path.stem: path for path in (*workspace.draft_paths(), *workspace.translation_paths())}
    return known if more.parent == workspace.drafts else known | {more.stem: more}


def refresh_state(workspace: Workspace, more: Path, before: DraftState) -> DraftState:
    """Return the draft's present state. Stages: find the file, read it, render the email.

    Never raises for what is on disk: the state holds the error.
    """
    try:
        path = find_drafts(workspace, more).get(before.name)
        if path is None or not path.exists():
            return _without_file(workspace, before)
        workspace.refuse_outside(path)
        # Renamed since it was found, it has none: by the last one it is known again.
        before = replace(before, file=path, identity=_identity(path) or before.identity, moved_to="")
        draft = read_workspace_draft(workspace, path)
        # Written while it was read, it has another time by now; and it may be renamed before anybody looks again.
        before = replace(before, identity=_identity(path) or before.identity)
        issue = require_issue(draft)
        last = before.rendered
        text = _hash_texts(workspace, draft)
        if last and last.workspace is workspace and (last.issue.path, before.text) == (path, text):
            return before.now(error=None)  # saved, and nothing changed
        rendered = RenderedDraft(next(_RENDERINGS), workspace, issue, draft.source)
        rendered.email()
        return before.now(rendered=rendered, text=text, error=None)
    except Exception as error:  # noqa: BLE001  # whatever it is, the page shows it, and the preview goes on
        _LOG.debug("%s can't be shown", before.name, exc_info=True)
        return before.now(error=explain(error))


def _hash_texts(workspace: Workspace, draft: Draft) -> str:
    """Return a hash of the draft's text, and of that of the draft which it is a translation of."""
    main = find_drafts(workspace, draft.path).get(draft.name) if draft.language else None
    return f"{draft.sha256} {read_draft(main).sha256}" if main else draft.sha256


def _without_file(workspace: Workspace, before: DraftState) -> DraftState:
    for path in (*workspace.draft_paths(), *workspace.translation_paths()):
        if before.identity and before.identity == _identity(path):
            return before.now(moved_to=path.stem, error=DraftError(f"{before.name} is named {path.stem} now."))
    if before.file:
        gone = DraftError(
            f"The draft {before.file.name} is gone from {before.file.parent.name}/.",
            next_step="Put the file back, and the preview goes on; or choose another draft.",
        )
    else:
        gone = DraftError(
            f"There is no draft {before.name} in {workspace.drafts.name}/.",
            next_step="Choose one that is there, or begin the next: newsletter draft new",
        )
    return before.now(error=gone)


def _identity(path: Path) -> tuple[int, ...] | None:
    """Return what tells a file from others: its inode number, which a new file may get later, and times."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino, status.st_mtime_ns
