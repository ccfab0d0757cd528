"""The peers: an issue as HTML by npm's mjml, as text by Jinja, as a PDF by WeasyPrint. Started by editions.py.

Written to be quick: one Python process and one node process, PyYAML's loader in C; environments, style sheet,
fonts and pictures are made once. Only --commands runs the two tools as one would in a shell. The templates of
the mail, the text and the issue's body are the project's own, so that both fill the same MJML; print.html.j2
and print.css.j2 beside this file stand for our Typst templates.

The peers do less than ours, and keep that lead: the draft and the MJML are not validated, the picture is
copied and not made anew, and newsletter.toml comes read and validated.
"""

import json
import re
import shutil
import subprocess
import sys
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
    parser.add_argument("--commands", action="store_true", help="run the tools' own commands, mjml and weasyprint")
    parser.add_argument("--overlap", action="store_true", help="let mjml and WeasyPrint work at the same time")
    parser.add_argument("--untagged", action="store_true", help="a plain PDF instead of PDF/UA-1")
    parser.add_argument("--no-inlining", action="store_true", help="leave out mjml's inlining of styles")
    parser.add_argument("--serve", action="store_true", help="rebuild at each line on stdin")
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    # In turn, node starts when the MJML is there.
    mjml = Mjml() if options.overlap or options.serve else None
    watch.lap("options")
    if options.serve:
        serve(lambda watch: build(options, mjml, watch))
    else:
        mjml = build(options, mjml, watch)
        watch.report()
    if mjml:
        mjml.end()


def build(options: Namespace, node: "Mjml | None", watch: Stopwatch) -> "Mjml | None":
    html, text = environments(options.templates)
    watch.lap("imports, templates")
    issue = read(options.draft)
    words = {**settings(options.settings), **words_of(issue, options.draft.parent, options.folder)}
    website = words["publication"].website
    words |= {"web_page": f"{website}{issue.name}.html", "web_pdf": f"{website}{issue.name}.pdf"}
    watch.lap("read")
    mjml = html.get_template("email.mjml.j2").render(words)
    if not options.no_inlining:  # the sheet stays, and is written into the tags, as in our HTML
        mjml = STYLE.sub(lambda sheet: f'{sheet[0]}<mj-style inline="inline">{sheet[1]}</mj-style>', mjml)
    mail = options.folder / f"{issue.name}.email.html"
    if options.commands:
        mjml_command(mjml, mail)
    else:
        node = node or Mjml()
        node.ask(mjml, last=not options.serve)
        if not options.overlap:
            node.write_answer(mail)
    watch.lap("html")
    notes = Footnotes()
    text.filters["paragraphs"] = notes.paragraphs
    plain = text.get_template("email.txt.j2").render(words, footnotes=notes.take)
    plain = re.sub(r"\n(?:[ \t]*\n)+", "\n\n", plain.strip()) + "\n"
    (options.folder / f"{issue.name}.txt").write_text(plain, encoding="utf-8")
    watch.lap("text")
    pdf, variant = options.folder / f"{issue.name}.pdf", None if options.untagged else "pdf/ua-1"
    if options.commands:
        page = html.get_template("print.html.j2").render(words)
        style = html.get_template("print.css.j2").render(words)
        weasyprint_command(page.replace("</head>", f"<style>{style}</style></head>"), pdf, variant)
    else:
        write_pdf = printer(html, options.settings, options.folder)
        watch.lap("import weasyprint")
        page = html.get_template("print.html.j2").render(words)
        write_pdf(page, pdf, variant)
    watch.lap("pdf")
    if node and options.overlap:
        node.write_answer(mail)
        watch.lap("html, waited for")
    return node


class Mjml:
    """A node process that compiles one text after another."""

    def __init__(self) -> None:
        self._node = subprocess.Popen(
            ["node", str(Path(__file__).with_name("compile.mjs"))],  # noqa: S607  # whichever node the user has
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            encoding="utf-8",
        )
        if self._node.stdin is None or self._node.stdout is None:
            raise RuntimeError("a process without pipes")
        self._to_node, self._from_node = self._node.stdin, self._node.stdout

    def ask(self, mjml: str, *, last: bool) -> None:
        """Hand a text over; after the last, node ends by itself."""
        self._to_node.write(json.dumps(mjml) + "\n")
        self._to_node.flush()
        if last:
            self._to_node.close()

    def write_answer(self, path: Path) -> None:
        path.write_text(json.loads(self._from_node.readline()), encoding="utf-8")

    def end(self) -> None:
        if not self._to_node.closed:
            self._to_node.close()
        self._node.wait()


def mjml_command(mjml: str, path: Path) -> None:
    source = path.with_suffix(".mjml")
    source.write_text(mjml, encoding="utf-8")
    program = Path(__file__).parent / "node_modules" / ".bin" / "mjml"
    subprocess.run([program, source, "-o", path], check=True)


def weasyprint_command(page: str, path: Path, variant: str | None) -> None:
    source = path.with_suffix(".print.html")
    source.write_text(page, encoding="utf-8")
    more = ["--pdf-variant", variant] if variant else []
    subprocess.run([sys.executable, "-m", "weasyprint", source, path, *more], check=True)


@cache
def settings(path: Path) -> dict[str, Any]:
    """publication, sender, theme, about and unsubscribe, as the templates know them."""
    known: SimpleNamespace = json.loads(
        path.read_text(encoding="utf-8"), object_hook=lambda table: SimpleNamespace(**table)
    )
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
    text.filters |= {"plain": filled, "wrapped": wrapped, "underline": underlined}
    return html, text


def filled(text: str) -> str:
    """With each field's default in its place."""
    return FIELD.sub(r"\1", text)


def wrapped(text: str, first: str = "", rest: str | None = None) -> str:
    rest = first if rest is None else rest
    return textwrap.fill(text, 72, initial_indent=first, subsequent_indent=rest, break_long_words=False)


def underlined(text: str, mark: str = "-") -> str:
    return f"{text}\n{mark * max(map(len, text.splitlines()))}"


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
    """WeasyPrint with its fonts, pictures and the style sheet, which it reads once."""
    from weasyprint import CSS, HTML
    from weasyprint.text.fonts import FontConfiguration

    fonts = FontConfiguration()
    pictures: dict[str, Any] = {}
    sheet = CSS(string=html.get_template("print.css.j2").render(settings(known)), font_config=fonts)

    def write_pdf(page: str, path: Path, variant: str | None) -> None:
        HTML(string=page, base_url=f"{folder}/").write_pdf(
            path, stylesheets=[sheet], font_config=fonts, cache=pictures, pdf_variant=variant
        )

    return write_pdf


main()
