"""Findings as GitLab's Code Quality report, which a merge request shows at their lines.

The form is GitLab's subset of Code Climate's (docs.gitlab.com/ci/testing/code_quality, "Code Quality report format").
"""

import json
import os
from collections import Counter
from collections.abc import Iterable
from hashlib import sha256
from pathlib import Path

from newsletter.checks.draft_report import Finding

REPORT_NAME = "gl-code-quality-report.json"


def build_code_quality(findings: Iterable[Finding], top: Path) -> str:
    """Return the report as JSON; its paths are written from `top`, the repository's folder.

    A finding's fingerprint does not hold its line: what has only moved is not told as new.
    """
    entries, seen = [], Counter[tuple[str, str, str]]()
    for finding in findings:
        problem = finding.problem
        absolute = Path(os.path.abspath(problem.path))  # noqa: PTH100  # resolve() would follow a draft that is a link
        path = str(absolute.relative_to(top)) if absolute.is_relative_to(top) else str(problem.path)
        known_by = (path, problem.code, problem.message)
        seen[known_by] += 1
        entries.append(
            {
                "description": f"{problem.message}. {problem.next_step}".strip(),
                "check_name": problem.code,
                "fingerprint": sha256("\0".join([*known_by, str(seen[known_by])]).encode()).hexdigest(),
                "severity": "info" if finding.note else "major",
                "location": {"path": path, "lines": {"begin": max(problem.line, 1)}},
            }
        )
    return json.dumps(entries, indent=2)
