"""Writing of a page's blocks as the Markdown of drafts."""

import re

from newsletter.back_issues.page_text.inline_markdown import escape_address, write_inline, write_plain
from newsletter.back_issues.page_text.page_blocks import Container, PageBlock, Runs


def write_blocks(blocks: list[PageBlock]) -> str:
    """Return blocks as Markdown that ends with a line end; nothing for no blocks."""
    lines: list[str] = []
    started: set[Container] = set()
    before: tuple[Container, ...] | None = None
    for block in blocks:
        written = _write_block(block)
        if not written:
            continue
        if before is not None and not _follows_closely(before, block.containers, started):
            shared = _find_shared(before, block.containers)
            lines.append(_write_prefix(shared).rstrip())
        first = "".join(
            _indent(container) if container in started else container.marker for container in block.containers
        )
        started.update(block.containers)
        rest = _write_prefix(block.containers)
        top, *others = written.split("\n")
        lines.append(f"{first}{top}")
        lines += [f"{rest}{line}".rstrip() for line in others]
        before = block.containers
    return "".join(f"{line}\n" for line in lines)


def _follows_closely(before: tuple[Container, ...], after: tuple[Container, ...], started: set[Container]) -> bool:
    """Return whether a block begins an entry of the list that the block before it belongs to, or of one within it."""
    if not after or after[-1] in started or after[-1].kind != "entry":
        return False
    shared = len(_find_shared(before, after))
    if shared == len(before) and before and before[-1].kind == "entry":
        return True
    return len(before) > shared and before[shared].kind == "entry" and before[shared].group == after[shared].group


def _find_shared(one: tuple[Container, ...], other: tuple[Container, ...]) -> tuple[Container, ...]:
    count = 0
    while count < min(len(one), len(other)) and one[count] is other[count]:
        count += 1
    return one[:count]


def _write_prefix(containers: tuple[Container, ...]) -> str:
    return "".join(map(_indent, containers))


def _indent(container: Container) -> str:
    """Return what the lines of a container begin with, but for its first."""
    return {"quote": "> ", "entry": " " * len(container.marker), "note": "    "}[container.kind]


def _write_block(block: PageBlock) -> str:
    match block.kind:
        case "heading":
            words = write_inline(block.runs, one_line=True)
            return f"{'#' * block.level} {words}" if words else ""
        case "table":
            return _write_table(block.rows)
        case "picture":
            return _write_picture(block)
        case "code":
            fence = "`" * max(3, *(len(run) + 1 for run in re.findall("`+", block.text) or [""]))
            return f"{fence}\n{block.text}\n{fence}"
        case "rule":
            return "---"
        case _:
            return write_inline(block.runs)


def _write_picture(block: PageBlock) -> str:
    caption = write_inline(block.runs, one_line=True).replace('"', '\\"')
    shown = write_plain(re.sub(r"\s+", " ", block.text).strip())
    source = escape_address(block.source)
    return f'![{shown}]({source} "{caption}")' if caption else f"![{shown}]({source})"


def _write_table(rows: list[list[Runs]]) -> str:
    """Return a table in GFM's form, its first row as the header; rows that are short are filled up."""
    written = [[write_inline(cell, in_table=True) for cell in row] for row in rows]
    width = max(map(len, written), default=0)
    if not width:
        return ""
    header, *body = (row + [""] * (width - len(row)) for row in written)
    lines = [header, ["---"] * width, *body]
    return "\n".join(f"| {' | '.join(row)} |" for row in lines)
