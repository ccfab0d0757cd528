"""Editions as files, for the website and for looking at."""

import shutil
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from newsletter.editions.html import render_html
from newsletter.editions.pdf import render_pdf
from newsletter.editions.press import Press, default_fields
from newsletter.editions.text import render_text
from newsletter.issue.model import Issue

Maker = Callable[[Press, Issue], bytes]


def export(
    press: Press, issue: Issue, forms: Sequence[str], folder: Path, more: Mapping[str, Maker] | None = None
) -> dict[str, Path]:
    """Write the named forms into `folder` as 2.10.html and so on; returns where each one is.

    `more` adds forms that rooms above this one make. The HTML's image is copied beside it.
    """
    makers = {"html": _html, "text": _text, "pdf": render_pdf, **(more or {})}
    suffixes = {"text": "txt"}
    made = {form: makers[form](press, issue.seen_by(frozenset())) for form in forms}
    folder.mkdir(parents=True, exist_ok=True)
    written = {}
    for form, data in made.items():
        written[form] = folder / f"{issue.name}.{suffixes.get(form, form)}"
        written[form].write_bytes(data)
    if "html" in forms and (picture := issue.picture) is not None:
        written["image"] = folder / picture.name
        with suppress(shutil.SameFileError):
            shutil.copyfile(picture, written["image"])
    return written


def _html(press: Press, issue: Issue) -> bytes:
    return render_html(press, issue, default_fields, issue.picture.name if issue.picture else "").encode()


def _text(press: Press, issue: Issue) -> bytes:
    return render_text(press, issue, default_fields).encode()
