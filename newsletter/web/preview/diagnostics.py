"""Collects what an editor should know of a draft: errors, and what should be seen to before it is sent."""

import re
from collections.abc import Hashable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from newsletter.errors import ListError, NewsletterError, Problem
from newsletter.issue.draft_source import DraftSource
from newsletter.issue.skeleton import find_unwritten
from newsletter.subscribers.source import SubscriberSource
from newsletter.subscribers.subscriber import Subscriber
from newsletter.text import format_count
from newsletter.web.preview.draft_state import DraftState
from newsletter.web.preview.rendered_draft import RenderedDraft
from newsletter.web.preview.subscriber_search import search
from newsletter.workspace import TEMPLATES


@dataclass(frozen=True, kw_only=True)
class Diagnostic:
    """An error or a piece of advice about a draft. It `stops` when an edition can't be made because of it.

    It is `partial` while there is more to come. `noun` is what each of its problems is counted as.
    """

    title: str
    stops: bool = False
    next_step: str = ""
    problems: tuple[Problem, ...] = ()
    partial: bool = False
    noun: Literal["problem", "note"] = "note"

    @classmethod
    def of(cls, error: NewsletterError, edition: str = "") -> "Diagnostic":
        """Return an error as the command line words it, with the edition that it is about."""
        named = edition.lower() in error.message.lower()
        title = error.message if named else f"{edition}: {error.message}"
        return cls(title=title, stops=True, next_step=error.next_step, problems=error.problems, noun="problem")


def collect_diagnostics(
    draft_state: DraftState, reader: Subscriber | None, source: SubscriberSource | None
) -> list[Diagnostic]:
    """Return all diagnostics of a draft, errors first.

    `reader` is whose mail is shown; `source` is None while newsletter.toml can't be read.
    """
    found = [Diagnostic.of(fault, edition) for edition, fault in draft_state.faults.items()]
    rendered = draft_state.rendered
    if rendered is None or draft_state.error:
        return found
    found += _find_field_problems(rendered, reader, source)
    found += _find_tag_problems(rendered, reader, source)
    found += _find_unwritten_texts(rendered)
    found += _find_check_results(rendered)
    found += _find_link_results(rendered)
    if rendered.report and rendered.report.problems:
        problems = rendered.report.problems
        title = f"Mail clients: {format_count(len(problems), 'problem')}."
        found.append(Diagnostic(title=title, problems=problems, noun="problem"))
    return found


def _find_field_problems(
    rendered: RenderedDraft, reader: Subscriber | None, source: SubscriberSource | None
) -> Iterator[Diagnostic]:
    """Yield fields that the list has no column for, and fields that have no value and no default."""
    names = [field.name for field in rendered.issue.fields()]
    columns = [column for column in _columns(source) if column not in ("", "tags")]
    unlisted = [name for name in dict.fromkeys(names) if columns and name not in columns]
    if unlisted:
        there = ", ".join(columns)
        yield Diagnostic(
            title=f"The list has no column for {format_count(len(unlisted), 'field')}.",
            problems=tuple(
                _place_problem(
                    rendered,
                    rf"(?<!`)\{{\{{\s*{re.escape(name)}\b",
                    code="field",
                    message=f"no reader has a value for {{{{ {name} }}}}",
                    next_step=f"The list's columns are: {there}.",
                )
                for name in unlisted
            ),
        )
    if lacking := [name for name in rendered.lacking(reader) if name not in unlisted]:
        whose = "has no default" if reader is None else "has no value here, and no default"
        yield Diagnostic(
            title=f"{format_count(len(lacking), 'field')} without a default.",
            problems=tuple(
                _place_problem(
                    rendered,
                    rf"(?<!`)\{{\{{\s*{re.escape(name)}\s*\}}\}}",
                    code="field",
                    message=f"{{{{ {name} }}}} {whose}",
                    next_step=f"Write it as {{{{ {name} | something }}}}: where a reader has no value, the send stops.",
                )
                if name in names
                else Problem(
                    path=rendered.workspace.folder / TEMPLATES,
                    code="field",
                    message=f"a template asks for {name}, which {whose}",
                    next_step=f'Write it there as reader("{name}", "something").',
                )
                for name in lacking
            ),
        )


