"""Formatting of a draft's file: read, compared with what `draft fmt` writes, and replaced as a whole."""

from dataclasses import dataclass
from pathlib import Path

from newsletter.drafting import format_draft as format_source
from newsletter.drafting import mend_draft
from newsletter.errors import DecisionNeeded, DraftError
from newsletter.files import prepare_replacement
from newsletter.issue.draft import read_draft, require_issue
from newsletter.issue_name import IssueName
from newsletter.publication import OpenPublication


@dataclass(frozen=True, kw_only=True)
class FormattedDraft:
    """A draft's text as its file has it, and as it is formatted.

    `mended` has the numbers of the lines for which YAML could not read it, and which were mended.
    """

    path: Path
    before: str
    after: str
    mended: tuple[int, ...] = ()

    @property
    def is_changed(self) -> bool:
        return self.before != self.after


def format_draft(publication: OpenPublication, name: str | None = None, *, write: bool = True) -> FormattedDraft:
    """Format a draft, 2.10 or a path, or the newest, and write it if anything changes and `write` says so.

    A draft that is not valid only for signs that were pasted into it is mended first, see `mend_draft`.

    The file is replaced as a whole, its rights stay, and where it is a link, what it leads to is replaced. Without
    `write`, the store is not asked, so that this also runs where there is none, as in CI.

    Raises DraftError with every problem of a draft that is not valid, and DecisionNeeded for one that has been sent or
    is in the outbox: what was sent is known by its very text, and `export site` would ask for a correction.
    """
    path = publication.workspace.find_draft_file(name)
    issue, language = publication.workspace.split_name(path.stem)
    draft = read_draft(path, language)
    mended = mend_draft(draft.source, path, language) if draft.issue is None else None
    if mended is None:
        require_issue(draft)
    data = path.read_bytes()
    before = data.decode("utf-8")
    after = format_source(mended.source if mended else before, path, language)
    formatted = FormattedDraft(path=path, before=before, after=after, mended=mended.lines if mended else ())
    if formatted.is_changed:
        _refuse_sent(publication, path, issue, ask_store=write)
    if formatted.is_changed and write:
        with prepare_replacement(path, [formatted.after]) as put:
            if path.read_bytes() != data:
                raise DraftError(f"{path.name} was saved again meanwhile.", next_step="Format it once more.")
            put()
    return formatted


def _refuse_sent(publication: OpenPublication, path: Path, issue: IssueName, *, ask_store: bool) -> None:
    """Raise DecisionNeeded for the draft of a campaign, by its record or by the store."""
    is_sent = publication.record(issue).exists()
    if not is_sent and ask_store and (store := publication.known_store):
        from newsletter.ledger.campaigns import find_campaign  # it brings SQLAlchemy, which only a change waits for

        is_sent = find_campaign(store, issue) is not None
    if is_sent:
        raise DecisionNeeded(
            f"{path.name} has been sent, or is in the outbox, and is left as it is.",
            next_step="Its readers have this very text: another one, even if it says the same, would count as changed "
            "since it was sent.",
        )
