"""premailer beside css-inline, on the sample issues' HTML as MJML makes it: what they write, how it looks, how long.

    make bench-editions
    python benchmarks/inliners.py --help

css-inline is in the `bench` dependency group; Debian's chromium renders what both write.

**Bytes** are those of the email's HTML. **Declarations** are the `style` attributes, tag by tag, in one spelling of the
same values: a difference there is one that a client may show. **Attributes** are those that one writes and the other
does not. **Pixels** are those that differ in chromium, at 600 and at 360 pixels' width, light and dark, with the style
sheets and without them, as in clients that drop those.

**Cold** is the import and the first inlining in a new process; **warm** is the next time in a process that stays, where
premailer keeps what it has read of a style sheet.
Rounds go through the two in turn. Medians; the last column says how many times css-inline's fits into premailer's.
"""

import re
import subprocess
import sys
from argparse import ArgumentParser, RawDescriptionHelpFormatter
from collections import Counter
from collections.abc import Callable, Iterator
from html.parser import HTMLParser
from importlib.metadata import version
from io import BytesIO
from pathlib import Path
from shutil import which
from statistics import median
from tempfile import TemporaryDirectory
from time import perf_counter

from draft import ROOT
from PIL import Image, ImageChops
from playwright.sync_api import sync_playwright

from newsletter.editions import EditionContext, place_beside, write_default
from newsletter.editions.html import inline_styles, render_uninlined
from newsletter.issue.draft import load_issue
from newsletter.workspace_search import find_workspace

ISSUES = ("1.4", "2.10")
NAMES = ("premailer", "css-inline")
FULL, QUICK = (10, 40), (3, 10)  # rounds, cold and warm
DOCTYPE = "<!DOCTYPE html>"
_SHEETS = re.compile(r"<style\b.*?</style>", re.DOTALL)


def css_inline(html: str) -> str:
    """Inline with css-inline, as near to `inline_styles` as its options come."""
    from css_inline import CSSInliner

    inliner = CSSInliner(keep_style_tags=True, keep_at_rules=True, load_remote_stylesheets=False)
    return inliner.inline(html.replace("<!doctype html>", DOCTYPE, 1))


INLINERS: dict[str, Callable[[str], str]] = {"premailer": inline_styles, "css-inline": css_inline}


def main() -> None:
    """Compare the two on each sample issue."""
    parser = ArgumentParser(description=__doc__, formatter_class=RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help=f"fewer rounds, cold and warm: {QUICK} in place of {FULL}")
    parser.add_argument("--once", nargs=2, metavar=("INLINER", "FILE"), help="inline one file and leave")
    options = parser.parse_args()
    if options.once:
        print(timed(options.once[0], Path(options.once[1]).read_text(encoding="utf-8")))
        return
    print(", ".join(f"{name} {version(name)}" for name in NAMES))
    context = EditionContext.from_workspace(find_workspace(ROOT))
    with TemporaryDirectory(prefix="newsletter-inliners-") as folder:
        for name in ISSUES:
            issue = load_issue(ROOT / "drafts" / f"{name}.yaml").seen_by(frozenset())
            for picture in context.pictures(issue):
                Path(folder, picture.name).write_bytes(picture.data)
            source = render_uninlined(context, issue, write_default, place_beside)
            print(f"\nissue {name}: {len(source.encode()):,} bytes before inlining")
            compare(source, Path(folder), *(QUICK if options.quick else FULL))


