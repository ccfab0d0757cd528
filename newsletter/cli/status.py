"""newsletter status, newsletter cancel"""

from pathlib import Path

import click

from newsletter.actions.deliver import sole_sender
from newsletter.campaigns.sent_record import write_record
from newsletter.cli.output import as_json, console, say, table
from newsletter.cli.report import campaign_name, show_report
from newsletter.cli.store import known_store
from newsletter.errors import DraftError
from newsletter.ledger.campaigns import cancel_campaign, find_campaign, list_issues
from newsletter.ledger.deliveries import count_deliveries
from newsletter.ledger.runs import settle_crash
from newsletter.ledger.states import State
from newsletter.reports import words
from newsletter.reports.issue_status import Status, campaign_status
from newsletter.store import Store
from newsletter.subscribers.feedback_events import ANSWERS
from newsletter.text import format_count
from newsletter.workspace import Workspace, find_workspace

_WIDE = 120  # columns


@click.command()
@click.argument("draft", required=False)
@click.option("--json", "json_", is_flag=True, help="For scripts.")
def status(draft: str | None, json_: bool) -> None:
    """Show each issue that has been sent or is being sent, and where its readers are."""
    workspace, store = _opened()
    names = [campaign_name(workspace, store, draft)] if draft else list_issues(store) if store else []
    found = [known for name in names if store and (known := campaign_status(store, name))]
    if json_:
        as_json([_as_dict(one) for one in found])
    elif draft and store and found:
        say(f"{names[0]}: {found[0].stage.value}, begun {found[0].campaign.created_at[:16].replace('T', ' ')} UTC")
        show_report(store, workspace, names[0])
    elif draft:
        say(f"{names[0]} has not been sent from here.")
    elif found:
        # Columns of nothing but zeros would leave no room for the others.
        met = [state for state in State if state is State.ACCEPTED or any(one.counts[state] for one in found)]
        # What came back stands beside the deliveries in a wide window, and below them in a narrow one.
        narrow = console().is_terminal and console().width < _WIDE
        answered = [] if narrow else [kind for kind in ANSWERS if any(one.since[kind] for one in found)]
        table(
            ("Issue", "State", "Begun", "List", *(state.value for state in met), *(kind.value for kind in answered)),
            [
                (
                    one.campaign.issue,
                    one.stage.value,
                    one.campaign.created_at[:10],
                    f"{one.counts.total:,}",
                    *(f"{one.counts[state]:,}" for state in met),
                    *(f"{one.since[kind]:,}" for kind in answered),
                )
                for one in found
            ],
        )
        for one in found if narrow else ():
            if told := words.since(one.since):
                say(f"{one.campaign.issue}: since then {told}")
    else:
        say("Nothing has been sent from here yet.")


@click.command()
@click.argument("draft")
@click.option("--yes", is_flag=True, help="Cancel without asking.")
def cancel(draft: str, yes: bool) -> None:
    """Stop an issue: whoever still waits, or is unknown, gets no copy."""
    workspace, store = _opened()
    name = campaign_name(workspace, store, draft)
    known = find_campaign(store, name) if store else None
    if store is None or known is None:
        raise DraftError(f"{name} has not been sent from here, so there is nothing to cancel.")
    with sole_sender(store, name):
        settle_crash(store, name)
        counts = count_deliveries(store, name)
        if known.finished_at and not counts[State.UNKNOWN]:
            raise DraftError(f"{name} is at its end, and nobody waits for it.", next_step="There is nothing to cancel.")
        if not yes:
            unknown = f" and {counts[State.UNKNOWN]:,} are unknown" if counts[State.UNKNOWN] else ""
            click.confirm(f"{counts.waiting:,} readers still wait for {name}{unknown}. Cancel it?", abort=True)
        count = cancel_campaign(store, name)
        write_record(workspace.record(name), store, name)
    say(f"{name} is cancelled for {format_count(count, 'reader')}.")
    show_report(store, workspace, name)


def _opened() -> tuple[Workspace, Store | None]:
    workspace = find_workspace(Path.cwd())
    return workspace, known_store(workspace)


def _as_dict(one: Status) -> dict[str, object]:
    return {
        "issue": one.campaign.issue,
        "state": one.stage.value,
        "campaign": one.campaign.id,
        "subject": one.campaign.subject,
        "begun": one.campaign.created_at,
        "finished": one.campaign.finished_at,
        "list": one.counts.total,
        "readers": {state.value: one.counts[state] for state in State},
        "since": {kind.value: count for kind, count in one.since.items()},
    }
