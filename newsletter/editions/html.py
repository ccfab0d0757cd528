"""The HTML edition: Jinja fills the MJML template, MJML makes it responsive, premailer inlines the styles."""

import logging
from collections.abc import Callable
from pathlib import Path

from newsletter.editions.edition_context import EditionContext, Placer
from newsletter.editions.html_blocks import HtmlWriter
from newsletter.editions.mjml import convert_mjml
from newsletter.editions.template_engine import (
    fill_template,
    list_templates,
    refuse_open_blocks,
    require_word,
)
from newsletter.field import FieldWriter
from newsletter.issue.model import Issue

TEMPLATE = "email.mjml.j2"
_INBOX_LINE = 150  # characters: more than any inbox shows of subject and preheader


def render_html(context: EditionContext, issue: Issue, fields: FieldWriter, place: Placer) -> str:
    """Return the mail's HTML; `place` returns the address of a picture in it. Raises TemplateError."""
    return inline_styles(render_uninlined(context, issue, fields, place))


def render_uninlined(context: EditionContext, issue: Issue, fields: FieldWriter, place: Placer) -> str:
    """Return the mail's HTML as MJML makes it, with all styles in style sheets. Raises TemplateError."""
    return convert_mjml(fill_mjml(context, issue, fields, place), TEMPLATE, context.template_path)


def fill_mjml(context: EditionContext, issue: Issue, fields: FieldWriter, place: Placer) -> str:
    """Return the mail's MJML, as the template gives it. Raises TemplateError."""
    issue = context.typeset(issue)
    pictures, targets = context.picture_values(issue, place), context.link_targets(issue)
    writer = HtmlWriter(
        fields,
        context.config.publication.language,
        targets.in_email,
        pictures["picture"],
        is_email=True,
    )
    mjml = fill_template(
        TEMPLATE,
        context.template_path,
        autoescape=True,
        words=context.template_values(issue, fields) | pictures | {"reader": fields, "web_item": targets.whole_item},
        filters=make_filters(writer) | {"padding": _pad_preheader},
        translator=context.translator,
    )
    if issue.sections:
        require_word("issue.sections", "sections", TEMPLATE, context.template_path)
    refuse_open_blocks(mjml, TEMPLATE, context.template_path)
    return mjml


def list_email_templates(context: EditionContext) -> list[Path]:
    """Return the files that the mail's HTML is made from: the template, and what it includes."""
    return list_templates(TEMPLATE, context.template_path)


def make_filters(writer: HtmlWriter) -> dict[str, Callable[..., object]]:
    """Return the filters by which a template writes rich text as HTML.

    `text | inline` is for one line, `text | blocks` for each block as an element, and `link | address` for a link that
    stands by itself; `text | paragraphs` gives the words of each paragraph of a text that has nothing else.
    """
    return {
        "inline": writer.inline,
        "paragraphs": writer.paragraphs,
        "blocks": writer.blocks,
        "address": writer.address,
    }


def _pad_preheader(preheader: str) -> str:
    """Return invisible characters for the space behind a preheader, so that an inbox shows no text from below it.

    Inboxes fold plain spaces into one; they keep this pair, a combining grapheme joiner and a no-break space.
    """
    return "\u034f\u00a0" * max(0, _INBOX_LINE - len(preheader))


def inline_styles(html: str) -> str:
    """Write the style sheets' rules into the tags, for clients that drop style sheets; the sheets stay, too."""
    # premailer brings lxml and cssutils, a tenth of a second that only this edition should cost.
    from premailer import Premailer

    # premailer drops a doctype in small letters; without one, Outlook and browsers fall back to quirks.
    html = html.replace("<!doctype html>", "<!DOCTYPE html>", 1)
    return str(
        Premailer(
            html,
            keep_style_tags=True,  # media queries and dark mode live there
            strip_important=False,  # and win over inline styles by !important alone
            disable_basic_attributes=["width", "height", "bgcolor", "align"],  # MJML sets these as clients need them
            exclude_pseudoclasses=True,
            remove_classes=False,
            align_floating_images=False,
            disable_link_rewrites=True,
            disable_validation=True,
            allow_network=False,
            allow_loading_external_files=False,
            cssutils_logging_level=logging.CRITICAL,
        ).transform()
    )
