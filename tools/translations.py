"""The catalogues of the words that readers see: their template, made from templates and code, and each language's file.

    make translations

Writes newsletter/translation/catalogues/newsletter.pot anew, and brings each .po beside it up to date: a text that is
new has an empty translation there, one that is gone is taken out. A translator fills in the empty ones, in any editor
of gettext's catalogues.
"""

import re
from collections.abc import Iterable, Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_file
from babel.messages.pofile import read_po, write_po

ROOT = Path(__file__).parent.parent
FOLDER = ROOT / "newsletter/translation/catalogues"
TEMPLATE = FOLDER / "newsletter.pot"
PARTIAL = ("pt_PT",)  # holds only what differs from the catalogue that it falls back to
_KEYWORDS: dict[str, Any] = {"_": None, "translate": None, "ngettext": (1, 2), "translate_plural": (1, 2)}
_TYPST = re.compile(r'\b(?:word|phrase)\(\s*"([^"\\]+)"')
_NOTE = "Translators:"
_HEADER = """\
# Words that readers see, {of}.
# A text in {{braces}} is filled in: keep its name as it is, and put it where the language has it.
#
msgid ""
msgstr ""
"Project-Id-Version: newsletter-press\\n"
"Language: {language}\\n"
"MIME-Version: 1.0\\n"
"Content-Type: text/plain; charset=utf-8\\n"
"Content-Transfer-Encoding: 8bit\\n"
{plural}
"""


def main() -> None:
    template = extract_texts()
    TEMPLATE.write_text(write_catalogue(template, "to be translated", ""), encoding="utf-8")
    for path in sorted(FOLDER.glob("*.po")):
        path.write_text(renew_catalogue(path, template), encoding="utf-8")
        empty = sum(1 for message in read_catalogue(path) if message.id and not any(_list_forms(message.string)))
        print(f"{path.relative_to(ROOT)}: {'all is translated' if not empty else f'{empty} to be translated'}")


def extract_texts() -> Catalog:
    """Return all texts that templates and code have translated, by the files that they stand in."""
    catalog = Catalog(charset="utf-8")
    for path in _list_sources():
        for text, notes in _find_texts(path):
            catalog.add(text, locations=[(path.relative_to(ROOT).as_posix(), 0)], auto_comments=notes)
    return catalog


def _list_sources() -> list[Path]:
    templates = [path for path in sorted((ROOT / "templates").iterdir()) if path.suffix in (".j2", ".typ")]
    code = sorted((ROOT / "newsletter").rglob("*.py"))
    return [*templates, *(path for path in code if "translat" in path.read_text(encoding="utf-8"))]


def _find_texts(path: Path) -> Iterator[tuple[str | tuple[str, ...], list[str]]]:
    if path.suffix == ".typ":
        yield from ((text, []) for text in _TYPST.findall(path.read_text(encoding="utf-8")))
        return
    method = "jinja2.ext:babel_extract" if path.suffix == ".j2" else "python"
    options = {"trim_blocks": "true", "lstrip_blocks": "true", "silent": "false"}
    for _line, text, notes, _context in extract_from_file(
        method, path, keywords=_KEYWORDS, comment_tags=[_NOTE], options=options, strip_comment_tags=True
    ):
        yield text, notes


def read_catalogue(path: Path) -> Catalog:
    """Return a language's catalogue as it is in its file."""
    with path.open("rb") as file:
        return read_po(file)


def renew_catalogue(path: Path, template: Catalog) -> str:
    """Return a language's catalogue with the texts of the template, and its translations of them."""
    before = read_catalogue(path)
    renewed = Catalog(charset="utf-8")
    renewed.mime_headers = [("Plural-Forms", before.plural_forms)]  # as many forms of a plural as the language has
    for message in template:
        known = before.get(message.id) if message.id else None
        if message.id and (path.stem not in PARTIAL or (known and known.string)):
            renewed.add(
                message.id,
                known.string if known else "",
                locations=message.locations,
                auto_comments=message.auto_comments,
                user_comments=known.user_comments if known else (),
                flags=known.flags & {"fuzzy"} if known else (),
            )
    return write_catalogue(renewed, f"in {path.stem}", path.stem, before.plural_forms)


def write_catalogue(catalog: Catalog, of: str, language: str, plural_forms: str = "") -> str:
    """Return a catalogue as a .po file without dates, so that it is the same each time."""
    written = BytesIO()
    write_po(written, catalog, width=110, omit_header=True, include_lineno=False, ignore_obsolete=True)
    plural = f'"Plural-Forms: {plural_forms}\\n"\n' if plural_forms else ""
    header = _HEADER.format(of=of, language=language, plural=plural)
    return header.rstrip("\n") + "\n\n" + written.getvalue().decode("utf-8").strip("\n") + "\n"


def _list_forms(string: str | Iterable[str]) -> list[str]:
    return [string] if isinstance(string, str) else list(string)


if __name__ == "__main__":
    main()
