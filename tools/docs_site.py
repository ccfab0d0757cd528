"""The documentation as a site of its own: `make docs` writes build/docs/.

The pages of docs/ and those at the repository's root are brought together under build/docs-source/, with links that fit
there. The navigation is that of docs/index.md, whose tables have every page: a page that they lack is a problem. The
references of commands and of the Python API are made from the code. mkdocs builds the site, and every link of it is
followed, to the page and to the place in the page; nothing may be loaded from another host.
"""

import os
import re
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import click
import yaml
from site_links import find_faults

import newsletter
from newsletter.cli import cli

ROOT = Path(__file__).resolve().parent.parent
BUILD = ROOT / "build"
SOURCE = BUILD / "docs-source"
SITE = BUILD / "docs"

# Pages at the repository's root, and the page of all pages: the site begins with the README.
_AT_ROOT = {
    "README.md": "index.md",
    "docs/index.md": "all-pages.md",
    "CHANGELOG.md": "changelog.md",
    "CONTRIBUTING.md": "contributing.md",
    "SECURITY.md": "security.md",
}
_SCRIPTS = Path(sysconfig.get_path("data")) / "site-scripts"  # the Makefile puts them there
# Tables of many columns fit their page.
_STYLE = ".md-typeset table:not([class]) :is(th, td) { min-width: 0; padding: 0.6em 0.7em }\n"
_PYTHON = "reference/python.md"
# Code between backticks, which holds no links; or a link or picture, whose words may hold code and pictures.
_LINK = re.compile(
    r"(?P<ticks>`+)(?:(?!(?P=ticks)).)*(?P=ticks)"
    r"|(?P<mark>!?)\[(?P<words>(?:[^\[\]`]|`[^`]*`|!\[[^\]]*\]\([^)]*\))*)\]\((?P<target>[^)\s#]*)(?P<place>#[^)\s]*)?\)",
    re.DOTALL,
)


def main() -> None:
    shutil.rmtree(SOURCE, ignore_errors=True)
    shutil.rmtree(SITE, ignore_errors=True)
    pages = find_pages()
    for page, place in pages.items():
        target = SOURCE / place
        target.parent.mkdir(parents=True, exist_ok=True)
        text = fit_links((ROOT / page).read_text(encoding="utf-8"), page, pages)
        if "\n```mermaid\n" in text:  # on its page alone: it has 3 MB
            text += f'\n<script src="{os.path.relpath("scripts/mermaid.js", Path(place).parent)}"></script>\n'
        target.write_text(text, encoding="utf-8")
    shutil.copytree(ROOT / "docs" / "images", SOURCE / "images")
    shutil.copytree(_SCRIPTS, SOURCE / "scripts")
    (SOURCE / "site.css").write_text(_STYLE, encoding="utf-8")
    commands = describe_commands()
    (SOURCE / "reference" / "commands").mkdir(parents=True)
    for place, text in {**commands, _PYTHON: describe_api()}.items():
        (SOURCE / place).write_text(text, encoding="utf-8")
    navigation, missing = read_navigation(pages)
    references = [{"Commands": list(commands)}, _PYTHON, pages["SECURITY.md"], pages["CHANGELOG.md"]]
    navigation.append({"Reference": references})
    if missing:
        sys.exit("\n".join(f"docs/index.md does not name {page}: add a row for it" for page in missing))
    config = BUILD / "mkdocs.yml"
    config.write_text(yaml.safe_dump({"INHERIT": "../mkdocs.yml", "nav": navigation}, sort_keys=False))
    # Not --quiet, which keeps warnings from being counted as well as shown.
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--config-file", config]
    built = subprocess.run(command, check=False, capture_output=True, text=True)  # noqa: S603  # ours
    if built.returncode:
        sys.exit(f"{built.stderr}\nThe site was not built: see above.")
    faults = list(find_faults(SITE))
    print("\n".join(faults), end="\n" if faults else "")
    count = len(list(SITE.rglob("*.html")))
    print(f"{count} pages in {SITE.relative_to(ROOT)}, with {len(faults)} links that lead nowhere.")
    sys.exit(1 if faults else 0)


def find_pages() -> dict[str, str]:
    """Return each Markdown page by its path in the repository, with its path in the site's source."""
    docs = sorted(path.relative_to(ROOT).as_posix() for path in (ROOT / "docs").rglob("*.md"))
    return {**_AT_ROOT, **{page: page.removeprefix("docs/") for page in docs if page not in _AT_ROOT}}


