"""Words that the program says to readers itself, in the publication's language.

`languages` says which catalogues a language's words are looked for in, `catalogue` reads one (gettext's .po, as
translators write it), and `translator` puts the publication's own words on top.
"""

from newsletter.translation.catalogue import list_words
from newsletter.translation.language_lookup import look_up_language
from newsletter.translation.languages import (
    describe_language,
    find_direction,
    find_locale,
    find_primary_language,
    is_known_language,
    name_language,
    suggest_language,
)
from newsletter.translation.own_words import find_word_faults
from newsletter.translation.size_words import write_size
from newsletter.translation.translator import ENGLISH, Translator, load_translator

__all__ = [
    "ENGLISH",
    "Translator",
    "describe_language",
    "find_direction",
    "find_locale",
    "find_primary_language",
    "find_word_faults",
    "is_known_language",
    "list_words",
    "load_translator",
    "look_up_language",
    "name_language",
    "suggest_language",
    "write_size",
]
