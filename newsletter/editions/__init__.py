"""The editions of an issue: HTML, text, PDF and web page, each made of the same rich text by a template."""

from newsletter.editions.edition_context import EditionContext, Placer, place_beside
from newsletter.editions.html import list_email_templates, render_html
from newsletter.editions.pdf import render_pages, render_pdf
from newsletter.editions.pictures import Picture
from newsletter.editions.plaintext import render_text
from newsletter.editions.web import render_web
from newsletter.field import FieldWriter, write_default

__all__ = [
    "EditionContext",
    "FieldWriter",
    "Picture",
    "Placer",
    "list_email_templates",
    "place_beside",
    "render_html",
    "render_pages",
    "render_pdf",
    "render_text",
    "render_web",
    "write_default",
]
