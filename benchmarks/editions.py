"""How long "YAML draft -> HTML, text and PDF" takes: ours beside npm's mjml with WeasyPrint, on the same issue.

    make bench-editions
    python benchmarks/editions.py --help

WeasyPrint is in the `bench` dependency group, and wants Debian's libpango-1.0-0, libpangoft2-1.0-0 and
libharfbuzz-subset0; mjml comes by `npm install --prefix benchmarks`. Who keeps WeasyPrint elsewhere names that
environment's Python with --weasyprint-python.

**Cold** is one run of new processes, from before the first is started until the last has ended; **warm** is the
next rebuild in processes that stay. Before each, other words are written into all of the draft's texts, so that no
result can be one that was kept; after each, the new words have to be in what came out. Rounds go through the
contenders in turn, each round beginning with another one, so that a busy machine is busy for all of them.

The peers are measured in three ways, all of which make PDF/UA-1: "by command" runs `mjml` and `weasyprint` as one
would in a shell; "in turn" has both as libraries, mjml in a node process and WeasyPrint in Python's, one after
the other; "side by side" starts node first and lets it work while Python does, which two cores allow. What the
peers leave out is in the head of peers.py. `newsletter export all` is our command itself, which also makes the web
page and the .eml; it stands there for what the command line adds.

The last column says how many times ours' median fits into the row's. Below stand the steps of each run (medians
too; what lies between them is left out, so they add up to about the whole), and what ours imports, each module
with what it alone brings in. -X importtime makes imports slower than they are: read it for shares.
"""

import json
import os
import platform
import re
import shutil
import subprocess
import sys
from argparse import ArgumentParser, Namespace, RawDescriptionHelpFormatter
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from resource import RUSAGE_CHILDREN, getrusage
from statistics import median, quantiles
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any

from newsletter.workspace import CONFIG_NAME, Workspace, shipped

HERE = Path(__file__).parent
ROOT = HERE.parent
PROSE = re.compile(r"^( +(?!- |\w+: (?:\S+$|\[))\S+ )", re.MULTILINE)  # the first word of a line that is no key
WARM_UPS = 3
IMPORTS_SHOWN = 16
IMPORT_RUNS = 5


@dataclass
class Contender:
    """One way to make the editions, and how long its rounds took. `laps` are the steps, in their order."""

    name: str
    command: list[str]
    folder: Path
    totals: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)
    laps: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    last_pdf: bytes = b""


class Draft:
    """The draft that all contenders read, in a workspace of its own, with other words in every round."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._source = path.read_text(encoding="utf-8")
        self._round = 0

    @property
    def word(self) -> str:
        return f"round-{self._round}"

    def change(self) -> None:
        """Puts this round's word behind the first word of each line of prose."""
        self._round += 1
        text, count = PROSE.subn(rf"\g<1>{self.word} ", self._source)
        if not count:
            raise SystemExit(f"{self.path.name} has no line whose words could be changed.")
        self.path.write_text(text, encoding="utf-8")


def main() -> None:
    options = parsed_options()
    with TemporaryDirectory(prefix="newsletter-bench-") as folder:
        root = Path(folder)
        draft = prepare(root, options.draft)
        for line in facts(options.weasyprint_python):
            print(line)
        cold = contenders(root, draft, options, warm=False)
        measure_cold(cold, draft, options.cold)
        show(f"Cold: one run of new processes, {options.cold} rounds", cold)
        warm = contenders(root, draft, options, warm=True)
        measure_warm(warm, draft, options.warm)
        show(f"Warm: a rebuild in processes that stay, {options.warm} rounds", warm)
        for title, measured in (("cold", cold), ("warm", warm)):
            show_laps(title, [contender for contender in measured if contender.laps])
        show_imports(cold[0])
        if options.keep:
            for contender in warm:
                shutil.copytree(contender.folder, options.keep / contender.folder.name, dirs_exist_ok=True)
    print(f"\nLoad of the machine at the end: {os.getloadavg()[0]:.1f}")


def parsed_options() -> Namespace:
    parser = ArgumentParser(description=__doc__, formatter_class=RawDescriptionHelpFormatter)
    parser.add_argument("--draft", type=Path, default=ROOT / "drafts" / "2.10.yaml", help="2.10 of the sample")
    parser.add_argument("--cold", type=int, default=15, help="rounds (15)")
    parser.add_argument("--warm", type=int, default=40, help="rounds (40)")
    parser.add_argument(
        "--weasyprint-python",
        default=os.environ.get("WEASYPRINT_PYTHON", sys.executable),
        help="a Python with weasyprint, pyyaml, jinja2 and markdown-it-py; this one, or WEASYPRINT_PYTHON's",
    )
    parser.add_argument(
        "--peers-with", default="", metavar="OPTIONS", help='more for peers.py: "--untagged --no-inlining"'
    )
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="copy what was made last, to be looked at")
    return parser.parse_args()


