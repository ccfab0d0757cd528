"""The check of pictures' descriptions: what a screen reader says twice, or says anyway."""

import re
from collections.abc import Iterator

from newsletter.checks.draft_report import Finding
from newsletter.checks.pictures import find_file_names_as_alt
from newsletter.checks.prose.checked_prose import CheckedProse
from newsletter.issue.blocks import PictureBlock, write_words
from newsletter.text import quote_text

# A screen reader says "image" before it reads the description. That it is a drawing or a map is news.
_BEGINNINGS: dict[str, str] = {
    "en": r"(?:an? |the |this )?(?:image|picture|photo|photograph|pic|graphic)(?: (?:of|showing|that shows|shows)\b|:)",
    "de": r"(?:ein |das )?(?:bild|foto)(?: (?:von|zeigt)\b|:)",
    "fr": r"(?:une? |l['’]|la )?(?:image|photo|photographie)(?: (?:de|du|des|montrant)\b| d['’]|:)",
    "es": r"(?:una? |la )?(?:imagen|foto|fotografía)(?: (?:de|del)\b|:)",
    "it": r"(?:un['’]? ?|l['’]|la )?(?:immagine|foto)(?: (?:di|del|della)\b|:)",
}
_REDUNDANT = {language: re.compile(words, re.IGNORECASE) for language, words in _BEGINNINGS.items()}


def find_poor_alt_texts(prose: CheckedProse) -> Iterator[Finding]:
    """Find descriptions that are a file's name, that the caption repeats, or that begin with "image of"."""
    if prose.issue is None:
        return
    yield from find_file_names_as_alt(prose.source, prose.issue)
    for passage in prose.passages:
        beginning = _REDUNDANT.get(passage.primary_language)
        if passage.kind == "alt" and beginning and (match := beginning.match(passage.text)):
            yield prose.note(
                passage,
                0,
                code="alt",
                message=f"the description begins with {quote_text(match[0].rstrip(':'))}, which a screen reader says "
                "by itself",
                next_step="Begin with what is to be seen.",
            )
    for image in prose.issue.images():
        caption = write_words(image.caption) if isinstance(image, PictureBlock) else None
        if not isinstance(image, PictureBlock) and image.caption:
            caption = image.caption.plain()
        if caption and _normalise(caption) == _normalise(image.alt):
            problem = prose.source.at_value(
                "alt",
                image.alt,
                code="alt",
                message="the description says what the caption says, so that a screen reader reads it twice",
                next_step="Write what is to be seen, and leave to the caption who or what it is.",
            )
            yield Finding(problem, note=True)


def _normalise(words: str) -> str:
    return " ".join(re.findall(r"\w+", words.casefold()))
