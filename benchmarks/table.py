"""What a benchmark prints: what was measured on what, and the medians beside one another."""

import json
import os
import platform
import re
import subprocess
import sys
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from statistics import median, quantiles


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


def facts(weasyprint_python: str) -> list[str]:
    """Return what was measured on what."""
    theirs = "import platform, weasyprint; print(weasyprint.__version__, 'on Python', platform.python_version())"
    mjml = Path(__file__).parent / "node_modules" / "mjml" / "package.json"
    if not mjml.is_file():
        raise SystemExit("npm's mjml is missing. Run: npm install --prefix benchmarks")
    weasyprint = said_by([weasyprint_python, "-c", theirs], "WeasyPrint is missing there: see --help.")
    node = said_by(["node", "--version"], "node is missing.").removeprefix("v")
    ours = ", ".join(f"{name} {version(name)}" for name in ("typst", "mjml-python", "premailer", "jinja2"))
    return [
        machine(),
        f"Ours:    Python {platform.python_version()}, {ours}",
        f"Peers:   node {node}, mjml {json.loads(mjml.read_bytes())['version']}, weasyprint {weasyprint}",
    ]


def machine() -> str:
    return (
        f"Machine: {os.cpu_count()} cores, {processor()}, {platform.system()} {platform.release()}; "
        f"load at the beginning {os.getloadavg()[0]:.1f}"
    )


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
