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
from newsletter.delivery.texts import Texts, rules_of
from newsletter.editions import Press
from newsletter.errors import DecisionNeeded, ListError, Problem, counted, did_you_mean
from newsletter.issue.draft import Draft, require_issue
from newsletter.mail.template import MessageTemplate
from newsletter.store import Store
from newsletter.store.suppressions import suppressed_readers


class Changes(Enum):
    """What to do when the text is not the one that the campaign began with."""

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
    `sample` is one of the texts that will go out, `texts` are those to be frozen first.
    """

    campaign: Campaign
    sample: MessageTemplate
    is_new: bool = False
    waiting: int = 0
    wave: str | None = None
    readers: Readers | None = None
    texts: Sequence[Text] = ()
    entries: Sequence[Entry] = ()
    reassigned: Mapping[str, int] = field(default_factory=dict)
    text_changed: bool = False
    takes_over: bool = False

    @property
    def tags_without_readers(self) -> list[str]:
        """Tags that items are only for, and that nobody in this wave has."""
        have = {tag for entry in self.entries for tag in entry.tags}
        return sorted({tag for only in self.campaign.rules for tag in only} - have) if self.readers else []

    @property
    def to_send(self) -> int:
        added = len(self.entries) - (self.readers.suppressed_count if self.readers else 0)
        return self.waiting + added


def plan_send(
    store: Store, press: Press, draft: Draft, *, record: Path, list_path: Path, tag: str, changes: Changes
) -> Plan:
    """Raises DraftError, ListError, TemplateError, and DecisionNeeded when a person has to say how to go on.

    The caller is the issue's sole sender; what a run that died left behind is settled here.
    """
    tag = tag.casefold()
    campaign = ledger.find_campaign(store, draft.path.stem)
    refuse_foreign_record(record, campaign)
    if campaign is None:
        return _plan_new(store, press, draft, list_path, tag)
    ledger.settle_crash(store, campaign.issue)
    counts = ledger.counts(store, campaign.issue)
    if counts.untouched and campaign.cancelled_at is None:
        # The server could not be reached, say: what was frozen has served nobody, and the list may be better by now.
        return _plan_new(store, press, draft, list_path, tag, known=campaign)
    waiting = counts.waiting
    adds = not campaign.covers(tag)
    _refuse_narrowing(campaign, tag, waiting)
    changed = draft.sha256 != campaign.draft_sha256 or (adds and _renders_otherwise(store, press, draft, campaign))
    if changed and changes is Changes.ASK and (waiting or adds):
        raise DecisionNeeded(
            f"The text of {campaign.issue} has changed since its sending began.",
            next_step=f"newsletter send {campaign.issue} --continue       the text as it was, for everyone left\n"
            f"newsletter send {campaign.issue} --with-changes   the new text, for those who have had nothing\n"
            f"newsletter cancel {campaign.issue}                nobody else gets it",
        )
    frozen = Texts(campaign, frozen=ledger.current_texts(store, campaign.issue))
    plan = Plan(campaign=campaign, sample=frozen[-1], waiting=waiting, text_changed=changed)
    texts = frozen
    if (changed and changes is Changes.TAKE_OVER) or (adds and not changed):
        issue = require_issue(draft)
        campaign = replace(campaign, draft_sha256=draft.sha256, rules=rules_of(issue), subject=press.subject(issue))
        texts = Texts(campaign, source=(press, issue))
        plan = replace(plan, campaign=campaign, takes_over=changed)
        if changed:
            plan = _with_new_text(store, plan, texts)
    return _with_wave(store, plan, texts, list_path, tag) if adds else plan


def plan_dry_run(store: Store, press: Press, draft: Draft, *, list_path: Path, tag: str) -> Plan:
    """What a first send would do, whatever has been sent already."""
    return _plan_new(store, press, draft, list_path, tag.casefold())


def _plan_new(
    store: Store, press: Press, draft: Draft, list_path: Path, tag: str, known: Campaign | None = None
) -> Plan:
    issue = require_issue(draft)
    campaign = Campaign(
        issue=issue.name,
        id=known.id if known else token_hex(8),
        subject=press.subject(issue),
        draft_sha256=draft.sha256,
        rules=rules_of(issue),
        created_at=datetime.now(UTC).isoformat(timespec="seconds"),
    )
    texts = Texts(campaign, source=(press, issue))
    sample = texts[texts.number(frozenset())]
    return _with_wave(store, Plan(campaign=campaign, sample=sample, is_new=True), texts, list_path, tag)


def _refuse_narrowing(campaign: Campaign, tag: str, waiting: int) -> None:
    """A tag can add readers to a campaign; it can't hold back those who are in it."""
    if tag and waiting and campaign.covers(tag) and campaign.waves != {tag}:
        raise DecisionNeeded(
            f"{waiting:,} readers of {campaign.issue} still wait, and not all of them have the tag {tag!r}.",
            next_step=f"newsletter send {campaign.issue}     goes on with all of them",
        )


