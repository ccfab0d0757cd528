"""Lists of contents, which a draft's editions make themselves: they are taken out of a page's blocks."""

from newsletter.back_issues.page_text.page_blocks import PageBlock


def drop_contents(blocks: list[PageBlock]) -> list[PageBlock]:
    """Return blocks without a heading and a list below it whose entries are the headings of what follows, in order."""
    for at, block in enumerate(blocks):
        if block.kind != "heading":
            continue
        end = at + 1
        while end < len(blocks) and blocks[end].kind == "paragraph" and blocks[end].containers:
            end += 1
        entries = [each.words for each in blocks[at + 1 : end]]
        if len(entries) < 2:
            continue
        headings = iter(each.words for each in blocks[end:] if each.kind == "heading")
        if all(entry in headings for entry in entries):
            return [*blocks[:at], *blocks[end:]]
    return blocks
