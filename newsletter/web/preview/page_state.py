"""The state of the preview's page as values for JSON: diagnostics, numbers, links, the inbox line."""

import re
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from newsletter.checks.size import CLIPPED_AT, measure_html
from newsletter.errors import NewsletterError, Problem
from newsletter.issue.blocks import write_words
from newsletter.issue.extent import measure_extent
from newsletter.link_check import LinkReport, Verdict
from newsletter.subscribers.subscriber import Subscriber
from newsletter.text import escape_controls, format_count, shorten_path
from newsletter.translation import name_language
from newsletter.web.preview.diagnostics import Diagnostic, collect_diagnostics
from newsletter.web.preview.draft_state import DraftState
from newsletter.web.preview.rendered_draft import RenderedDraft
from newsletter.web.preview.subscriber_search import find, find_source, reader_id
from newsletter.workspace import Workspace

_DATE = re.compile(r"^date:\s*[\"']?(\d{4}-\d\d-\d\d)", re.MULTILINE)
_LOST = Diagnostic(
    title="The reader that was chosen is not on the list any more.",
    next_step='What you see is what any reader gets. Press Escape in the field "As" to let it be.',
)


def state(draft_state: DraftState, workspace: Workspace, drafts: dict[str, Path], id_: str) -> dict[str, Any]:
    """Return what the page shows beside an edition. `id_` is the subscriber whose mail is shown; "" for none."""
    source = find_source(workspace)
    rendered, diagnostics = draft_state.rendered, []
    reader = None
    try:
        reader = find(source, id_) if source else None
        diagnostics += [_LOST] if id_ and reader is None else []
        if rendered and reader:
            rendered.email(reader)
    except NewsletterError as error:  # of the list, or of a template that fails for this reader alone
        diagnostics.append(Diagnostic.of(error))
        reader = None
    translations = _group_translations(workspace, drafts)
    diagnostics += collect_diagnostics(draft_state, reader, source)
    return {
        "draft": draft_state.name,
        "revision": draft_state.revision,
        "rendering": rendered.number if rendered else None,
        "stale": draft_state.error is not None,
        "moved": draft_state.moved_to,
        "main": workspace.split_name(draft_state.name)[0],
        "languages": _list_languages(draft_state.name, workspace),
        "drafts": [
            _listed(name, path, workspace, translations.get(name, {}))
            for name, path in reversed(drafts.items())
            if not workspace.language_of(path)
        ],
        "diagnostics": [diagnostic_as_json(diagnostic, workspace.root) for diagnostic in diagnostics],
        "finished": rendered.finished if rendered else True,
        "pages": rendered.page_count if rendered else None,
        "issue": _facts(rendered, reader) if rendered else None,
        "reader": subscriber_as_json(reader) if reader else None,
    }


def subscriber_as_json(reader: Subscriber) -> dict[str, str]:
    """Return a subscriber as the page's chooser lists them."""
    name = reader.fields.get("name", "")
    more = [value for field, value in reader.fields.items() if value and field not in ("name", "email")]
    about = ", ".join([*sorted(reader.tags), *more])
    return {
        "id": reader_id(reader),
        "address": reader.address,
        "name": escape_controls(name),
        "about": escape_controls(about),
    }


def diagnostic_as_json(diagnostic: Diagnostic, root: Path) -> dict[str, Any]:
    """Return a diagnostic for JSON, with paths relative to the workspace's folder."""
    return {
        "title": escape_controls(diagnostic.title),
        "stops": diagnostic.stops,
        "noun": diagnostic.noun,
        "next_step": escape_controls(diagnostic.next_step),
        "problems": [_problem(problem, root) for problem in diagnostic.problems],
    }


def _problem(problem: Problem, root: Path) -> dict[str, Any]:
    return {
        "place": replace(problem, path=shorten_path(Path(problem.path), root)).place,
        "code": problem.code,
        "message": escape_controls(problem.message),
        "next_step": escape_controls(problem.next_step),
    }


def _list_languages(name: str, workspace: Workspace) -> list[dict[str, str]]:
    """Return the drafts of an issue in its languages, the publication's own first; none where it has no translation."""
    issue = workspace.split_name(name)[0]
    translations = workspace.translations_of(issue)
    if not translations:
        return []
    own = {"draft": issue, "tag": workspace.config.publication.language}
    others = [{"draft": path.stem, "tag": language} for language, path in translations.items()]
    return [{**each, "name": name_language(each["tag"])} for each in (own, *others)]


def _group_translations(workspace: Workspace, drafts: dict[str, Path]) -> dict[str, dict[str, str]]:
    """Return the names of translations by their languages, by the names of their issues."""
    found: dict[str, dict[str, str]] = {}
    for path in drafts.values():
        issue, language = workspace.split_name(path.stem)
        if language:
            found.setdefault(issue, {})[language] = path.stem
    return found


def _listed(name: str, path: Path, workspace: Workspace, translations: dict[str, str]) -> dict[str, Any]:
    changed = path.stat().st_mtime_ns if path.is_file() else 0
    sent = workspace.sending_has_begun(name)
    return {"name": name, "date": _date(path, changed), "sent": sent, "translations": translations}


@lru_cache(maxsize=1000)
def _date(path: Path, _changed: int) -> str:
    """Return a draft's date from its text, which works before the rest is valid; "" when it has none."""
    if not path.is_file():
        return ""
    with path.open(encoding="utf-8", errors="replace") as file:
        found = _DATE.search(file.read(10_000))
    return found[1] if found else ""


def _facts(rendered: RenderedDraft, reader: Subscriber | None) -> dict[str, Any]:
    issue = rendered.context.typeset(rendered.issue).seen_by(reader.tags if reader else frozenset())
    email = rendered.email(reader)
    texts = [*issue.texts(), rendered.context.about]
    links = [*(link for text in texts for link in text.links()), *issue.links()]
    extent = measure_extent(issue)
    sender = rendered.context.config.sender.from_
    return {
        "subject": email.subject,
        "preheader": email.preheader,
        "from": sender.name or sender.address,
        "size": measure_html(email.html),
        "limit": CLIPPED_AT,
        "pictures": rendered.draft_report.picture_weight,  # 0 until the checks are made
        "words": extent.words,
        "signs": extent.signs,
        "minutes": extent.minutes,
        "links_said": _say_links(rendered.links),
        "links": [{"text": write_words((link,)), "href": link.href} for link in links],
    }


def _say_links(report: LinkReport | None) -> str:
    """Return how far the look at links has come; "" where they are not looked at."""
    if report is None or not (report.waiting or report.verdicts):
        return ""
    known = sum(report.verdicts.values())
    if report.waiting:
        return f"Looking where they lead: {known} of {known + report.waiting} pages."
    fine = report.verdicts.get(Verdict.FINE, 0)
    return f"Looked where they lead: {fine} of {format_count(known, 'page')} fine."
