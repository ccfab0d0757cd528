"""What a `send` would do, worked out and proved before anything is asked or sent.

Stages: look at what the store and the record know, read the list, compile the text, prove that every
reader's message renders.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from enum import Enum
from pathlib import Path
from secrets import token_hex

from newsletter.audience.subscribers import Subscriber, read_subscribers
from newsletter.delivery import ledger
from newsletter.delivery.ledger import Campaign, Entry, Text
from newsletter.delivery.record import refuse_foreign_record
from newsletter.editions import Press
from newsletter.errors import DecisionNeeded, ListError, Problem
from newsletter.issue.draft import Draft, require_issue
from newsletter.issue.model import Issue
from newsletter.mail.template import MessageTemplate, compile_message
from newsletter.store import Store
from newsletter.store.suppressions import suppressed_readers


class Changes(Enum):
    """What to do when the draft is not the one that the campaign began with."""

    ASK = "ask"
    CONTINUE = "continue"  # the frozen text for everyone
    TAKE_OVER = "with changes"  # the new text for whoever has had nothing


@dataclass(frozen=True, kw_only=True)
class Readers:
    """The list as read for a wave: who gets the issue, and who can't or won't."""

    subscribers: Sequence[Subscriber]
    problems: Sequence[Problem]
    suppressed: Mapping[str, str]

    @property
    def duplicates(self) -> int:
        return sum(problem.code == "duplicate" for problem in self.problems)

    @property
    def unusable(self) -> int:
        return len(self.problems) - self.duplicates

    @property
    def suppressed_count(self) -> int:
        return sum(subscriber.reader in self.suppressed for subscriber in self.subscribers)


@dataclass(frozen=True, kw_only=True)
class Plan:
    """One send, ready to be shown and carried out.

    `wave` is the tag whose readers are to be frozen (empty: all), None when nobody is to be added.
    """

    campaign: Campaign
    is_new: bool
    waiting: int
    wave: str | None = None
    readers: Readers | None = None
    texts: Sequence[Text] = ()
    entries: Sequence[Entry] = ()
    reassigned: Mapping[str, int] = field(default_factory=dict)
    draft_changed: bool = False

    @property
    def to_send(self) -> int:
        added = len(self.entries) - (self.readers.suppressed_count if self.readers else 0)
        return self.waiting + added


def read_readers(store: Store, path: Path, tag: str) -> Readers:
    """The list's readers with `tag` (all of them for an empty one). Raises ListError."""
    found: list[Subscriber] = []
    problems: list[Problem] = []
    for row in read_subscribers(path):
        if isinstance(row, Problem):
            problems.append(row)
        elif not tag or tag in row.tags:
            found.append(row)
    with store.transaction() as connection:
        suppressed = suppressed_readers(connection)
    if not found:
        raise ListError(
            f"No reader in {path.name} has the tag {tag!r}." if tag else f"{path.name} has no reader.",
            next_step=f"`newsletter subscribers check {path}` shows what is in the list.",
        )
    return Readers(subscribers=found, problems=problems, suppressed=suppressed)


def plan_send(
    store: Store, press: Press, draft: Draft, *, record: Path, list_path: Path, tag: str, changes: Changes
) -> Plan:
    """Raises DraftError, ListError, TemplateError, and DecisionNeeded when a person has to say how to go on."""
    tag = tag.casefold()
    name = draft.path.stem
    campaign = ledger.find_campaign(store, name)
    if campaign is None:
        refuse_foreign_record(record)
        return _new_campaign(store, press, draft, list_path, tag)
    refuse_foreign_record(record, known=campaign.id)
    changed = draft.sha256 != campaign.draft_sha256
    waiting = ledger.counts(store, name).waiting
    if changed and changes is Changes.ASK and (waiting or not campaign.covers(tag)):
        raise DecisionNeeded(
            f"The draft {draft.path.name} has changed since its sending began.",
            next_step=f"newsletter send {name} --continue       the text as it was, for everyone still waiting\n"
            f"newsletter send {name} --with-changes   the new text, for those who have had nothing\n"
            f"newsletter cancel {name}                nobody else gets it",
        )
    plan = Plan(campaign=campaign, is_new=False, waiting=waiting, draft_changed=changed)
    take_over = changed and changes is Changes.TAKE_OVER
    if take_over:
        plan = _with_new_text(store, press, draft, plan)
    if not campaign.covers(tag):
        plan = _with_wave(store, press, draft, plan, list_path, tag, frozen=changed and not take_over)
    return plan


def plan_dry_run(store: Store, press: Press, draft: Draft, *, list_path: Path, tag: str) -> Plan:
    """What a first send would do, whatever has been sent already."""
    return _new_campaign(store, press, draft, list_path, tag.casefold())


