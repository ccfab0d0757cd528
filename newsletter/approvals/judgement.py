"""The judgement of an issue's approvals: which of them count, and why others do not."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from newsletter.address import EmailAddress, subscriber_key
from newsletter.approvals.approval_files import find_approval_file, read_approval_file
from newsletter.approvals.signatures import BadSignature, SignatureChecker, open_signature_checker
from newsletter.approvals.statement import SignedStatement, Statement, Unreadable
from newsletter.clock import Instant
from newsletter.errors import ConfigError
from newsletter.git import NoAnswer
from newsletter.issue_name import IssueName
from newsletter.workspace import Workspace

# Returns why a statement is not about the text in question, empty when it is.
Compare = Callable[[Statement], str]


@dataclass(frozen=True, kw_only=True)
class Approval:
    """An approver's agreement. `void` is the reason for which it does not count, empty for one that does.

    `at` is when it was signed, by the signer's clock; None when that can't be read. `key` is the fingerprint of the key
    that signed, known once the signature was found good.
    """

    approver: EmailAddress
    at: Instant | None = None
    key: str = ""
    void: str = ""


@dataclass(frozen=True, kw_only=True)
class IssueApprovals:
    """The approvals of an issue, in the approvers' order; of `approvers` so many as `count` have to approve."""

    issue: IssueName
    approvals: Sequence[Approval]
    approvers: Sequence[EmailAddress]
    count: int

    @property
    def valid(self) -> tuple[Approval, ...]:
        """Return the approvals that count."""
        return tuple(approval for approval in self.approvals if not approval.void)

    @property
    def is_approved(self) -> bool:
        """Return whether as many people have approved as have to."""
        return bool(self.approvers) and len(self.valid) >= self.count

    @property
    def awaited(self) -> tuple[EmailAddress, ...]:
        """Return who may approve and has not, or not what there is now."""
        given = {approval.approver for approval in self.valid}
        return tuple(approver for approver in self.approvers if approver not in given)

    @property
    def words_for_awaited(self) -> str:
        """Return whose approval is missing: `ada@… and bob@…`, or `1 of ada@…, bob@…` where not all have to."""
        lacking = self.count - len(self.valid)
        return " and ".join(self.awaited) if lacking == len(self.awaited) else f"{lacking} of {', '.join(self.awaited)}"


def judge_approvals(workspace: Workspace, issue: IssueName, compare: Compare) -> IssueApprovals:
    """Return the approvals of an issue, each with why it is void if it is; no more than one counts for each key.

    `compare` may take its time: it is called for statements about this issue alone whose signature is good.
    Raises ConfigError when signatures can't be verified here, and what `compare` raises.
    """
    settings = workspace.config.approval
    read = [
        (approver, found) for approver in settings.approvers if (found := _read(workspace, issue, approver)) is not None
    ]
    approvals = [found for _, found in read if isinstance(found, Approval)]
    statements = [(approver, found) for approver, found in read if isinstance(found, SignedStatement)]
    if statements:
        try:
            with open_signature_checker(workspace) as checker:
                approvals += [_judge(checker, signed, approver, compare) for approver, signed in statements]
        except NoAnswer as error:
            raise ConfigError(f"No approval can be verified: {error.message}.", next_step=error.next_step) from error
    order = {approver: number for number, approver in enumerate(settings.approvers)}
    approvals.sort(key=lambda approval: order[approval.approver])
    return IssueApprovals(
        issue=issue, approvals=_count_keys_once(approvals), approvers=settings.approvers, count=settings.count
    )


def _read(workspace: Workspace, issue: IssueName, approver: EmailAddress) -> SignedStatement | Approval | None:
    """Return an approver's signed statement; a void approval for one of something else, None where there is none."""
    try:
        signed = read_approval_file(find_approval_file(workspace, issue, approver))
    except Unreadable as error:
        return Approval(approver=approver, void=str(error))
    if signed is None:
        return None
    statement, void = signed.statement, ""
    if statement.publication != workspace.config.subscriber_list.id:
        void = "it is of another publication"
    elif statement.issue != issue:
        void = "it is of another issue"
    elif subscriber_key(statement.approver) != subscriber_key(approver):
        void = "it is of another person"
    return Approval(approver=approver, at=signed.at, void=void) if void else signed


def _judge(checker: SignatureChecker, signed: SignedStatement, approver: EmailAddress, compare: Compare) -> Approval:
    try:
        key = checker.verify(signed, approver)
    except BadSignature as error:
        return Approval(approver=approver, at=signed.at, void=str(error))
    return Approval(approver=approver, at=signed.at, key=key, void=compare(signed.statement))


def _count_keys_once(approvals: Sequence[Approval]) -> tuple[Approval, ...]:
    """Return the approvals, void where the key has approved already under another name: one key is one person."""
    counted: dict[str, EmailAddress] = {}
    judged = []
    for approval in approvals:
        if not approval.void and (first := counted.setdefault(approval.key, approval.approver)) != approval.approver:
            judged.append(replace(approval, void=f"it is signed by the key that has approved for {first}"))
        else:
            judged.append(approval)
    return tuple(judged)
