"""The page of the proof: each judge with its version, what it saw, and what it found."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

from proof.accepted_findings import Accepted
from proof.judges import Judge
from proof.verdict import Finding, Verdict


@dataclass(frozen=True, kw_only=True)
class Asked:
    """A judge that was asked: its verdict with the reason of each accepted finding, or why it is missing here.

    `stale` are accepted findings that the judge no longer reports.
    """

    judge: Judge
    verdict: Verdict | None = None
    missing: str = ""
    reasons: Mapping[Finding, str | None] = field(default_factory=dict)
    stale: Sequence[Accepted] = ()

    def list_faults(self) -> Iterator[str]:
        """Yield what makes the proof fail, in words."""
        if self.verdict is None:
            return
        for finding, reason in self.reasons.items():
            if reason is None:
                yield f"{self.judge.name}: {finding.subject}: {finding.rule}: {finding.words}"
        for control in self.verdict.controls:
            if not control.found:
                yield f"{self.judge.name} did not find what was planted for it: {control.planted}"
        for one in self.stale:
            yield f"{self.judge.name} no longer reports {one.rule}: take it out of tools/proof/accepted.toml"

    @property
    def summary(self) -> str:
        """The verdict in a line."""
        if self.verdict is None:
            return f"not asked: {self.missing}"
        count = len(self.verdict.seen)
        new = sum(reason is None for reason in self.reasons.values())
        return f"{count} looked at, {new} findings, {len(self.reasons) - new} accepted ({self.verdict.version})"


def write_page(path: Path, asked: Sequence[Asked]) -> None:
    """Write the page."""
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent), undefined=StrictUndefined, autoescape=select_autoescape(["j2"])
    )
    page = environment.get_template("page.html.j2").render(asked=asked)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(page, encoding="utf-8")
