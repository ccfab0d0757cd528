"""The peers' pipeline: an issue as HTML by npm's mjml, as text by Jinja, as PDF/UA-1 by WeasyPrint.

Started by editions.py, which says how to read what comes out. It is written to be quick: one Python process
that starts one node process, PyYAML's loader in C, Jinja's environments, style sheet and fonts made once.

It does less than ours where the peers would leave it out: the draft is not validated, the picture not
made smaller, the MJML not checked, and newsletter.toml comes read and validated, as JSON (`settings`).
"""

import json
import re
import subprocess
import sys
import textwrap
from argparse import ArgumentParser
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import IO, Any

from stopwatch import Stopwatch, serve

HERE = Path(__file__).parent
_FIELD = re.compile(r"\{\{ *(\w+) *\| *(.*?) *\}\}")
_LINK = re.compile(r"\[([^]]*)\]\(([^)]*)\)")


def main() -> None:
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("settings", type=Path, help="what newsletter.toml says, as JSON")
    parser.add_argument("draft", type=Path)
    parser.add_argument("folder", type=Path, help="where the three files go")
    parser.add_argument("--templates", type=Path, required=True, help="the project's templates")
    parser.add_argument("--overlap", action="store_true", help="mjml and WeasyPrint at the same time")
    parser.add_argument("--variant", default="pdf/ua-1", help='"" for a PDF without tags')
    parser.add_argument("--no-inlining", action="store_true", help="leave mjml's inlining of styles out")
    parser.add_argument("--serve", action="store_true", help="rebuild at each line on stdin")
    options = parser.parse_args()
    watch = Stopwatch()
    # First of all, so that it comes up while Python imports.
    node = subprocess.Popen(  # noqa: S603  # a script of this folder
        ["node", str(HERE / "compile.mjs")],  # noqa: S607  # whichever node the user has
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        encoding="utf-8",
    )
    if node.stdin is None or node.stdout is None:
        raise RuntimeError("node has no pipes")
    watch.lap("node's start")
    # A process that runs one thing after another waits for node here, as two commands in a row would.
    builder = Builder(options.settings, options.templates, node.stdin, node.stdout, watch)
    if options.serve:
        serve(lambda: builder.build(options, Stopwatch()))
    else:
        watch.report(builder.build(options, watch))
    node.stdin.close()
    node.wait()


class Builder:
    """All that one process makes once: environments, style sheet, fonts, and the way to node."""

    def __init__(self, settings: Path, templates: Path, to_node: IO[str], from_node: IO[str], watch: Stopwatch) -> None:
        import yaml
        from jinja2 import ChoiceLoader, DictLoader, Environment, FileSystemLoader
        from markdown_it import MarkdownIt

        watch.lap("imports")
