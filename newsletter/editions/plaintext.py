"""The plaintext edition: a template over the same issue, with wrapped lines and numbered links."""

from functools import partial

from newsletter.editions.edition_context import EditionContext
from newsletter.editions.link_targets import LinkTargets
from newsletter.editions.plaintext_blocks import PlaintextWriter
from newsletter.editions.plaintext_direction import mark_right_to_left
from newsletter.editions.plaintext_wrapping import count_columns, fill_columns, finish_lines, underline, wrap
from newsletter.editions.template_engine import fill_template, require_word
from newsletter.field import FieldWriter
from newsletter.issue.model import Issue

TEMPLATE = "email.txt.j2"


def render_text(context: EditionContext, issue: Issue, fields: FieldWriter) -> str:
    """Return the mail's plain text: wrapped at 72 columns, its links as numbered notes below each text."""
    issue = context.typeset(issue)
    writer = PlaintextWriter(fields, partial(_find_note, context.link_targets(issue), fields), context.translator)
    text = fill_template(
        TEMPLATE,
        context.template_path,
        autoescape=False,
        words=context.template_values(issue, fields)
        | {"reader": fields, "notes": writer.take_notes, "footnotes": writer.take_links},
        filters={
            "plain": writer.plain,
            "paragraphs": writer.paragraphs,
            "prose": writer.prose,
            "link": writer.link,
            "number": writer.number,
            "wrapped": wrap,
            "underline": underline,
            "columns": fill_columns,
            "count_columns": count_columns,
        },
        translator=context.translator,
    )
    if issue.sections:
        require_word("issue.sections", "sections", TEMPLATE, context.template_path)
    text = finish_lines(text)
    return mark_right_to_left(text) if context.config.publication.direction == "rtl" else text


def _find_note(targets: LinkTargets, fields: FieldWriter, href: str) -> str | None:
    """Return what the note of a link says: its address, or an item's number and headline, which are in this text."""
    if targets.names_item(href):
        place = targets.find_item(href)
        return f"{place}. {targets.issue.all_items[place - 1].headline.plain(fields)}" if place else None
    return targets.whole(href) or href
