"""The commands `newsletter status` and `newsletter cancel`."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, tzinfo
from zoneinfo import ZoneInfo

import click

from newsletter.actions.cancel import cancel as cancel_campaign
from newsletter.actions.report import find_campaign_name
from newsletter.actions.server_limits import find_warm_up
from newsletter.actions.status import find_reader_mails, find_status, list_approvals, list_statuses
from newsletter.approvals import IssueApprovals
from newsletter.cli.approvals_view import list_for_scripts, show_approvals
from newsletter.cli.context import name_of, open_publication, open_publications, say_whose
from newsletter.cli.output import console, print_as_json, print_lease_wait, print_table, say, show_error
from newsletter.cli.report import show_summary
from newsletter.clock import Instant, format_instant, format_moment, make_instant
from newsletter.errors import NewsletterError
from newsletter.issue_name import IssueName
from newsletter.ledger.states import Counts, State
from newsletter.publication import OpenPublication
from newsletter.reports import formatting
from newsletter.reports.issue_status import CampaignStatus, IssueStage
from newsletter.reports.json_report import describe_warm_up
from newsletter.reports.throttle_formatting import format_hold, format_time_left, format_warm_up
from newsletter.subscribers.feedback_events import ANSWERS
from newsletter.text import format_count
from newsletter.transactional.mail_status import DAYS, MailStatus

_WIDE = 120  # columns


@click.command()
@click.argument("draft", required=False)
@click.option("--json", "json_", is_flag=True, help="For scripts.")
def status(draft: str | None, json_: bool) -> None:
    """Show each issue that has been sent or is being sent, and where its readers are.

    Of several publications in one workspace all are shown, one after another.
    """
    publications = [open_publication()] if draft else open_publications()
    if len(publications) == 1:
        _show_one(publications[0], draft, json_=json_)
    elif json_:
        print_as_json(
            [
                name_of(publication, publications) | each
                for publication in publications
                for each in _list_for_scripts(publication, list_statuses(publication), list_approvals(publication))
            ]
        )
    else:
        for publication in publications:
            say_whose(publication, publications)
            try:
                _show_one(publication, None, json_=False)
            except NewsletterError as error:  # the others can be shown all the same
                show_error(error)


def _show_one(publication: OpenPublication, draft: str | None, *, json_: bool) -> None:
    zone = ZoneInfo(publication.config.publication.timezone)
    name = find_campaign_name(publication, draft) if draft else None
    found = list_statuses(publication) if name is None else [one for one in [find_status(publication, name)] if one]
    # A table in a pipe has no room for approvals, and they take a rendering.
    approvals = list_approvals(publication, name) if name or json_ or console().is_terminal else {}
    if json_:
        step = find_warm_up(publication)
        warming = step and describe_warm_up(step)
        listed = _list_for_scripts(publication, found, approvals)
        print_as_json([{**each, **({"warm_up": warming} if warming and "campaign" in each else {})} for each in listed])
    elif name and found:
        say(f"{name}: {found[0].stage.value}, begun {format_moment(found[0].campaign.created_at, zone)}")
        if words := describe_course(found[0], make_instant(datetime.now(UTC)), zone):
            say(f"  {words[0].upper()}{words[1:]}.")
        show_summary(publication, name)
        _show_warm_up(publication, found, zone)
        _show_next_steps(found)
    elif name:
        say(f"{name} has not been sent from here.")
    elif found:
        # Columns of nothing but zeros would leave no room for the others.
        met = [state for state in State if state is State.ACCEPTED or any(one.counts[state] for one in found)]
        # What came back is shown beside the deliveries in a wide window, and below them in a narrow one.
        narrow = console().is_terminal and console().width < _WIDE
        answered = [] if narrow else [kind for kind in ANSWERS if any(one.since[kind] for one in found)]
        translated = any(one.languages for one in found)
        own = publication.config.publication.language
        print_table(
            (
                *("Issue", "State", "Begun", "List"),
                *(["Languages"] if translated else []),
                *(state.value for state in met),
                *(kind.value for kind in answered),
            ),
            [
                (
                    one.campaign.issue,
                    one.stage.value,
                    f"{one.campaign.created_at.astimezone(zone):%Y-%m-%d}",
                    f"{one.counts.total:,}",
                    *([_list_languages(one, own)] if translated else []),
                    *(f"{one.counts[state]:,}" for state in met),
                    *(f"{one.since[kind]:,}" for kind in answered),
                )
                for one in found
            ],
        )
        for one in found if narrow else ():
            if answers := formatting.format_feedback(one.since):
                say(f"{one.campaign.issue}: since then {answers}")
        if console().is_terminal:  # a program that reads the table finds nothing else in it
            for one in found:
                if words := describe_course(one, make_instant(datetime.now(UTC)), zone):
                    say(f"{one.campaign.issue}: {words}.")
            _show_warm_up(publication, found, zone)
            _show_next_steps(found)
    else:
        say("Nothing has been sent from here yet.")
    for each in approvals.values() if not json_ else ():
        show_approvals(each, zone)
    if not (name or json_) and console().is_terminal and (mails := find_reader_mails(publication)):
        _show_reader_mails(mails, zone)


def _show_warm_up(publication: OpenPublication, statuses: Iterable[CampaignStatus], zone: ZoneInfo) -> None:
    """Print how far the server is warmed up, while somebody waits for that."""
    step = find_warm_up(publication)
    if step and any(
        one.stage is IssueStage.UNFINISHED or one.campaign.due_at for one in statuses if one.counts.waiting
    ):
        say(format_warm_up(step, zone))


def describe_course(one: CampaignStatus, now: Instant, zone: tzinfo) -> str:
    """Return what holds an issue's sending and how long it takes; empty when it is not known, or holds it no longer."""
    sample = one.last_sample
    if sample is None and one.stage is IssueStage.SENDING and one.counts.waiting:
        return "its sending has just begun"
    if sample is None or one.stage not in (IssueStage.SENDING, IssueStage.UNFINISHED):
        return ""
    hold = sample.hold
    if one.stage is IssueStage.UNFINISHED:
        if hold is None or hold.until is None or hold.until <= now:
            return ""
        return format_hold(hold.kind, hold.words, hold.until, now, zone)
    parts = [format_hold(hold.kind, hold.words, hold.until, now, zone)] if hold else []
    if one.counts.waiting and sample.ends_at is not None and sample.ends_at > now:
        parts.append(f"{format_time_left((sample.ends_at - now).total_seconds())} to go")
    if one.counts.waiting and not parts:
        parts.append("nothing holds it")
    return "; ".join(parts)


