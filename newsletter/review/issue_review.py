"""The review of one issue as a value: what its page and its summary say."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from newsletter.checks.draft_report import Finding
from newsletter.review.edition_pictures import TakenPictures
from newsletter.review.issue_change import IssueComparison
from newsletter.review.reviewed_draft import ReviewedDraft
from newsletter.text import format_count, shorten_path


@dataclass(frozen=True, kw_only=True)
class IssueReview:
    """An issue's drafts, in the publication's own language and in others, with their pictures.

    `root` is the folder that places of findings are written from. `links` says in words where a draft's links lead, by
    the name of its editions; it has none where nobody was asked. `comparisons` say by that name what is different in
    it since a revision or the issue before.
    """

    name: str
    publication: str
    root: Path
    drafts: tuple[ReviewedDraft, ...]
    pictures: TakenPictures
    links: Mapping[str, str] = field(default_factory=dict)
    comparisons: Mapping[str, IssueComparison] = field(default_factory=dict)
    untrusted: bool = False

    @property
    def title(self) -> str:
        """Return what the issue is called in the publication's own language; "" while it is no valid issue."""
        rendered = self.drafts[0].rendered
        return rendered.title if rendered else ""

    @property
    def findings(self) -> tuple[Finding, ...]:
        """Return what was found in all drafts, each once, with places written from `root`: problems, then notes."""
        return tuple(order_findings(finding for draft in self.drafts for finding in self.findings_of(draft)))

    @property
    def is_fine(self) -> bool:
        """Whether there is no problem; notes may be there."""
        return all(finding.note for finding in self.findings)

    def findings_of(self, draft: ReviewedDraft) -> tuple[Finding, ...]:
        """Return what was found in one draft and in no draft before it, with places written from `root`."""
        others = self.drafts[: self.drafts.index(draft)]
        before = {finding for other in others for finding in other.findings}
        return tuple(order_findings(self._place(finding) for finding in draft.findings if finding not in before))

    def links_of(self, draft: ReviewedDraft) -> str:
        """Return in words where a draft's links lead; "" where nobody was asked."""
        return self.links.get(draft.name, "")

    def comparison_of(self, draft: ReviewedDraft) -> IssueComparison | None:
        """Return what is different in a draft; None where it was compared with nothing."""
        return self.comparisons.get(draft.name)

    def _place(self, finding: Finding) -> Finding:
        path = str(shorten_path(Path(finding.problem.path), self.root))
        return replace(finding, problem=replace(finding.problem, path=path))


def order_findings(findings: Iterable[Finding]) -> list[Finding]:
    """Return each finding once: problems, then notes."""
    return sorted(dict.fromkeys(findings), key=lambda finding: finding.note)


@dataclass(frozen=True, kw_only=True)
class FindingGroup:
    """Findings that say the same of several places."""

    note: bool
    message: str
    next_step: str
    places: tuple[str, ...]


def group_findings(findings: Iterable[Finding]) -> list[FindingGroup]:
    """Return the findings as groups, each where the first of it was."""
    groups: dict[tuple[bool, str, str], list[str]] = {}
    for finding in findings:
        problem = finding.problem
        groups.setdefault((finding.note, problem.message, problem.next_step), []).append(problem.place)
    return [
        FindingGroup(note=note, message=message, next_step=next_step, places=tuple(places))
        for (note, message, next_step), places in groups.items()
    ]


def count_findings(findings: Iterable[Finding]) -> str:
    """Return in words how many problems and notes there are, as in `2 problems, 1 note`."""
    counts = Counter(finding.note for finding in findings)
    problems = format_count(counts[False], "problem") if counts[False] else "no problems"
    return f"{problems}, {format_count(counts[True], 'note')}" if counts[True] else problems
