"""Filling of the Jinja templates, with each failure as an error with a file and a line."""

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from functools import lru_cache, partial
from pathlib import Path
from traceback import extract_tb
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, TemplateNotFound, TemplateSyntaxError
from jinja2 import TemplateError as JinjaError
from jinja2.meta import find_referenced_templates
from jinja2.sandbox import ImmutableSandboxedEnvironment
from markupsafe import escape

from newsletter.editions.compiled_templates import COMPILED_TEMPLATES
from newsletter.errors import Problem, TemplateError
from newsletter.translation import ENGLISH, Translator, find_primary_language
from newsletter.workspace import TEMPLATES

_SHEET = re.compile(r"<(?:mj-)?style\b[^>]*>(.*?)</(?:mj-)?style>", re.DOTALL)
_MARK = "@closed"
_NOT_CSS = re.compile(r"""\{%.*?%\}|\{\{.*?\}\}|\{#.*?#\}|/\*.*?\*/|"[^"\n]*"|'[^'\n]*'""", re.DOTALL)
# Jinja names our classes in full; an editor knows them by their words.
_CLASS = re.compile(r"'newsletter\.[\w.]+\.(\w+?)(?:Settings)? object'")

_SANDBOXED = ContextVar("sandboxed templates", default=False)


@contextmanager
def sandbox_templates() -> Iterator[None]:
    """Fill templates in Jinja's sandbox meanwhile, where they reach no inner part of an object and change none."""
    token = _SANDBOXED.set(True)
    try:
        yield
    finally:
        _SANDBOXED.reset(token)


def fill_template(
    name: str,
    path: tuple[Path, ...],
    words: Mapping[str, Any],
    *,
    autoescape: bool,
    filters: Mapping[str, Callable[..., Any]],
    translator: Translator = ENGLISH,
) -> str:
    """Fill the template `name`, looked for along `path`, with the values `words`. Raises TemplateError.

    In it `_("Read at {place}", place=...)` is a text in the publication's language, `capitals` a filter for it, and
    `translation` what the texts are written in: its `words_language` and `direction`.
    """
    # Escaping is an argument, since select_autoescape does not know a name such as email.mjml.j2.
    is_sandboxed = _SANDBOXED.get()
    environment = (ImmutableSandboxedEnvironment if is_sandboxed else Environment)(
        loader=FileSystemLoader(path, encoding="utf-8-sig"),  # as Windows' editors may save
        autoescape=autoescape,  # as the caller says
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        bytecode_cache=None if is_sandboxed else COMPILED_TEMPLATES,  # the sandbox compiles otherwise
    )
    environment.filters |= {"capitals": partial(write_capitals, language=translator.words_language), **filters}
    environment.globals |= {"translation": translator, **_make_translating(translator, autoescape=autoescape)}
    try:
        return environment.get_template(name).render(words)
    except TemplateNotFound as error:
        raise TemplateError(
            f"The template {error.name} is missing.",
            next_step=f"Put it into {TEMPLATES}/, or take the line out that includes it.",
        ) from error
    except UnicodeDecodeError as error:
        raise template_error(_find_not_utf8(path), 0, "it is not UTF-8 text") from error
    except RecursionError as error:
        raise template_error(
            find_template(name, path), 0, "something in it includes or calls itself without end"
        ) from error
    except TemplateSyntaxError as error:
        raise template_error(Path(error.filename or name), error.lineno, error.message or "it can't be read") from error
    except (JinjaError, TypeError, ValueError, AttributeError, LookupError, ArithmeticError, MemoryError) as error:
        # Jinja rewrites tracebacks so that the innermost frame of a template names its own file and line.
        frames = [
            frame
            for frame in extract_tb(error.__traceback__)
            if any(Path(frame.filename).is_relative_to(folder) for folder in path)
        ]
        if not frames:
            raise
        said = _CLASS.sub(lambda match: f"{match[1].lower()!r}", str(error))
        raise template_error(Path(frames[-1].filename), frames[-1].lineno or 0, said) from error


def _make_translating(translator: Translator, *, autoescape: bool) -> dict[str, Callable[..., str]]:
    """Return the functions `_` and `ngettext` of a template.

    Where a template escapes, translations are escaped too, and so are the values for their placeholders, unless these
    are markup already. Jinja's own extension takes translations for markup, and has placeholders of another form.
    """

    def translate(english: str, **values: object) -> str:
        if not autoescape:
            return translator.translate(english, **values)
        text = escape(translator.translate(english))
        return text.format(**values) if values else text

    def translate_plural(singular: str, plural: str, count: int) -> str:
        text = translator.translate_plural(singular, plural, count)
        return escape(text) if autoescape else text

    return {"_": translate, "ngettext": translate_plural}


