"""Scripts that the bundled typefaces lack: their letters, typefaces, extras, and how words are emphasised in them."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from newsletter.translation.languages import list_catalogues

# Dots beside each letter, or bold letters: neither the scripts nor their typefaces have italics, and a browser that
# has none slants the upright letters.
Emphasis = Literal["slant", "dots", "weight"]

# Characters, as the inside of a regular expression's [...], here and in Typst alike.
_HAN = (
    r"\u{2e80}-\u{2fdf}\u{3005}-\u{3007}\u{3021}-\u{3029}\u{3400}-\u{4dbf}\u{4e00}-\u{9fff}\u{f900}-\u{faff}"
    r"\u{20000}-\u{3ffff}"
)
_KANA = r"\u{3040}-\u{30ff}\u{31f0}-\u{31ff}\u{ff66}-\u{ff9f}"
_BOPOMOFO = r"\u{3105}-\u{312f}\u{31a0}-\u{31bf}"
_HANGUL = r"\u{1100}-\u{11ff}\u{3130}-\u{318f}\u{a960}-\u{a97f}\u{ac00}-\u{d7ff}"
_ARABIC = r"\u{600}-\u{6ff}\u{750}-\u{77f}\u{8a0}-\u{8ff}\u{fb50}-\u{fdff}\u{fe70}-\u{fefc}"
_HEBREW = r"\u{590}-\u{5ff}\u{fb1d}-\u{fb4f}"
_THAI = r"\u{e00}-\u{e7f}"
_DEVANAGARI = r"\u{900}-\u{97f}\u{a8e0}-\u{a8ff}"
# Korean has dots too, and hardly uses them. Of the other scripts, none has ever had italics, and all have bold.
DOTTED, WEIGHTED = f"{_HAN}{_KANA}{_BOPOMOFO}", f"{_HANGUL}{_ARABIC}{_HEBREW}{_THAI}{_DEVANAGARI}"


def compile_letters(letters: str) -> re.Pattern[str]:
    """Return the expression for one of some letters, which are given as for Typst."""
    return re.compile(
        "[" + re.sub(r"\\u\{([0-9a-f]+)\}", lambda match: re.escape(chr(int(match[1], 16))), letters) + "]"
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Script:
    """A script, as one language or several write it: Chinese characters have other forms in Japan and in Taiwan.

    `own` are letters that no other script of the table has, `shared` those that others have in forms of theirs.
    `families` are typefaces for it, the ones with serifs first. `has_full_width_signs` is true where quotation marks,
    dashes and dots are as wide as its letters; in Korean they are not.
    """

    name: str
    extra: str
    module: str
    languages: tuple[str, ...]
    families: tuple[str, ...]
    own: str = ""
    shared: str = ""
    has_full_width_signs: bool = False

    @property
    def package(self) -> str:
        """Return what to install for it."""
        return f"newsletter-press[{self.extra}]"

    def list_families(self, *, serif: bool) -> list[str]:
        """Return its typefaces, those of the wanted look first."""
        return sorted(self.families, key=lambda family: ("Sans" in family) == serif)


# All under the SIL Open Font License 1.1, which lets anybody embed them; by the Noto project, but for Amiri.
SCRIPTS = (
    Script(
        name="Japanese", extra="japanese", module="pylopdf_fonts_jp", languages=("ja",), own=_KANA, shared=_HAN,
        families=("Noto Serif JP", "Noto Serif CJK JP", "Noto Sans JP", "Noto Sans CJK JP"), has_full_width_signs=True,
    ),
    Script(
        name="Simplified Chinese", extra="chinese", module="pylopdf_fonts_zh_cn", languages=("zh_Hans",), shared=_HAN,
        families=("Noto Serif SC", "Noto Serif CJK SC", "Noto Sans SC", "Noto Sans CJK SC"), has_full_width_signs=True,
    ),
    Script(
        name="Traditional Chinese", extra="chinese", module="pylopdf_fonts_zh_tw", languages=("zh_Hant",),
        own=_BOPOMOFO, shared=_HAN,
        families=("Noto Serif TC", "Noto Serif CJK TC", "Noto Sans TC", "Noto Sans CJK TC", "Noto Sans CJK HK"),
        has_full_width_signs=True,
    ),
    Script(
        name="Korean", extra="korean", module="pylopdf_fonts_ko", languages=("ko",), own=_HANGUL, shared=_HAN,
        families=("Noto Serif KR", "Noto Serif CJK KR", "Noto Sans KR", "Noto Sans CJK KR"),
    ),
    Script(
        # Noto's Arabic sets dots apart from their letters, so that a PDF's words can't be searched for or copied.
        name="Arabic", extra="arabic", module="fontpkg_amiri", languages=("ar", "fa", "ps", "ur"), own=_ARABIC,
        families=("Amiri",),
    ),
    Script(
        name="Hebrew", extra="hebrew", module="pylopdf_fonts_he", languages=("he", "yi"), own=_HEBREW,
        families=("Noto Serif Hebrew", "Frank Ruhl Libre", "Noto Sans Hebrew"),
    ),
    Script(
        name="Thai", extra="thai", module="pylopdf_fonts_th", languages=("th",), own=_THAI,
        families=("Noto Serif Thai", "Noto Sans Thai"),
    ),
    Script(
        name="Devanagari", extra="devanagari", module="pylopdf_fonts_hi", languages=("hi", "mr", "ne", "sa"),
        own=_DEVANAGARI, families=("Noto Serif Devanagari", "Noto Sans Devanagari"),
    ),
)  # fmt: skip
_PIECES = re.compile(
    "|".join(
        rf"(?P<{name}>{letters}(?:[\W\d_]*{letters})*)"
        for name, letters in (("dots", compile_letters(DOTTED).pattern), ("weight", compile_letters(WEIGHTED).pattern))
    )
)
_LETTER = re.compile(r"[^\W\d_]")


def find_script(language: str) -> Script | None:
    """Return the script of the table that a language (BCP 47) is written in; None for the others, such as Latin."""
    names = list_catalogues(language)
    return next((script for script in SCRIPTS if set(script.languages) & set(names)), None)


def has_italics(language: str) -> bool:
    """Return whether a language emphasises words by italics."""
    return find_script(language) is None


def find_scripts(text: str, language: str) -> list[Script]:
    """Return the scripts of the table that a text of a language is written in.

    Chinese characters are taken for those of the language or, where that has none, of Japanese if the text has kana.
    """
    own = find_script(language)
    found = [script for script in SCRIPTS if script.own and compile_letters(script.own).search(text)]
    if compile_letters(_HAN).search(text) and not any(script.shared for script in found):
        found.append(own if own and own.shared else SCRIPTS[0])
    return [own, *(script for script in found if script is not own)] if own in found and own else found


def split_emphasis(text: str) -> Iterator[tuple[str, Emphasis]]:
    """Yield an emphasised text in pieces, each with what makes the emphasis seen in the script that it is written in.

    It goes by the letters and not by the language: an English sentence emphasises a Japanese name by dots, and a
    Japanese one an English name by italics. Signs and digits between letters of one script go with those.
    """
    end = 0
    for match in _PIECES.finditer(text):
        if match.start() > end:
            yield text[end : match.start()], "slant"
        yield match[0], "dots" if match["dots"] else "weight"
        end = match.end()
    if end < len(text):
        yield text[end:], "slant"


def is_all(text: str, emphasis: Emphasis) -> bool:
    """Return whether all letters of a text are emphasised in one way."""
    return all(way == emphasis or not _LETTER.search(piece) for piece, way in split_emphasis(text))
