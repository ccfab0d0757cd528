"""The report that `send` ends with and `status` shows."""

from newsletter.cli.output import say, short
from newsletter.delivery import ledger
from newsletter.delivery.report import balance, by_reply, write_csv
from newsletter.delivery.states import State
from newsletter.errors import counted
from newsletter.store import Store
from newsletter.workspace import Workspace


def show_report(store: Store, workspace: Workspace, issue: str) -> int:
    """Print the balance and the reasons, write the CSV; returns 0 when everyone who should have it has it."""
    counts = ledger.counts(store, issue)
    say(balance(counts), style="bold green" if counts.complete else "bold yellow")
    campaign = ledger.find_campaign(store, issue)
    if campaign and campaign.left_out:
        say(
            f"  {counted(campaign.left_out, 'row')} of the list could not be used: newsletter subscribers check",
            style="yellow",
        )
    rows = ledger.outstanding(store, issue)
    if rows:
        for state, reply, count in by_reply(rows)[:8]:
            say(f"  {count:,} {state}{f': {reply}' if reply else ''}")
        path = workspace.build(issue) / "not-accepted.csv"
        write_csv(path, rows)
        say(f"  Each of them: {short(path)}")
    if counts[State.UNKNOWN]:
        say(
            f"  Unknown means that the text was under way when the connection or the program ended: these "
            f"{counts[State.UNKNOWN]:,} may have it or not, so nothing is sent to them again by itself."
        )
    return 0 if counts.complete else 1
