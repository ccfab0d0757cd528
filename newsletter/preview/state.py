"""What the page shows beside an edition, as plain values for JSON: problems, numbers, links, the inbox line."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from newsletter.audience.subscribers import Subscriber
from newsletter.checks.size import CLIPPED_AT, html_size
from newsletter.errors import NewsletterError, Problem, counted, printable
from newsletter.issue.model import Issue
from newsletter.issue.richtext import RichText
from newsletter.issue.skeleton import unwritten
from newsletter.mail.template import NOBODY
from newsletter.preview.look import Showing
from newsletter.preview.proof import Proof
from newsletter.preview.readers import reader_id
from newsletter.workspace import Workspace

# Silent reading of English prose, words a minute: Brysbaert, "How many words do we read per minute?", 2019.
_WORDS_A_MINUTE = 238
# Signs a minute in scripts written without spaces, about what studies of Japanese and Chinese find.
_SIGNS_A_MINUTE = 500
_SIGN = re.compile("[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff]")
_WORD = re.compile(r"\w+(?:['’.-]\w+)*")


def state(
    showing: Showing, workspace: Workspace, drafts: dict[str, Path], reader: Subscriber | None, *, lost: bool
) -> dict[str, Any]:
    """`reader` is whose mail is shown, None for nobody's in particular; `lost` when the list has that one no more."""
    proof = showing.proof
    chosen = reader or NOBODY
    return {
        "draft": showing.name,
        "revision": showing.revision,
        "proof": proof.number if proof else None,
        "stale": showing.trouble is not None,
        "moved": showing.moved_to,
        "drafts": [{"name": name, "sent": workspace.record(name).exists()} for name in reversed(drafts)],
        "notices": list(_notices(showing, chosen, workspace.root)),
        "finished": proof.finished if proof else True,
        "pages": proof.page_count if proof else None,
        "issue": _facts(proof, chosen) if proof else None,
        "reader": described(reader) if reader else None,
        "lost": lost,
    }


def described(reader: Subscriber) -> dict[str, str]:
    """A reader for the list to choose from."""
    name = reader.fields.get("name", "")
    tags = ", ".join(sorted(reader.tags))
    return {"id": reader_id(reader), "address": reader.address, "name": printable(name), "tags": printable(tags)}


def notice(error: NewsletterError, root: Path, *, stops: bool = True, edition: str = "") -> dict[str, Any]:
    """An error as the command line would say it; `stops` when there is no edition because of it, or not that one."""
    title = error.message if edition.lower() in error.message.lower() else f"{edition}: {error.message}"
    return {
        "title": printable(title),
        "stops": stops,
        "next_step": printable(error.next_step),
        "problems": [_problem(problem, root) for problem in error.problems],
    }


def _notices(showing: Showing, reader: Subscriber, root: Path) -> Iterator[dict[str, Any]]:
    for form, fault in showing.faults.items():
        yield notice(fault, root, edition=form)
    proof = showing.proof
    if proof is None:
        return
    if not showing.trouble:
        if lacking := proof.email(reader).lacking:
            yield _lacking(lacking, reader)
        if texts := unwritten(proof.issue):
            error = NewsletterError(
                f"{counted(len(texts), 'text')} still the example's.", next_step=f"Write them: the first is {texts[0]}"
            )
            yield notice(error, root, stops=False)
    if proof.report and proof.report.problems:
        problems = proof.report.problems
        error = NewsletterError(f"Mail clients: {counted(len(problems), 'problem')}.", problems=problems)
        yield notice(error, root, stops=False)


def _lacking(fields: Iterable[str], reader: Subscriber) -> dict[str, Any]:
    named = ", ".join(f"{{{{ {field} }}}}" for field in fields)
    who = "a reader without a row in the list" if reader is NOBODY else reader.fields.get("name") or reader.address
    error = NewsletterError(
        f"Nothing stands for {named}.",
        next_step=f"For {who} there is neither a value nor a default, and `send` would stop. Give it a default: "
        "{{ name | reader }}.",
    )
    return notice(error, Path(), stops=False)


def _problem(problem: Problem, root: Path) -> dict[str, Any]:
    path = Path(problem.path)
    near = path.relative_to(root) if path.is_absolute() and path.is_relative_to(root) else path
    return {
        "place": replace(problem, path=near).place,
        "code": problem.code,
        "message": printable(problem.message),
        "next_step": printable(problem.next_step),
    }


def _facts(proof: Proof, reader: Subscriber) -> dict[str, Any]:
    email = proof.email(reader)
    issue = proof.issue.seen_by(reader.tags)
    texts = [*issue.texts(), proof.press.about]
    words, signs = _length(issue)
    sender = proof.press.config.sender.from_
    return {
        "subject": proof.press.subject(issue),
        "preheader": proof.press.preheader(issue),
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
