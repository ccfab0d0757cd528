"""How long "YAML draft -> HTML, text and PDF" takes: ours beside npm's mjml with WeasyPrint, on the same issues.

    make bench-editions
    python benchmarks/editions.py --help

WeasyPrint is in the `bench` dependency group, and wants Debian's libpango-1.0-0, libpangoft2-1.0-0 and
libharfbuzz-subset0; mjml comes by `npm install --prefix benchmarks`. Who keeps WeasyPrint elsewhere names that
environment's Python with --weasyprint-python.

Two issues are measured: 2.10 of the sample, and a large one of 30 items with 20 pictures, lists, quotes and tables
(large_issue.py), for which ours also makes the web page.

**Cold** is one run of new processes, from before the first is started until the last has ended; **warm** is the
next rebuild in processes that stay. Before each, other words are written into all of the sample's texts, and one word
into the large issue's, so that no result can be one that was kept; after each, the new words have to be in what came
out. Rounds go through the contenders in turn, each round beginning with another one, so that a busy machine is busy
for all of them.

The peers are given the filled templates, and only compile them (see peers.py), in three ways, all of which make
PDF/UA-1: "by command" runs `mjml` and `weasyprint` as one would in a shell; "in turn" has both as libraries, mjml in a
node process and WeasyPrint in Python's, one after the other; "side by side" starts node first and lets it work while
Python does, which two cores allow. `newsletter export all` is our command itself, which also makes the web page and
the .eml; it stands there for what the command line adds. With --before, a checkout of another commit makes the sample,
too, by its own code:

    git worktree add --detach build/before b0c57d3
    python benchmarks/editions.py --before build/before

The last column says how many times ours' median fits into the row's. Below stand the steps of each run (medians
too; what lies between them is left out, so they add up to about the whole).

Both set the PDF in Source Serif 4, from the same files. With a typeface of the system's instead, WeasyPrint has
less to cut down: `--system-serif` shows how much.
"""

import json
import os
import shutil
import subprocess
import sys
from argparse import ArgumentParser, Namespace, RawDescriptionHelpFormatter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from resource import RUSAGE_CHILDREN, getrusage
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any

from draft import ROOT, Draft, copied
from large_issue import write_large_issue
from markup import MarkupWriter
from table import Contender, facts, show, show_laps

from newsletter.workspace import CONFIG_NAME

HERE = Path(__file__).parent
WARM_UPS = 3
# Rounds: of the sample and of the large issue, cold and warm.
FULL = {"cold": 15, "warm": 40, "large_cold": 5, "large_warm": 10}
QUICK = {"cold": 4, "warm": 10, "large_cold": 2, "large_warm": 3}


@dataclass(frozen=True)
class MeasuredIssue:
    """An issue that is measured, in a workspace of its own, with the peers' markup of it."""

    name: str
    root: Path
    draft: Draft
    markup: MarkupWriter
    is_large: bool

    def change(self) -> None:
        """Write the next round's words into the draft, and into the peers' markup."""
        self.draft.change()
        self.markup.write()


def main() -> None:
    options = parsed_options()
    with TemporaryDirectory(prefix="newsletter-bench-") as folder:
        for line in facts(options.weasyprint_python):
            print(line)
        measure(prepare_sample(Path(folder) / "sample", options), options, options.cold, options.warm)
        if options.large_cold:
            large = prepare_large(Path(folder) / "large", options)
            measure(large, options, options.large_cold, options.large_warm)
    print(f"\nLoad of the machine at the end: {os.getloadavg()[0]:.1f}")


def measure(issue: MeasuredIssue, options: Namespace, cold_rounds: int, warm_rounds: int) -> None:
    cold = contenders(issue, options, warm=False)
    measure_cold(cold, issue, cold_rounds)
    show(f"{issue.name}, cold: one run of new processes, {cold_rounds} rounds", cold)
    warm = contenders(issue, options, warm=True)
    measure_warm(warm, issue, warm_rounds)
    show(f"{issue.name}, warm: a rebuild in processes that stay, {warm_rounds} rounds", warm)
    for title, measured in (("cold", cold), ("warm", warm)):
        show_laps(f"{issue.name}, {title}", [contender for contender in measured if contender.laps])
    if options.keep:
        for contender in warm:
            shutil.copytree(
                contender.folder, options.keep / issue.root.name / contender.folder.name, dirs_exist_ok=True
            )


