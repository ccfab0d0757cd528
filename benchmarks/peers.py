"""The peers: an issue's HTML by npm's mjml, and its PDF by WeasyPrint. Started by editions.py.

Written to be quick: one Python process and one node process; style sheet, fonts and pictures are read once. Only
--commands runs the two tools as one would in a shell. The markup is our own templates', filled beforehand by
markup.py, so that both are given the same MJML; print.html.j2 and print.css.j2 beside this file stand for our Typst
templates.

The peers do less than ours, and keep that lead: they read no draft, check and fill nothing, write no text edition, and
copy pictures that are there in the right size.
"""

import json
import re
import shutil
import subprocess
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from stopwatch import Stopwatch, serve

PLAIN_STYLE = re.compile(r"<mj-style>(.*?)</mj-style>", re.DOTALL)
# As markup.py names them, whose imports would be ours.
MAIL, PAGE, STYLE = "mail.mjml", "page.html", "page.css"


def main() -> None:
    watch = Stopwatch()
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("markup", type=Path, help="the folder with the filled templates and the pictures")
    parser.add_argument("name", help="what the files are called, without their endings")
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
    for path in options.markup.iterdir():
        if path.name not in (MAIL, PAGE, STYLE):
            shutil.copyfile(path, options.folder / path.name)
    mjml = (options.markup / MAIL).read_text(encoding="utf-8")
    watch.lap("read")
    if not options.no_inlining:  # the sheet stays, and is written into the tags, as in our HTML
        mjml = PLAIN_STYLE.sub(lambda sheet: f'{sheet[0]}<mj-style inline="inline">{sheet[1]}</mj-style>', mjml)
    mail = options.folder / f"{options.name}.email.html"
    if options.commands:
        mjml_command(mjml, mail)
    else:
        node = node or Mjml()
        node.ask(mjml, last=not options.serve)
        if not options.overlap:
            node.write_answer(mail)
    watch.lap("html")
    page = (options.markup / PAGE).read_text(encoding="utf-8")
    pdf, variant = options.folder / f"{options.name}.pdf", None if options.untagged else "pdf/ua-1"
    if options.commands:
        style = (options.markup / STYLE).read_text(encoding="utf-8")
        weasyprint_command(page.replace("</head>", f"<style>{style}</style></head>"), pdf, variant)
    else:
        write_pdf = printer(options.markup, options.folder)
        watch.lap("import weasyprint")
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
def printer(markup: Path, folder: Path) -> Callable[[str, Path, str | None], None]:
    """WeasyPrint with its fonts, pictures and the style sheet, which it reads once."""
    from weasyprint import CSS, HTML
    from weasyprint.text.fonts import FontConfiguration

    fonts = FontConfiguration()
    pictures: dict[str, Any] = {}
    sheet = CSS(string=(markup / STYLE).read_text(encoding="utf-8"), font_config=fonts)

    def write_pdf(page: str, path: Path, variant: str | None) -> None:
        HTML(string=page, base_url=f"{folder}/").write_pdf(
            path, stylesheets=[sheet], font_config=fonts, cache=pictures, pdf_variant=variant
        )

    return write_pdf


main()
