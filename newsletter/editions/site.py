"""The publication's website as files: every issue's page and PDF, an index, a feed and a sitemap.

Stages: read the drafts, render those whose page or what it is made of has changed, write what all pages
share, and take away what an earlier run made and this one did not.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path

from newsletter.editions.export import web_files
from newsletter.editions.feed import atom_feed, sitemap
from newsletter.editions.pdf import render_pdf
from newsletter.editions.press import Press
from newsletter.editions.typefaces import typefaces
from newsletter.editions.web import Download, Page, pdf_name, render_index
from newsletter.errors import DraftError
from newsletter.issue.draft import Draft, require_issue
from newsletter.issue.model import Issue
from newsletter.issue.skeleton import unwritten

# What each file was made from, so that a later run knows what has changed. It holds hashes alone.
MANIFEST = ".newsletter-site.json"


@dataclass
class Site:
    """What a run did: issues by name, files by path."""

    built: list[str] = field(default_factory=list)
    kept: list[str] = field(default_factory=list)
    left_out: dict[str, str] = field(default_factory=dict)
    removed: list[str] = field(default_factory=list)


def export_site(press: Press, drafts: Iterable[Draft], folder: Path) -> Site:
    """Write or renew the site in `folder`. Raises DraftError for a broken draft whose page is there already."""
    site = Site()
    before = _read_manifest(folder / MANIFEST)
    issues = _publishable(drafts, before, site)
    if not issues:
        raise DraftError("There is no issue to publish yet.", next_step="newsletter draft check names what is missing.")
    folder.mkdir(parents=True, exist_ok=True)
    surroundings = _surroundings(press)
    after: dict[str, _Made] = {}
    pages = []
    for draft, issue in issues:
        source = _hash(surroundings, draft.sha256)
        known = before.get(issue.name)
        if known and known.source == source and known.is_whole(folder):
            after[issue.name] = known
            site.kept.append(issue.name)
        else:
            after[issue.name] = _Made(source, _write(folder, _issue_files(press, issue)))
            site.built.append(issue.name)
        octets = (folder / pdf_name(issue)).stat().st_size
        pages.append(Page(issue.seen_by(frozenset()), press.words(issue)["date"], Download(pdf_name(issue), octets)))
    after["site"] = _Made("", _write(folder, _shared_files(press, pages)))
    site.removed = _remove(folder, _files(before) - _files(after))
    _write_manifest(folder / MANIFEST, after)
    return site


def _publishable(drafts: Iterable[Draft], before: "Mapping[str, _Made]", site: Site) -> list[tuple[Draft, Issue]]:
    """The finished drafts, newest first. One that was never published and isn't finished yet is no mistake."""
    issues = []
    for draft in drafts:
        name = draft.path.stem
        if draft.issue is None:
            if name in before:
                require_issue(draft)
            site.left_out[name] = "it has problems"
        elif unwritten(draft.issue):
            site.left_out[name] = "not all of it is written yet"
        else:
            issues.append((draft, draft.issue))
    return sorted(issues, key=lambda pair: (pair[1].date, pair[1].volume, pair[1].number), reverse=True)


def _issue_files(press: Press, issue: Issue) -> dict[str, bytes]:
    pdf = render_pdf(press, issue)
    return {**web_files(press, issue, pdf), pdf_name(issue): pdf}


def _shared_files(press: Press, pages: Sequence[Page]) -> dict[str, bytes]:
    shared = {"index.html": render_index(press, pages).encode()}
    if logo := press.logo():
        shared[logo.name] = logo.data
    if press.config.publication.website:
        shared |= {"feed.xml": atom_feed(press, pages), "sitemap.xml": sitemap(press, pages)}
    return shared


def _surroundings(press: Press) -> str:
    """Everything but the draft that an issue's files are made from."""
    parts = [version("newsletter-press"), version("typst"), press.config.model_dump_json()]
    for folder in press.template_path:
        for path in sorted(folder.iterdir()) if folder.is_dir() else ():
            if path.is_file():
                parts += [path.name, sha256(path.read_bytes()).hexdigest()]
    parts += sorted({font.family for font in typefaces(press.fonts).fonts()})
    for path in sorted(press.fonts.rglob("*")) if press.fonts.is_dir() else ():
        if path.is_file():
            parts += [path.name, sha256(path.read_bytes()).hexdigest()]
    return _hash(*parts)


def _hash(*parts: str) -> str:
    return sha256("\0".join(parts).encode()).hexdigest()


def _write(folder: Path, files: Mapping[str, bytes]) -> dict[str, str]:
    """Write what differs; returns each file's hash."""
    hashes = {}
    for name, data in files.items():
        path = folder / name
        if not path.is_file() or path.read_bytes() != data:
            path.write_bytes(data)
        hashes[name] = sha256(data).hexdigest()
    return hashes


def _remove(folder: Path, names: Iterable[str]) -> list[str]:
    gone = [name for name in sorted(names) if (folder / name).is_file()]
    for name in gone:
        (folder / name).unlink()
    return gone


@dataclass(frozen=True)
class _Made:
    """What an issue, or what all issues share, was made from, and its files with their hashes."""

    source: str
    files: Mapping[str, str]

    def is_whole(self, folder: Path) -> bool:
        return all(
            (folder / name).is_file() and sha256((folder / name).read_bytes()).hexdigest() == digest
            for name, digest in self.files.items()
        )


def _read_manifest(path: Path) -> dict[str, _Made]:
    try:
        known = json.loads(path.read_text(encoding="utf-8"))
        made = {str(name): _Made(str(entry["from"]), dict(entry["files"])) for name, entry in known.items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}  # none yet, or spoilt: everything is made anew
    # A name alone: what someone wrote into the manifest must not remove a file elsewhere.
    names = {name for entry in made.values() for name in entry.files}
    return made if all(Path(name).name == name for name in names) else {}


def _write_manifest(path: Path, made: Mapping[str, _Made]) -> None:
    known = {name: {"from": entry.source, "files": dict(entry.files)} for name, entry in made.items()}
    path.write_text(json.dumps(known, indent=1, sort_keys=True) + "\n", encoding="utf-8")


def _files(made: Mapping[str, _Made]) -> set[str]:
    return {name for entry in made.values() for name in entry.files}
