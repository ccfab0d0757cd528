"""The typefaces that the PDF is set in: the workspace's own, those installed as packages, Typst's."""

import unicodedata
from collections.abc import Iterable
from functools import lru_cache
from importlib.metadata import entry_points
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typst import Fonts

# Japanese has no fontpkg-* package; this one holds Noto Serif JP and Noto Sans JP under the OFL, and nothing else.
_JAPANESE = "pylopdf_fonts_jp"
_JAPANESE_EXTRA = "newsletter-press[japanese]"
_PACKAGES = {
    **dict.fromkeys(("CJK", "HIRAGANA", "KATAKANA", "IDEOGRAPHIC", "FULLWIDTH"), _JAPANESE_EXTRA),
    "ARABIC": "fontpkg-noto-sans-arabic",
    "HEBREW": "fontpkg-frank-ruhl-libre",
    "DEVANAGARI": "fontpkg-noto-sans-devanagari",
    "KHMER": "fontpkg-noto-sans-khmer",
    "TAMIL": "fontpkg-noto-sans-tamil",
    "TELUGU": "fontpkg-noto-sans-telugu",
    "THAI": "fontpkg-noto-sans-thai",
}


def typefaces(folder: Path) -> "Fonts":
    """All of them; `folder` is the workspace's fonts/, which need not be there."""
    own = tuple(
        (file, file.stat().st_mtime_ns)
        for file in sorted(folder.rglob("*"))
        if file.suffix.lower() in (".ttf", ".otf") and file.is_file()
    )
    return _loaded(folder if own else None, own)


@lru_cache(maxsize=2)
def _loaded(folder: Path | None, _files: tuple[tuple[Path, int], ...]) -> "Fonts":
    """Kept while the same files are there: looking through them takes longer than setting a page."""
    from typst import Fonts

    folders = [*([folder] if folder else []), *_installed()]
    return Fonts(include_system_fonts=False, font_paths=[str(path) for path in folders])


def _installed() -> Iterable[Path]:
    """Where the installed font packages keep their files. None is imported: they hold data alone."""
    modules = [point.value for point in entry_points(group="fontpkg.family")]
    for module in sorted([*modules, _JAPANESE]):
        spec = find_spec(module)
        yield from (Path(folder) for folder in (spec.submodule_search_locations or () if spec else ()))


def lacking(wanted: Iterable[str], folder: Path) -> str:
    """The first choice among `wanted`, when the PDF has to do without it; else ""."""
    first = next(iter(wanted), "")
    return "" if first.casefold() in {family.casefold() for family in typefaces(folder).families()} else first


def package_for(character: str) -> str:
    """What to install for a character that no typeface has; "" when that is not known, or is here already."""
    package = _PACKAGES.get(unicodedata.name(character, "").split(" ")[0].split("-")[0], "")
    module = _JAPANESE if package == _JAPANESE_EXTRA else package.replace("-", "_")
    return "" if not module or find_spec(module) else package
