"""The facts about a rendered issue, in words: how long it is, how large, how many pages."""

from newsletter.checks.size import CLIPPED_AT
from newsletter.review.reviewed_draft import RenderedIssue
from newsletter.text import format_count, format_size


def list_facts(issue: RenderedIssue, links: str) -> list[tuple[str, str]]:
    """Return what each fact is about and what it is; `links` says where the links lead, "" where nobody was asked."""
    extent = [format_count(issue.extent.words, "word")] if issue.extent.words or not issue.extent.signs else []
    extent += [format_count(issue.extent.signs, "sign")] if issue.extent.signs else []
    facts = [("Length", " and ".join(extent)), ("Reading time", f"{issue.extent.minutes} min")]
    facts += [
        ("Items", f"{issue.items:,}"),
        ("Where links lead", links) if links else ("Links", f"{issue.links:,}, not followed"),
    ]
    if "html" in issue.files:
        facts.append(("Email", f"{format_size(issue.email_size)} of HTML; Gmail cuts off at {CLIPPED_AT // 1000} kB"))
    if issue.picture_weight:
        facts.append(("Pictures", format_size(issue.picture_weight)))
    if issue.pages:
        facts.append(("PDF", format_count(len(issue.pages), "page")))
    return facts
