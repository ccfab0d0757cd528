"""How it looks: an Issue becomes its editions, each from the same span stream and a template."""

from newsletter.editions.html import render_html
from newsletter.editions.pdf import render_pdf
from newsletter.editions.press import FieldWriter, Press, default_fields
from newsletter.editions.text import render_text

__all__ = ["FieldWriter", "Press", "default_fields", "render_html", "render_pdf", "render_text"]
