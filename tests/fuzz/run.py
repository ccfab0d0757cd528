"""Fuzzing guided by coverage: bytes that reach new code are kept and changed further, until something breaks.

    make fuzz
    python tests/fuzz/run.py mail --runs 100000

A finding is written to build/fuzz/. Mend what it shows, and put it into tests/fuzz/corpus/, where test_fuzz.py tries it
from then on. Targets and what must hold of each: targets.py. It wants atheris (pip install --group fuzz).
"""

import sys
from argparse import ArgumentParser
from pathlib import Path

import atheris

ROOT = Path(__file__).parents[2]
_LONGEST = 8192  # octets
_PATIENCE_S = 20  # for one input


def main() -> None:
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("target", choices=["mail", "richtext", "smtp", "imap", "maillog"])
    parser.add_argument("--runs", type=int, default=100_000, help="how many inputs are tried (100,000)")
    parser.add_argument("--seed", type=int, default=0, help="another one tries others; 0, as it comes, by the clock")
    parser.add_argument("--found", type=Path, default=ROOT / "build" / "fuzz", help="where what is found goes")
    options = parser.parse_args()
    sys.path.insert(0, str(ROOT / "tests"))
    with atheris.instrument_imports(include=["newsletter", "imaplib", "imap_tools", "markdown_it"]):
        from targets import TARGETS, seeds

    kept = options.found / options.target
    kept.mkdir(parents=True, exist_ok=True)
    limits = [f"-runs={options.runs}", f"-max_len={_LONGEST}", f"-timeout={_PATIENCE_S}", f"-seed={options.seed}"]
    # Of two folders the first takes what is new.
    folders = [str(kept), str(seeds(options.target))]
    found = f"-artifact_prefix={options.found / options.target}-"
    atheris.Setup([sys.argv[0], *limits, found, "-print_final_stats=1", *folders], TARGETS[options.target])
    atheris.Fuzz()


if __name__ == "__main__":
    main()
