"""Findings that are accepted, each with a reason that a reader understands: tools/proof/accepted.toml."""

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from proof.verdict import Finding

_PATH = Path(__file__).with_name("accepted.toml")


@dataclass(frozen=True, kw_only=True)
class Accepted:
    """A finding that stands: of one judge, by its rule, of subjects whose names match a pattern, with the reason."""

    judge: str
    rule: str
    reason: str
    subject: str = "*"

    def covers(self, judge: str, finding: Finding) -> bool:
        """Return whether a judge's finding is this one."""
        return judge == self.judge and finding.rule == self.rule and fnmatchcase(finding.subject, self.subject)


def read_accepted() -> list[Accepted]:
    """Return the accepted findings in the order of the file."""
    return [Accepted(**table) for table in tomllib.loads(_PATH.read_text(encoding="utf-8"))["accepted"]]


def find_reason(accepted: Sequence[Accepted], judge: str, finding: Finding) -> str | None:
    """Return why a finding is accepted; None when it is not."""
    return next((one.reason for one in accepted if one.covers(judge, finding)), None)
