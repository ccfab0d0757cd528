"""Characters and scripts that no typeface of the PDF has, each with its place and the package to install."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from wcwidth import iter_graphemes

from newsletter.editions.edition_context import EditionContext
from newsletter.editions.pdf_templates import find_printed_words, list_pdf_templates
from newsletter.editions.scripts import Script, compile_letters, find_scripts
from newsletter.editions.typefaces import EMOJI, STANDARDS, list_families_for, load_typefaces, suggest_package
from newsletter.errors import Problem
from newsletter.issue.draft_source import DraftSource
from newsletter.issue.model import Issue
from newsletter.issue.yamltext import Place
from newsletter.text import quote_text

# Characters that the bundled typefaces have, Latin letters and punctuation: most issues hold no others.
PLAIN = (
    "\t\n\r -~\u00a0-\u017f\u2010-\u2015\u2018-\u201e\u2020-\u2022\u2026\u202f\u2030\u2032\u2033\u2039\u203a"
    "\u20ac\u2122\u2212"
)
_UNUSUAL = re.compile(f"[^{PLAIN}]")
_HEAD = """\
#set document(title: "-")
#let data = json(bytes(sys.inputs.data))
"""
_ANY: dict[str, object] = {"font": ["Libertinus Serif", EMOJI]}
_TRIED = 200  # letters of a script
_ERROR_LINE = re.compile(r"^error:.*?┌─ \S+?:(\d+):", re.MULTILINE | re.DOTALL)
_NAMED = 3  # in one message


def find_missing_glyphs(context: EditionContext, issue: Issue) -> list[Problem]:
    """Return one problem for each script that the PDF lacks a typeface for, at the place of its first grapheme."""
    return describe_graphemes(
        find_missing_graphemes(_list_printed_texts(context, issue), context.fonts), context, issue
    )


def describe_graphemes(graphemes: Iterable[str], context: EditionContext, issue: Issue) -> list[Problem]:
    """Return one problem for each script among graphemes that are known to be lacking."""
    scripts: dict[str, list[str]] = {}
    for grapheme in graphemes:
        scripts.setdefault(suggest_package(grapheme, context.config.publication.language), []).append(grapheme)
    return [_make_problem(package, found, context, issue) for package, found in scripts.items()]


def find_missing_graphemes(texts: Iterable[str], folder: Path) -> list[str]:
    """Return the graphemes that no typeface has; `folder` is fonts/.

    Each unusual grapheme is set in a line of its own, and Typst's errors name the lines.
    """
    found = dict.fromkeys(grapheme for text in texts if _UNUSUAL.search(text) for grapheme in iter_graphemes(text))
    unusual = [grapheme for grapheme in found if _UNUSUAL.search(grapheme)]
    if not unusual:
        return []
    # A joined emoji's parts are set one by one, too: a typeface that has one of them, the ♀ say, prints that alone.
    tried = [grapheme + " ".join(["", *filter(str.strip, grapheme.split("\u200d"))]) for grapheme in unusual]
    return [unusual[number] for number in _find_unshown([(line, _ANY) for line in tried], folder)]


def find_makeshift_scripts(context: EditionContext, issue: Issue) -> list[Problem]:
    """Return one problem for each script that the PDF has no typeface for, though another may have its letters.

    Those are a typeface for code, which has Arabic, or one for another country's forms of Chinese characters.
    """
    language = context.config.publication.language
    texts = [text for text in _list_printed_texts(context, issue) if _UNUSUAL.search(text)]
    letters: dict[Script, str] = {}
    for text in texts:
        for script in find_scripts(text, language):
            of_it = compile_letters(script.own + script.shared).findall(text)
            letters[script] = "".join(dict.fromkeys(letters.get(script, "") + "".join(of_it)))[:_TRIED]
    if not letters:
        return []
    families = load_typefaces(context.fonts).families()
    lines: list[tuple[str, dict[str, object]]] = [
        (tried, {"font": list_families_for(script, families), "fallback": False}) for script, tried in letters.items()
    ]
    scripts = list(letters)
    return [
        _make_script_problem(scripts[number], letters[scripts[number]], context, issue)
        for number in _find_unshown(lines, context.fonts)
    ]


def _make_script_problem(script: Script, letters: str, context: EditionContext, issue: Issue) -> Problem:
    path, place = _find_first(letters[0], context, issue)
    return Problem(
        path=path,
        line=place.line,
        column=place.column,
        code="typeface",
        message=f"no typeface for {script.name} is installed, so that the PDF sets it in a makeshift one",
        next_step=f"Run: pip install '{script.package}'. Or put a typeface for it into the workspace's fonts/ folder.",
    )


def _find_unshown(lines: Sequence[tuple[str, Mapping[str, object]]], folder: Path) -> list[int]:
    """Return the numbers of the lines that have something that no typeface has, of texts with Typst's settings."""
    from typst import TypstError, compile_with_warnings  # 20 MB that an issue in Latin letters should not cost

    markup = "\n".join(
        f"#par[#text(..data.at({number}).at(1))[#data.at({number}).at(0)]]" for number in range(len(lines))
    )
    try:
        compile_with_warnings(
            (_HEAD + markup).encode(),
            format="pdf",
            sys_inputs={"data": json.dumps(lines)},
            font_paths=load_typefaces(folder),
            ignore_system_fonts=True,
            pdf_standards=STANDARDS,
        )
    except TypstError as error:
        numbers = {int(line) - _HEAD.count("\n") - 1 for line in _ERROR_LINE.findall(error.diagnostic)}
        return [number for number in sorted(numbers) if 0 <= number < len(lines)]
    return []