def fit_links(text: str, page: str, pages: dict[str, str]) -> str:
    """Return a page's text with links that fit the site; what is linked to the repository's other files is its name."""
    here = Path(page).parent
    place = Path(pages[page]).parent

    def fit(match: "re.Match[str]") -> str:
        target = match["target"]
        if match["ticks"]:
            return match[0]
        words = _LINK.sub(fit, match["words"])  # which may be a picture
        if not target or re.match(r"[a-z]+:", target):
            return f"{match['mark']}[{words}]({target}{match['place'] or ''})"
        path = os.path.normpath(here / target)
        path = f"{path}/README.md" if f"{path}/README.md" in pages else path
        to = pages.get(path) or (path.removeprefix("docs/") if path.startswith("docs/images/") else "")
        if not to:
            return words if (ROOT / path).exists() else match[0]  # which mkdocs then says leads nowhere
        return f"{match['mark']}[{words}]({os.path.relpath(to, place)}{match['place'] or ''})"

    # What stands in a fence is no link.
    parts = re.split(r"(^```.*?^```$)", text, flags=re.MULTILINE | re.DOTALL)
    return "".join(part if number % 2 else _LINK.sub(fit, part) for number, part in enumerate(parts))


def read_navigation(pages: dict[str, str]) -> tuple[list[object], list[str]]:
    """Return the navigation that docs/index.md has, and the pages that it lacks.

    Each of its sections is a tab, with the pages that its table links; Home has what its first paragraph links besides.
    """
    text = (ROOT / "docs" / "index.md").read_text(encoding="utf-8")
    first, *parts = re.split(r"^## (.*)$", text, flags=re.MULTILINE)
    tabs = [
        (title, list(_linked(body, Path("docs"), pages))) for title, body in zip(parts[::2], parts[1::2], strict=True)
    ]
    decisions = ROOT / "docs" / "decisions" / "README.md"
    records = list(_linked(decisions.read_text(encoding="utf-8"), Path("docs/decisions"), pages))
    named = {page for _, linked in tabs for page in linked} | set(records) | set(_AT_ROOT)
    home = [page for page in _linked(first, Path("docs"), pages) if page not in named]
    named |= set(home)
    navigation: list[object] = [{"Home": ["index.md", {"All pages": "all-pages.md"}, *(pages[page] for page in home)]}]
    for title, linked in tabs:
        entries: list[object] = []
        for page in linked:
            if page == "docs/decisions/README.md":
                entries.append({"Decisions": [pages[one] for one in (page, *records)]})
            elif page not in ("README.md", "docs/index.md", "SECURITY.md", "CHANGELOG.md"):  # which have other places
                entries.append(pages[page])
        navigation.append({title: entries})
    return navigation, [page for page in pages if page not in named]


def _linked(text: str, folder: Path, pages: dict[str, str]) -> Iterator[str]:
    """Yield the pages that a text links to, without a place in them, each once."""
    seen: set[str] = set()
    for target in re.findall(r"\]\(([^)#:]+)\)", text):
        page = os.path.normpath(folder / target)
        if page in pages and page not in seen:
            seen.add(page)
            yield page


def describe_commands() -> dict[str, str]:
    """Return the page of all commands, and a page of each, which mkdocs-click fills, by their paths."""
    context = click.Context(cli, info_name="newsletter", **cli.context_settings)
    pages = {}
    for name in cli.list_commands(context):
        command = cli.get_command(context, name)
        assert command is not None  # noqa: S101  # it is listed
        module = import_module(command.callback.__module__)
        attribute = next(key for key, value in vars(module).items() if value is command)
        options = {"module": module.__name__, "command": attribute, "prog_name": f"newsletter {name}"}
        block = ["::: mkdocs-click", *(f"    :{key}: {value}" for key, value in options.items()), ""]
        pages[f"reference/commands/{name}.md"] = "\n".join(block)
    links = [f"[`newsletter {Path(page).stem}`]({Path(page).name})" for page in pages]
    parts = ["# Commands", f"```text\n{cli.get_help(context)}\n```", "Each of them: " + ", ".join(links) + ".\n"]
    return {"reference/commands/index.md": "\n\n".join(parts), **pages}


def describe_api() -> str:
    """Return the page that mkdocstrings fills with what `newsletter` offers to Python."""
    names = [name for name in newsletter.__all__ if not name.startswith("__")]
    names.sort(key=lambda name: (name != "Publication", name))
    return "\n".join(["# The Python API, name by name", "", *(f"::: newsletter.{name}\n" for name in names)])


if __name__ == "__main__":
    main()
