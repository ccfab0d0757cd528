"""What a `send` would do, worked out and proved before anything is asked or sent.

Stages: look at what the store and the record know, read the list, compile the text, prove that every
reader's message renders.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from secrets import token_hex
from typing import TYPE_CHECKING

from newsletter.campaigns.batch import Wave, prove, refuse, refuse_lacking, refuse_unusable
from newsletter.campaigns.options import (
    Changes,
    SendOptions,
    refuse_cancelled,
    refuse_narrowing,
    refuse_scheduled,
    refuse_widening,
    refuse_without_campaign,
)
from newsletter.campaigns.sent_record import refuse_foreign_record
from newsletter.campaigns.templates import Texts, rules_of
from newsletter.campaigns.unknown_campaigns import refuse_unknown_campaigns
from newsletter.config import SubscriberListSettings
from newsletter.errors import DecisionNeeded, ListError
from newsletter.issue.draft import Draft, require_issue
from newsletter.issue.model import Issue
from newsletter.ledger.campaigns import Campaign, find_campaign
from newsletter.ledger.deliveries import count_deliveries, list_tag_sets, stream_recipients
from newsletter.ledger.runs import settle_crash
from newsletter.ledger.staging import StagedBatch
from newsletter.ledger.states import OPEN, State
from newsletter.ledger.templates import FrozenTemplate, has_older_template, list_current_templates
from newsletter.mail.message_template import MessageTemplate
from newsletter.store import Store
from newsletter.subscribers.feedback_events import ErasedSubscribers
from newsletter.subscribers.source import SubscriberSource

if TYPE_CHECKING:
    from newsletter.editions import EditionContext


_FROZEN = Path("the frozen list")
_NOBODY = ErasedSubscribers()


@dataclass(frozen=True, kw_only=True)
class Readers:
    """The list as read for a wave, counted: who gets the issue, and who can't or won't."""

    new: int  # staged: not in the campaign before, the suppressed included
    suppressed: int
    duplicates: int
    unusable: int
    erased: int
    left: Mapping[str, int]  # whom the list's own columns keep from being mailed, by what they say
    tags: frozenset[str]


@dataclass(frozen=True, kw_only=True)
class Plan:
    """One send, ready to be shown and carried out.

    `wave` is the tag whose readers are staged to be frozen (empty: all), None when nobody is to be added.
    `erased` is who had asked to be erased when the list was read. `sample` is one of the texts that will go out,
    `texts` are those to be frozen first, `assigned` says whose they are among readers who wait already. `retried` are
    states whose readers are to wait again.
    """

    campaign: Campaign
    sample: MessageTemplate
    is_new: bool = False
    waiting: int = 0
    wave: str | None = None
    readers: Readers | None = None
    texts: Sequence[FrozenTemplate] = ()
    assigned: Mapping[str, int] = field(default_factory=dict)
    text_changed: bool = False
    takes_over: bool = False
    retried: Sequence[State] = ()
    erased: ErasedSubscribers = _NOBODY

    @property
    def tags_without_readers(self) -> list[str]:
        """Tags that items are only for, and that nobody in this wave has."""
        have = self.readers.tags if self.readers else frozenset()
        return sorted({tag for only in self.campaign.rules for tag in only} - have) if self.readers else []

    @property
    def added(self) -> int:
        return self.readers.new - self.readers.suppressed if self.readers else 0

    @property
    def to_send(self) -> int:
        return self.waiting + self.added


def plan_send(
    store: Store,
    staged: StagedBatch,
    context: "EditionContext",
    draft: Draft,
    *,
    record: Path,
    source: SubscriberSource,
    options: SendOptions,
    erased: ErasedSubscribers = _NOBODY,
) -> Plan:
    """`erased` tells of readers on the list who asked to be forgotten: of them nothing is kept.

    Raises DraftError, ListError, TemplateError, and DecisionNeeded when a person has to say how to go on.
    The caller is the issue's sole sender; what a run that died left behind is settled here.
    """
    options = replace(options, tag=options.tag.casefold())
    name = draft.path.stem
    campaign = find_campaign(store, name)
    refuse_foreign_record(record, store, campaign)
    refuse_unknown_campaigns(store, record.parent)
    if campaign is None:
        refuse_without_campaign(name, options)
        return _plan_new(staged, context, draft, source, options.tag, erased)
    refuse_scheduled(campaign, context)
    settle_crash(store, campaign.issue)
    counts = count_deliveries(store, campaign.issue)
    if counts.untouched and campaign.cancelled_at is None and not options.retried:
        # The server could not be reached, say: what was frozen has served nobody, and the list may be better by now.
        return _plan_new(staged, context, draft, source, options.tag, erased, known=campaign)
    waiting = counts.waiting + sum(counts[state] for state in options.retried if state not in OPEN)
    adds = (options.to_new or not campaign.covers(options.tag)) and not options.retried
    refuse_cancelled(campaign, options)
    refuse_narrowing(campaign, options, waiting)
    refuse_widening(campaign, options)
    changed = (
        draft.sha256 != campaign.draft_sha256
        or has_older_template(store, name, [*OPEN, *options.retried])
        or ((adds or options.changes is Changes.TAKE_OVER) and _renders_otherwise(store, context, draft, campaign))
    )
    if changed and options.changes is Changes.ASK and (waiting or adds):
        raise DecisionNeeded(
            f"The text of {name} has changed since its sending began.",
            next_step=f"{options.command(name)} --continue       the text as it was, for everyone left\n"
            f"{options.command(name)} --with-changes   the new text, for those who have had nothing\n"
            + (f"newsletter cancel {name}                nobody else gets it" if counts.waiting else ""),
        )
    frozen = Texts(campaign, frozen=list_current_templates(store, campaign.issue))
    plan = Plan(campaign=campaign, sample=frozen[-1], waiting=waiting, text_changed=changed, retried=options.retried)
    texts = frozen
    if (changed and options.changes is Changes.TAKE_OVER) or (adds and not changed):
        issue = require_issue(draft)
        _require_linked(context, issue)
        campaign = replace(campaign, draft_sha256=draft.sha256, rules=rules_of(issue), subject=context.subject(issue))
        texts = Texts(campaign, source=(context, issue))
        plan = replace(plan, campaign=campaign, takes_over=changed)
        if changed:
            plan = _with_new_text(store, plan, texts, draft)
    return (
        _with_wave(staged, plan, texts, context.config.subscriber_list, draft, source, options.tag, erased)
        if adds
        else plan
    )


def plan_dry_run(
    staged: StagedBatch,
    context: "EditionContext",
    draft: Draft,
    *,
    source: SubscriberSource,
    tag: str,
    erased: ErasedSubscribers = _NOBODY,
) -> Plan:
    """What a first send would do, whatever has been sent already."""
    return _plan_new(staged, context, draft, source, tag.casefold(), erased)


def _plan_new(
    staged: StagedBatch,
    context: "EditionContext",
    draft: Draft,
    source: SubscriberSource,
    tag: str,
    erased: ErasedSubscribers,
    known: Campaign | None = None,
) -> Plan:
    issue = require_issue(draft)
    _require_linked(context, issue)
    campaign = Campaign(
        issue=issue.name,
        id=known.id if known else token_hex(8),
        seed=token_hex(16),
        subject=context.subject(issue),
        draft_sha256=draft.sha256,
        rules=rules_of(issue),
        created_at=datetime.now(UTC).isoformat(timespec="seconds"),
    )
    texts = Texts(campaign, source=(context, issue))
    sample = texts[texts.number(frozenset())]
    plan = Plan(campaign=campaign, sample=sample, is_new=True)
    return _with_wave(staged, plan, texts, context.config.subscriber_list, draft, source, tag, erased)


def _require_linked(context: "EditionContext", issue: Issue) -> None:
    # What renders takes long to import, and sending on from frozen texts needs none of it.
    from newsletter.editions.edition_files import require_linked_editions

    require_linked_editions(context, issue)


def _renders_otherwise(store: Store, context: "EditionContext", draft: Draft, campaign: Campaign) -> bool:
    """Would the same draft give another text today, because of its templates or the configuration?"""
    texts = Texts(campaign, source=(context, require_issue(draft)))
    texts.number(frozenset())
    (today,) = texts
    return any(
        text.variant == today.variant
        # Not their bytes: an earlier version of the program wrote the same text in another form.
        and MessageTemplate.from_bytes(text.payload) != MessageTemplate.from_bytes(today.payload)
        for text in list_current_templates(store, campaign.issue)
    )


def _with_wave(
    staged: StagedBatch,
    plan: Plan,
    texts: Texts,
    settings: SubscriberListSettings,
    draft: Draft,
    source: SubscriberSource,
    tag: str,
    erased: ErasedSubscribers,
) -> Plan:
    """Read the list onto the stage, with the proof that each reader's message renders."""
    own = source.read_statuses()
    own.require_answers()
    wave = Wave(texts, source, tag, erased, own)
    # A new campaign leaves nobody out, for what was frozen before it has served nobody.
    duplicates = staged.fill(wave.entries(), plan.campaign.issue if not plan.is_new else None)
    refuse_unusable(wave, source.place, settings.unusable)
    if not wave.found:
        why = f"{source.place.name} has no reader."
        if wave.left:
            why = f"By its own columns, nobody in {source.place.name} may be mailed: {', '.join(wave.left)}."
        elif tag:
            why = f"No reader in {source.place.name} has the tag {tag!r}."
        named = f" {source.file}" if source.file else ""
        raise ListError(why, next_step=f"`newsletter subscribers check{named}` shows what is in the list.")
    refuse_lacking(staged, wave.columns, source.place, draft)
    new, suppressed = staged.counts()
    readers = Readers(
        new=new,
        suppressed=suppressed,
        duplicates=duplicates,
        unusable=wave.unusable,
        erased=wave.erased,
        left=wave.left,
        tags=frozenset(wave.tags),
    )
    return replace(
        plan,
        sample=texts[wave.first_text] if new else plan.sample,
        wave=tag,
        readers=readers,
        texts=list(texts),
        erased=erased,
        campaign=replace(plan.campaign, left_out=wave.unusable),
    )


def _with_new_text(store: Store, plan: Plan, texts: Texts, draft: Draft) -> Plan:
    issue = plan.campaign.issue
    states = {*OPEN, *plan.retried}
    assigned = {tags: texts.number(frozenset(json.loads(tags))) for tags in list_tag_sets(store, issue, list(states))}
    lacking: dict[str, tuple[int, int]] = {}
    columns: list[str] = []
    for address, fields, tags in stream_recipients(store, issue, list(states)):
        template = texts[assigned[tags]]
        columns = columns or list(fields)
        if missing := template.lacking(fields):
            lacking |= {name: (lacking.get(name, (0, 0))[0] + 1, 0) for name in missing}
        else:
            prove(template, address, fields, _FROZEN, 0)
    refuse(lacking, columns, _FROZEN, draft)
    sample = texts[texts.number(frozenset())]
    return replace(plan, sample=sample, texts=list(texts), assigned=assigned)
