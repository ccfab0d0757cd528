"""How long from saving the draft until its new words stand in the browser's email frame: ours beside two peers.

    make bench-preview
    python benchmarks/preview.py --help

The peers are the development servers of Maizzle and of React Email, which come by
`npm install --prefix benchmarks/preview-peers`; previews.py says what they are given. Without them ours is
measured alone. It wants Debian's chromium.

**Edits.** Each writes other words into all of the draft's prose, in place, as an editor's program does. The time
begins before the file is opened, and ends when the picture with the words has been drawn: see watching.py. The
words that are waited for are in the last paragraph of the issue. Rounds go through the contenders in turn, each
in a tab of the same browser, with a pause of 300 to 700 ms before each edit, so that no timer keeps step.

**Burst**, ours alone: 50 saves within one second. How long after the last one its words stand there, how many of
the 50 texts were seen, whether the last one stays, and what the server uses of the processor in two seconds,
beginning one second later.

**Memory**, ours alone: 200 edits, an hour of work, one after the other as soon as each is seen; every fifth time the
PDF's pages are looked at, every twentieth all other views. VmRSS of the server, which is a new one, after 20 edits
and after all; and how much of its growth fell into the second half, since what is being kept once and for all
comes early.
"""

import json
import os
import platform
import sys
import time
from argparse import ArgumentParser, Namespace, RawDescriptionHelpFormatter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from statistics import median, quantiles
from tempfile import TemporaryDirectory
from typing import Any

from draft import ROOT, Draft, copied
from playwright.sync_api import Browser
from previews import PEERS, NotStarted, Preview, ours, peers, processor_time, resident, serving, versions, way_in
from table import machine
from watching import NotSeen, Tab, chromium

END = "next issue"  # stands behind the changed word in the last paragraph of the sample
WARM_UPS = 3
SAVES = 50


@dataclass
class Contender:
    """A preview that runs, the tab that shows it, and how long its edits took in ms."""

    preview: Preview
    process: int
    tab: Tab
    waits: list[float] = field(default_factory=list)

    def edit(self, draft: Draft) -> float:
        """Save the draft as it stands; return the ms until its words are seen."""
        text = self.preview.text(draft)
        self.tab.expect(f"{draft.word} {END}")
        saved = self.preview.save(text)
        return 1000 * (self.tab.seen() - saved)


def main() -> None:
    options = parsed_options()
    measured: dict[str, Any] = {}
    with folders() as (root, below_peers), chromium() as browser:
        draft = copied(ROOT / "drafts" / "2.10.yaml", root / "workspace")
        preview = ours(root / "workspace", draft)
        print(machine())
        print(f"Ours:    Python {platform.python_version()}; Chromium {browser.version}")
        with ExitStack() as running:
            contenders = [started(running, browser, preview)]
            if not options.no_peers:
                contenders += started_peers(running, browser, below_peers, draft)
            measure_edits(contenders, draft, options.edits)
        measured["edits"] = {contender.preview.name: contender.waits for contender in contenders}
        show_edits(contenders)
        with ExitStack() as running:
            measured["burst"] = measure_burst(started(running, browser, preview), draft)
        show_burst(measured["burst"])
        if options.memory_edits:
            with ExitStack() as running:
                held = measure_memory(started(running, browser, preview), draft, options.memory_edits)
            measured["memory"] = held
            show_memory(held)
    if options.json:
        options.json.write_text(json.dumps(measured, indent=1) + "\n", encoding="utf-8")
    print(f"\nLoad of the machine at the end: {os.getloadavg()[0]:.1f}")


def parsed_options() -> Namespace:
    parser = ArgumentParser(description=__doc__, formatter_class=RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="10 edits of each contender, 60 for the memory")
    parser.add_argument("--edits", type=int, help="of each contender (30)")
    parser.add_argument("--no-peers", action="store_true", help="ours alone")
    parser.add_argument("--memory-edits", type=int, help="edits for the memory (200); 0 leaves it out")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write what was measured, too")
    options = parser.parse_args()
    edits, memory_edits = (10, 60) if options.quick else (30, 200)
    options.edits = edits if options.edits is None else options.edits
    options.memory_edits = memory_edits if options.memory_edits is None else options.memory_edits
    if options.edits < 2:
        parser.error("--edits: quartiles want two at least")
    return options


@contextmanager
def folders() -> Iterator[tuple[Path, Path]]:
    """One for us, anywhere, and one for the peers, from which node finds its modules."""
    build = PEERS / "build"
    build.mkdir(exist_ok=True)
    with TemporaryDirectory(prefix="newsletter-bench-") as root, TemporaryDirectory(dir=build) as below_peers:
        yield Path(root), Path(below_peers)


def started(running: ExitStack, browser: Browser, preview: Preview) -> Contender:
    """Server and tab, for as long as the stack lasts."""
    process = running.enter_context(serving(preview))
    page = running.enter_context(browser.new_page())
    page.goto(way_in(preview))
    return Contender(preview, process, Tab(page, preview.address))