def parsed_options() -> Namespace:
    parser = ArgumentParser(description=__doc__, formatter_class=RawDescriptionHelpFormatter)
    parser.add_argument("--draft", type=Path, default=ROOT / "drafts" / "2.10.yaml", help="2.10 of the sample")
    parser.add_argument("--quick", action="store_true", help=f"fewer rounds: {list(QUICK.values())}")
    parser.add_argument("--cold", type=int, help="rounds (15)")
    parser.add_argument("--warm", type=int, help="rounds (40)")
    parser.add_argument("--large-cold", type=int, help="rounds of the large issue (5); 0 leaves it out")
    parser.add_argument("--large-warm", type=int, help="rounds of the large issue (10)")
    parser.add_argument("--before", type=Path, metavar="FOLDER", help="a checkout of another commit, for the sample")
    parser.add_argument(
        "--weasyprint-python",
        default=os.environ.get("WEASYPRINT_PYTHON", sys.executable),
        help="a Python with weasyprint; this one, or WEASYPRINT_PYTHON's",
    )
    parser.add_argument(
        "--peers-with", default="", metavar="OPTIONS", help='more for peers.py: "--untagged --no-inlining"'
    )
    parser.add_argument("--system-serif", action="store_true", help="let the peers use the system's typeface")
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="copy what was made last, to be looked at")
    options = parser.parse_args()
    for name, rounds in (QUICK if options.quick else FULL).items():
        if getattr(options, name) is None:
            setattr(options, name, rounds)
    return options


def prepare_sample(root: Path, options: Namespace) -> MeasuredIssue:
    draft = copied(options.draft, root)
    markup = MarkupWriter(root, draft.path, root / "markup", system_serif=options.system_serif)
    return MeasuredIssue(draft.path.stem, root, draft, markup, is_large=False)


def prepare_large(root: Path, options: Namespace) -> MeasuredIssue:
    (root / "drafts").mkdir(parents=True)
    shutil.copyfile(ROOT / CONFIG_NAME, root / CONFIG_NAME)
    draft = Draft(write_large_issue(root / "drafts"), one_word=True)
    markup = MarkupWriter(root, draft.path, root / "markup", system_serif=options.system_serif)
    return MeasuredIssue("30 items, 20 pictures", root, draft, markup, is_large=True)


def contenders(issue: MeasuredIssue, options: Namespace, *, warm: bool) -> list[Contender]:
    """Ours first: it is what the others are compared with."""
    serve = ["--serve"] if warm else []
    root, name = issue.root, issue.draft.path.stem
    peers = [options.weasyprint_python, str(HERE / "peers.py"), str(root / "markup"), name]
    more = [*options.peers_with.split(), *serve]
    names = ("ours", "before", "peers-by-command", "peers-in-turn", "peers-side-by-side", "command")
    folders = {name: root / name for name in names}
    forms = ["--forms", "html,text,pdf,web" if issue.is_large else "html,text,pdf"]

    def ours(script: Path, workspace: Path, folder: Path) -> list[str]:
        return [sys.executable, str(script), str(workspace), str(issue.draft.path), str(folder), *serve]

    found = [
        Contender("ours", [*ours(HERE / "ours.py", root, folders["ours"]), *forms], folders["ours"]),
        Contender("peers, in turn", [*peers, str(folders["peers-in-turn"]), *more], folders["peers-in-turn"]),
        Contender(
            "peers, side by side",
            [*peers, str(folders["peers-side-by-side"]), "--overlap", *more],
            folders["peers-side-by-side"],
        ),
    ]
    if options.before and not issue.is_large:
        before = options.before.absolute()
        command = ours(before / "benchmarks" / "ours.py", before, folders["before"])
        found.append(Contender("(before)", ["env", f"PYTHONPATH={before}", *command], folders["before"]))
    if not warm:
        by_command = [*peers, str(folders["peers-by-command"]), "--commands", *more]
        found.insert(1, Contender("peers, by command", by_command, folders["peers-by-command"]))
        command = [sys.executable, "-m", "newsletter", "export", "all", name, "-o", str(folders["command"])]
        found.append(Contender("(newsletter export all)", command, folders["command"]))
    return found


