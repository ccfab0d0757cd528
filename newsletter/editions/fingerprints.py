"""Fingerprints of an issue's editions, by which an approval is bound to what was looked at.

They are the same on each machine that has the same versions of what renders, whatever its folder, time and language.
"""

import json
import platform
from collections.abc import Sequence
from hashlib import sha256
from importlib.metadata import PackageNotFoundError, version

from newsletter.editions.edition_context import EditionContext, place_beside
from newsletter.editions.edition_files import make_web_files
from newsletter.editions.html import render_html
from newsletter.editions.pdf import render_pdf, try_pdf
from newsletter.editions.plaintext import render_text
from newsletter.issue.model import Issue

# What the bytes of an edition depend on besides the workspace: each of these has changed some between two releases.
_RENDERERS = ("newsletter-press", "jinja2", "mjml-python", "premailer", "lxml", "pillow", "typst", "babel", "uniseg")


def fingerprint_editions(context: EditionContext, issue: Issue) -> dict[str, str]:
    """Return the SHA-256 of each edition in one language, by its name; pictures count for the edition that shows them.

    The email is that of a reader who gets every item, with fields in place of values; `readers` is which item and
    section is for whom. The page and the PDF are those of the website. Raises DraftError and TemplateError.
    """
    pdf, _missing = try_pdf(lambda: render_pdf(context, issue.seen_by(frozenset())))
    pictures = [picture.data for picture in context.pictures(issue)]
    found = {
        "html": _hash(render_html(context, issue, _write_field, place_beside).encode(), *pictures),
        "text": _hash(render_text(context, issue, _write_field).encode()),
        "web": _hash(*make_web_files(context, issue, pdf).values()),
        "readers": hash_rules(issue.visibility_rules),
    }
    return found | ({"pdf": _hash(pdf)} if pdf is not None else {})


def hash_rules(rules: Sequence[Sequence[str]]) -> str:
    """Return the hash of which item and section is for whom, as `Issue.visibility_rules` has it."""
    return _hash(json.dumps([list(tags) for tags in rules]).encode())


def list_renderer_versions() -> dict[str, str]:
    """Return the versions of the programs that render, by their names."""
    versions = {"python": platform.python_version()}
    for name in _RENDERERS:
        try:
            versions[name] = version(name)
        except PackageNotFoundError:  # run from a checkout that is not installed
            versions[name] = "unknown"
    return versions


def _write_field(name: str, default: str) -> str:
    """Return a field's name with its default, since an email that asks for another column is another email."""
    return f"({name}:{default})"


def _hash(*parts: bytes) -> str:
    """Return a hash in which the bounds between parts count."""
    return sha256(b"".join(sha256(part).digest() for part in parts)).hexdigest()
