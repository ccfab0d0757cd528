"""The text of a draft as the program writes it: prose below `>-`, items added, a draft formatted."""

from newsletter.drafting.formatted_draft import format_draft
from newsletter.drafting.new_item import NewItem, add_item, compose_item
from newsletter.drafting.pasted_signs import MendedDraft, mend_draft
from newsletter.drafting.prose_layout import format_prose

__all__ = ["MendedDraft", "NewItem", "add_item", "compose_item", "format_draft", "format_prose", "mend_draft"]