def started_peers(running: ExitStack, browser: Browser, root: Path, draft: Draft) -> list[Contender]:
    """Those that start; of the others it is said why not."""
    try:
        print(f"Peers:   {versions()}")
    except NotStarted as reason:
        print(reason)
        return []
    found = []
    for preview in peers(root, draft):
        try:
            found.append(started(running, browser, preview))
        except NotStarted as reason:
            print(reason)
    return found


def measure_edits(contenders: list[Contender], draft: Draft, rounds: int) -> None:
    """Each contender's edits; a peer that loses one is left out from then on."""
    pause = Random(210)  # noqa: S311  # the same pauses in every run
    for turn in range(-WARM_UPS, rounds):
        draft.turn()
        for contender in rotated(contenders, turn):
            time.sleep(pause.uniform(0.3, 0.7))
            try:
                wait = contender.edit(draft)
            except NotSeen as reason:
                if contender is contenders[0]:
                    raise
                print(f"{contender.preview.name}: {reason} It is left out.")
                contenders.remove(contender)
            else:
                if turn >= 0:
                    contender.waits.append(wait)


def rotated(contenders: Sequence[Contender], turn: int) -> Sequence[Contender]:
    first = turn % len(contenders)
    return [*contenders[first:], *contenders[:first]]


def show_edits(contenders: Sequence[Contender]) -> None:
    ours = median(contenders[0].waits)
    print(f"\nFrom saving to the words in the email frame, {len(contenders[0].waits)} edits")
    print(f"{'ms':26}{'median':>9}{'quartiles':>18}{'worst':>9}{'x ours':>9}")
    for contender in contenders:
        low, middle, high = quantiles(contender.waits, n=4, method="inclusive")
        between = f"{low:.0f} - {high:.0f}"
        print(f"{contender.preview.name:26}{middle:9.0f}{between:>18}{max(contender.waits):9.0f}{middle / ours:9.1f}")


def measure_burst(contender: Contender, draft: Draft) -> dict[str, Any]:
    """Save at even distances; the last one's words are looked for from the beginning."""
    for _ in range(WARM_UPS):
        draft.turn()
        contender.edit(draft)
        time.sleep(0.5)
    texts = []
    for _ in range(SAVES):
        draft.turn()
        texts.append(contender.preview.text(draft))
    last = f"{draft.word} {END}"
    contender.tab.record(rf"\S+ {END}")
    contender.tab.expect(last)
    began = time.monotonic()
    for number, text in enumerate(texts):
        time.sleep(max(0.0, began + number / SAVES - time.monotonic()))
        saved = contender.preview.save(text)
    took = time.monotonic() - began
    waited = 1000 * (contender.tab.seen() - saved)
    time.sleep(1)
    used = processor_time(contender.process)
    time.sleep(2)
    used = processor_time(contender.process) - used
    states = [state for state in contender.tab.recorded()[1:] if state]
    return {
        "seconds": took,
        "ms after the last": waited,
        "seen": states,
        "last stays": states[-1] == last and last in contender.tab.framed(),
        "processor ms in 2 s": 1000 * used,
    }


def show_burst(burst: dict[str, Any]) -> None:
    stays = "it stays" if burst["last stays"] else "BUT IT DOES NOT STAY"
    print(f"\nBurst: {SAVES} saves in {burst['seconds']:.2f} s")
    print(f"  the last one's words stand there after {burst['ms after the last']:.0f} ms; {stays}")
    print(f"  texts seen, the last among them: {len(burst['seen'])} of {SAVES}")
    print(f"  processor time of the server in 2 s afterwards: {burst['processor ms in 2 s']:.0f} ms")


def measure_memory(contender: Contender, draft: Draft, edits: int) -> dict[int, float]:
    """Measure an hour's edits, and the looks at other views that belong to it. The MB that are held, by edits made."""
    held = {}
    for number in range(1, edits + 1):
        draft.turn()
        contender.edit(draft)
        if number % 5 == 0:
            for view in ("text", "pdf", "web", "source") if number % 20 == 0 else ("pdf",):
                contender.tab.look_at(view)
            contender.tab.page.goto(contender.preview.address)
        if number % 20 == 0 or number == edits:
            time.sleep(1)
            held[number] = resident(contender.process)
    return held


def show_memory(held: dict[int, float]) -> None:
    early, middle, late = min(held), sorted(held)[(len(held) - 1) // 2], max(held)
    print(f"\nMemory of the server (VmRSS): {held[early]:.1f} MB after {early} edits, {held[late]:.1f} after {late}")
    print(f"  growth {held[late] - held[early]:+.1f} MB, of which {held[late] - held[middle]:+.1f} since edit {middle}")


if __name__ == "__main__":
    try:
        main()
    except (NotStarted, NotSeen) as reason:
        sys.exit(str(reason))
