"""newsletter status, newsletter cancel"""

from pathlib import Path

import click

from newsletter.cli.output import as_json, say, table
from newsletter.cli.report import show_report
from newsletter.delivery import ledger
from newsletter.delivery.campaign import sole_sender
from newsletter.delivery.record import write_record
from newsletter.delivery.states import State
from newsletter.delivery.status import Status, campaign_status
from newsletter.errors import DraftError
from newsletter.store import Store, open_store
from newsletter.workspace import Workspace, find_workspace


@click.command()
@click.argument("draft", required=False)
@click.option("--json", "json_", is_flag=True, help="For scripts.")
def status(draft: str | None, json_: bool) -> None:
    """Show each issue that has been sent or is being sent, and where its readers are."""
    workspace, store = _opened()
    names = [_name(workspace, draft)] if draft else ledger.campaign_names(store) if store else []
    found = [known for name in names if store and (known := campaign_status(store, name))]
    if json_:
        as_json([_as_dict(one) for one in found])
    elif draft and store and found:
        say(f"{names[0]}: {found[0].stage.value}, begun {found[0].campaign.created_at}")
        show_report(store, workspace, names[0])
    elif draft:
        say(f"{names[0]} has not been sent from here.")
    elif found:
        table(
            ("Issue", "State", "Begun", "List", *(state.value for state in State)),
            [
                (
                    one.campaign.issue,
                    one.stage.value,
                    one.campaign.created_at,
                    f"{one.counts.total:,}",
                    *(f"{one.counts[state]:,}" for state in State),
                )
                for one in found
            ],
        )
    else:
        say("Nothing has been sent from here yet.")


@click.command()
@click.argument("draft")
@click.option("--yes", is_flag=True, help="Cancel without asking.")
def cancel(draft: str, yes: bool) -> None:
    """Stop an issue: whoever still waits, or is unknown, gets no copy."""
    workspace, store = _opened()
    name = _name(workspace, draft)
    known = campaign_status(store, name) if store else None
    if store is None or known is None:
        raise DraftError(f"{name} has not been sent from here, so there is nothing to cancel.")
    with sole_sender(store, name):
        if not yes:
            click.confirm(f"{known.counts.waiting:,} readers still wait for {name}. Cancel it for them?", abort=True)
        count = ledger.cancel(store, name)
        counts = ledger.counts(store, name)
        finished = ledger.find_campaign(store, name)
        write_record(workspace.record(name), known.campaign, counts, finished.finished_at if finished else None)
    say(f"{name} is cancelled for {count:,} readers.")
    show_report(store, workspace, name)


def _opened() -> tuple[Workspace, Store | None]:
    workspace = find_workspace(Path.cwd())
    return workspace, open_store(workspace.database) if workspace.database.exists() else None


def _name(workspace: Workspace, draft: str) -> str:
    return workspace.find_draft(draft).stem


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
    }
