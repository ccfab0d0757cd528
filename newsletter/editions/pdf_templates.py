"""The PDF's templates, and the words of their own that they print, which are translated as data."""

import re
from collections.abc import Iterable
from pathlib import Path

from newsletter.editions.edition_context import EditionContext
from newsletter.editions.template_engine import find_template

# By the number of columns.
MAIN = {1: "edition.typ", 2: "edition-columns.typ"}
PARTS = ("edition-parts.typ", "edition-text.typ", "edition-sections.typ", "edition-emphasis.typ", "edition-words.typ")
_WORDS = re.compile(r'''\b(?:word|phrase)\(\s*"([^"\\]+)"''')


def list_pdf_templates(context: EditionContext) -> dict[str, Path]:
    """Return the templates that the PDF is made with by their names, the one that begins it first.

    Raises TemplateError.
    """
    names = (MAIN[context.config.pdf.columns], *PARTS)
    return {name: find_template(name, context.template_path) for name in names}


def find_printed_words(templates: Iterable[Path]) -> list[str]:
    """Return the English texts that templates ask for by `word` and `phrase`, each once, in their order."""
    texts = (path.read_text(encoding="utf-8-sig", errors="replace") for path in templates)
    return list(dict.fromkeys(words for text in texts for words in _WORDS.findall(text)))