def _find_tag_problems(
    rendered: RenderedDraft, reader: Subscriber | None, source: SubscriberSource | None
) -> Iterator[Diagnostic]:
    """Yield items that are left out of this mail by their tags, and tags that no subscriber has."""
    tags_of_reader = reader.tags if reader else frozenset()
    hidden = [rule for rule in rendered.issue.visibility_rules if rule and tags_of_reader.isdisjoint(rule)]
    if hidden:
        tags = ", ".join(sorted({tag for rule in hidden for tag in rule}))
        who = "this reader is none of them" if reader else 'choose one under "As" to see it'
        part = "part" if rendered.issue.sections else "item"
        yield Diagnostic(
            title=f"{format_count(len(hidden), part)} not shown.",
            next_step=f"Only for readers tagged {tags}; {who}.",
        )
    tags_used = sorted({tag for rule in rendered.issue.visibility_rules for tag in rule})
    unknown = [tag for tag in tags_used if source and not _has_tag(source, tag)]
    if unknown:
        yield Diagnostic(
            title=f"No reader has the tag {' or '.join(unknown)}.",
            problems=tuple(
                _place_problem(
                    rendered,
                    rf"(?:only_for:.*?(?<![\w.-])|^\s*-\s+[\"']?)({re.escape(tag)})(?![\w.-])",
                    code="tag",
                    message=f"nobody in the list is tagged {tag}",
                    next_step="Compare it with the list's tags column.",
                )
                for tag in unknown
            ),
        )


def _find_unwritten_texts(rendered: RenderedDraft) -> Iterator[Diagnostic]:
    """Yield texts that `draft new` wrote, and that nobody has replaced."""
    texts = find_unwritten(rendered.issue)
    if texts:
        first = _place_problem(
            rendered,
            re.escape(texts[0][:25]),
            code="example",
            message=f"the first is '{texts[0]}'",
            next_step="Write your own, or take the items out: `send` refuses them.",
        )
        yield Diagnostic(title=f"{format_count(len(texts), 'text')} to be written.", problems=(first,))


def _find_check_results(rendered: RenderedDraft) -> Iterator[Diagnostic]:
    """Yield what `draft check` finds, without what the other diagnostics say: examples, fields, failed editions."""
    known = {problem for fault in rendered.faults.values() for problem in fault.problems}
    report = rendered.draft_report
    problems = tuple(
        problem
        for problem in report.problems
        if problem not in known and (problem.code, problem.path) != ("example", rendered.issue.path)
    )
    if problems:
        title = f"Before it is sent: {format_count(len(problems), 'problem')}."
        yield Diagnostic(title=title, problems=problems, noun="problem")
    notes = tuple(note for note in report.notes if note.code != "field")
    if notes:
        yield Diagnostic(title=f"To look at: {format_count(len(notes), 'note')}.", problems=notes)


def _find_link_results(rendered: RenderedDraft) -> Iterator[Diagnostic]:
    """Yield what is known of the issue's links so far."""
    report = rendered.links
    if report and report.problems:
        title = f"Links: {format_count(len(report.problems), 'problem')}."
        yield Diagnostic(title=title, problems=report.problems, partial=report.waiting > 0, noun="problem")
    if report and report.notes:
        title = f"Links to look at: {format_count(len(report.notes), 'note')}."
        yield Diagnostic(title=title, problems=report.notes, partial=report.waiting > 0)


def _place_problem(rendered: RenderedDraft, pattern: str, *, code: str, message: str, next_step: str) -> Problem:
    """Return a problem with the line and column at which the draft first has what `pattern` matches."""
    source = DraftSource(rendered.issue.path, rendered.source)
    return source.at_pattern(pattern, code=code, message=message, next_step=next_step)


def _columns(source: SubscriberSource | None) -> list[str]:
    """Return the list's columns; none for a list that isn't there or can't be read, which `send` tells."""
    try:
        return source.read_columns() if source and source.exists() else []
    except ListError:
        return []


def _has_tag(source: SubscriberSource, tag: str) -> bool:
    """Return whether a subscriber has the tag; True where the list can't tell."""
    return not source.exists() or _is_used(source, source.version(), tag)


@lru_cache(maxsize=100)
def _is_used(source: SubscriberSource, _version: Hashable, tag: str) -> bool:
    try:
        return any(tag in reader.tags for reader in search(source, tag, most=None))
    except ListError:
        return True
