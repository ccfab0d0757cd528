"""Approvals: people's signed agreement to the rendered editions of an issue, kept as files beside its draft."""

from newsletter.approvals.judgement import Approval, IssueApprovals, judge_approvals
from newsletter.approvals.statement import Statement

__all__ = ["Approval", "IssueApprovals", "Statement", "judge_approvals"]
