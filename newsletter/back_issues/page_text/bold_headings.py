"""Headings of documents that have no style for them: short paragraphs in bold."""

from newsletter.back_issues.page_text.page_blocks import BREAK, PageBlock

_LONGEST = 120  # characters of a heading
_ENDS = (".", ",", ";", "。")


def mark_bold_headings(blocks: list[PageBlock]) -> list[PageBlock]:
    """Make headings of bold lines that stand for themselves, one level below the headings that there are."""
    levels = [block.level for block in blocks if block.kind == "heading" and block.level > 1]
    level = min(max(levels, default=1) + 1, 6)
    for number, block in enumerate(blocks):
        if _is_bold_line(block) and any(each.kind != "heading" for each in blocks[number + 1 : number + 2]):
            block.kind, block.level = "heading", level
            block.runs = [run._replace(style=run.style._replace(strong=False)) for run in block.runs]
    return blocks


def _is_bold_line(block: PageBlock) -> bool:
    if block.kind != "paragraph" or block.containers:
        return False
    words = block.words
    return (
        0 < len(words) <= _LONGEST
        and not words.endswith(_ENDS)
        and all(run.style.strong or not run.text.strip() for run in block.runs)
        and not any(run.text == BREAK or run.note for run in block.runs)
        and any(not run.style.href and run.text.strip() for run in block.runs)  # a link alone is a button
    )
