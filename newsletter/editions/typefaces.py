"""The typefaces that the PDF is set in: the workspace's own, those installed as packages, Typst's."""

import re
import struct
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from importlib.metadata import entry_points
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from newsletter.editions.scripts import SCRIPTS, Script, compile_letters, find_script, find_scripts
from newsletter.errors import Problem

if TYPE_CHECKING:
    from typst import Fonts, PDFStandard

STANDARDS: "list[PDFStandard]" = ["ua-1", "a-2a"]  # they refuse what no typeface has, and plain PDF leaves it blank
EMOJI = "Noto Emoji"
# They come with Typst, and have a little of many scripts: what is set in them looks like code, or like a formula.
_MAKESHIFT = ("DejaVu Sans Mono", "New Computer Modern", "New Computer Modern Math")
_COMING_ALONG = ("Source Serif 4", "Libertinus Serif")
# Emoji in outlines, which PDF/A takes, come as our extra (7 MB), from a package of Noto typefaces under the OFL.
# Another package has one sans for Chinese, Japanese and Korean, as some workspaces have installed it.
_EMOJI_PACKAGE = "newsletter-press[emoji]"
_MODULES = ("manimgx_fonts", "manimgx_fonts_cjk", *(script.module for script in SCRIPTS))
# Other scripts have fontpkg-* packages, by the first word of a character's name in Unicode.
_PACKAGES = {
    "KHMER": "fontpkg-noto-sans-khmer",
    "TAMIL": "fontpkg-noto-sans-tamil",
    "TELUGU": "fontpkg-noto-sans-telugu",
}
_PICTURED = re.compile("[\u20e3\u2600-\u27bf\u2b00-\u2bff\ufe0f\U0001f000-\U0001faff]")  # emoji, or part of one
_READ = (".ttf", ".otf", ".ttc", ".otc")
_UNREAD = (".woff", ".woff2", ".eot", ".pfb", ".dfont")
_NO_EMBEDDING = 0x0002  # OpenType's OS/2 table, fsType: Restricted License embedding
# What makes a publication's look one with serifs is the first of these among its typefaces.
_GENERIC = ("serif", "sans-serif", "monospace", "system-ui")


def load_typefaces(folder: Path) -> "Fonts":
    """Return all typefaces; `folder` is the workspace's fonts/, which need not be there."""
    own = tuple((file, file.stat().st_mtime_ns) for file in _list_files(folder, _READ))
    return _load(folder if own else None, own)


def _list_files(folder: Path, suffixes: tuple[str, ...]) -> list[Path]:
    return [file for file in sorted(folder.rglob("*")) if file.suffix.lower() in suffixes and file.is_file()]


@lru_cache(maxsize=2)
def _load(folder: Path | None, _files: tuple[tuple[Path, int], ...]) -> "Fonts":
    """Load typefaces, and keep them while the files are the same: loading takes longer than setting a page."""
    from typst import Fonts

    folders = [*([folder] if folder else []), *_list_installed()]
    return Fonts(include_system_fonts=False, font_paths=[str(path) for path in folders])


def _list_installed() -> Iterable[Path]:
    """Yield the folders of the installed font packages. None is imported: they hold data alone."""
    modules = [point.value for point in entry_points(group="fontpkg.family")]
    for module in sorted([*modules, *_MODULES]):
        spec = find_spec(module)
        yield from (Path(folder) for folder in (spec.submodule_search_locations or () if spec else ()))


def find_lacking(wanted: Iterable[str], folder: Path) -> str:
    """Return the first choice among `wanted` when it is not installed; else ""."""
    first = next(iter(wanted), "")
    return "" if first.casefold() in {family.casefold() for family in load_typefaces(folder).families()} else first


