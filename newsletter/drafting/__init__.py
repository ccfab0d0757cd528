"""The text of a draft as the program writes it: prose below `>-`, items added, a draft formatted."""

from newsletter.drafting.new_item import NewItem, add_item, compose_item
from newsletter.drafting.prose_layout import format_prose

__all__ = ["NewItem", "add_item", "compose_item", "format_prose"]
