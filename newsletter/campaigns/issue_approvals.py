"""Approvals of an issue, held against its texts as they are now, or as they were frozen."""

from collections.abc import Iterator, Mapping
from functools import cache

from newsletter.approvals import IssueApprovals, Statement, judge_approvals
from newsletter.campaigns.issue_fingerprints import fingerprint_texts
from newsletter.campaigns.issue_texts import IssueTexts, split_hashes
from newsletter.errors import Problem
from newsletter.ledger.campaigns import Campaign
from newsletter.text import format_count
from newsletter.workspace import Workspace

_EDITIONS = {
    "html": "the HTML email",
    "text": "the text email",
    "pdf": "the PDF",
    "web": "the web page",
    "readers": "who gets which item",
    "mail": "the mail's header (subject, sender, links to leave)",
}


def find_approvals(workspace: Workspace, texts: IssueTexts, mails: Mapping[str, str] | None = None) -> IssueApprovals:
    """Return the approvals of an issue as its drafts are now; `is_approved` says whether it may leave by them.

    Nothing is rendered where nobody has signed. `mails` are what `hash_renderings` returns, where that is known. Raises
    DraftError and TemplateError where the editions can't be made, and ConfigError where nothing can be verified.
    """
    from newsletter.editions.fingerprints import list_renderer_versions

    find_fingerprints = cache(lambda: fingerprint_texts(texts, mails))

    def compare(statement: Statement) -> str:
        differing = _list_differences(statement, find_fingerprints())
        if not differing:
            return ""
        versions = _list_other_versions(statement, list_renderer_versions())
        since = f"since then {', '.join(differing)} changed"
        return f"{since}; it was made with {', '.join(versions)}" if versions else since

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


def explain_missing(texts: IssueTexts, found: IssueApprovals) -> Iterator[Problem]:
    """Yield what is wrong, and what to do about it, where an issue is not approved by as many as have to."""
    if found.is_approved:
        return
    path = texts.main.path
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
        message=f"{format_count(lacking, 'approval is', 'approvals are')} missing, of {', '.join(found.awaited)}"
        if lacking == len(found.awaited)
        else f"{format_count(lacking, 'approval is', 'approvals are')} missing, of any of {', '.join(found.awaited)}",
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
        names = [name for name in dict.fromkeys([*_EDITIONS, *theirs]) if ours.get(name) != theirs.get(name)]
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
