"""The table of what was measured, for a terminal and as Markdown for docs/operators/sending.md."""

from collections.abc import Mapping

from measurement import Measurement
from rows import ROWS

AIM, MOST_REFUSALS, MOST_AGAIN = 0.85, 0.05, 10
HEADING = (
    f"{'server':24}{'readers':>9}{'delivered':>11}{'seconds':>9}{'ideal':>8}{'share':>7}{'refusals':>10}{'learned':>9}"
    f"{'opened':>8}{'again':>7}"
)


def line_of(measurement: Measurement) -> str:
    """Return a row as a line, with what it misses."""
    missed = measurement.wrong or ", ".join(list_missed(measurement))
    again = "" if measurement.again is None else f"{measurement.again:,}"
    return (
        f"{measurement.name:24}{measurement.readers:9,}{measurement.delivered:11,}{measurement.seconds:9.1f}"
        f"{measurement.ideal:8.1f}{measurement.share:7.2f}{measurement.refusals:10,}{measurement.refused_share:9.1%}"
        f"{measurement.connections:8,}{again:>7}  {missed}"
    ).rstrip()


def list_missed(measurement: Measurement) -> list[str]:
    """Return the aims that a row misses."""
    missed = []
    if measurement.share < AIM:
        missed.append(f"below {AIM}")
    if measurement.refused_share > MOST_REFUSALS:
        missed.append(f"more than {MOST_REFUSALS:.0%} refused")
    if measurement.again is not None and measurement.again > MOST_AGAIN:
        missed.append(f"more than {MOST_AGAIN} refused again")
    return missed


def markdown(measurements: Mapping[str, Measurement], unavailable: Mapping[str, str]) -> str:
    """Return the rows as a table of Markdown, in their order."""
    lines = [
        "| the server | readers | ideal | delivered after | share | refusals once learned | and of a second send |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    for name, row in ROWS.items():
        if name in unavailable:
            lines.append(f"| {row.server} | not measured: {unavailable[name]} | | | | | |")
        if name not in measurements:
            continue
        found = measurements[name]
        again = "" if found.again is None else f"{found.again:,}"
        if row.nobody:
            outcome = "| nobody, at once | nobody | | |" if not found.wrong else f"| nobody | {found.wrong} | | |"
        elif row.measures_pace:
            outcome = f"| | {found.seconds:.1f} s | | |"
        elif found.wrong:
            outcome = f"| {found.ideal:.1f} s | {found.wrong} | | {found.refused_share:.1%} |"
        else:
            outcome = f"| {found.ideal:.1f} s | {found.seconds:.1f} s | {found.share:.2f} | {found.refused_share:.1%} |"
        lines.append(f"| {row.server} | {found.readers:,} {outcome} {again} |".replace("  ", " "))
    return "\n".join(lines) + "\n"
