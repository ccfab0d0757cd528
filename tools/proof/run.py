"""Ask every judge what it holds against the editions: build/proof/index.html, and exit status 1 for what is new.

    make proof
    make proof PROOF="--only veraPDF,rspamd"

Each judge is an independent program; one that can't be had here is left out, by name and with the reason. A finding
that is not among the accepted ones (tools/proof/accepted.toml, each with its reason) fails, and so does a judge that
does not find the fault that was planted for it.
"""

import sys
from argparse import ArgumentParser
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT / "tools"), str(ROOT / "tests")]  # what is shared with the tests: a real Postfix

from proof.accepted_findings import find_reason, read_accepted  # noqa: E402  # after the path
from proof.judges import JUDGES, Judge  # noqa: E402
from proof.page import Asked, write_page  # noqa: E402
from proof.subjects import Subject, find_subjects, make_subjects  # noqa: E402
from proof.verdict import NotAvailable  # noqa: E402

_FOLDER = ROOT / "build" / "proof"


def main() -> None:
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("--only", metavar="NAMES", help="these judges, with commas between them")
    parser.add_argument("--kept", action="store_true", help="look at the subjects that an earlier run has made")
    options = parser.parse_args()
    names = options.only.split(",") if options.only else [one.name for one in JUDGES]
    if unknown := set(names) - {one.name for one in JUDGES}:
        parser.error(f"no such judge: {', '.join(sorted(unknown))}. There are: {', '.join(one.name for one in JUDGES)}")
    place = _FOLDER / "subjects"
    subjects = find_subjects(place) if options.kept else make_subjects(place)
    asked = [_ask(judge, subjects) for judge in JUDGES if judge.name in names]
    write_page(_FOLDER / "index.html", asked)
    faults = [fault for one in asked for fault in one.list_faults()]
    for one in asked:
        print(f"{one.judge.name:18} {one.summary}")
    print(*faults, sep="\n")
    print(f"{len(faults)} faults; {_FOLDER.relative_to(ROOT)}/index.html has what each judge says")
    sys.exit(1 if faults else 0)


def _ask(judge: Judge, subjects: Sequence[Subject]) -> Asked:
    accepted = read_accepted()
    try:
        verdict = judge.ask(subjects)
    except NotAvailable as error:
        return Asked(judge=judge, missing=str(error))
    reasons = {finding: find_reason(accepted, judge.name, finding) for finding in verdict.findings}
    stale = [one for one in accepted if one.judge == judge.name
             and not any(one.covers(judge.name, finding) for finding in verdict.findings)]  # fmt: skip
    return Asked(judge=judge, verdict=verdict, reasons=reasons, stale=stale)


if __name__ == "__main__":
    main()