def prepare(root: Path, draft: Path) -> Draft:
    """A workspace with the draft, its picture, and the settings for the peers as settings.json."""
    source = Workspace(ROOT, {})
    (root / "drafts").mkdir()
    shutil.copyfile(ROOT / CONFIG_NAME, root / CONFIG_NAME)
    for file in draft.parent.glob(f"{draft.stem}*"):
        shutil.copyfile(file, root / "drafts" / file.name)
    (root / "settings.json").write_text(json.dumps(settings(source)), encoding="utf-8")
    return Draft(root / "drafts" / draft.name)


def settings(workspace: Workspace) -> dict[str, Any]:
    """What templates know of newsletter.toml, worked out: the peers need not do it again."""
    config = workspace.config
    theme = config.theme
    names = (*type(theme).model_fields, "quiet", "dateline", "css_font", "css_heading_font")
    return {
        "publication": config.publication.model_dump(mode="json"),
        "sender": {"postal_address": config.sender.postal_address},
        "theme": {**{name: getattr(theme, name) for name in names}, "dark": theme.dark.model_dump()},
        "about": config.publication.about,
        "unsubscribe": config.reader_list.unsubscribe_link,
    }


def contenders(root: Path, draft: Draft, options: Namespace, *, warm: bool) -> list[Contender]:
    """Ours first: it is what the others are compared with."""
    serve = ["--serve"] if warm else []
    peers = [
        options.weasyprint_python,
        str(HERE / "peers.py"),
        str(root / "settings.json"),
        str(shipped("templates")),
        str(draft.path),
    ]
    more = [*options.peers_with.split(), *serve]
    names = ("ours", "peers-by-command", "peers-in-turn", "peers-side-by-side", "command")
    folders = {name: root / name for name in names}
    found = [
        Contender(
            "ours",
            [sys.executable, str(HERE / "ours.py"), str(root), str(draft.path), str(folders["ours"]), *serve],
            folders["ours"],
        ),
        Contender("peers, in turn", [*peers, str(folders["peers-in-turn"]), *more], folders["peers-in-turn"]),
        Contender(
            "peers, side by side",
            [*peers, str(folders["peers-side-by-side"]), "--overlap", *more],
            folders["peers-side-by-side"],
        ),
    ]
    if not warm:
        by_command = [*peers, str(folders["peers-by-command"]), "--commands", *more]
        found.insert(1, Contender("peers, by command", by_command, folders["peers-by-command"]))
        command = [sys.executable, "-m", "newsletter", "export", "all", draft.path.stem, "-o", str(folders["command"])]
        found.append(Contender("(newsletter export all)", command, folders["command"]))
    return found


def measure_cold(measured: Sequence[Contender], draft: Draft, rounds: int) -> None:
    """Each contender's command from its start to its end, with the processor time of all its processes."""
    for turn in range(-1, rounds):  # the first run finds nothing in the disk's cache, and is not counted
        for contender in rotated(measured, turn):
            draft.change()
            before = getrusage(RUSAGE_CHILDREN)
            began = perf_counter()
            done = subprocess.run(contender.command, cwd=draft.path.parent, stdout=subprocess.PIPE, check=True)
            ended = perf_counter()
            after = getrusage(RUSAGE_CHILDREN)
            check(contender, draft)
            if turn >= 0:
                contender.totals.append(ended - began)
                contender.cpu.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
                if done.stdout.startswith(b"{"):
                    report = json.loads(done.stdout)
                    laps = {"interpreter": report["began"] - began, **report["laps"]}
                    add_laps(contender, {**laps, "exit": ended - report["ended"]})


def measure_warm(measured: Sequence[Contender], draft: Draft, rounds: int) -> None:
    """Each contender's next rebuild, from asking for it until it says that all is written."""
    with ExitStack() as stack:
        asks = {contender.name: stack.enter_context(serving(contender)) for contender in measured}
        for turn in range(-WARM_UPS, rounds):
            for contender in rotated(measured, turn):
                draft.change()
                began = perf_counter()
                report = asks[contender.name]()
                ended = perf_counter()
                check(contender, draft)
                if turn >= 0:
                    contender.totals.append(ended - began)
                    add_laps(contender, report["laps"])


@contextmanager
def serving(contender: Contender) -> Iterator[Callable[[], dict[str, Any]]]:
    """The contender's process; what is yielded asks it for a rebuild, and returns its report."""
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
    """That the three editions are there, and made from this round's words."""
    name = draft.path.stem
    html, text, pdf = (contender.folder / f"{name}{ending}" for ending in (".email.html", ".txt", ".pdf"))
    made = pdf.read_bytes()
    if not made.startswith(b"%PDF-") or made == contender.last_pdf:
        raise SystemExit(f"{contender.name}: {pdf.name} was not made again.")
    for file in (html, text):
        if draft.word not in file.read_text(encoding="utf-8"):
            raise SystemExit(f"{contender.name}: {file.name} is not of this round's draft.")
    contender.last_pdf = made


