"""Languages by their tags (BCP 47): direction, and the catalogues in which their words are looked for."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal

from newsletter.translation.catalogue import FOLDER

if TYPE_CHECKING:
    from babel import Locale

_RIGHT_TO_LEFT = {"ar", "dv", "fa", "he", "ps", "ur", "yi"}
_JOINED = {"ar", "fa", "ps", "ur"}  # written in the Arabic script
_TRADITIONAL = {"HK", "MO", "TW"}  # regions that write Chinese in the traditional script (CLDR, likelySubtags)


def find_primary_language(language: str) -> str:
    """Return a tag without script and region (RFC 5646, section 2.2.1), in small letters: `en` of `en-GB`."""
    return language.split("-")[0].lower()


def find_direction(language: str) -> Literal["ltr", "rtl"]:
    """Return the direction in which a language (BCP 47) is written."""
    return "rtl" if find_primary_language(language) in _RIGHT_TO_LEFT else "ltr"


def joins_letters(language: str) -> bool:
    """Return whether a language joins its letters, which space between them would tear apart (CSS Text, 8.3)."""
    return find_primary_language(language) in _JOINED


def is_english(language: str) -> bool:
    """Return whether a language is English of some region."""
    return find_primary_language(language) == "en"


def list_catalogues(language: str) -> tuple[str, ...]:
    """Return the names that a catalogue of a language's words may have, the nearest first: pt_PT, then pt.

    Portuguese of any region but Brazil is looked for as Portugal's first, and Chinese by its script (CLDR,
    parentLocales and likelySubtags).
    """
    parts = [_spell(part) for part in language.split("-")]
    main, more = parts[0].lower(), parts[1:]
    if main == "zh" and not {"Hans", "Hant"} & set(more):
        more = ["Hant" if _TRADITIONAL & set(more) else "Hans", *more]
    names = ["_".join([main, *more[:count]]) for count in range(len(more), -1, -1)]
    if main == "pt" and more and "BR" not in more:
        names.insert(-1, "pt_PT")
    return tuple(dict.fromkeys(names))


def _spell(part: str) -> str:
    """Return a subtag as BCP 47, section 2.1.1 recommends to write it: Hant, TW."""
    return part.capitalize() if len(part) == 4 else part.upper()


def find_locale(language: str) -> "Locale | None":
    """Return what Babel knows of a language; None for one that it has no data of.

    Babel is loaded for other languages than English: those need not wait for it.
    """
    from babel import Locale, UnknownLocaleError

    try:
        return Locale.parse(language, sep="-")
    except (ValueError, UnknownLocaleError):
        return None


def name_language(language: str) -> str:
    """Return a language's own name for itself, by CLDR, as in Deutsch and 日本語; its tag where Babel knows none."""
    locale = find_locale(language)
    name = locale.get_display_name(locale) if locale else None
    return f"{name[:1].upper()}{name[1:]}" if name else language


def describe_language(language: str) -> str:
    """Return a language's name in English, for editors, as in Japanese; the tag itself where Babel knows none."""
    locale = find_locale(language)
    return (locale.get_display_name("en") if locale else None) or _list_names().get(language, language)


def is_known_language(language: str) -> bool:
    """Return whether a tag's language may be one: CLDR names all of two letters, and not all of three."""
    main = language.split("-")[0]
    if len(main) != 2 or any(FOLDER.glob(f"{main}*.po")):  # for which Babel need not be loaded
        return True
    return find_locale(main) is not None or main in _list_names()


def suggest_language(text: str) -> str | None:
    """Return the tag that a text which is none may mean: `ja` for JA, for Japanese, and for the country's code jp."""
    from babel.languages import get_official_languages

    main, *more = text.replace("_", "-").split("-")
    tag = "-".join([main.lower(), *map(_spell, more)])
    if find_locale(tag) or tag in _list_names():
        return tag
    named = {name.lower(): each for each, name in _list_names().items()}
    spoken = named.get(text.lower()) or next(iter(get_official_languages(main.upper(), de_facto=True)), None)
    return spoken.replace("_", "-") if spoken else None


def _list_names() -> Mapping[str, str]:
    """Return the English names of languages by their tags, by CLDR."""
    from babel import Locale

    return Locale("en").languages
