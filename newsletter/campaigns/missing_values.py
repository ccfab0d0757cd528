"""Values that an issue's text asks for and that recipients lack, or have in a form that no header can hold."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from newsletter.address import EmailAddress
from newsletter.checks.fields import locate_field
from newsletter.errors import ListError, Problem
from newsletter.issue.draft import Draft
from newsletter.issue.draft_source import DraftSource
from newsletter.mail.headers import HeaderFault
from newsletter.mail.message_template import MessageTemplate
from newsletter.text import format_count, suggest_nearest


def prove_message(
    template: MessageTemplate, address: EmailAddress, fields: Mapping[str, str], path: Path, line: int
) -> None:
    """Raise ListError when this recipient's message can't be made; `path` and `line` are where they are listed."""
    try:
        template.check_recipient(address, fields)
    except HeaderFault as fault:
        raise make_header_error(fault, path, line) from fault


def make_header_error(fault: HeaderFault, path: Path, line: int) -> ListError:
    """Return the error for a recipient whose message can't be made; `path` and `line` are where they are listed."""
    problem = Problem(
        path=path,
        line=line,
        code="header",
        message=f"this reader's message can't be made: {fault}",
        next_step="Mend the row, or take the field out of the subject or of [list] unsubscribe.",
    )
    return ListError("A reader's value can't stand where the issue has it.", problems=[problem])


def refuse_missing_values(
    lacking: Iterable[tuple[Sequence[str], int, int]], columns: Sequence[str], path: Path, drafts: Sequence[Draft]
) -> None:
    """Raise ListError when values are missing: `lacking` has names of fields, how many lack them, the first one's line.

    What no column holds has its place in the first of the drafts that asks for it: that is where the name is wrong.
    """
    missing: dict[str, tuple[int, int]] = {}
    for names, count, line in lacking:
        for name in names:
            before, first = missing.get(name, (0, line))
            missing[name] = (before + count, min(first, line))
    if missing:
        raise ListError(
            "Some readers lack a value that the issue asks for.",
            problems=list(_explain_missing(missing, columns, path, drafts)),
        )


def _explain_missing(
    missing: Mapping[str, tuple[int, int]], columns: Sequence[str], path: Path, drafts: Sequence[Draft]
) -> Iterator[Problem]:
    known = [name for name in columns if name not in ("", "tags")]
    for name, (count, line) in missing.items():
        lack = f"{format_count(count, 'reader')} {'has' if count == 1 else 'have'} no {json.dumps(name)}"
        if name not in known:
            draft = next((each for each in drafts if _asks_for(each, name)), drafts[0])
            yield locate_field(
                DraftSource(draft.path, draft.source),
                name,
                code="missing-value",
                message=f"{lack}, for no column of the list is that field",
                next_step=suggest_nearest(name, known) or f"Fields are: {', '.join(known)}.",
            )
            continue
        yield Problem(
            path=path,
            line=line,
            code="missing-value",
            message=lack,
            next_step=f"Give the field a default in the draft: {{{{ {name} | reader }}}}, or fill the list's column.",
        )


def _asks_for(draft: Draft, name: str) -> bool:
    return draft.issue is not None and any(field.name == name for field in draft.issue.fields())
