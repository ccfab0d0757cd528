"""The crash campaign of several workers: `python tests/torture/run_workers.py --runs 100`, a line for each trial."""

import argparse
import shutil
import sys
import tempfile
from collections import Counter
from pathlib import Path

sys.path[0] = str(Path(__file__).parent.parent)  # the tests' folder, as pytest has it

from torture.worker_trial import KINDS, try_out_workers  # noqa: E402  # the path first


def main() -> int:
    parser = argparse.ArgumentParser(description="Let workers send together, let things happen, and count the copies.")
    parser.add_argument("--runs", type=int, default=4 * len(KINDS))
    parser.add_argument("--seed", type=int, default=0, help="the first run's; its kind is by the seed")
    parser.add_argument("--readers", type=int, default=400)
    parser.add_argument("--kind", choices=KINDS, metavar="KIND", help="only trials of this kind")
    options = parser.parse_args()
    runs, failed, unknown = Counter[str](), Counter[str](), Counter[str]()
    seed = options.seed
    while runs.total() < options.runs:
        kind = KINDS[seed % len(KINDS)]
        if options.kind in (None, kind):
            folder = Path(tempfile.mkdtemp(prefix=f"torture-workers-{seed}-"))
            folder.chmod(0o755)  # PostgreSQL's user looks into it
            trial = try_out_workers(seed, options.readers, folder / "digest")
            runs[kind] += 1
            failed[kind] += bool(trial.faults)
            unknown[kind] += trial.states.get("unknown", 0)
            verdict = "FAILED" if trial.faults else "ok"
            print(
                f"seed {seed}  {kind}: {trial.workers} workers, struck {trial.struck} | {trial.states} | "
                f"{trial.ahead_of_rate:.0f} ahead of the rate, {trial.connections_at_once} connections | {verdict}",
                flush=True,
            )
            for fault in trial.faults:
                print(f"    {fault}")
            if trial.faults:
                (folder / "workers.log").write_text("\n---\n".join(trial.logs), encoding="utf-8")
                print(f"    again: python tests/torture/run_workers.py --runs 1 --seed {seed}; left behind: {folder}")
            else:
                shutil.rmtree(folder)
        seed += 1
    print(f"\n{'kind':<24} {'runs':>5} {'unknown':>8} {'failed':>7}")
    for kind in runs:
        print(f"{kind:<24} {runs[kind]:>5} {unknown[kind]:>8} {failed[kind]:>7}")
    return 1 if failed.total() else 0


if __name__ == "__main__":
    sys.exit(main())