def compare(source: str, folder: Path, cold: int, warm: int) -> None:
    """Print what both write, how that looks, and how long it takes."""
    first, second = (INLINERS[name](source) for name in NAMES)
    print(f"  bytes         {len(first.encode()):,} and {len(second.encode()):,}; equal: {first == second}")
    before, after = list(tags(first)), list(tags(second))
    same_tags = [tag for tag, _, _ in before] == [tag for tag, _, _ in after]
    print(f"  tags          {len(before)} and {len(after)}; the same in the same order: {same_tags}")
    styled = sum(one[1] != other[1] for one, other in zip(before, after, strict=same_tags))
    print(f"  declarations  {styled} tags differ")
    for name, (one, other) in zip(NAMES, ((before, after), (after, before)), strict=True):
        extra = Counter(pair for a, b in zip(one, other, strict=same_tags) for pair in a[2] - b[2])
        named = ", ".join(f"{key}={value!r} ({count})" for (key, value), count in extra.most_common(5)) or "none"
        print(f"  attributes    of {name} alone: {named}")
    print(
        f"  comments      equal: {comments(first) == comments(second)}; sheets equal: {sheets(first) == sheets(second)}"
    )
    for look, pixels in differing_pixels(first, second, folder):
        print(f"  pixels        {look}: {pixels:,} differ")
    path = folder / "source.html"
    path.write_text(source, encoding="utf-8")
    runs: tuple[tuple[str, int, Callable[[str], float]], ...] = (
        ("cold", cold, lambda name: run_cold(name, path)),
        ("warm", warm, lambda name: timed(name, source)),
    )
    for kind, rounds, run in runs:
        times: dict[str, list[float]] = {name: [] for name in NAMES}
        for number in range(rounds):
            for name in NAMES if number % 2 else reversed(NAMES):
                times[name].append(run(name))
        one, other = (1000 * median(times[name]) for name in NAMES)
        print(f"  {kind}          {one:,.1f} ms and {other:,.1f} ms: {one / other:.1f}")


def timed(name: str, source: str) -> float:
    """Inline, and return how many seconds that took."""
    began = perf_counter()
    INLINERS[name](source)
    return perf_counter() - began


def run_cold(name: str, path: Path) -> float:
    """Inline a file in a process of its own, and return the seconds that its import and its first run took."""
    command = [sys.executable, __file__, "--once", name, str(path)]
    return float(subprocess.run(command, check=True, capture_output=True).stdout)


class _Tags(HTMLParser):
    """Each start tag with its declarations and its other attributes, conditional comments included."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, tuple[str, ...], set[tuple[str, str]]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        style = values.pop("style", "")
        self.found.append((tag, declarations(style), set(values.items())))


def tags(html: str) -> Iterator[tuple[str, tuple[str, ...], set[tuple[str, str]]]]:
    """Yield each start tag with its declarations and its other attributes."""
    reader = _Tags()
    reader.feed(html)
    reader.close()
    yield from reader.found


def declarations(style: str) -> tuple[str, ...]:
    """Return what a `style` attribute comes to, in one spelling: the last declaration of each property, sorted."""
    last: dict[str, str] = {}
    for part in filter(str.strip, style.split(";")):
        name, _, value = part.partition(":")
        value = re.sub(r"\b0(?:px|pt)\b", "0", value.strip().replace('"', "'").lower())
        last[name.strip().lower()] = re.sub(r"#([0-9a-f])\1([0-9a-f])\2([0-9a-f])\3\b", r"#\1\2\3", value)
    return tuple(sorted(f"{name}:{value}" for name, value in last.items()))


def comments(html: str) -> list[str]:
    """Return the comments, which classic Outlook reads, in one spacing."""
    return [" ".join(found.split()) for found in re.findall(r"<!--.*?-->", html, re.DOTALL)]


def sheets(html: str) -> list[str]:
    """Return the style sheets, in one spacing."""
    return ["".join(found.split()) for found in _SHEETS.findall(html)]


def differing_pixels(first: str, second: str, folder: Path) -> Iterator[tuple[str, int]]:
    """Yield how many pixels differ in chromium, by how the email is looked at."""
    program = which("chromium-headless-shell") or which("chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        for sheet in (True, False):
            for width in (600, 360):
                for scheme in ("light", "dark"):
                    pictures = []
                    for html in (first, second):
                        (folder / "email.html").write_text(html if sheet else _SHEETS.sub("", html), encoding="utf-8")
                        page = browser.new_page(viewport={"width": width, "height": 800}, color_scheme=scheme)
                        page.goto((folder / "email.html").as_uri())
                        pictures.append(Image.open(BytesIO(page.screenshot(full_page=True))).convert("RGB"))
                        page.close()
                    look = f"{width} pixels, {scheme}, {'with' if sheet else 'without'} style sheets"
                    yield look, differing(*pictures)
        browser.close()


def differing(one: Image.Image, other: Image.Image) -> int:
    """Return how many pixels of two pictures differ; all of the larger where their sizes do."""
    if one.size != other.size:
        return max(one.width * one.height, other.width * other.height)
    grey = ImageChops.difference(one, other).convert("L")
    return one.width * one.height - grey.histogram()[0]


if __name__ == "__main__":
    main()
