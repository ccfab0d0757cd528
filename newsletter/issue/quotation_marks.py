"""Quotation marks and dashes of languages, from the Unicode CLDR, whose licence is quotation_marks.LICENSE."""

from dataclasses import dataclass
from functools import cache

# `delimiters` of CLDR 48.2 (npm package cldr-misc-full), by the marks: those of a quotation, and of one within it.
# Where CLDR has ‘ ’ first, the order is turned, since an editor who types " means two strokes. CLDR has French and
# Dutch marks alike for both levels; here the second differs. Switzerland's are those of its Federal Chancellery.
_LANGUAGES = {
    "«»“”": "ast blo bm br ca cv dyo el es-US eu ewo fr fr-CA ie it kab kk lij mg mua nnh oc pms pt-AO pt-CH pt-CV "
    "pt-GQ pt-GW pt-LU pt-MO pt-MZ pt-PT pt-ST pt-TL sc sg ti",
    "„“‚‘": "bs-Cyrl cs de dsb et hr hsb is ksh lb luy mk nds sk sl",
    "«»‹›": "am az-Arab az-Cyrl de-CH de-LI fa fr-CH gsw it-CH jgo kkj mzn rm sdh wae",
    "«»„“": "bas be bua ky os ru sah tyv uk",
    "””’’": "fi he lag rn se sn sv yi",
    "«»‘’": "dua el-polyton ksf nb nn no rw",
    "”“’‘": "ar lld ms-Arab syr ur",
    "«»«»": "ht hy yav",
    "„“„“": "bg lt prg sgs",
    "「」『』": "ja yue zh-Hant zh-HK zh-MO zh-TW",
    "„”«»": "nmg pl ro",
    "„”‚’": "agq ff",
    "„”»«": "hu szl",
    "»«›‹": "kk-Arab ug",
    "«»„”": "shi zgh",
    "„”‘’": "bs",
    "“”«»": "eo",
    "„“«»": "ka",
    "„”’’": "sr",
    "“”’‘": "uz",
}
_ENGLISH = "“”‘’"  # CLDR's marks of every other language, too
_MARKS = {tag.casefold(): marks for marks, tags in _LANGUAGES.items() for tag in tags.split()}
# Languages whose dash between parts of a sentence is the long one: the Ortografía of the RAE for Spanish, the rules of
# Russian and Ukrainian orthography for theirs. The others have the short one.
_LONG_DASH = {"be", "bg", "ca", "es", "gl", "kk", "ky", "pt", "ru", "uk"}
# Words that begin with an apostrophe, besides years and decades.
_SHORTENED = {
    "en": "tis|twas|twere|twill|em|n|til|twixt",
    "nl": "t|s|n|m|k|ns|r|tis",
    "af": "n|t|k",
    "de": "ne|n|nen|nem|ner|nes|s|m|ran|rein|raus|rum",
    "it": "sto|sta|sti|ste",
    "cy": "n|r|i|u|w|m|na|ma",
}


@dataclass(frozen=True, slots=True)
class QuotationMarks:
    """The marks of a language: those in the place of ", and those in the place of ' or within the others.

    `dash` parts a sentence, `shortened` are words that begin with an apostrophe, as a regular expression, and `spaced`
    signs that have a narrow space before them.
    """

    double: tuple[str, str]
    single: tuple[str, str]
    dash: str = "–"
    shortened: str = ""
    spaced: str = ""


@cache
def find_marks(language: str) -> QuotationMarks:
    """Return the marks of a language (BCP 47), those of its region if it has its own; English ones if unknown."""
    parts = language.casefold().split("-")
    name = parts[0]
    tags = ["-".join(parts[:length]) for length in range(len(parts), 0, -1)]
    if len(parts) > 2:
        tags.insert(1, f"{name}-{parts[-1]}")
    marks = next((_MARKS[tag] for tag in tags if tag in _MARKS), _ENGLISH)
    return QuotationMarks(
        double=(marks[0], marks[1]),
        single=(marks[2], marks[3]),
        dash="—" if name in _LONG_DASH else "–",
        shortened=_SHORTENED.get(name, ""),
        spaced="" if name != "fr" else ":" if "ca" in parts else ":;!?",
    )
