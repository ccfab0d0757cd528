"""The text of a draft as the program writes it: prose below `>-`, items added, drafts formatted or to be translated."""

from newsletter.drafting.formatted_draft import format_draft
from newsletter.drafting.new_item import NewItem, add_item, compose_item
from newsletter.drafting.new_translation import compose_translation
from newsletter.drafting.pasted_signs import MendedDraft, mend_draft
from newsletter.drafting.prose_layout import format_prose

__all__ = [
    "MendedDraft",
    "NewItem",
    "add_item",
    "compose_item",
    "compose_translation",
    "format_draft",
    "format_prose",
    "mend_draft",
]
