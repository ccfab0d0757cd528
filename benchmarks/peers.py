"""The peers: an issue as HTML by npm's mjml, as text by Jinja, as a PDF by WeasyPrint. Started by editions.py.

Written to be quick: one Python process and one node process, PyYAML's loader in C, no command-line programs
in between; environments, style sheet and fonts are made once. The templates of the mail, the text and the
issue's body are the project's own, so that both fill the same MJML; print.html.j2 and print.css.j2 beside
this file stand for our Typst templates.

The peers do less than ours, and keep that lead: the draft and the MJML are not validated, the picture is
copied and not made anew, newsletter.toml comes read and validated, and the typeface is whichever of the
system's is meant by "serif" (ours embeds Source Serif 4).
"""

import json
import re
import shutil
import subprocess
import textwrap
from argparse import ArgumentParser, Namespace
from collections.abc import Callable
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from stopwatch import Stopwatch, serve

FIELD = re.compile(r"\{\{ *\w+ *\| *(.*?) *\}\}")
LINK = re.compile(r"\[([^]]*)\]\(([^)]*)\)")
STYLE = re.compile(r"<mj-style>(.*?)</mj-style>", re.DOTALL)
INBOX_LINE = 150


def main() -> None:
    watch = Stopwatch()
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("settings", type=Path, help="what newsletter.toml says, as JSON")
    parser.add_argument("templates", type=Path)
    parser.add_argument("draft", type=Path)
    parser.add_argument("folder", type=Path, help="where the files go")
    parser.add_argument("--overlap", action="store_true", help="let mjml and WeasyPrint work at the same time")
    parser.add_argument("--untagged", action="store_true", help="a plain PDF instead of PDF/UA-1")
    parser.add_argument("--no-inlining", action="store_true", help="leave out mjml's inlining of styles")
    parser.add_argument("--serve", action="store_true", help="rebuild at each line on stdin")
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    if options.overlap or options.serve:
        node()
    watch.lap("options")
    if options.serve:
        serve(lambda watch: build(options, watch))
    else:
        build(options, watch)
        watch.report()
    node().communicate()


def build(options: Namespace, watch: Stopwatch) -> None:
    html, text = environments(options.templates)
    watch.lap("imports, templates")
    issue = read(options.draft)
    words = {**settings(options.settings), **words_of(issue, options.draft.parent, options.folder)}
    words |= {"web_page": f"{words['publication'].website}{issue.name}.html"}
    words |= {"web_pdf": f"{words['publication'].website}{issue.name}.pdf"}
    watch.lap("read")
    mjml = html.get_template("email.mjml.j2").render(words)
    if not options.no_inlining:  # the sheet stays, and is written into the tags, as in our HTML
        mjml = STYLE.sub(lambda sheet: f'{sheet[0]}<mj-style inline="inline">{sheet[1]}</mj-style>', mjml)
    ask(mjml)
    if not options.overlap:
        write_html(options.folder / f"{issue.name}.email.html")
    watch.lap("html")
    notes = Footnotes()
    text.filters["paragraphs"] = notes.paragraphs
    plain = text.get_template("email.txt.j2").render(words, footnotes=notes.take)
    (options.folder / f"{issue.name}.txt").write_text(plain, encoding="utf-8")
    watch.lap("text")
    page = html.get_template("print.html.j2").render(words)
    write_pdf = printer(html, options.settings, options.folder)
    watch.lap("import weasyprint")
    write_pdf(page, options.folder / f"{issue.name}.pdf", None if options.untagged else "pdf/ua-1")
    watch.lap("pdf")
    if options.overlap:
        write_html(options.folder / f"{issue.name}.email.html")
        watch.lap("html, waited for")


@cache
def node() -> "subprocess.Popen[str]":
    """The node process with mjml; started when it is first asked for."""
    return subprocess.Popen(
        ["node", str(Path(__file__).with_name("compile.mjs"))],  # noqa: S607  # whichever node the user has
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        encoding="utf-8",
    )


def ask(mjml: str) -> None:
    pipe = node().stdin
    if pipe is None:
        raise RuntimeError("node has no pipe")
    pipe.write(json.dumps(mjml) + "\n")
    pipe.flush()


def write_html(path: Path) -> None:
    pipe = node().stdout
    if pipe is None:
        raise RuntimeError("node has no pipe")
    path.write_text(json.loads(pipe.readline()), encoding="utf-8")