def measure_cold(measured: Sequence[Contender], issue: MeasuredIssue, rounds: int) -> None:
    """Each contender's command from its start to its end, with the processor time of all its processes."""
    for turn in range(-1, rounds):  # the first run finds nothing in the disk's cache, and is not counted
        for contender in rotated(measured, turn):
            issue.change()
            before = getrusage(RUSAGE_CHILDREN)
            began = perf_counter()
            done = subprocess.run(contender.command, cwd=issue.draft.path.parent, stdout=subprocess.PIPE, check=True)
            ended = perf_counter()
            after = getrusage(RUSAGE_CHILDREN)
            check(contender, issue.draft)
            if turn >= 0:
                contender.totals.append(ended - began)
                contender.cpu.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
                if done.stdout.startswith(b"{"):
                    report = json.loads(done.stdout)
                    laps = {"interpreter": report["began"] - began, **report["laps"]}
                    add_laps(contender, {**laps, "exit": ended - report["ended"]})


def measure_warm(measured: Sequence[Contender], issue: MeasuredIssue, rounds: int) -> None:
    """Each contender's next rebuild, from asking for it until it says that all is written."""
    with ExitStack() as stack:
        asks = {contender.name: stack.enter_context(serving(contender)) for contender in measured}
        for turn in range(-WARM_UPS, rounds):
            for contender in rotated(measured, turn):
                issue.change()
                began = perf_counter()
                report = asks[contender.name]()
                ended = perf_counter()
                check(contender, issue.draft)
                if turn >= 0:
                    contender.totals.append(ended - began)
                    add_laps(contender, report["laps"])


@contextmanager
def serving(contender: Contender) -> Iterator[Callable[[], dict[str, Any]]]:
    """Yield a function that asks the contender's process for a rebuild, and returns its report."""
    with subprocess.Popen(
        contender.command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, encoding="utf-8"
    ) as process:
        stdin, stdout = process.stdin, process.stdout
        if stdin is None or stdout is None:
            raise RuntimeError("a process without pipes")

        def answer() -> dict[str, Any]:
            line = stdout.readline()
            if not line:
                raise SystemExit(f"{contender.name}: the process has ended.")
            return dict(json.loads(line))

        def ask() -> dict[str, Any]:
            stdin.write("build\n")
            stdin.flush()
            return answer()

        answer()  # it is ready
        yield ask
        stdin.close()


def rotated(measured: Sequence[Contender], turn: int) -> Sequence[Contender]:
    first = turn % len(measured)
    return [*measured[first:], *measured[:first]]


def add_laps(contender: Contender, laps: dict[str, float]) -> None:
    for name, seconds in laps.items():
        contender.laps[name].append(seconds)


def check(contender: Contender, draft: Draft) -> None:
    """Check that the editions are there, and made from this round's words; the peers make no text."""
    name = draft.path.stem
    html, text, pdf = (contender.folder / f"{name}{ending}" for ending in (".email.html", ".txt", ".pdf"))
    texts = [html] if contender.name.startswith("peers") else [html, text]
    made = pdf.read_bytes()
    if not made.startswith(b"%PDF-") or made == contender.last_pdf:
        raise SystemExit(f"{contender.name}: {pdf.name} was not made again.")
    for file in texts:
        if draft.word not in file.read_text(encoding="utf-8"):
            raise SystemExit(f"{contender.name}: {file.name} is not of this round's draft.")
    contender.last_pdf = made


if __name__ == "__main__":
    main()
