"""What a long list needs: the time and memory of freezing it, and the memory of a process that goes on with it."""

from dataclasses import asdict
from typing import Any

from measured import A_TEXT, Run, measured
from publication import ISSUE, Publication
from sinks import Sink, smtp_sink
from throughput import CONNECTIONS

FREEZING_AIM = "30 s and 200 MB"
GROWTH_AIM = "10 MB"
STOPPED = (0, 1)  # 1 after SIGTERM: not everything was delivered
TYPICAL = 36_000  # bytes a message, to stop a list that none was sent whole before
HEAVY = ("typst", "lxml")  # a process that goes on has nothing to render


def measure_long_lists(publication: Publication, short: int, long: int, part: int, *, sending: bool) -> dict[str, Any]:
    """For each list the process that froze it, and the one that went on, which is stopped after `part` messages."""
    found = {}
    size = float(TYPICAL)
    with smtp_sink() as sink:
        for count in (short, long) if sending else (long,):
            publication.forget()
            publication.write_readers(count)
            frozen = send(publication, sink, stop_at=A_TEXT)
            row: dict[str, Any] = {"readers": count, "freezing": told(frozen)}
            if sending:
                whole = part in (0, count) or count < part
                resumed = send(publication, sink, stop_at=float("inf") if whole else part * size)
                if whole:
                    size = (frozen.received + resumed.received) / count
                row |= {"sent": round(resumed.received / size), "whole": whole, "going on": told(resumed)}
            found[str(count)] = row
    return found


def send(publication: Publication, sink: Sink, *, stop_at: float) -> Run:
    environ = publication.environment(
        NEWSLETTER_SMTP__PORT=str(sink.port), NEWSLETTER_SMTP__CONNECTIONS=str(CONNECTIONS)
    )
    command = publication.command("send", ISSUE, "--yes")
    return measured(
        command, publication.root, environ, sink.received, stop_at=stop_at, statuses=STOPPED, look_for=HEAVY
    )


def told(run: Run) -> dict[str, Any]:
    return {**asdict(run), "libraries": sorted(run.libraries)}


def show_memory(found: dict[str, Any]) -> None:
    print("\nMemory of a process that goes on with a frozen list (the most it held)")
    print(f"{'readers':>12}{'sent by it':>12}{'MB':>8}{'until the first text':>22}")
    for row in found.values():
        going_on = row["going on"]
        until = f"{going_on['until_text']:.1f} s, {going_on['peak_at_text']:.0f} MB"
        print(f"{row['readers']:12,}{row['sent']:12,}{going_on['peak']:8.1f}{until:>22}"
              f"{'' if row['whole'] else '  stopped by SIGTERM'}")  # fmt: skip
        if going_on["libraries"]:
            print(f"  BUT IT HAS LOADED {', '.join(going_on['libraries'])}.")
    few, many = (row["going on"]["peak"] for row in found.values())
    print(f"  growth {many - few:+.1f} MB  (aim: at most {GROWTH_AIM})")


def show_freezing(found: dict[str, Any]) -> None:
    print("\nFreezing, from the start of the command until the first text is under way")
    for row in found.values():
        freezing = row["freezing"]
        print(f"{row['readers']:12,} readers: {freezing['until_text']:.1f} s (processor "
              f"{freezing['cpu_until_text']:.1f} s), {freezing['peak_at_text']:.0f} MB")  # fmt: skip
    print(f"  (aim for 1,000,000: at most {FREEZING_AIM})")
