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
from pathlib import Path
from resource import RUSAGE_CHILDREN, getrusage
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any

import fontpkg_source_serif_4
from draft import ROOT, Draft, copied
from table import Contender, facts, show, show_laps

from newsletter.workspace import Workspace, find_shipped

HERE = Path(__file__).parent
WARM_UPS = 3


def main() -> None:
    options = parsed_options()
    with TemporaryDirectory(prefix="newsletter-bench-") as folder:
        root = Path(folder)
        draft = prepare(root, options.draft, system_serif=options.system_serif)
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
    parser.add_argument("--system-serif", action="store_true", help="let the peers use the system's typeface")
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="copy what was made last, to be looked at")
    return parser.parse_args()


def prepare(root: Path, draft: Path, *, system_serif: bool) -> Draft:
    """Return a workspace with the draft, its picture, and the settings for the peers as settings.json."""
    known = settings(Workspace(ROOT, {}), system_serif=system_serif)
    (root / "settings.json").write_text(json.dumps(known), encoding="utf-8")
    return copied(draft, root)


def settings(workspace: Workspace, *, system_serif: bool) -> dict[str, Any]:
    """Return what templates know of newsletter.toml, worked out: the peers need not do it again."""
    config = workspace.config
    theme = config.theme
    names = (*type(theme).model_fields, "quiet", "dateline", "css_font", "css_heading_font")
    return {
        "publication": {**config.publication.model_dump(mode="json"), "direction": config.publication.direction},
        "sender": {"postal_address": config.sender.postal_address},
        "theme": {**{name: getattr(theme, name) for name in names}, "dark": theme.dark.model_dump()},
        "about": config.publication.about,
        "unsubscribe": config.subscriber_list.unsubscribe_link,
        "typeface": "" if system_serif else str(fontpkg_source_serif_4.ROOT / "files"),
    }


def contenders(root: Path, draft: Draft, options: Namespace, *, warm: bool) -> list[Contender]:
    """Ours first: it is what the others are compared with."""
    serve = ["--serve"] if warm else []
    peers = [
        options.weasyprint_python,
        str(HERE / "peers.py"),
        str(root / "settings.json"),
        str(find_shipped("templates")),
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
    """Check that the three editions are there, and made from this round's words."""
    name = draft.path.stem
    html, text, pdf = (contender.folder / f"{name}{ending}" for ending in (".email.html", ".txt", ".pdf"))
    made = pdf.read_bytes()
    if not made.startswith(b"%PDF-") or made == contender.last_pdf:
        raise SystemExit(f"{contender.name}: {pdf.name} was not made again.")
    for file in (html, text):
        if draft.word not in file.read_text(encoding="utf-8"):
            raise SystemExit(f"{contender.name}: {file.name} is not of this round's draft.")
    contender.last_pdf = made


if __name__ == "__main__":
    main()
