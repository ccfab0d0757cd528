"""The typefaces that the PDF is set in: the workspace's own, those installed as packages, Typst's."""

import re
import unicodedata
from collections.abc import Iterable
from functools import lru_cache
from importlib.metadata import entry_points
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typst import Fonts, PDFStandard

STANDARDS: "list[PDFStandard]" = ["ua-1", "a-2a"]  # they refuse what no typeface has, and plain PDF leaves it blank
# Scripts without a fontpkg-* package come as our extras, from packages of Noto typefaces under the OFL: serif and sans
# for Japanese (12 MB); emoji in outlines, which PDF/A takes (7 MB); one sans for Chinese, Japanese and Korean (33 MB).
_JAPANESE, _EMOJI, _CJK = "newsletter-press[japanese]", "newsletter-press[emoji]", "newsletter-press[cjk]"
_MODULES = {_JAPANESE: "pylopdf_fonts_jp", _EMOJI: "manimgx_fonts", _CJK: "manimgx_fonts_cjk"}
# By the first word of a character's name in Unicode.
_PACKAGES: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(("CJK", "HIRAGANA", "KATAKANA", "IDEOGRAPHIC", "FULLWIDTH"), (_JAPANESE, _CJK)),
    **dict.fromkeys(("HANGUL", "BOPOMOFO"), (_CJK,)),
    "ARABIC": ("fontpkg-noto-sans-arabic",),
    "HEBREW": ("fontpkg-frank-ruhl-libre",),
    "DEVANAGARI": ("fontpkg-noto-sans-devanagari",),
    "KHMER": ("fontpkg-noto-sans-khmer",),
    "TAMIL": ("fontpkg-noto-sans-tamil",),
    "TELUGU": ("fontpkg-noto-sans-telugu",),
    "THAI": ("fontpkg-noto-sans-thai",),
}
_PICTURED = re.compile("[\u20e3\u2600-\u27bf\u2b00-\u2bff\ufe0f\U0001f000-\U0001faff]")  # emoji, or part of one


def load_typefaces(folder: Path) -> "Fonts":
    """Return all typefaces; `folder` is the workspace's fonts/, which need not be there."""
    own = tuple(
        (file, file.stat().st_mtime_ns)
        for file in sorted(folder.rglob("*"))
        if file.suffix.lower() in (".ttf", ".otf") and file.is_file()
    )
    return _load(folder if own else None, own)


@lru_cache(maxsize=2)
def _load(folder: Path | None, _files: tuple[tuple[Path, int], ...]) -> "Fonts":
    """Load typefaces, and keep them while the files are the same: loading takes longer than setting a page."""
    from typst import Fonts

    folders = [*([folder] if folder else []), *_list_installed()]
    return Fonts(include_system_fonts=False, font_paths=[str(path) for path in folders])


def _list_installed() -> Iterable[Path]:
    """Yield the folders of the installed font packages. None is imported: they hold data alone."""
    modules = [point.value for point in entry_points(group="fontpkg.family")]
    for module in sorted([*modules, *_MODULES.values()]):
        spec = find_spec(module)
        yield from (Path(folder) for folder in (spec.submodule_search_locations or () if spec else ()))


def find_lacking(wanted: Iterable[str], folder: Path) -> str:
    """Return the first choice among `wanted` when it is not installed; else ""."""
    first = next(iter(wanted), "")
    return "" if first.casefold() in {family.casefold() for family in load_typefaces(folder).families()} else first


def suggest_package(grapheme: str) -> str:
    """Return what to install for a grapheme that no typeface has; "" when that is not known, or is here already."""
    script = unicodedata.name(grapheme[0], "").split(" ")[0].split("-")[0]
    packages = (_EMOJI,) if _PICTURED.search(grapheme) else _PACKAGES.get(script, ())
    return next((package for package in packages if not find_spec(_find_module(package))), "")


def _find_module(package: str) -> str:
    return _MODULES.get(package) or package.replace("-", "_")