@cache
def settings(path: Path) -> dict[str, Any]:
    """publication, sender, theme, about and unsubscribe, as the templates know them."""
    known = json.loads(path.read_text(encoding="utf-8"), object_hook=lambda table: SimpleNamespace(**table))
    return vars(known)


def read(draft: Path) -> SimpleNamespace:
    import yaml

    source = yaml.load(draft.read_text(encoding="utf-8"), getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506
    left_out = dict.fromkeys(("subject", "preheader", "intro", "image", "note"))
    issue = SimpleNamespace(**{**left_out, "headlines_title": "Headlines", **source})
    issue.items = [SimpleNamespace(**item) for item in issue.items]
    issue.image = SimpleNamespace(**issue.image) if issue.image else None
    issue.name = f"{issue.volume}.{issue.number}"
    issue.label = f"Vol. {issue.name}"
    return issue


def words_of(issue: SimpleNamespace, drafts: Path, folder: Path) -> dict[str, Any]:
    others = [item.headline for item in issue.items[1:]]
    return {
        "issue": issue,
        "date": f"{issue.date:%B} {issue.date.day}, {issue.date.year}",
        "subject": issue.subject or issue.items[0].headline,
        "preheader": issue.preheader or " · ".join(others) or issue.items[0].headline,
        "image": picture(drafts / issue.image.file, folder) if issue.image else None,
        "logo": None,
        "reader": lambda _name, default: default,
    }


def picture(path: Path, folder: Path) -> dict[str, Any]:
    from PIL import Image

    with Image.open(path) as opened:
        width, height = opened.size
    shutil.copyfile(path, folder / path.name)
    shown = min(600, width)
    return {"src": path.name, "width": shown, "height": round(height * shown / width), "pixels": (width, height)}


@cache
def environments(templates: Path) -> tuple[Any, Any]:
    """Jinja's environments for HTML and for text, with the filters that the project's templates use."""
    from jinja2 import Environment, FileSystemLoader
    from markdown_it import MarkdownIt
    from markupsafe import Markup

    markdown = MarkdownIt("commonmark", {"html": False})

    def inline(text: str) -> Markup:
        return Markup(markdown.renderInline(filled(text)))  # noqa: S704  # the renderer escapes

    loader = FileSystemLoader([templates, Path(__file__).parent])
    # auto_reload as it is by default, so that both look whether a template has changed.
    html = Environment(loader=loader, autoescape=True, trim_blocks=True, lstrip_blocks=True)
    html.filters |= {
        "inline": inline,
        "paragraphs": lambda text: [inline(paragraph) for paragraph in text.split("\n")],
        "padding": lambda preheader: "\u034f\u00a0" * max(0, INBOX_LINE - len(preheader)),
    }
    text = Environment(loader=loader, autoescape=False, trim_blocks=True, lstrip_blocks=True)  # noqa: S701  # text
    text.filters |= {
        "plain": filled,
        "wrapped": lambda text, first="", rest=None: textwrap.fill(
            text, 72, initial_indent=first, subsequent_indent=first if rest is None else rest, break_long_words=False
        ),
        "underline": lambda text, mark="-": f"{text}\n{mark * max(map(len, text.splitlines()))}",
    }
    return html, text


def filled(text: str) -> str:
    """With each field's default in its place."""
    return FIELD.sub(r"\1", text)


class Footnotes:
    """Numbers the links of a text, and hands them out where the template wants them."""

    def __init__(self) -> None:
        self._count = 0
        self._waiting: list[dict[str, Any]] = []

    def paragraphs(self, text: str) -> list[str]:
        return [LINK.sub(self._number, paragraph) for paragraph in filled(text).split("\n")]

    def take(self) -> list[dict[str, Any]]:
        taken, self._waiting = self._waiting, []
        return taken

    def _number(self, link: re.Match[str]) -> str:
        self._count += 1
        self._waiting.append({"number": self._count, "href": link[2]})
        return f"{link[1]} [{self._count}]"


@cache
def printer(html: Any, known: Path, folder: Path) -> Callable[[str, Path, str | None], None]:
    """WeasyPrint with its fonts and the style sheet, which it reads once."""
    from weasyprint import CSS, HTML
    from weasyprint.text.fonts import FontConfiguration

    fonts = FontConfiguration()
    sheet = CSS(string=html.get_template("print.css.j2").render(settings(known)), font_config=fonts)

    def write_pdf(page: str, path: Path, variant: str | None) -> None:
        HTML(string=page, base_url=f"{folder}/").write_pdf(
            path, stylesheets=[sheet], font_config=fonts, pdf_variant=variant
        )

    return write_pdf


main()