def _list_printed_texts(context: EditionContext, issue: Issue) -> Iterator[str]:
    """Yield the texts that the PDF shows."""
    public = context.typeset(issue).seen_by(frozenset())
    yield from (context.config.publication.title, context.template_values(public)["date"], public.headlines_title)
    yield context.label(public)
    yield from map(context.translator.translate, find_printed_words(list_pdf_templates(context).values()))
    yield from (text.plain() for text in (*public.texts(), context.about))
    for section in public.sections:
        yield from (figure.number for figure in section.figures)
        yield from (section.quote.by,) if section.quote and section.quote.by else ()
        for event in section.events:
            yield f"{context.format_event_time(event)} {event.place or ''}"
        yield from (f"{person.name} {person.role or ''}" for person in section.people)
        yield from (section.button.text,) if section.button else ()


def _make_problem(package: str, graphemes: Sequence[str], context: EditionContext, issue: Issue) -> Problem:
    path, place = _find_first(graphemes[0], context, issue)
    names = ", ".join(f"{quote_text(grapheme)} ({_list_code_points(grapheme)})" for grapheme in graphemes[:_NAMED])
    more = f" and {len(graphemes) - _NAMED} more" if len(graphemes) > _NAMED else ""
    install = f"Run: pip install '{package}'. Or put" if package else "Put"
    return Problem(
        path=path,
        line=place.line,
        column=place.column,
        code="glyph",
        message=f"no typeface has {names}{more}",
        next_step=f"{install} a typeface that has it (.ttf or .otf) into the workspace's fonts/ folder, "
        "or write it another way.",
    )


def _list_code_points(grapheme: str) -> str:
    return " ".join(f"U+{ord(character):04X}" for character in grapheme)


def _find_first(grapheme: str, context: EditionContext, issue: Issue) -> tuple[Path | str, Place]:
    """Return where a grapheme stands first: in the draft, or else in the configuration, which every issue repeats."""
    for path in (issue.path, context.config_path):
        source = DraftSource(path, path.read_text(encoding="utf-8-sig") if path.is_file() else "")
        in_lines = path == context.config_path
        place = source.find_in_lines(re.compile(re.escape(grapheme))) if in_lines else source.find_words(grapheme)
        if place:
            return path, place
    return issue.path, Place(0, 0)
