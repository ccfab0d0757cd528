"""The report of `newsletter inbox read`: who left, who bounced, and what a person has to look at."""

import json
from collections import Counter
from collections.abc import Collection, Iterator

import click

from newsletter.cli.output import console, print_table, say
from newsletter.cli.subscribers.event_words import EVENT_WORDS
from newsletter.feedback.event import FeedbackKind
from newsletter.feedback.mail.decision import Action, Decision
from newsletter.feedback.mail.recording import ProcessedMail
from newsletter.subscribers.feedback_events import EventKind
from newsletter.text import format_count

_SHOWN = 20  # mails left to a person, and readers of a kind
_NAMES = {
    FeedbackKind.HARD: "hard bounce",
    FeedbackKind.SOFT: "soft bounce",
    FeedbackKind.COMPLAINT: "complaint",
    FeedbackKind.UNSUBSCRIBE: "unsubscribe",
    FeedbackKind.SIGN_UP: "sign-up",
    FeedbackKind.AUTO_REPLY: "auto-reply",
    FeedbackKind.OTHER: "other",
}
_DONE = {
    Action.SUPPRESS: "no more mail goes there",
    Action.COUNT: "counted",
    Action.UNSUBSCRIBE: "unsubscribed",
    Action.JOIN: "joined",
    Action.CONFIRM: "asked whether they want to leave",
    Action.BLOCKED: "noted, and not held against the reader",
    Action.NOTHING: "nothing to do",
    Action.HOLD: "held back",
    Action.ASK: "left to you",
}
_JOINED = "Joined"
_LEFT, _CONFIRMED, _COMPLAINED = "Left", "Asked whether they want to leave", "Marked it as spam"
_BOUNCED, _HELD = "Bounced, and get no more mail", "Bounced, and are held back"
_UNASKED = "Somebody wants to leave in their name, and they are not asked yet"


def print_json(handled: Iterator[ProcessedMail]) -> bool:
    """Print one array, an object a line, as they come: ten thousand mails need no memory.

    Returns whether any were held back.
    """
    held = False
    click.echo("[", nl=False)
    try:
        for number, one in enumerate(handled):
            held = held or one.decision.action is Action.HOLD
            click.echo((",\n " if number else "\n ") + json.dumps(_as_dict(one)), nl=False)
    finally:
        click.echo("\n]")  # also when the mailbox is lost half way: what was printed before was done
    return held


def _as_dict(one: ProcessedMail) -> dict[str, object]:
    decision = one.decision
    return {
        "file": one.file,
        "kind": decision.kind.value,
        "address": decision.address or None,
        "status": decision.status or None,
        "issue": decision.issue or None,
        "action": decision.action.value,
        "why": decision.why,
        "from": decision.sender or None,
        "subject": decision.subject or None,
    }


def list_names(readers: Collection[str]) -> str:
    """Return some of the readers in words, and how many more there are."""
    shown = ", ".join(sorted(readers)[:_SHOWN])
    more = len(readers) - _SHOWN
    return f"{shown} and {more:,} more" if more > 0 else shown


