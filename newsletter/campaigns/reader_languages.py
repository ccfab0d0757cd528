"""The language that each reader gets an issue in: the one they asked for, or what stands in for it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from newsletter.config import Config
from newsletter.subscribers.subscriber import find_language
from newsletter.translation import look_up_language

_REMEMBERED = 10_000  # different texts in the language column
_SHOWN = 35  # characters of one (RFC 5646, section 4.4.1)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReaderLanguage:
    """Language that a reader gets, empty for the publication's own, and the one that they `asked` for in its place.

    That is empty when they get what they asked for, and None when nothing is known of what they read.
    """

    language: str
    asked: str | None = ""


class LanguageChooser:
    """Chooses among the languages that an issue has a draft in.

    `translations` are those beside the publication's own. Who asks for none of them gets [list] fallback_language, and
    who asks for nothing [list] default_language; where the issue has no draft in that one, its main draft.
    """

    def __init__(self, config: Config, translations: Sequence[str]) -> None:
        self._own = config.publication.language
        self._translations = frozenset(translations)
        self._available = [tag for tag in config.languages if tag == self._own or tag in self._translations]
        settings = config.subscriber_list
        self._unknown = ReaderLanguage(language=self._find(settings.default_language), asked=None)
        self._fallback = self._find(settings.fallback_language)
        self._known: dict[str, ReaderLanguage] = {}

    def choose(self, fields: Mapping[str, str]) -> ReaderLanguage:
        """Return the language for a reader with these fields of the list."""
        if not self._translations:
            return _OWN
        text = find_language(fields)
        if (known := self._known.get(text)) is None:
            known = self._choose(text)
            if len(self._known) < _REMEMBERED:
                self._known[text] = known
        return known

    def choose_tag(self, fields: Mapping[str, str]) -> str:
        """Return the language alone, empty for the publication's own."""
        return self.choose(fields).language

    def _choose(self, text: str) -> ReaderLanguage:
        if not text:
            return self._unknown
        found = look_up_language(text, self._available)
        if found is None:
            return ReaderLanguage(language=self._fallback, asked=text[:_SHOWN])
        return ReaderLanguage(language=self._find(found))

    def _find(self, tag: str | None) -> str:
        """Return a language that a setting names as it is frozen: empty for the own, or where there is no draft."""
        return tag if tag and tag != self._own and tag in self._translations else ""


_OWN = ReaderLanguage(language="")