def _new_campaign(store: Store, press: Press, draft: Draft, list_path: Path, tag: str) -> Plan:
    issue = require_issue(draft)
    campaign = Campaign(
        issue=issue.name,
        id=token_hex(8),
        subject=press.subject(issue),
        draft_sha256=draft.sha256,
        created_at=datetime.now(UTC).isoformat(timespec="seconds"),
        finished_at=None,
        left_out=0,
        waves=frozenset(),
    )
    plan = Plan(campaign=campaign, is_new=True, waiting=0)
    return _with_wave(store, press, draft, plan, list_path, tag)


def _with_wave(
    store: Store, press: Press, draft: Draft, plan: Plan, list_path: Path, tag: str, *, frozen: bool = False
) -> Plan:
    readers = read_readers(store, list_path, tag)
    known = set() if plan.is_new else ledger.known_readers(store, plan.campaign.issue)
    new = [subscriber for subscriber in readers.subscribers if subscriber.reader not in known]
    shelf = (
        _Shelf.frozen(ledger.current_texts(store, plan.campaign.issue), require_issue(draft))
        if frozen
        else _Shelf(press, require_issue(draft), plan.campaign, plan.texts)
    )
    entries = [
        Entry(
            reader=subscriber.reader,
            address=subscriber.address,
            fields=subscriber.fields,
            tags=subscriber.tags,
            template=shelf.number(subscriber.tags),
        )
        for subscriber in new
    ]
    _prove(
        (
            (subscriber.address, subscriber.fields, entry.template, subscriber.line)
            for subscriber, entry in zip(new, entries, strict=True)
        ),
        shelf,
        list_path,
    )
    left_out = len(readers.problems) - readers.duplicates
    return replace(
        plan,
        wave=tag,
        readers=replace(readers, subscribers=new),
        texts=shelf.texts(),
        entries=entries,
        campaign=replace(plan.campaign, left_out=left_out),
    )


def _with_new_text(store: Store, press: Press, draft: Draft, plan: Plan) -> Plan:
    issue = require_issue(draft)
    campaign = replace(plan.campaign, subject=press.subject(issue), draft_sha256=draft.sha256)
    shelf = _Shelf(press, issue, campaign)
    waiting = list(ledger.waiting(store, campaign.issue))
    assigned = {reader: shelf.number(tags) for reader, _, _, tags in waiting}
    _prove(
        ((address, fields, assigned[reader], 0) for reader, address, fields, _ in waiting),
        shelf,
        Path("the frozen list"),
    )
    return replace(plan, campaign=campaign, texts=shelf.texts(), reassigned=assigned)


class _Shelf:
    """The compiled texts of a campaign, one for each group of readers who see the same items."""

    def __init__(
        self, press: Press | None, issue: Issue, campaign: Campaign | None, texts: Iterable[Text] = ()
    ) -> None:
        self._press = press
        self._issue = issue
        self._campaign = campaign
        self._templates = {text.variant: MessageTemplate.from_bytes(text.payload) for text in texts}
        self._numbers = {variant: number for number, variant in enumerate(self._templates)}

    @classmethod
    def frozen(cls, texts: Iterable[Text], issue: Issue) -> "_Shelf":
        """Texts that were compiled earlier, and no way to make more: the draft is another one now."""
        return cls(None, issue, None, texts)

    def number(self, tags: frozenset[str]) -> int:
        variant = "".join("1" if item.is_for(tags) else "0" for item in self._issue.items)
        if variant not in self._numbers:
            if self._press is None or self._campaign is None:
                raise DecisionNeeded(
                    "Some of these readers would see other items, and the draft has changed since.",
                    next_step=f"newsletter send {self._issue.name} --with-changes",
                )
            self._templates[variant] = compile_message(
                self._press,
                self._issue.seen_by(tags),
                self._campaign.id,
                datetime.fromisoformat(self._campaign.created_at),
            )
            self._numbers[variant] = len(self._numbers)
        return self._numbers[variant]

    def template(self, number: int) -> MessageTemplate:
        return list(self._templates.values())[number]

    def texts(self) -> list[Text]:
        return [Text(variant, template.to_bytes()) for variant, template in self._templates.items()]


def _prove(readers: Iterable[tuple[str, Mapping[str, str], int, int]], shelf: _Shelf, path: Path) -> None:
    """Render every reader's message before the first is sent. Raises ListError for values that are missing."""
    lacking: dict[str, list[int]] = {}
    for address, fields, number, line in readers:
        template = shelf.template(number)
        missing = template.lacking(fields)
        for name in missing:
            lacking.setdefault(name, []).append(line)
        if not missing:
            template.render(address, address, fields)
    if lacking:
        raise ListError("Some readers lack a value that the issue asks for.", problems=list(_lacks(lacking, path)))


def _lacks(lacking: Mapping[str, list[int]], path: Path) -> Iterator[Problem]:
    for name, lines in lacking.items():
        count = "1 reader has" if len(lines) == 1 else f"{len(lines)} readers have"
        yield Problem(
            path=path,
            line=lines[0],
            code="missing-value",
            message=f"{count} no {json.dumps(name)}",
            next_step=f"Give the field a default in the draft: {{{{ {name} | reader }}}}, or fill the list's column.",
        )
