"""Lists whose numbers were typed: "1." and "2." before lines, or before paragraphs that follow upon each other."""

import re
from collections.abc import Sequence

from newsletter.back_issues.page_text.page_blocks import Container, PageBlock
from newsletter.back_issues.page_text.page_spaces import cut_start

_NUMBER = re.compile(r"(?P<number>\d{1,2})[.)]\s+(?=\S)")


def match_numbers(texts: Sequence[str]) -> list[re.Match[str] | None]:
    """Return the number that each text begins with, where they count from one; else, and for fewer than two, none."""
    matches = [_NUMBER.match(text) for text in texts]
    numbers = [int(match["number"]) for match in matches if match]
    if len(numbers) < 2 or numbers != list(range(1, len(numbers) + 1)):
        return [None] * len(texts)
    return matches


def make_marker(match: re.Match[str]) -> str:
    """Return what the entry with a number begins with in Markdown."""
    return f"{int(match['number'])}. "


def list_numbered_paragraphs(blocks: list[PageBlock]) -> None:
    """Make entries of a list of paragraphs that stand one after another and count from one."""
    at = 0
    while at < len(blocks):
        end = at
        while end < len(blocks) and _is_number(blocks[end], end - at + 1, blocks[at].containers):
            end += 1
        matches = match_numbers([block.words for block in blocks[at:end]])
        for block, match in zip(blocks[at:end], matches, strict=True):
            if match:
                block.runs = cut_start(block.runs, match.end())
                block.containers = (*block.containers, Container("entry", make_marker(match)))
        at = max(end, at + 1)


def _is_number(block: PageBlock, number: int, containers: tuple[Container, ...]) -> bool:
    match = _NUMBER.match(block.words) if block.kind == "paragraph" and block.containers == containers else None
    return match is not None and int(match["number"]) == number
