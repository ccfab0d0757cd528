"""Approvals of an issue, held against its texts as they are now, or as they were frozen."""

from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path

from newsletter.approvals import IssueApprovals, Statement, judge_approvals
from newsletter.campaigns.issue_fingerprints import fingerprint_texts
from newsletter.campaigns.issue_texts import IssueTexts, split_hashes
from newsletter.errors import DecisionNeeded, DraftError, Problem, TemplateError
from newsletter.ledger.campaigns import Campaign
from newsletter.ledger.schedule import has_begun
from newsletter.store import Store
from newsletter.text import format_count, join_words
from newsletter.workspace import Workspace

_EDITIONS = {
    "html": "the HTML email",
    "text": "the text email",
    "pdf": "the PDF",
    "web": "the web page",
    "readers": "who gets what",
    "mail": "the mail's header (subject, sender, links to leave)",
}


def find_approvals(workspace: Workspace, texts: IssueTexts, mails: Mapping[str, str] | None = None) -> IssueApprovals:
    """Return the approvals of an issue as its drafts are now; `is_approved` says whether it may leave by them.

    Nothing is rendered where nobody has signed. `mails` are what `hash_renderings` returns, where that is known. Raises
    ConfigError where signatures can't be verified here.
    """
    from newsletter.editions.fingerprints import list_renderer_versions

    find_fingerprints = cache(lambda: fingerprint_texts(texts, mails))

    def compare(statement: Statement) -> str:
        try:
            differing = _list_differences(statement, find_fingerprints())
        except (DraftError, TemplateError) as error:
            return f"the editions can't be made as they are now ({error.message.removesuffix('.')})"
        if not differing:
            return ""
        versions = _list_other_versions(statement, list_renderer_versions())
        since = f"since then {join_words(differing)} changed"
        return f"{since}; it was made with {join_words(versions)}" if versions else since

    return judge_approvals(workspace, texts.name, compare)


def find_frozen_approvals(workspace: Workspace, campaign: Campaign) -> IssueApprovals:
    """Return the approvals of the text that a campaign was frozen with, without rendering it.

    What was frozen are the mails; the page and the PDF that they lead to are those of the drafts. Raises ConfigError.
    """
    from newsletter.editions.fingerprints import hash_rules

    own = workspace.config.publication.language
    frozen = split_hashes(campaign.text_sha256) if campaign.text_sha256 else {}
    mails = {
        language or own: {"mail": mail, "readers": hash_rules(campaign.rules)} for language, mail in frozen.items()
    }

    def compare(statement: Statement) -> str:
        approved = {
            language: {name: hashes.get(name, "") for name in ("mail", "readers")}
            for language, hashes in statement.editions.items()
        }
        return "" if mails and approved == mails else "it is of another text than the one that was frozen"

    return judge_approvals(workspace, campaign.issue, compare)


def refuse_unapproved(workspace: Workspace, store: Store, campaign: Campaign) -> None:
    """Refuse a campaign whose moment has come, if its frozen text is not approved, or is no longer.

    One that has begun goes on. Raises DecisionNeeded, and ConfigError where signatures can't be verified here.
    """
    if "approved" not in workspace.config.send.require or has_begun(store, campaign):
        return
    draft = workspace.drafts / f"{campaign.issue}.yaml"
    if problems := list(explain_missing(draft, find_frozen_approvals(workspace, campaign))):
        raise DecisionNeeded(
            f"{campaign.issue} may not leave: what is in the outbox is not approved.",
            problems=problems,
            next_step="If the draft has changed since: take it out, and send it again when it is approved.\n"
            f"newsletter outbox cancel {campaign.issue}",
        )


def explain_missing(path: Path, found: IssueApprovals) -> Iterator[Problem]:
    """Yield what is wrong, and what to do about it, where a draft's issue is not approved by as many as have to."""
    if found.is_approved:
        return
    for approval in found.approvals:
        if approval.void:
            yield Problem(
                path=path,
                code="approved",
                message=f"the approval of {approval.approver} is void: {approval.void}",
                next_step=f"They look at it again: newsletter approve {found.issue}",
            )
    lacking = found.count - len(found.valid)
    yield Problem(
        path=path,
        code="approved",
        message=f"{format_count(lacking, 'approval is', 'approvals are')} missing, by {found.words_for_awaited}",
        next_step=f"Each looks at it, and then: newsletter approve {found.issue}",
    )


def _list_differences(statement: Statement, now: Mapping[str, Mapping[str, str]]) -> list[str]:
    """Return the editions that are others than those approved, in words, with the language where there are several."""
    differing = []
    several = len({*now, *statement.editions}) > 1
    for language in dict.fromkeys([*now, *statement.editions]):
        ours, theirs = now.get(language), statement.editions.get(language)
        if ours is None or theirs is None:
            differing.append(f"the translation into {language}")
            continue
        names = [name for name in dict.fromkeys([*_EDITIONS, *theirs, *ours]) if ours.get(name) != theirs.get(name)]
        if names != ["mail"]:  # it holds the others
            names = [name for name in names if name != "mail"]
        differing += [f"{_EDITIONS.get(name, name)}{f' in {language}' if several else ''}" for name in names]
    return differing


def _list_other_versions(statement: Statement, now: Mapping[str, str]) -> list[str]:
    """Return the programs that were of other versions when the statement was made."""
    return [
        f"{name} {statement.versions.get(name, 'none')} (here {now.get(name, 'none')})"
        for name in dict.fromkeys([*now, *statement.versions])
        if statement.versions.get(name) != now.get(name)
    ]
