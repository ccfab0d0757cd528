"""Rendering of a notice by its two templates, as the HTML and the plain text of a mail in the publication's look."""

from functools import partial
from html import escape
from typing import Any

from markupsafe import Markup

from newsletter.editions import EditionContext, Placer
from newsletter.editions.html import inline_styles
from newsletter.editions.mjml import convert_mjml
from newsletter.editions.plaintext_direction import mark_right_to_left
from newsletter.editions.plaintext_wrapping import finish_lines, underline, wrap
from newsletter.editions.template_engine import fill_template, find_template, refuse_open_blocks, template_error
from newsletter.transactional.notices import Notice

HTML_TEMPLATE, TEXT_TEMPLATE = "notice.mjml.j2", "notice.txt.j2"


def render_notice_html(context: EditionContext, notice: Notice, place: Placer) -> str:
    """Return the notice's HTML; `place` returns the logo's address in it.

    Raises TemplateError, also for a template that lacks the notice's links, and ConfigError for the logo.
    """
    mjml = fill_template(
        HTML_TEMPLATE,
        context.template_path,
        _list_values(context, notice) | {"logo": context.place_logo(place)},
        autoescape=True,
        filters={"with_contact": partial(_link_contact, context.config.publication.contact)},
        translator=context.translator,
    )
    refuse_open_blocks(mjml, HTML_TEMPLATE, context.template_path)
    html = inline_styles(convert_mjml(mjml, HTML_TEMPLATE, context.template_path))
    for link in _list_links(notice):
        _require_link(context, HTML_TEMPLATE, escape(link), html)
    return html


def render_notice_text(context: EditionContext, notice: Notice) -> str:
    """Return the notice's plain text, wrapped at 72 columns. Raises TemplateError as `render_notice_html` does."""
    text = fill_template(
        TEXT_TEMPLATE,
        context.template_path,
        _list_values(context, notice),
        autoescape=False,
        filters={"wrapped": wrap, "underline": underline},
        translator=context.translator,
    )
    for link in _list_links(notice):
        _require_link(context, TEXT_TEMPLATE, link, text)
    text = finish_lines(text)
    return mark_right_to_left(text) if context.config.publication.direction == "rtl" else text


def _list_values(context: EditionContext, notice: Notice) -> dict[str, Any]:
    config = context.config
    return {
        "publication": config.publication,
        "sender": config.sender,
        "theme": config.theme,
        "layout": config.layout,
        "notice": notice,
    }


def _link_contact(contact: str, text: str) -> Markup:
    """Return a text as HTML in which the publication's own address is a link."""
    address = escape(contact)
    return Markup(escape(text).replace(address, f'<a href="mailto:{address}">{address}</a>'))  # noqa: S704  # escaped


def _list_links(notice: Notice) -> list[str]:
    return [link for link in (notice.button and notice.button.link, notice.unsubscribe) if link]


def _require_link(context: EditionContext, template: str, link: str, rendered: str) -> None:
    """Refuse a restyled template without a link that the notice is sent for. Raises TemplateError."""
    if link not in rendered:
        raise template_error(
            find_template(template, context.template_path), 0, "it does not show notice.button or notice.unsubscribe"
        )
