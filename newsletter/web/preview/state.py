"""What the page shows beside an edition, as plain values for JSON: notices, numbers, links, the inbox line."""

import re
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from newsletter.checks.size import CLIPPED_AT, html_size
from newsletter.errors import NewsletterError, Problem, below, printable
from newsletter.issue.model import Issue
from newsletter.issue.richtext import RichText
from newsletter.subscribers.csv_source import Subscriber
from newsletter.web.preview.look import Showing
from newsletter.web.preview.notices import Notice, notices
from newsletter.web.preview.proof import Proof
from newsletter.web.preview.readers import find, list_of, reader_id
from newsletter.workspace import Workspace

# Silent reading of English prose, words a minute: Brysbaert, "How many words do we read per minute?", 2019.
_WORDS_A_MINUTE = 238
# Signs a minute in scripts written without spaces, about what studies of Japanese and Chinese find.
_SIGNS_A_MINUTE = 500
_SIGN = re.compile("[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff]")
_WORD = re.compile(r"\w+(?:['’.-]\w+)*")
_DATE = re.compile(r"^date:\s*[\"']?(\d{4}-\d\d-\d\d)", re.MULTILINE)
_LOST = Notice(
    title="The reader that was chosen is not on the list any more.",
    next_step='What you see is what any reader gets. Press Escape in the field "As" to let it be.',
)


def state(showing: Showing, workspace: Workspace, drafts: dict[str, Path], id_: str) -> dict[str, Any]:
    """`id_` says whose mail is shown; "" for nobody's in particular."""
    list_path = list_of(workspace)
    proof, told = showing.proof, []
    reader = None
    try:
        reader = find(list_path, id_) if list_path else None
        told += [_LOST] if id_ and reader is None else []
        if proof and reader:
            proof.email(reader)
    except NewsletterError as error:  # of the list, or of a template that fails for this reader alone
        told.append(Notice.of(error))
        reader = None
    told += notices(showing, reader, list_path)
    return {
        "draft": showing.name,
        "revision": showing.revision,
        "proof": proof.number if proof else None,
        "stale": showing.trouble is not None,
        "moved": showing.moved_to,
        "drafts": [_listed(name, path, workspace) for name, path in reversed(drafts.items())],
        "notices": [as_plain(notice, workspace.root) for notice in told],
        "finished": proof.finished if proof else True,
        "pages": proof.page_count if proof else None,
        "issue": _facts(proof, reader) if proof else None,
        "reader": described(reader) if reader else None,
    }


def described(reader: Subscriber) -> dict[str, str]:
    """A reader for the list to choose from."""
    name = reader.fields.get("name", "")
    more = [value for field, value in reader.fields.items() if value and field not in ("name", "email")]
    about = ", ".join([*sorted(reader.tags), *more])
    return {"id": reader_id(reader), "address": reader.address, "name": printable(name), "about": printable(about)}


def as_plain(notice: Notice, root: Path) -> dict[str, Any]:
    """For JSON, with places that are written from the workspace's own folder."""
    return {
        "title": printable(notice.title),
        "stops": notice.stops,
        "next_step": printable(notice.next_step),
        "problems": [_problem(problem, root) for problem in notice.problems],
    }


def _problem(problem: Problem, root: Path) -> dict[str, Any]:
    return {
        "place": replace(problem, path=below(Path(problem.path), root)).place,
        "code": problem.code,
        "message": printable(problem.message),
        "next_step": printable(problem.next_step),
    }


def _listed(name: str, path: Path, workspace: Workspace) -> dict[str, Any]:
    changed = path.stat().st_mtime_ns if path.is_file() else 0
    return {"name": name, "date": _date(path, changed), "sent": workspace.sending_has_begun(name)}


@lru_cache(maxsize=1000)
def _date(path: Path, _changed: int) -> str:
    """A draft's date, known before the rest is in order."""
    if not path.is_file():
        return ""
    with path.open(encoding="utf-8", errors="replace") as file:
        found = _DATE.search(file.read(10_000))
    return found[1] if found else ""


def _facts(proof: Proof, reader: Subscriber | None) -> dict[str, Any]:
    issue = proof.issue.seen_by(reader.tags if reader else frozenset())
    email = proof.email(reader)
    texts = [*issue.texts(), proof.press.about]
    words, signs = _length(issue)
    sender = proof.press.config.sender.from_
    return {
        "subject": email.subject,
        "preheader": email.preheader,
        "from": sender.name or sender.address,
        "size": html_size(email.html),
        "limit": CLIPPED_AT,
        "words": words,
        "signs": signs,
        "minutes": max(1, round(words / _WORDS_A_MINUTE + signs / _SIGNS_A_MINUTE)),
        "links": [{"text": RichText(((link,),)).plain(), "href": link.href} for text in texts for link in text.links()],
    }


def _length(issue: Issue) -> tuple[int, int]:
    """Words, and signs of scripts that have no spaces between words."""
    plain = "\n".join(text.plain() for text in issue.texts())
    return len(_WORD.findall(_SIGN.sub(" ", plain))), len(_SIGN.findall(plain))