def write_capitals(text: str, language: str) -> str:
    """Return a text in capital letters, as a language has them: in Turkish an i keeps its dot."""
    dotted = find_primary_language(language) in ("az", "tr")
    return (text.replace("i", "İ") if dotted else text).upper()


def _find_not_utf8(path: tuple[Path, ...]) -> Path:
    """Return the first template that can't be read: Jinja's error does not say which it was."""
    files = [file for folder in path if folder.is_dir() for file in sorted(folder.iterdir())]
    for file in (file for file in files if file.suffix in (".j2", ".css")):  # a logo may lie there too
        try:
            file.read_text(encoding="utf-8-sig")
        except UnicodeDecodeError:
            return file
    return path[0]


def find_template(name: str, path: tuple[Path, ...]) -> Path:
    """Return the path of the template `name`. Raises TemplateError."""
    for folder in path:
        if (folder / name).is_file():
            return folder / name
    raise TemplateError(f"The template {name} is missing.", next_step=f"Put it into {TEMPLATES}/.")


def refuse_open_blocks(filled: str, name: str, path: tuple[Path, ...]) -> None:
    """Refuse CSS with a forgotten brace, which drops the rules after it without a word. Raises TemplateError.

    `filled` is the template `name` when filled; the place is looked for in the files that it was made from.
    """
    if all(_find_brace_fault(sheet) is None or _is_closed(sheet) for sheet in _SHEET.findall(filled)):
        return
    for file in list_templates(name, path):
        if file.name.endswith(".css") and (fault := _find_brace_fault(file.read_text(encoding="utf-8-sig"))):
            raise template_error(file, *fault)
    raise template_error(find_template(name, path), 0, "a { or } of its style sheet has no counterpart")


def _find_brace_fault(css: str) -> tuple[int, str] | None:
    """Return a brace without a counterpart, with its line: a quick guess, wrong about some of Jinja's branches."""
    text = _NOT_CSS.sub(lambda match: re.sub(r"[^\n]", " ", match[0]), css)
    open_at: list[int] = []
    for brace in re.finditer(r"[{}]", text):
        line = text.count("\n", 0, brace.start()) + 1
        if brace[0] == "{":
            open_at.append(line)
        elif open_at:
            open_at.pop()
        else:
            return line, "this } closes nothing"
    return (open_at[0], "the { in this line is never closed") if open_at else None


def _is_closed(css: str) -> bool:
    """Return whether all blocks are closed by the rules of CSS: an open one swallows the mark behind it."""
    from tinycss2 import parse_component_value_list

    values = parse_component_value_list(f"{css}\n{_MARK}")
    return values[-1].type == "at-keyword" and all(value.type != "error" for value in values)


def require_word(word: str, shows: str, name: str, path: tuple[Path, ...]) -> None:
    """Refuse a template without that word in it, or in what it includes: it would leave out what an issue has.

    Templates of one's own may be older than what drafts can hold. Raises TemplateError.
    """
    if not holds_word(word, name, path):
        raise template_error(find_template(name, path), 0, f"it does not show {shows}, and this issue has some")


def holds_word(word: str, name: str, path: tuple[Path, ...]) -> bool:
    """Return whether a template has that word in it, or in what it includes. Raises TemplateError."""
    return any(word in file.read_text(encoding="utf-8-sig") for file in list_templates(name, path))


def list_templates(name: str, path: tuple[Path, ...]) -> list[Path]:
    """Return the template `name` and all that it includes by name, each once, itself first. Raises TemplateError."""
    found = [find_template(name, path)]
    for file in found:
        inner = [find_template(part, path) for part in _list_includes(file.read_text(encoding="utf-8-sig"))]
        found += [part for part in inner if part not in found]
    return found


@lru_cache(maxsize=64)
def _list_includes(text: str) -> tuple[str, ...]:
    tree = Environment().parse(text)  # noqa: S701  # read, not filled
    return tuple(part for part in find_referenced_templates(tree) if part)


def template_error(path: Path, line: int, message: str, column: int = 0) -> TemplateError:
    """Return the error for one fault of a template."""
    return TemplateError(
        f"The template {path.name} can't be used.",
        problems=[
            Problem(
                path=path,
                line=line,
                column=column,
                code="template",
                message=message,
                next_step="Mend the template there. To go back to the one that comes with the program, delete the file "
                f"from your {TEMPLATES}/ folder.",
            )
        ],
    )
