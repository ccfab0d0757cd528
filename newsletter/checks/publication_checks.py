"""Checks of what an issue is made with: settings, the logo, and the publication's own templates."""

from collections.abc import Callable, Iterator
from contextlib import suppress

from newsletter.checks.draft_report import Finding
from newsletter.config import find_setting
from newsletter.config.example import find_unwritten_settings
from newsletter.editions import (
    EditionContext,
    place_beside,
    render_html,
    render_pdf,
    render_text,
    render_web,
    write_default,
)
from newsletter.editions.glyphs import find_makeshift_scripts, find_missing_glyphs
from newsletter.editions.template_engine import find_template, holds_word
from newsletter.editions.typefaces import find_forbidden, find_unusable_files
from newsletter.editions.web import INDEX, PAGE
from newsletter.errors import ConfigError, DraftError, Problem, TemplateError
from newsletter.issue.model import Issue
from newsletter.text import quote_text
from newsletter.translation import describe_language, find_primary_language
from newsletter.workspace import TEMPLATES, find_shipped

_NAMED = 3  # in one message
# The editions, by the beginnings of the names of the files that each is made from.
_MAKERS: tuple[tuple[tuple[str, ...], Callable[[EditionContext, Issue], object]], ...] = (
    (("email.mjml", "email.css"), lambda context, issue: render_html(context, issue, write_default, place_beside)),
    (("email.txt",), lambda context, issue: render_text(context, issue, write_default)),
    (("web.", "article."), lambda context, issue: render_web(context, issue, None)),
    (("edition",), render_pdf),
)


def find_example_settings(context: EditionContext) -> Iterator[Finding]:
    """Find settings that still say what `init` wrote, which `send` refuses."""
    if names := find_unwritten_settings(context.config):
        table, _, key = names[0].strip("[").partition("] ")
        path, line = find_setting(context.config_path, table, key)
        problem = Problem(
            path=path,
            line=line,
            code="example",
            message=f"the example's {', '.join(names)} still {'stands' if len(names) == 1 else 'stand'} here",
            next_step="Write your own: readers see these, answer to them, and leave by them.",
        )
        yield Finding(problem)


def find_untranslated_words(context: EditionContext) -> Iterator[Finding]:
    """Find texts that readers get in English, since nobody has translated them into the publication's language."""
    missing = context.translator.list_untranslated()
    if not missing:
        return
    named = ", ".join(map(quote_text, missing[:_NAMED]))
    more = f" and {len(missing) - _NAMED} more" if len(missing) > _NAMED else ""
    path, line = find_setting(context.config_path, *_locate_language(context))
    problem = Problem(
        path=path,
        line=line,
        code="untranslated",
        message=f"readers get {named}{more} in English: there is no translation into "
        f"{quote_text(context.config.publication.language)}",
        next_step=f"Write them under [{_locate_words(context)}]; docs/editors/language.md shows how.",
    )
    yield Finding(problem, note=True)


def find_untranslated_about(context: EditionContext) -> Iterator[Finding]:
    """Find that a translation's readers get the publication's `about` in another language than their own."""
    own, language = context.config.own, context.config.publication.language
    table = own.translations.get(language)
    apart = find_primary_language(language) != find_primary_language(own.publication.language)
    if table and apart and own.publication.about and table.about is None:
        path, line = find_setting(context.config_path, *_locate_language(context))
        problem = Problem(
            path=path,
            line=line,
            code="untranslated",
            message=f"'about', which readers see below each issue, is in {describe_language(own.publication.language)}",
            next_step=f"Write it below [{_locate_language(context)[0]}] in {describe_language(language)}: "
            'about = "...". Or leave them without: about = "".',
        )
        yield Finding(problem, note=True)


def _check_typefaces(context: EditionContext, issue: Issue) -> Iterator[Finding]:
    """Find what the PDF has no typeface for, each script once, and files in fonts/ that can't be used."""
    missing = find_missing_glyphs(context, issue)
    yield from map(Finding, missing)
    advice = " ".join(problem.next_step for problem in missing)
    for problem in find_makeshift_scripts(context, issue):
        if problem.next_step.partition(".")[0] not in advice:
            yield Finding(problem, note=True)
    theme = context.config.theme
    yield from map(Finding, find_forbidden((*theme.font, *theme.heading_font), context.fonts))
    yield from (Finding(problem, note=True) for problem in find_unusable_files(context.fonts))


def _locate_language(context: EditionContext) -> tuple[str, str]:
    """Return the table that says the editions' language, and its key."""
    is_own = context.config is context.config.own
    return ("publication", "language") if is_own else (f"languages.{context.config.publication.language}", "")


def _locate_words(context: EditionContext) -> str:
    table, key = _locate_language(context)
    return "words" if key else f"{table}.words"


def _find_older_pages(context: EditionContext, issue: Issue) -> Iterator[Finding]:
    """Find templates of one's own that lead to no other language: they are older than the publication's languages."""
    if not context.translations.get(issue.name):
        return
    for name in (PAGE, INDEX):
        with suppress(TemplateError):  # it is found when the page is made
            if not holds_word("hreflang", name, context.template_path):
                problem = Problem(
                    path=find_template(name, context.template_path),
                    code="template",
                    message="this leads to no page in another language: neither readers nor search engines find it",
                    next_step="Take over what the program's own does with languages: move this one away, and then "
                    f"newsletter templates eject {name}",
                )
                yield Finding(problem, note=True)


def check_editions(context: EditionContext, issue: Issue) -> Iterator[Finding]:
    """Find what keeps an edition from being made: a missing logo, a template of one's own, a character of no typeface.

    The templates that come with the program are known to work, so that only the publication's own are tried.
    """
    try:
        _ = (context.logo_path, context.about)
    except ConfigError as error:
        yield from map(Finding, error.problems)
        return
    yield from _check_typefaces(context, issue)
    shipped = find_shipped(TEMPLATES).resolve()
    own = [folder for folder in context.template_path if folder.is_dir() and folder.resolve() != shipped]
    names = [path.name for folder in own for path in folder.iterdir()]
    yield from _find_older_pages(context, issue)
    found: dict[Problem, None] = {}
    for beginnings, make in _MAKERS:
        if any(name.startswith(beginnings) for name in names):
            try:
                make(context, issue)
            except TemplateError as error:
                found |= dict.fromkeys(error.problems)
            except DraftError:
                pass  # the characters are found above
    yield from map(Finding, found)
