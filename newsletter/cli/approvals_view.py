"""Approvals of issues, for people and for scripts."""

from datetime import tzinfo

from newsletter.approvals import Approval, IssueApprovals
from newsletter.cli.output import say
from newsletter.clock import format_instant, format_moment


def show_approvals(approvals: IssueApprovals, zone: tzinfo) -> None:
    """Print who has approved an issue, why approvals are void that are, and who else may approve it."""
    awaited = "" if approvals.is_approved else f", waiting for {approvals.words_for_awaited}"
    say(f"{approvals.issue}: {count_approvals(approvals)} approvals{awaited}", style="bold")
    for approval in approvals.approvals:
        say(f"  {_describe(approval, zone)}", style="yellow" if approval.void else "green")


def count_approvals(approvals: IssueApprovals) -> str:
    """Return how many have approved, of how many who have to."""
    return f"{min(len(approvals.valid), approvals.count)} of {approvals.count}"


def list_for_scripts(approvals: IssueApprovals) -> dict[str, object]:
    """Return approvals as JSON has them."""
    return {
        "approved": approvals.is_approved,
        "required": approvals.count,
        "approvers": list(approvals.approvers),
        "given": [
            {
                "approver": approval.approver,
                "at": approval.at and format_instant(approval.at),
                "key": approval.key or None,
                "void": approval.void or None,
            }
            for approval in approvals.approvals
        ],
    }


def _describe(approval: Approval, zone: tzinfo) -> str:
    when = f" on {format_moment(approval.at, zone)}" if approval.at else ""
    return f"{approval.approver}{when}: {f'void, {approval.void}' if approval.void else 'approved'}"