def _renders_otherwise(store: Store, press: Press, draft: Draft, campaign: Campaign) -> bool:
    """Would the same draft give another text today, because of its templates or the configuration?"""
    texts = Texts(campaign, source=(press, require_issue(draft)))
    texts.number(frozenset())
    (today,) = texts
    return any(
        text.variant == today.variant and text.payload != today.payload
        for text in ledger.current_texts(store, campaign.issue)
    )


def _read(store: Store, path: Path, tag: str) -> Readers:
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


def _with_wave(store: Store, plan: Plan, texts: Texts, list_path: Path, tag: str) -> Plan:
    readers = _read(store, list_path, tag)
    known = ledger.known_readers(store, plan.campaign.issue) if not plan.is_new else set()
    new = [subscriber for subscriber in readers.subscribers if subscriber.reader not in known]
    entries = [
        Entry(
            reader=subscriber.reader,
            address=subscriber.address,
            fields=subscriber.fields,
            tags=subscriber.tags,
            template=texts.number(subscriber.tags),
        )
        for subscriber in new
    ]
    proofs = zip(entries, (subscriber.line for subscriber in new), strict=True)
    _prove(((entry.address, entry.fields, entry.template, line) for entry, line in proofs), texts, list_path)
    return replace(
        plan,
        sample=texts[entries[0].template] if entries else plan.sample,
        wave=tag,
        readers=replace(readers, subscribers=new),
        texts=list(texts),
        entries=entries,
        campaign=replace(plan.campaign, left_out=readers.unusable),
    )


def _with_new_text(store: Store, plan: Plan, texts: Texts) -> Plan:
    waiting = list(ledger.waiting(store, plan.campaign.issue))
    assigned = {reader: texts.number(tags) for reader, _, _, tags in waiting}
    proofs = ((address, fields, assigned[reader], 0) for reader, address, fields, _ in waiting)
    _prove(proofs, texts, Path("the frozen list"))
    sample = texts[texts.number(frozenset())]
    return replace(plan, sample=sample, texts=list(texts), reassigned=assigned)


def _prove(readers: Iterable[tuple[str, Mapping[str, str], int, int]], texts: Texts, path: Path) -> None:
    """Render every reader's message before the first is sent. Raises ListError for values that are missing."""
    lacking: dict[str, list[int]] = {}
    columns: list[str] = []
    for address, fields, number, line in readers:
        columns = columns or list(fields)
        missing = texts[number].lacking(fields)
        for name in missing:
            lacking.setdefault(name, []).append(line)
        if not missing:
            texts[number].render(address, address, fields)
    if lacking:
        problems = list(_lacks(lacking, columns, path))
        raise ListError("Some readers lack a value that the issue asks for.", problems=problems)


def _lacks(lacking: Mapping[str, list[int]], columns: Sequence[str], path: Path) -> Iterator[Problem]:
    for name, lines in lacking.items():
        count = f"{counted(len(lines), 'reader')} {'has' if len(lines) == 1 else 'have'}"
        yield Problem(
            path=path,
            line=lines[0],
            code="missing-value",
            message=f"{count} no {json.dumps(name)}",
            next_step=(did_you_mean(name, columns) if name not in columns else "")
            or f"Give the field a default in the draft: {{{{ {name} | reader }}}}, or fill the list's column.",
        )