def facts(weasyprint_python: str) -> list[str]:
    """What was measured on what."""
    theirs = "import platform, weasyprint; print(weasyprint.__version__, 'on Python', platform.python_version())"
    mjml = HERE / "node_modules" / "mjml" / "package.json"
    if not mjml.is_file():
        raise SystemExit("npm's mjml is missing. Run: npm install --prefix benchmarks")
    weasyprint = said_by([weasyprint_python, "-c", theirs], "WeasyPrint is missing there: see --help.")
    node = said_by(["node", "--version"], "node is missing.").removeprefix("v")
    ours = ", ".join(f"{name} {version(name)}" for name in ("typst", "mjml-python", "premailer", "jinja2"))
    return [
        f"Machine: {os.cpu_count()} cores, {processor()}, {platform.system()} {platform.release()}; "
        f"load at the beginning {os.getloadavg()[0]:.1f}",
        f"Ours:    Python {platform.python_version()}, {ours}",
        f"Peers:   node {node}, mjml {json.loads(mjml.read_bytes())['version']}, weasyprint {weasyprint}",
    ]


def processor() -> str:
    information = Path("/proc/cpuinfo")
    text = information.read_text(encoding="utf-8") if information.is_file() else ""
    model = re.search(r"^model name\s*: (.*)$", text, re.MULTILINE)
    return model[1] if model else platform.machine()


def said_by(command: list[str], otherwise: str) -> str:
    try:
        return subprocess.run(command, capture_output=True, encoding="utf-8", check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError) as error:
        print(getattr(error, "stderr", None) or error, file=sys.stderr)
        raise SystemExit(otherwise) from error


def show(title: str, measured: Sequence[Contender]) -> None:
    print(f"\n{title}\n{'ms':26}{'median':>9}{'quartiles':>18}{'processor':>11}{'x ours':>9}")
    ours = median(measured[0].totals)
    for contender in measured:
        low, middle, high = quantiles(contender.totals, n=4, method="inclusive")
        cpu = f"{1000 * median(contender.cpu):11.0f}" if contender.cpu else " " * 11
        between = f"{1000 * low:.1f} - {1000 * high:.1f}"
        print(f"{contender.name:26}{1000 * middle:9.1f}{between:>18}{cpu}{middle / ours:9.1f}")


def show_laps(title: str, measured: Sequence[Contender]) -> None:
    print(f"\nSteps, {title} (median ms)")
    for contender in measured:
        print(f"  {contender.name}")
        for name, seconds in contender.laps.items():
            if median(seconds) >= 0.00005:
                print(f"    {name:22}{1000 * median(seconds):9.1f}")


def show_imports(ours: Contender) -> None:
    """What ours imports, by the distribution or package that first wanted it: medians of a few runs."""
    runs = [imported(ours.command) for _ in range(IMPORT_RUNS)]
    packages = {
        name: [median(run.get(name, (0.0, 0.0))[place] for run in runs) for place in (0, 1)] for name in runs[0]
    }
    print(f"\nImports of ours, cold (-X importtime, median of {IMPORT_RUNS} runs, ms)")
    print(f"{'':26}{'itself':>9}{'with standard library':>24}")
    for name, (itself, whole) in sorted(packages.items(), key=lambda pair: -pair[1][1])[:IMPORTS_SHOWN]:
        print(f"  {name:24}{itself:9.1f}{whole:24.1f}")
    itself, whole = (sum(pair[place] for pair in packages.values()) for place in (0, 1))
    print(f"  {'all':24}{'':9}{whole:24.1f}")


def imported(command: Sequence[str]) -> dict[str, tuple[float, float]]:
    """By package: milliseconds in its own modules, and with those of the standard library that it is first to want."""
    python, *arguments = command
    written = subprocess.run(
        [python, "-X", "importtime", *arguments], capture_output=True, encoding="utf-8", check=True
    ).stderr
    lines = re.findall(r"^import time:\s+(\d+) \|\s+\d+ \|( +)(\S+)$", written, re.MULTILINE)
    itself: dict[str, float] = defaultdict(float)
    whole: dict[str, float] = defaultdict(float)
    above: list[tuple[int, str]] = []  # an importer's line comes below those of what it imports, so read upwards
    for microseconds, indent, module in reversed(lines):
        while above and above[-1][0] >= len(indent):
            above.pop()
        package = module.split(".")[0]
        if package in sys.stdlib_module_names:
            package = above[-1][1] if above else "Python's start"
        else:
            itself[package] += int(microseconds) / 1000
        whole[package] += int(microseconds) / 1000
        above.append((len(indent), package))
    return {name: (itself.get(name, 0.0), total) for name, total in whole.items()}


if __name__ == "__main__":
    main()
