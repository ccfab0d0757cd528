"""A judge's verdict: findings, and whether it would have found the faults that were planted for it."""

from collections.abc import Sequence
from dataclasses import dataclass


class NotAvailable(Exception):
    """A judge that can't be had on this machine, with the reason and how to get it."""


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One thing that a judge holds against one subject, such as a PDF. `rule` is the judge's own name for it."""

    subject: str
    rule: str
    words: str


@dataclass(frozen=True, kw_only=True)
class Control:
    """A fault that was planted, to see that the judge finds it: `planted` says which, `found` whether it did."""

    planted: str
    found: bool


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """A judge's verdict: its version, what it looked at (`seen`), its findings, and its controls."""

    version: str
    seen: Sequence[str]
    findings: Sequence[Finding] = ()
    controls: Sequence[Control] = ()
    notes: Sequence[str] = ()
