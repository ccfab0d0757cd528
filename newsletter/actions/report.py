"""Reports on what became of an issue: the figures, a page of them, and every recipient in a table."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TextIO

from newsletter.actions.server_limits import find_warm_up
from newsletter.backends import name_server
from newsletter.errors import DraftError
from newsletter.files import open_private, open_shared
from newsletter.issue_name import IssueName, read_issue_name
from newsletter.ledger.campaigns import find_campaign, list_issues
from newsletter.ledger.deliveries import count_deliveries, stream_deliveries
from newsletter.ledger.states import Counts, State
from newsletter.ledger.statistics import sum_replies
from newsletter.ledger.suppressed_elsewhere import count_suppressed_elsewhere
from newsletter.ledger.welcome_issues import count_welcomes
from newsletter.ledger.workers import find_last_sent
from newsletter.ownership import resolve_own_target
from newsletter.publication import OpenPublication
from newsletter.reports.campaign_report import CampaignReport, make_report
from newsletter.reports.issue_status import count_languages_of
from newsletter.reports.recipients_csv import ALL_COLUMNS, NOT_ACCEPTED_COLUMNS, write_recipients_csv
from newsletter.reports.reply_counts import ReplyCount, group_replies
from newsletter.subscribers.feedback_events import EventKind, count_answers


@dataclass(frozen=True, kw_only=True)
class CampaignSummary:
    """Where a campaign's recipients are, and why those who were not accepted were not.

    `unusable` counts rows of the list that could not be used: people who may have wanted it. `replies` are what servers
    said to those who were not accepted, most recipients first, and `not_accepted` is the table that names each of them.
    `welcomed` got the issue when they joined, and not by the campaign. `languages` says how many are in which language,
    the publication's own as an empty one; it is empty for an issue without translations.
    """

    counts: Counts
    unusable: int
    replies: Sequence[ReplyCount]
    not_accepted: Path | None
    answers: Mapping[EventKind, int]
    suppressed_elsewhere: Mapping[str, int]
    welcomed: int = 0
    languages: Mapping[str, int] = field(default_factory=dict)

    @property
    def complete(self) -> bool:
        """Whether everyone who should have the issue has it."""
        return self.counts.complete and not self.unusable


def find_campaign_name(publication: OpenPublication, draft: str | None) -> IssueName:
    """Return the name of a campaign, also when its draft is gone; the one sent last when none is named.

    Raises DraftError when there is neither such a campaign nor such a draft.
    """
    store = publication.known_store
    if draft is not None:
        if store is not None and find_campaign(store, IssueName(draft)) is not None:
            return IssueName(draft)
        return read_issue_name(publication.workspace.find_draft(draft))
    names = list_issues(store) if store else []
    if store is None or not names:
        raise DraftError("Nothing has been sent from here yet.", next_step="Run: newsletter send")
    return find_last_sent(store) or names[-1]


def report(publication: OpenPublication, issue: IssueName) -> CampaignReport:
    """Return the figures of an issue's campaign as they are now. Raises DraftError when it has not been sent."""
    store = publication.known_store
    config = publication.config
    found = make_report(store, issue, config.publication.language, name_server(config)) if store else None
    if found is None:
        raise DraftError(f"{issue} has not been sent from here.", next_step=f"Run: newsletter send {issue}")
    return replace(found, warm_up=find_warm_up(publication))


def summarize_campaign(publication: OpenPublication, issue: IssueName) -> CampaignSummary:
    """Return where the campaign's recipients are, and write the table of those who were not accepted."""
    store = publication.store
    counts, campaign = count_deliveries(store, issue), find_campaign(store, issue)
    replies: Sequence[ReplyCount] = ()
    not_accepted = None
    if counts.total > counts[State.ACCEPTED]:
        with store.reading() as connection:
            replies = group_replies(sum_replies(connection, issue, but=State.ACCEPTED))
        not_accepted = write_not_accepted(publication, issue)
    else:
        _not_accepted_path(publication, issue).unlink(missing_ok=True)  # of a time when not everyone had it
    with store.reading() as connection:
        answers = count_answers(connection, issue)
        elsewhere = count_suppressed_elsewhere(connection, issue)
        welcomed = count_welcomes(connection, issue)
    unusable = campaign.left_out if campaign else 0
    return CampaignSummary(
        counts=counts,
        unusable=unusable,
        replies=replies,
        not_accepted=not_accepted,
        answers=answers,
        suppressed_elsewhere=elsewhere,
        welcomed=welcomed,
        languages=count_languages_of(store, campaign) if campaign else {},
    )


def write_recipients(publication: OpenPublication, issue: IssueName, file: TextIO) -> None:
    """Write every recipient with the server's answer into an open file, as a CSV."""
    own_language = publication.config.publication.language
    write_recipients_csv(file, stream_deliveries(publication.store, issue), ALL_COLUMNS, own_language)


def write_recipients_file(publication: OpenPublication, issue: IssueName, path: Path) -> None:
    """Write every recipient with the server's answer into a CSV that only its owner can read."""
    with open_private(resolve_own_target(path)) as file:
        write_recipients(publication, issue, file)


def write_not_accepted(publication: OpenPublication, issue: IssueName) -> Path:
    """Write everyone who was not accepted into build/ISSUE/not-accepted.csv; return its path."""
    path = _not_accepted_path(publication, issue)
    with open_private(path) as file:
        write_recipients_csv(
            file,
            stream_deliveries(publication.store, issue, but=State.ACCEPTED),
            NOT_ACCEPTED_COLUMNS,
            publication.config.publication.language,
        )
    return path


def write_report_page(publication: OpenPublication, found: CampaignReport, path: Path | None = None) -> Path:
    """Write the report with plots and without any address as a page, build/ISSUE/report.html if None."""
    from newsletter.reports.html_report import render_page  # Jinja is for the page alone

    path = resolve_own_target(path) if path else publication.workspace.build(found.campaign.issue) / "report.html"
    with open_shared(path) as file:
        file.write(render_page(found, publication.config.publication, datetime.now(UTC)))
    return path


def _not_accepted_path(publication: OpenPublication, issue: IssueName) -> Path:
    return publication.workspace.build(issue) / "not-accepted.csv"
