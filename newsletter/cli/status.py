"""The commands `newsletter status` and `newsletter cancel`."""

import click

from newsletter.actions.cancel import cancel as cancel_campaign
from newsletter.actions.report import find_campaign_name
from newsletter.cli.context import open_publication
from newsletter.cli.output import console, print_as_json, print_table, say
from newsletter.cli.report import show_summary
from newsletter.clock import format_instant
from newsletter.ledger.campaigns import list_issues
from newsletter.ledger.states import Counts, State
from newsletter.reports import formatting
from newsletter.reports.issue_status import CampaignStatus, find_campaign_status
from newsletter.subscribers.feedback_events import ANSWERS
from newsletter.text import format_count

_WIDE = 120  # columns


@click.command()
@click.argument("draft", required=False)
@click.option("--json", "json_", is_flag=True, help="For scripts.")
def status(draft: str | None, json_: bool) -> None:
    """Show each issue that has been sent or is being sent, and where its readers are."""
    publication = open_publication()
    store = publication.known_store
    names = list_issues(store) if store else []
    if draft:
        names = [find_campaign_name(publication, draft)]
    found = [known for name in names if store and (known := find_campaign_status(store, name))]
    if json_:
        print_as_json([_as_dict(one) for one in found])
    elif draft and store and found:
        say(f"{names[0]}: {found[0].stage.value}, begun {found[0].campaign.created_at:%Y-%m-%d %H:%M} UTC")
        show_summary(publication, names[0])
    elif draft:
        say(f"{names[0]} has not been sent from here.")
    elif found:
        # Columns of nothing but zeros would leave no room for the others.
        met = [state for state in State if state is State.ACCEPTED or any(one.counts[state] for one in found)]
        # What came back stands beside the deliveries in a wide window, and below them in a narrow one.
        narrow = console().is_terminal and console().width < _WIDE
        answered = [] if narrow else [kind for kind in ANSWERS if any(one.since[kind] for one in found)]
        print_table(
            ("Issue", "State", "Begun", "List", *(state.value for state in met), *(kind.value for kind in answered)),
            [
                (
                    one.campaign.issue,
                    one.stage.value,
                    f"{one.campaign.created_at:%Y-%m-%d}",
                    f"{one.counts.total:,}",
                    *(f"{one.counts[state]:,}" for state in met),
                    *(f"{one.since[kind]:,}" for kind in answered),
                )
                for one in found
            ],
        )
        for one in found if narrow else ():
            if told := formatting.format_feedback(one.since):
                say(f"{one.campaign.issue}: since then {told}")
    else:
        say("Nothing has been sent from here yet.")


@click.command()
@click.argument("draft")
@click.option("--yes", is_flag=True, help="Cancel without asking.")
def cancel(draft: str, yes: bool) -> None:
    """Stop an issue: whoever still waits, or is unknown, gets no copy."""
    publication = open_publication()
    name = find_campaign_name(publication, draft)

    def confirm(counts: Counts) -> bool:
        unknown = f" and {counts[State.UNKNOWN]:,} are unknown" if counts[State.UNKNOWN] else ""
        question = f"{counts.waiting:,} readers still wait for {name}{unknown}. Cancel it?"
        return yes or click.confirm(question, abort=True)

    count = cancel_campaign(publication, name, confirm)
    say(f"{name} is cancelled for {format_count(count or 0, 'reader')}.")
    show_summary(publication, name)


def _as_dict(one: CampaignStatus) -> dict[str, object]:
    return {
        "issue": one.campaign.issue,
        "state": one.stage.value,
        "campaign": one.campaign.id,
        "subject": one.campaign.subject,
        "begun": format_instant(one.campaign.created_at),
        "finished": one.campaign.finished_at and format_instant(one.campaign.finished_at),
        "list": one.counts.total,
        "readers": {state.value: one.counts[state] for state in State},
        "since": {kind.value: count for kind, count in one.since.items()},
    }
