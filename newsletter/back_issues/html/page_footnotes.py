"""Footnotes of a page, moved from its end to the end of the section that their marks stand in."""

from dataclasses import replace

from newsletter.back_issues.page_text.page_blocks import PageBlock


def place_footnotes(blocks: list[PageBlock]) -> list[PageBlock]:
    """Return blocks with each footnote before the heading that follows its mark; one that lacks the other is text."""
    notes: dict[str, list[PageBlock]] = {}
    for block in blocks:
        if block.containers and block.containers[0].kind == "note":
            notes.setdefault(block.containers[0].marker[2:-3], []).append(block)
    placed: list[PageBlock] = []
    waiting: list[str] = []
    for block in blocks:
        if block.containers and block.containers[0].kind == "note":
            continue
        if block.kind == "heading":
            placed += [each for label in waiting for each in notes.pop(label)]
            waiting = []
        cells = [cell for row in block.rows for cell in row]
        waiting += [
            run.note for runs in (block.runs, *cells) for run in runs if run.note in notes and run.note not in waiting
        ]
        block.runs = [run for run in block.runs if not run.note or run.note in waiting]
        placed.append(block)
    placed += [each for label in waiting for each in notes.pop(label)]
    orphans = [replace(block, containers=block.containers[1:]) for group in notes.values() for block in group]
    for block in (*(each for each in placed if each.containers and each.containers[0].kind == "note"), *orphans):
        block.runs = [run for run in block.runs if not run.note]
    return [*placed, *orphans]
