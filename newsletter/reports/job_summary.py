"""The summary of a runner's job, in Markdown as forges show it: figures and reasons, and no address."""

from collections.abc import Iterator, Sequence
from typing import Protocol

from newsletter.errors import NewsletterError
from newsletter.forges.markdown_escapes import escape_markdown
from newsletter.issue_name import IssueName
from newsletter.reports.campaign_report import CampaignReport
from newsletter.reports.formatting import MEANINGS, format_reply, list_shown_states
from newsletter.text import format_count, remove_addresses


class JobReport(Protocol):
    """A runner's report: the campaigns that it had in hand, and what else there is to say."""

    campaigns: list[CampaignReport]
    unusable: int
    scheduled: IssueName | None
    waits_for: str
    held: list[IssueName]
    void: list[tuple[IssueName, str]]
    error: NewsletterError | None
    record_error: NewsletterError | None


def format_job_summary(title: str, done: JobReport) -> str:
    """Return the summary of a job, which ends with a line break."""
    return "\n".join([f"## {escape_markdown(title)}", "", *_list_lines(done)]) + "\n"


def _list_lines(done: JobReport) -> Iterator[str]:
    for found in done.campaigns:
        yield from _describe_campaign(found)
    if done.scheduled:
        yield from (f"{escape_markdown(done.scheduled)} is in the outbox, and leaves at its moment.", "")
    for issue in done.held:
        name = escape_markdown(issue)
        yield from (f"**{name} was stopped**, and a person has to look first. Then: `newsletter send --ci {issue}`", "")
    if done.unusable:
        yield from (f"{format_count(done.unusable, 'row')} of the list could not be used.", "")
    for error in (done.error, done.record_error):
        if error is not None:
            yield from _describe_error(error)
    if done.waits_for:
        holder = escape_markdown(done.waits_for)
        yield from (f"The state is in other hands: {holder}. A later run sends what is due.", "")
    elif not (done.campaigns or done.error):
        for issue, why in done.void:
            yield from (f"{escape_markdown(issue)} is not sent: an approval of it is void: {_tell(why)}", "")
        if not (done.held or done.void):
            yield from ("Nothing was to be sent.", "")


def _describe_campaign(found: CampaignReport) -> Iterator[str]:
    yield f"### {escape_markdown(found.campaign.issue)}: {escape_markdown(found.campaign.subject)}"
    yield ""
    yield "| Readers | | |"
    yield "| ---: | --- | --- |"
    for state in list_shown_states(found.counts):
        if found.counts[state]:
            yield f"| {found.counts[state]:,} | {state} | {MEANINGS[state]} |"
    yield f"| **{found.counts.total:,}** | **in all** | |"
    yield ""
    yield from _describe_replies([f"{one.readers:,} {one.state}: {format_reply(one)}" for one in found.replies[:8]])


def _describe_replies(lines: Sequence[str]) -> Iterator[str]:
    if lines:
        yield "What servers said:"
        yield ""
        yield from (f"- {_tell(line)}" for line in lines)
        yield ""


def _describe_error(error: NewsletterError) -> Iterator[str]:
    yield f"**{_tell(error.message)}**"
    yield ""
    problems = [f"{problem.place}: {problem.message}" for problem in error.problems]
    for line in [*problems, *filter(None, error.next_step.splitlines())]:
        yield f"- {_tell(line)}"
    yield ""


def _tell(words: str) -> str:
    """Return words of a server, of git or of a person as the summary may have them: no address, no markup."""
    return escape_markdown(remove_addresses(words))
