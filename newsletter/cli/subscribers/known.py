"""Everything about one reader, for a person or for a script."""

from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any

from newsletter.actions.erase import Known
from newsletter.cli.output import say
from newsletter.ledger.erasure import Part
from newsletter.ledger.states import State
from newsletter.mail.message import reply_line
from newsletter.store.events import Row
from newsletter.subscribers.feedback_events import EventKind, EventSource
from newsletter.subscribers.list_changes import describe_suppression
from newsletter.subscribers.suppression_status import SuppressionStatus
from newsletter.subscribers.tokens import hide_tokens
from newsletter.text import format_count

# What a reader, a server or an editor has said, for people; --json and exports keep the names.
SAID: Mapping[str, str] = {
    EventKind.UNSUBSCRIBED: "left",
    EventKind.RETURNED: "came back",
    EventKind.REASON: "said why they left",
    EventKind.HARD: "hard bounce",
    EventKind.SOFT: "soft bounce",
    EventKind.BLOCKED: "refused because of the sender",
    EventKind.COMPLAINED: "marked it as spam",
    EventKind.SIGNED_UP: "signed up",
    EventKind.REMOVED: "taken off the list",
    EventKind.SUPPRESSED: "suppressed",
    EventKind.ALLOWED: "allowed again",
    EventKind.ASKED: "asked whether they want to leave",
    EventKind.UNDONE: "bounce undone",
}
EDITORS = (EventKind.REMOVED, EventKind.SUPPRESSED, EventKind.ALLOWED, EventKind.UNDONE)  # what nobody else can say
_BY: Mapping[str, str] = {
    EventSource.ONE_CLICK: "by the button of the mail program (one-click)",
    EventSource.PAGE: "on the page of the link in a mail",
    EventSource.MAIL: "by mail",
    EventSource.EDITOR: "noted by an editor",
}
_STATES = {State.PENDING: "waits to be sent", State.SENDING: "is being sent", State.UNKNOWN: "may have arrived or not"}
_AT_ONCE = timedelta(minutes=1)


def as_dict(known: Known) -> dict[str, Any]:
    """For --json. `erased` is a moment or null; `about_others` counts rows about others that name the address."""
    return {
        "address": known.reader,
        "state": known.standing.state if known.rows or not known.standing.mailable else "unlisted",
        "erased": known.standing.erased,
        "rows": [{"line": row.line, "cells": dict(row.cells)} for row in known.rows],
        "causes": [asdict(held) for held in known.standing.held],
        "events": [event._asdict() for event in known.events],
        "deliveries": [asdict(part) for part in known.deliveries],
        "about_others": {"lines": list(known.mentions), "state": known.asides},
    }


def show_known(known: Known, list_name: str) -> None:
    if not known.anything:
        if known.standing.erased:
            erased = known.standing.erased[:10]
            say(f"{known.reader}: erased on record: only a keyed hash is left, since {erased}.", style="bold")
        else:
            say(f"Nothing is known of {known.reader}.", style="bold")
    else:
        on_list = "on the list" if known.rows else "not on the list"
        against = "nothing stands against them" if known.standing.mailable else describe_suppression(known.standing)
        say(f"{known.reader}: {on_list}, {against}", style="bold")
    for row in known.rows:
        say(f"\n{list_name}, line {row.line}", style="bold")
        _say_all(row.cells)
    if known.events:
        say("\nWhat was said", style="bold")
        for event in known.events:
            say(f"  {_said(event)}")
            _say_all(event.evidence, "      ")
    if known.deliveries:
        say("\nWhat was sent", style="bold")
        for part in known.deliveries:
            say(f"  {part.issue}  {_sent(part, known.standing)}")
            _say_all({**part.fields, "tags": " ".join(part.tags)}, "      ")
    if known.mentions:
        say(f"\nThe address also stands in rows about others: {list_name}, line {', '.join(map(str, known.mentions))}")
    if known.asides:
        say(f"\nThe address also stands in {format_count(known.asides, 'row')} of the state about others.")
    if known.events or known.deliveries:
        say("\nTimes are in UTC.")


def _say_all(words: Mapping[str, str], indent: str = "  ") -> None:
    for name, value in words.items():
        if value:
            say(f"{indent}{name}: {hide_tokens(' '.join(value.split()))}")


def _said(event: Row) -> str:
    said = SAID.get(event.kind, event.kind)
    by = "by an editor" if event.kind in EDITORS else _BY.get(event.source, f"by {event.source}")
    about = f", about issue {event.issue}" if event.issue else ""
    later = datetime.fromisoformat(event.at) - datetime.fromisoformat(event.said_at) > _AT_ONCE
    noted = f" (written down {_minute(event.at)})" if later else ""
    return f"{_minute(event.said_at)}  {said}, {by}{about}{noted}"


def _sent(part: Part, standing: SuppressionStatus) -> str:
    """What became of one copy."""
    if part.state is State.SUPPRESSED:
        # Only what stood against them by then can have been why; who was let back since has nothing left of it.
        held = [one for one in standing.held if part.ended is None or one.since <= part.ended]
        why = describe_suppression(SuppressionStatus(held=held)) if held else "they were not to be mailed then"
        told = f"not sent: {why}"
    else:
        told = _STATES.get(part.state, part.state.value)
    if part.at is None:
        return told  # nobody has tried
    answer = reply_line(part.code, part.enhanced, part.reply)
    return f"{told}  {_minute(part.at)}  to {part.address}{f': {answer}' if answer else ''}"


def _minute(moment: str) -> str:
    return moment[:16].replace("T", " ")
