"""Reading of prose: Markdown becomes blocks of spans, or faults where an edition could not show it."""

from dataclasses import replace

from newsletter.issue.block_parser import parse_blocks
from newsletter.issue.block_reader import BlockReader
from newsletter.issue.blocks import RichText
from newsletter.issue.passage import find_control_characters
from newsletter.validation import Fault


def parse(source: str) -> tuple[RichText, list[Fault]]:
    """Read prose: Markdown as blocks of spans. Return the text and all faults in it, in the order of their places."""
    # Spaces behind the first line's start may say how deep it is.
    start = len(source) - len(source.lstrip())
    start -= len(source[:start]) - len(source[:start].rstrip(" \t"))
    tokens, faults = parse_blocks(source[start:].rstrip())
    text, told = BlockReader(tokens).read_text()
    faults = [replace(fault, at=start + (fault.at or 0)) for fault in (*faults, *told)]
    return text, sorted((*find_control_characters(source), *faults), key=lambda fault: fault.at or 0)
