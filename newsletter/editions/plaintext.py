"""The plaintext edition: a template over the same issue, with wrapped lines and numbered links."""

from newsletter.editions.edition_context import EditionContext
from newsletter.editions.plaintext_blocks import PlaintextWriter
from newsletter.editions.plaintext_wrapping import finish_lines, underline, wrap
from newsletter.editions.template_engine import fill_template
from newsletter.field import FieldWriter
from newsletter.issue.model import Issue

TEMPLATE = "email.txt.j2"


def render_text(context: EditionContext, issue: Issue, fields: FieldWriter) -> str:
    """Return the mail's plain text: wrapped at 72 columns, its links as numbered notes below each text."""
    writer = PlaintextWriter(fields)
    text = fill_template(
        TEMPLATE,
        context.template_path,
        autoescape=False,
        words=context.template_values(issue, fields) | {"reader": fields, "notes": writer.take_notes},
        filters={
            "plain": writer.plain,
            "paragraphs": writer.paragraphs,
            "prose": writer.prose,
            "link": writer.link,
            "number": writer.number,
            "wrapped": wrap,
            "underline": underline,
        },
    )
    return finish_lines(text)