def select_families(wanted: tuple[str, ...], language: str, installed: Iterable[str]) -> list[str | Mapping[str, str]]:
    """Return the installed families in which a text of a language is set, the first choice first, as Typst takes them.

    Those that the publication wants come first, then those that come with the program, then one for each script, that
    of the language before the others and in the publication's look, with serifs or without. The makeshift ones are the
    last. Quotation marks, dashes and dots are full-width in Chinese and Japanese: no Latin typeface gives them.
    """
    known = {family.casefold(): family for family in installed}
    serif = next((name for name in wanted if name.casefold() in _GENERIC), "serif") != "sans-serif"
    own = find_script(language)
    scripts = [script for script in SCRIPTS if script is not own]
    order = (
        *(*wanted, _COMING_ALONG[0]),
        *(own.list_families(serif=serif) if own else ()),  # before Libertinus Serif, which has Hebrew
        *(_COMING_ALONG[1], *(family for script in scripts for family in script.list_families(serif=serif))),
    )
    named = [known[name.casefold()] for name in order if name.casefold() in known]
    others = sorted(set(known.values()) - {*named, *_MAKESHIFT, EMOJI})
    # Typst finds a keycap in Noto Emoji only where that is named: by itself it looks for a typeface with the digit.
    last = [known[name.casefold()] for name in (_MAKESHIFT[0], EMOJI) if name.casefold() in known]
    families = list(dict.fromkeys([*named, *others, *last]))
    if own is None or not own.has_full_width_signs or not set(own.families) & set(families):
        return list(families)
    whole = {*own.families, *last}
    return [family if family in whole else {"name": family, "covers": "latin-in-cjk"} for family in families]


def suggest_package(grapheme: str, language: str = "en") -> str:
    """Return what to install for a grapheme that no typeface has; "" when that is not known, or is here already.

    Chinese characters are those of the text's language, if that has some.
    """
    if _PICTURED.search(grapheme):
        return "" if find_spec(_MODULES[0]) else _EMOJI_PACKAGE
    scripts = find_scripts(grapheme, language)
    if not any(compile_letters(script.own).search(grapheme) for script in scripts if script.own):
        # Chinese characters, of which Japan's typefaces lack many, and Taiwan's some.
        scripts = [*scripts, *(script for script in SCRIPTS if scripts and script.shared)]
    for script in scripts:
        if not find_spec(script.module):
            return script.package
    name = unicodedata.name(grapheme[0], "").split(" ")[0].split("-")[0]
    package = _PACKAGES.get(name, "")
    return package if package and not find_spec(package.replace("-", "_")) else ""


def list_families_for(script: Script, families: Iterable[str]) -> list[str]:
    """Return the families that may be meant for a script: no makeshift ones, and none for another country's forms."""
    others = {family for other in SCRIPTS if other is not script and script.shared for family in other.families}
    return [family for family in families if family not in {*others, *_MAKESHIFT, EMOJI}]


def find_unusable_files(folder: Path) -> Iterator[Problem]:
    """Yield a problem for each file in fonts/ that is no typeface that a PDF can be set in."""
    for file in _list_files(folder, _UNREAD):
        yield _make_problem(
            file, f"{file.suffix} is no form that a PDF's typefaces come in", "Put its .ttf or .otf there."
        )
    if files := _list_files(folder, _READ):
        read = {Path(font.path) for font in load_typefaces(folder).fonts() if font.path}
        for file in (file for file in files if file not in read):
            yield _make_problem(
                file, "it can't be read as a typeface", "Copy it again from where it came, or take it out."
            )


def find_forbidden(families: Iterable[str], folder: Path) -> Iterator[Problem]:
    """Yield a problem for each file in fonts/ with one of those families whose licence lets no document hold it.

    PDF/A refuses such a typeface (ISO 19005-2, 6.2.11.4.1).
    """
    wanted = {family.casefold() for family in families}
    fonts = load_typefaces(folder).fonts() if folder.is_dir() else ()
    of_them = {Path(font.path) for font in fonts if font.path and font.family.casefold() in wanted}
    for file in sorted(file for file in of_them if file.is_relative_to(folder) and forbids_embedding(file)):
        yield _make_problem(
            file,
            "its licence forbids to embed it, and a PDF holds its typefaces",
            "Take it out, or ask its maker for a licence and a file that allow it.",
        )


def _make_problem(file: Path, message: str, next_step: str) -> Problem:
    return Problem(path=file, line=0, code="typeface", message=message, next_step=next_step)


def forbids_embedding(file: Path) -> bool:
    """Return whether a typeface's file says that documents may not hold it (OpenType, OS/2 table, fsType)."""
    with file.open("rb") as stream:
        begin = stream.read(12)
        if begin[:4] == b"ttcf":  # a collection: its first typeface speaks for all
            stream.seek(struct.unpack(">I", stream.read(4))[0])
            begin = stream.read(12)
        for entry in struct.iter_unpack(">4sIII", stream.read(16 * struct.unpack(">H", begin[4:6])[0])):
            if entry[0] == b"OS/2":
                stream.seek(entry[2] + 8)
                return bool(struct.unpack(">H", stream.read(2))[0] & 0x000F == _NO_EMBEDDING)
    return False
