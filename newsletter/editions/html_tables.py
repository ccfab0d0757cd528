"""Tables of a text as HTML, which on a phone keep their short words whole and are scrolled sideways where they must."""

from collections.abc import Callable

from markupsafe import Markup

from newsletter.issue.blocks import Spans, TableBlock, write_words

# In letters: a word that is broken in a cell where there is no room, what stands between two columns, and what the
# narrowest phone has room for.
_LONG_WORD, _GAP, _PHONE = 18, 1.5, 30
# Returns the HTML of a cell's words.
InlineWriter = Callable[[Spans], Markup]


def write_table(block: TableBlock, inline: InlineWriter, *, is_email: bool) -> Markup:
    """Return a table with a row of headers, each of which says that it is its column's."""
    head = _write_row(block.header, block, "th", Markup(' scope="col"'), inline)
    rows = [_write_row(row, block, "td", Markup(""), inline) for row in block.rows]
    plain = Markup(' cellpadding="0" cellspacing="0" border="0" width="100%"') if is_email else Markup("")
    table = Markup('<table class="data"{}>\n<thead>\n{}\n</thead>\n<tbody>\n{}\n</tbody>\n</table>').format(
        plain, head, Markup("\n").join(rows)
    )
    if not _is_wide(block):
        return table
    wide = Markup('<div class="wide" tabindex="0">\n{}\n</div>').format(table)  # to be scrolled by keys
    if not is_email:
        return wide
    # Within the mail's own tables, only one of a fixed layout is not widened by what it holds.
    return Markup(
        '<table class="frame" role="presentation" cellpadding="0" cellspacing="0" border="0" width="100%"><tr>'
        "<td>{}</td></tr></table>"
    ).format(wide)


def _write_row(cells: tuple[Spans, ...], block: TableBlock, tag: str, scope: Markup, inline: InlineWriter) -> Markup:
    written = Markup("")
    for cell, alignment in zip(cells, block.alignments, strict=True):
        long = "long" if _measure_longest_word(cell) > _LONG_WORD else ""
        names = " ".join(name for name in (alignment, long) if name)
        classes = Markup(' class="{}"').format(names) if names else Markup("")
        written += Markup("<{0}{1}{2}>{3}</{0}>").format(tag, scope, classes, inline(cell))
    return Markup("<tr>{}</tr>").format(written)


def _is_wide(block: TableBlock) -> bool:
    """Return whether a table may be wider than a phone, so that it has to be scrolled sideways."""
    columns = zip(block.header, *block.rows, strict=True)
    letters = (min(_LONG_WORD, max(map(_measure_longest_word, column))) for column in columns)
    return sum(_GAP + count for count in letters) > _PHONE


def _measure_longest_word(cell: Spans) -> int:
    """Return the length of a cell's longest word, which is not broken unless it is a long one."""
    return max((len(word) for word in write_words(cell).split()), default=0)
