"""How it looks: an Issue becomes its editions, each from the same span stream and a template."""

from newsletter.editions.context import EditionContext, Placer, beside
from newsletter.editions.html import email_sources, render_html
from newsletter.editions.pdf import render_pages, render_pdf
from newsletter.editions.pictures import Picture
from newsletter.editions.text import render_text
from newsletter.editions.web import render_web
from newsletter.field import FieldWriter, default_fields

__all__ = [
    "EditionContext",
    "FieldWriter",
    "Picture",
    "Placer",
    "beside",
    "default_fields",
    "email_sources",
    "render_html",
    "render_pages",
    "render_pdf",
    "render_text",
    "render_web",
]
