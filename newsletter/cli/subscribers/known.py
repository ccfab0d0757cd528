"""Everything about one reader, for a person or for a script."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from newsletter.audience.editing import in_words
from newsletter.cli.output import say
from newsletter.delivery.ledger.erase import Part
from newsletter.delivery.readers import Known
from newsletter.errors import counted


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
        against = "nothing stands against them" if known.standing.mailable else in_words(known.standing)
        say(f"{known.reader}: {on_list}, {against}", style="bold")
    for row in known.rows:
        say(f"\n{list_name}, line {row.line}", style="bold")
        _say_all(row.cells)
    if known.events:
        say("\nWhat was said (times in UTC)", style="bold")
        for event in known.events:
            about = f", about {event.issue}" if event.issue else ""
            say(f"  {event.said_at}  {event.kind}  by {event.source}{about}; written down {event.at}")
            _say_all(event.evidence, "      ")
    if known.deliveries:
        say("\nWhat was sent (times in UTC)", style="bold")
        for part in known.deliveries:
            say(
                f"  {part.issue}  {part.state.value}  {part.at or 'not answered yet'}  to {part.address}{_answer(part)}"
            )
            _say_all({**part.fields, "tags": " ".join(part.tags)}, "      ")
    if known.mentions:
        say(f"\nThe address also stands in rows about others: {list_name}, line {', '.join(map(str, known.mentions))}")
    if known.asides:
        say(f"\nThe address also stands in {counted(known.asides, 'row')} of the state about others.")


def _say_all(words: Mapping[str, str], indent: str = "  ") -> None:
    for name, value in words.items():
        if value:
            say(f"{indent}{name}: {' '.join(value.split())}")


def _answer(part: Part) -> str:
    answer = " ".join(str(word) for word in (part.code, part.enhanced, part.reply) if word)
    return f": {answer}" if answer else ""