class Summary:
    """Counts of mails by kind, whose they are, and what a person has to look at; shown in the end, however it came."""

    def __init__(self, *, dry_run: bool, again: bool) -> None:
        self._dry_run = dry_run
        self._again = again
        self._done: Counter[tuple[FeedbackKind, Action]] = Counter()
        self._who: dict[str, set[str]] = {
            title: set() for title in (_JOINED, _LEFT, _CONFIRMED, _COMPLAINED, _BOUNCED, _HELD, _UNASKED)
        }
        self._left: list[str] = []
        self._asked = self._moved = 0
        self._gathered = False
        self._why_held: dict[str, str] = {}
        self.held = False

    def gather(self, handled: Iterator[ProcessedMail]) -> None:
        self._gathered = True
        on_terminal = console().is_terminal
        for one in handled:
            decision = one.decision
            self.held = self.held or decision.action is Action.HOLD
            if one.met_before and not on_terminal and not self._again:
                continue  # cron mails whatever is printed, and has mailed this
            kind = FeedbackKind.SOFT if decision.action is Action.BLOCKED else decision.kind
            self._done[kind, decision.action] += 1
            self._moved += one.moved
            if title := _choose_heading(decision):
                self._who[title].add(decision.address)
            if decision.action is Action.HOLD:
                self._why_held[title] = decision.held_because
            if decision.action is Action.ASK:
                self._asked += 1
                if not on_terminal:
                    say(_describe_mail(one))
                elif self._asked <= _SHOWN:
                    self._left.append(_describe_mail(one))

    def show(self) -> None:
        if not self._gathered:
            return
        on_terminal = console().is_terminal
        for line in self._left:
            say(line, style="yellow")
        if self._asked > len(self._left) and on_terminal:
            say(f"... and {self._asked - len(self._left):,} more: newsletter inbox read --again --json", style="yellow")
        if self._done:
            self._show_table()
        elif on_terminal:
            say("No mail is there." if self._again else "No mail is there that was not handled before.")
        for title, readers in self._who.items():
            if readers:
                say(f"{title} ({len(readers):,}): {list_names(readers)}")
        if self._moved:
            say(f"{format_count(self._moved, 'mail')} moved into the folder 'handled' of that mailbox.")
        if self._asked:
            say("What is left to you: open it. If you believe it: newsletter subscribers suppress ADDRESS")
        if why := self._why_held.get(_HELD):
            say(f"Too many bounced at once to believe it unasked: {why}.", style="bold yellow")
            say("A provider's fault looks like this, too. To go on mailing them: newsletter inbox read --no")
            say("If their mailboxes are gone, suppress them: newsletter inbox read --yes")
        if why := self._why_held.get(_UNASKED):
            say(f"Too many mails at once, which may be forged, want somebody to leave: {why}.", style="bold yellow")
            say("To pass over them: newsletter inbox read --no")
            say("To ask each reader by mail whether they want to leave: newsletter inbox read --yes")
        if self._who[_BOUNCED] and not self._dry_run:
            say("Should these bounces have been a provider's fault: newsletter inbox undo")
        if self._dry_run and on_terminal:
            say("This was a dry run: nothing has changed.")

    def _show_table(self) -> None:
        heading = "Done now or before" if self._again else "Done"
        if self._dry_run:
            heading = "Would be done"
        kinds, actions = list(FeedbackKind), list(Action)
        rows = sorted(self._done.items(), key=lambda row: (kinds.index(row[0][0]), actions.index(row[0][1])))
        print_table(
            ("Mails", "Kind", heading),
            [(f"{count:,}", _name_kind(kind, action), _DONE[action]) for (kind, action), count in rows],
        )


def _name_kind(kind: FeedbackKind, action: Action) -> str:
    return EVENT_WORDS[EventKind.BLOCKED] if action is Action.BLOCKED else _NAMES[kind]


def _choose_heading(decision: Decision) -> str:
    """Return the words under which the reader is named; none for one of whom nothing changes."""
    if decision.action is Action.SUPPRESS:
        return _COMPLAINED if decision.kind is FeedbackKind.COMPLAINT else _BOUNCED
    if decision.action is Action.HOLD:
        return _UNASKED if decision.kind is FeedbackKind.UNSUBSCRIBE else _HELD
    return {Action.JOIN: _JOINED, Action.UNSUBSCRIBE: _LEFT, Action.CONFIRM: _CONFIRMED}.get(decision.action, "")


def _describe_mail(one: ProcessedMail) -> str:
    """Return a line on a mail that is left to a person: its file, sender and subject, and what is missing."""
    decision = one.decision
    about = f" about {decision.address}" if decision.address and decision.address != decision.sender else ""
    sender = f" from {decision.sender}" if decision.sender else ""
    subject = f', "{decision.subject}"' if decision.subject else ""
    return f"{one.file}: {_NAMES[decision.kind]}{about}{sender}{subject}, left to you: {decision.why}"
