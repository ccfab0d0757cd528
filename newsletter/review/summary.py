"""The summary of reviews in Markdown, for the comment on a pull request: short enough for its forge."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from newsletter.checks.draft_report import Finding
from newsletter.forges.markdown_escapes import escape_markdown, quote_markdown
from newsletter.review.issue_change import IssueComparison
from newsletter.review.issue_facts import list_facts
from newsletter.review.issue_review import IssueReview, count_findings, group_findings
from newsletter.review.reviewed_draft import InboxLine, ReviewedDraft
from newsletter.review.word_diff import Stretch, TextStretch
from newsletter.text import format_count
from newsletter.translation import describe_language

# GitHub's limit of a comment is 65,536 characters, GitLab's 1,000,000; a mark to find the comment by comes before it.
LONGEST_ON_GITHUB = 65_000
LONGEST_ON_GITLAB = 999_000
_MOST_PLACES = 20
# HTML, which forges let through: ~~ and ** are no marks between a letter and a sign (CommonMark, section 6.2).
_MARKS = {Stretch.KEPT: ("", ""), Stretch.REMOVED: ("<del>", "</del>"), Stretch.ADDED: ("<ins>", "</ins>")}
_ROOM_FOR_REST = 400  # characters that say what was left out


@dataclass(frozen=True)
class _Part:
    """Some lines of the summary. Where there is no room for them, they are counted as one of what `noun` names."""

    text: str
    noun: str = "other part"


def render_summary(reviews: Sequence[IssueReview], longest: int = LONGEST_ON_GITHUB) -> str:
    """Return the summary of all reviews, at most `longest` characters; it says what was left out for that."""
    if not reviews:
        return "No issue is changed here.\n"
    parts = [part for review in reviews for part in _summarise(review)]
    whole = "".join(part.text for part in parts)
    return whole if len(whole) <= longest else _shorten(parts, longest)


def _shorten(parts: Sequence[_Part], longest: int) -> str:
    kept, left_out, room = list[str](), Counter[str](), longest - _ROOM_FOR_REST
    for part in parts:
        if len(part.text) <= room:
            kept.append(part.text)
            room -= len(part.text)
        else:
            left_out[part.noun] += 1
    counted = ", ".join(format_count(number, noun) for noun, number in left_out.items())
    return f"{''.join(kept)}\nLeft out here: {counted}. The review's folder has them, in `index.html`.\n"


def _summarise(review: IssueReview) -> Iterator[_Part]:
    title = f": {escape_markdown(review.title)}" if review.title else ""
    counted = count_findings(review.findings)
    followed = "" if review.links else " Links were not followed."
    yield _Part(
        f"## {escape_markdown(review.name)}{title}\n\n**{counted[0].upper()}{counted[1:]}.**{followed}\n\n", "issue"
    )
    if review.untrusted:
        yield _Part("Rendered as a stranger's draft: packaged templates, no network, limits of time and memory.\n\n")
    if review.pictures.missing:
        yield _Part(f"Without pictures: {escape_markdown(review.pictures.missing.message)}.\n\n")
    for draft in review.drafts:
        if len(review.drafts) > 1:
            yield _Part(f"### {describe_language(draft.language)}\n\n", "language")
        yield from _summarise_draft(review, draft)


def _summarise_draft(review: IssueReview, draft: ReviewedDraft) -> Iterator[_Part]:
    found = review.findings_of(draft)
    yield from _list_findings("Problems", "problem", [each for each in found if not each.note])
    yield from _list_findings("Notes", "note", [each for each in found if each.note])
    if (comparison := review.comparison_of(draft)) is not None:
        yield from _list_changes(comparison)
    if draft.rendered:
        facts = [
            f"{name}: {escape_markdown(words)}" for name, words in list_facts(draft.rendered, review.links_of(draft))
        ]
        yield _Part(f"{_write_inbox_line(draft.rendered.inbox)}\n\n{' · '.join(facts)}\n\n")


def _list_changes(comparison: IssueComparison) -> Iterator[_Part]:
    yield _Part(f"**{escape_markdown(comparison.summary)}**\n\n", "comparison")
    for part, changes in comparison.by_part().items():
        begin = f"- **{escape_markdown(part)}**\n"
        for change in changes:
            words = f": {''.join(map(_mark_stretch, change.words))}" if change.words else "."
            yield _Part(f"{begin}  - {escape_markdown(change.what)}{words}\n", "change")
            begin = ""
    if comparison.changes:
        yield _Part("\n")


def _mark_stretch(stretch: TextStretch) -> str:
    """Return words, marked where they went or came; blanks stand outside of the marks."""
    text = stretch.text.replace("\n", " ")
    inner = escape_markdown(text)
    if not inner:
        return " " if text else ""
    begin, end = _MARKS[stretch.kind]
    return f"{' ' * text.startswith(' ')}{begin}{inner}{end}{' ' * text.endswith(' ')}"


def _write_inbox_line(line: InboxLine) -> str:
    """Return the inbox line as a quotation of three lines."""
    sender, subject, preheader = map(escape_markdown, (line.sender, line.subject, line.preheader))
    return f"> {sender}\\\n> **{subject}**\\\n> {preheader}"


def _list_findings(heading: str, noun: str, findings: Iterable[Finding]) -> Iterator[_Part]:
    begin = f"**{heading}**\n\n"
    for group in group_findings(findings):
        places = ", ".join(map(quote_markdown, group.places[:_MOST_PLACES]))
        others = len(group.places) - _MOST_PLACES
        places += f" and {format_count(others, 'place')} more" if others > 0 else ""
        next_step = f" {escape_markdown(group.next_step)}" if group.next_step else ""
        yield _Part(f"{begin}- {places}: {escape_markdown(group.message)}.{next_step}\n", noun)
        begin = ""
    if not begin:
        yield _Part("\n")
