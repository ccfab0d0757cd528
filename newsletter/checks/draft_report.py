"""Reports of checks: problems, and notes on what may be meant as it is."""

from dataclasses import dataclass, field

from newsletter.errors import Problem


@dataclass(frozen=True)
class Finding:
    """One problem to be mended; or, as a `note`, one to be looked at."""

    problem: Problem
    note: bool = False


@dataclass(frozen=True)
class CheckReport:
    """All findings of a check, in the order of the file. Notes don't stop an issue from being sent."""

    findings: tuple[Finding, ...] = ()

    @property
    def problems(self) -> tuple[Problem, ...]:
        return tuple(finding.problem for finding in self.findings if not finding.note)

    @property
    def notes(self) -> tuple[Problem, ...]:
        return tuple(finding.problem for finding in self.findings if finding.note)


@dataclass(frozen=True)
class DraftReport(CheckReport):
    """The findings about a draft. `picture_weight` is what the email's pictures weigh together, in bytes."""

    picture_weight: int = field(default=0, compare=False)
