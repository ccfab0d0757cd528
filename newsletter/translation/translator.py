"""The translator of one publication: its language's catalogue, with the publication's own words on top."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from newsletter.translation.catalogue import Forms, list_words, read_catalogue
from newsletter.translation.languages import (
    find_direction,
    find_locale,
    is_english,
    joins_letters,
    list_catalogues,
)

_CATEGORIES = ("zero", "one", "two", "few", "many", "other")  # CLDR's plural categories, in gettext's order of forms


@dataclass(frozen=True, kw_only=True)
class Translator:
    """Words for readers in one language. A text that it has no translation of stays English.

    `language` is the publication's (BCP 47), `messages` the catalogue's translations by their English texts, and `own`
    the publication's own words, which come first.
    """

    language: str
    messages: Mapping[str, Forms] = field(default_factory=dict)
    own: Mapping[str, str] = field(default_factory=dict)

    def translate(self, english: str, **values: object) -> str:
        """Return a text in the publication's language, with `values` for its {placeholders}."""
        text = self.own.get(english) or self.messages.get(english, (english,))[0]
        return text.format(**values) if values else text

    def translate_plural(self, singular: str, plural: str, count: int) -> str:
        """Return the form of a text that goes with a number, which stands for {count} (CLDR's plural rules)."""
        forms = self.messages.get(singular)
        locale = find_locale(self.language) if forms else None
        if forms is None or locale is None:
            return self.translate(singular if count == 1 else plural, count=count)
        rule = locale.plural_form
        known = [name for name in _CATEGORIES if name in rule.tags or name == "other"]
        category = rule(count)
        own = self.own.get(singular if category == "one" else plural)
        return (own or forms[known.index(category)]).format(count=self.format_number(count))

    def format_number(self, number: float, decimals: int = 0) -> str:
        """Return a number as the language writes it, as in 1,2 and 1.2."""
        locale = None if is_english(self.language) else find_locale(self.language)
        if locale is None:
            return f"{number:.{decimals}f}"
        from babel.numbers import format_decimal

        return format_decimal(round(number, decimals), "#,##0." + "0" * decimals if decimals else "#,##0", locale)

    def list_untranslated(self) -> list[str]:
        """Return the English texts that stay English, since neither a catalogue nor the publication has them."""
        if is_english(self.language):
            return []
        return [
            forms[0]
            for forms in list_words()
            if forms[0] not in self.messages and not all(form in self.own for form in forms)
        ]

    @property
    def words_language(self) -> str:
        """Return the language of the words: the publication's, or English where nobody has translated them."""
        return self.language if self.messages or not self.list_untranslated() else "en"

    @property
    def joins_letters(self) -> bool:
        """Whether the publication's language joins its letters."""
        return joins_letters(self.language)

    @property
    def direction(self) -> Literal["ltr", "rtl"]:
        """Return the direction in which the words are written, which is not the publication's if they are English."""
        return find_direction(self.words_language)


ENGLISH = Translator(language="en")


def load_translator(language: str, own: Mapping[str, str]) -> Translator:
    """Return the translator for a publication's language, which reads its catalogue once."""
    if is_english(language):
        return Translator(language=language, own=own)
    messages: dict[str, Forms] = {}
    for name in reversed(list_catalogues(language)):
        messages |= read_catalogue(name)
    return Translator(language=language, messages=messages, own=own)
