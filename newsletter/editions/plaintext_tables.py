"""Tables of the plaintext edition: aligned columns where they fit, else each row as lines of header and cell."""

from collections.abc import Callable, Sequence

from newsletter.editions.plaintext_wrapping import BREAK, WIDTH, count_columns, wrap
from newsletter.issue.blocks import Alignment

_GAP = "  "


def write_table(
    header: Sequence[str],
    rows: Sequence[Sequence[str]],
    alignments: Sequence[Alignment],
    first: str,
    rest: str,
    labelled: Callable[[str, str], str],
) -> str:
    """Return a table of written cells, `first` before its first line and `rest` before the others.

    `labelled` puts a column's title before a cell, for a table that is too wide for its columns.
    """
    table = [header, *rows]
    widths = [max(1, *(count_columns(row[column]) for row in table)) for column in range(len(header))]
    room = WIDTH - count_columns(rest)
    if sum(widths) + len(_GAP) * (len(widths) - 1) > room or any(BREAK in cell for row in table for cell in row):
        return _write_rows(header, rows, first, rest, labelled)
    lines = [_GAP.join(map(_align, row, widths, alignments)) for row in table]
    if any(header):
        lines.insert(1, _GAP.join("-" * width for width in widths))
    else:
        lines = lines[1:]
    return "\n".join((rest if number else first) + line.rstrip() for number, line in enumerate(lines))


def _align(cell: str, width: int, alignment: Alignment) -> str:
    space = width - count_columns(cell)
    before = {"right": space, "center": space // 2}.get(alignment, 0)
    return " " * before + cell + " " * (space - before)


def _write_rows(
    header: Sequence[str],
    rows: Sequence[Sequence[str]],
    first: str,
    rest: str,
    labelled: Callable[[str, str], str],
) -> str:
    """Return each row as lines of `header: cell`, with a blank line between rows; cells that are empty are left out."""
    lines: list[str] = []
    for row in rows:
        cells = [labelled(name, cell) if name else cell for name, cell in zip(header, row, strict=True) if cell]
        lines += [rest.rstrip()] if lines and cells else []
        for cell in cells:
            lines.append(wrap(cell, rest if lines else first, f"{rest}  "))
    return "\n".join(lines)