def _show_reader_mails(mails: MailStatus, zone: ZoneInfo) -> None:
    """Print how many mails to single readers wait, and what was refused or is not known of late."""
    if mails.waiting and mails.oldest:
        since = format_moment(mails.oldest, zone)
        counted = format_count(mails.waiting, "mail to a reader waits", "mails to single readers wait")
        say(f"{counted}, the oldest since {since}: `newsletter serve` sends them")
    for counts, one, many in (
        (mails.refused, "mail was refused", "mails were refused"),
        (
            mails.unknown,
            "mail is unknown: it may have arrived or not",
            "mails are unknown: they may have arrived or not",
        ),
    ):
        for kind, count in counts.most_common():
            say(f"In the last {DAYS} days, {format_count(count, f'{kind} {one}', f'{kind} {many}')}")


def _show_next_steps(statuses: Iterable[CampaignStatus]) -> None:
    """Print how to go on with each campaign in which recipients wait and nobody sends."""
    for one in statuses:
        issue, waiting = one.campaign.issue, format_count(one.counts.waiting, "reader")
        if one.stage is IssueStage.SCHEDULED:
            say(f"{issue}: in the outbox for {waiting}. When it leaves: newsletter outbox list", style="bold")
        elif one.stage is IssueStage.UNFINISHED and one.counts.waiting:
            say(f"{issue}: {waiting} still to be tried. To go on: newsletter send {issue}", style="bold")


@click.command()
@click.argument("draft")
@click.option("--yes", is_flag=True, help="Cancel without asking.")
def cancel(draft: str, yes: bool) -> None:
    """Stop an issue: those who still wait, or are unknown, get no copy."""
    publication = open_publication()
    name = find_campaign_name(publication, draft)

    def confirm(counts: Counts) -> bool:
        unknown = f" and {counts[State.UNKNOWN]:,} are unknown" if counts[State.UNKNOWN] else ""
        question = f"{counts.waiting:,} readers still wait for {name}{unknown}. Cancel it?"
        return yes or click.confirm(question, abort=True)

    count = cancel_campaign(publication, name, confirm, print_lease_wait)
    say(f"{name} is cancelled for {format_count(count or 0, 'reader')}.")
    show_summary(publication, name)


def _list_languages(one: CampaignStatus, own: str) -> str:
    return ", ".join(f"{language or own} {count:,}" for language, count in one.languages.items())


def _list_for_scripts(
    publication: OpenPublication, found: Iterable[CampaignStatus], approvals: Mapping[IssueName, IssueApprovals]
) -> list[dict[str, object]]:
    """Return campaigns, and after them the drafts that somebody may approve, where that is asked of anybody."""
    own = publication.config.publication.language
    listed = [_as_dict(one, own) for one in found]
    names = {each["issue"] for each in listed}
    listed += [{"issue": name, "state": IssueStage.DRAFT.value} for name in approvals if name not in names]
    return [
        {**each, "approvals": list_for_scripts(approvals[name])}
        if (name := IssueName(str(each["issue"]))) in approvals
        else each
        for each in listed
    ]


def _as_dict(one: CampaignStatus, own: str) -> dict[str, object]:
    sample = one.last_sample if one.stage in (IssueStage.SENDING, IssueStage.UNFINISHED) else None
    return {
        "issue": one.campaign.issue,
        "state": one.stage.value,
        "campaign": one.campaign.id,
        "subject": one.campaign.subject,
        "begun": format_instant(one.campaign.created_at),
        "finished": one.campaign.finished_at and format_instant(one.campaign.finished_at),
        "list": one.counts.total,
        "readers": {state.value: one.counts[state] for state in State},
        "languages": {language or own: count for language, count in one.languages.items()},
        "since": {kind.value: count for kind, count in one.since.items()},
        "sending": sample
        and {
            "as_of": format_instant(sample.at),
            "allowed_per_second": sample.rate,
            "held_by": sample.hold and sample.hold.words,
            "evidence": (sample.hold and sample.hold.evidence) or None,
            "until": sample.hold and sample.hold.until and format_instant(sample.hold.until),
            "ends_at": sample.ends_at and format_instant(sample.ends_at),
        },
    }
