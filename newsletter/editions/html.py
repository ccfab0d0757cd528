"""The HTML edition: Jinja fills the MJML template, MJML makes it responsive, premailer inlines the styles."""

import logging
from collections.abc import Callable
from html import escape
from pathlib import Path

from markupsafe import Markup

from newsletter.editions.edition_context import EditionContext, Placer
from newsletter.editions.mjml import convert_mjml
from newsletter.editions.template_engine import fill_template, list_templates, refuse_open_blocks
from newsletter.field import FieldWriter
from newsletter.issue.blocks import Link, RichText, Spans, TextRun, runs_of
from newsletter.issue.model import Issue

TEMPLATE = "email.mjml.j2"
_INBOX_LINE = 150  # characters: more than any inbox shows of subject and preheader


def render_html(context: EditionContext, issue: Issue, fields: FieldWriter, place: Placer) -> str:
    """Return the mail's HTML; `place` returns the address of a picture in it. Raises TemplateError."""
    return inline_styles(render_uninlined(context, issue, fields, place))


def render_uninlined(context: EditionContext, issue: Issue, fields: FieldWriter, place: Placer) -> str:
    """Return the mail's HTML as MJML makes it, with all styles in style sheets. Raises TemplateError."""
    mjml = fill_template(
        TEMPLATE,
        context.template_path,
        autoescape=True,
        words=context.template_values(issue, fields) | context.picture_values(issue, place) | {"reader": fields},
        filters=make_filters(fields) | {"padding": _pad_preheader},
    )
    refuse_open_blocks(mjml, TEMPLATE, context.template_path)
    return convert_mjml(mjml, TEMPLATE, context.template_path)


def list_email_templates(context: EditionContext) -> list[Path]:
    """Return the files that the mail's HTML is made from: the template, and what it includes."""
    return list_templates(TEMPLATE, context.template_path)


def make_filters(fields: FieldWriter) -> dict[str, Callable[[RichText], object]]:
    """Return the filters by which a template writes rich text as HTML: `text | inline`, and `text | paragraphs`."""
    return {
        "inline": lambda text: _write_inline(text, fields),
        "paragraphs": lambda text: _write_paragraphs(text, fields),
    }


def _pad_preheader(preheader: str) -> str:
    """Return invisible characters for the space behind a preheader, so that an inbox shows no text from below it.

    Inboxes fold plain spaces into one; they keep this pair, a combining grapheme joiner and a no-break space.
    """
    return "\u034f\u00a0" * max(0, _INBOX_LINE - len(preheader))


def _write_inline(text: RichText, fields: FieldWriter) -> Markup:
    return Markup("<br>").join(_write_paragraph(paragraph, fields) for paragraph in text.paragraphs)


def _write_paragraphs(text: RichText, fields: FieldWriter) -> list[Markup]:
    return [_write_paragraph(paragraph, fields) for paragraph in text.paragraphs]


def _write_paragraph(spans: Spans, fields: FieldWriter) -> Markup:
    return Markup("").join(
        _write_link(span, fields)
        if isinstance(span, Link)
        else Markup("").join(_write_run(run, fields) for run in runs_of(span))
        for span in spans
    )


def _write_link(link: Link, fields: FieldWriter) -> Markup:
    inside = Markup("").join(_write_run(run, fields) for run in link.runs)
    return Markup('<a href="{}">{}</a>').format(link.to(fields), inside)


def _write_run(run: TextRun, fields: FieldWriter) -> Markup:
    text = fields(run.field, run.text) if run.field else run.text
    html = escape(text)
    if run.code:
        html = f'<code dir="ltr">{html}</code>'  # a word of code is itself within a right-to-left sentence, too
    for tag, on in (("em", run.emphasis), ("strong", run.strong)):
        if on:
            html = f"<{tag}>{html}</{tag}>"
    return Markup(html)  # noqa: S704  # escaped above, tags of ours around it


def inline_styles(html: str) -> str:
    """Write the style sheets' rules into the tags, for clients that drop style sheets; the sheets stay, too."""
    # premailer brings lxml and cssutils, a quarter of a second that only this edition should cost.
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
