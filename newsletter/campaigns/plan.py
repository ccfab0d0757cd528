"""The plan of a send, worked out and proved before anything is asked or sent.

Stages: look at what the store and the record know, read the list, compile the text, prove that every
recipient's message renders.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from secrets import token_hex
from typing import TYPE_CHECKING

from newsletter.campaigns.batch_reader import Batch, BatchReader
from newsletter.campaigns.changed_texts import assign_templates, describe_changes, has_changed
from newsletter.campaigns.corrections import keep_reached, refuse_foreign_issue
from newsletter.campaigns.issue_texts import IssueTexts, list_translations
from newsletter.campaigns.list_comparison import refuse_shrunken
from newsletter.campaigns.missing_values import refuse_missing_values
from newsletter.campaigns.options import (
    Changes,
    SendOptions,
    refuse_cancelled,
    refuse_narrowing,
    refuse_scheduled,
    refuse_widening,
    refuse_without_campaign,
)
from newsletter.campaigns.reader_languages import LanguageChooser
from newsletter.campaigns.sent_record import refuse_foreign_record
from newsletter.campaigns.unknown_campaigns import refuse_unknown_campaigns
from newsletter.campaigns.variant_templates import VariantTemplates
from newsletter.clock import Instant
from newsletter.config.preference_settings import SUMMARY_TAG
from newsletter.errors import DecisionNeeded
from newsletter.issue.draft import Draft
from newsletter.issue_name import IssueName
from newsletter.ledger.campaigns import Campaign, find_campaign
from newsletter.ledger.deliveries import count_deliveries, count_languages
from newsletter.ledger.freeze import ChooseLanguage
from newsletter.ledger.frozen_lists import OWN_LIST
from newsletter.ledger.staging import StagedBatch
from newsletter.ledger.states import OPEN, Counts, State
from newsletter.ledger.templates import FrozenTemplate, list_current_templates
from newsletter.ledger.workers import wait_for_leases
from newsletter.mail.message_template import MessageTemplate
from newsletter.store import Store
from newsletter.subscribers.erased_subscribers import ErasedSubscribers
from newsletter.subscribers.pauses import lift_ended_pauses
from newsletter.subscribers.source import SubscriberSource

if TYPE_CHECKING:
    from newsletter.editions import EditionContext


_NOBODY = ErasedSubscribers()


@dataclass(frozen=True, kw_only=True)
class SendRequest:
    """Request for a plan: the drafts, the subscribers, what the editor asked for, and who was erased.

    New recipients are put into `staged`. Nothing is kept of those who are `erased`. `list_place` says which list the
    `source` is, see FrozenLists; `suppress_departed` compares those who wait already with the list as it is now.
    """

    staged: StagedBatch
    texts: IssueTexts
    source: SubscriberSource
    options: SendOptions
    erased: ErasedSubscribers = _NOBODY
    list_place: str = OWN_LIST
    suppress_departed: Callable[[], None] = lambda: None

    @property
    def draft(self) -> Draft:
        """The main draft."""
        return self.texts.main

    @property
    def context(self) -> "EditionContext":
        """What editions in the publication's own language are made with."""
        return self.texts.context


@dataclass(frozen=True, kw_only=True)
class SendPlan:
    """One send, ready to be shown and carried out.

    `known` is the campaign as the store has it, None when it has none. `batch` are the recipients to be added, None
    when nobody is; they are of the list at `list_place`, with `list_fingerprint`. `erased` is who had asked to be
    erased when the list was read. `samples` are by language one of the templates that will go out, the first
    recipient's first; `templates` are those to be frozen first, `assigned` says by tags and language whose they are
    among recipients who wait already, and `choose_language` in which language they get them. `retried` are states whose
    recipients are to wait again. `waiting_languages` counts those who wait by the language that was frozen.
    """

    campaign: Campaign
    samples: Mapping[str, MessageTemplate]
    known: Campaign | None = None
    is_new: bool = False
    waiting: int = 0
    batch: Batch | None = None
    templates: Sequence[FrozenTemplate] = ()
    assigned: Mapping[tuple[frozenset[str], str], int] = field(default_factory=dict)
    choose_language: ChooseLanguage | None = None
    waiting_languages: Mapping[str, int] = field(default_factory=dict)
    text_changed: bool = False
    takes_over: bool = False
    retried: Sequence[State] = ()
    erased: ErasedSubscribers = _NOBODY
    list_place: str = OWN_LIST
    list_fingerprint: str = ""

    @property
    def sample(self) -> MessageTemplate:
        """One of the templates that will go out."""
        return next(iter(self.samples.values()))

    @property
    def tags_without_recipients(self) -> list[str]:
        """Tags that items are only for, and that nobody in this batch has."""
        if self.batch is None:
            return []
        return sorted({tag for only in self.campaign.rules for tag in only} - self.batch.tags)

    @property
    def added(self) -> int:
        """How many recipients are added who may be mailed."""
        return self.batch.new - self.batch.suppressed if self.batch else 0

    @property
    def to_send(self) -> int:
        """How many messages would leave."""
        return self.waiting + self.added


def plan_send(
    store: Store, record: Path, request: SendRequest, on_wait: Callable[[float], None] = lambda _seconds: None
) -> SendPlan:
    """Return what a send would do, for an issue that may have been sent, half sent or cancelled before.

    The caller is the issue's sole sender; what a crashed worker left behind is settled here, and `on_wait` is told for
    how many seconds its lease still lasts. Raises DraftError, ListError, TemplateError, and DecisionNeeded when a
    person has to say how to go on.
    """
    name, options = request.texts.name, request.options
    lift_ended_pauses(store)
    campaign = find_campaign(store, name)
    refuse_foreign_record(record, store, campaign)
    refuse_unknown_campaigns(store, record.parent)
    if corrects := campaign.corrects if campaign else request.draft.issue and request.draft.issue.corrects:
        refuse_foreign_issue(record, store, IssueName(corrects))
    if campaign is None:
        refuse_without_campaign(name, options)
        return plan_first_send(request)
    refuse_scheduled(campaign, request.context)
    wait_for_leases(store, name, on_wait)
    counts = count_deliveries(store, name)
    is_text_gone = request.draft.issue is None and options.changes is Changes.CONTINUE
    if counts.untouched and campaign.cancelled_at is None and not options.retried and not is_text_gone:
        # The server could not be reached, say: what was frozen has served nobody, and the list may be better by now.
        return plan_first_send(request, known=campaign)
    request.suppress_departed()
    return _plan_next_send(store, request, campaign, count_deliveries(store, name))


def plan_first_send(request: SendRequest, known: Campaign | None = None) -> SendPlan:
    """Return what a send to everyone would do, whatever was sent already; `known` is a campaign to begin again.

    Everyone is the whole list, or those who have the issue that this corrects.

    Raises DraftError, ListError, TemplateError and ConfigError.
    """
    texts, context = request.texts, request.context
    issue = texts.require_issue()
    _require_linked_editions(texts)
    campaign = Campaign(
        issue=issue.name,
        id=known.id if known else token_hex(8),
        seed=token_hex(16),
        subject=context.subject(issue),
        draft_sha256=texts.sha256,
        rules=issue.visibility_rules,
        created_at=Instant(datetime.now(UTC).replace(microsecond=0)),
        kind=issue.kind,
        corrects=IssueName(issue.corrects) if issue.corrects else None,
    )
    templates = VariantTemplates(campaign, source=texts)
    templates.find_number(frozenset())
    plan = SendPlan(campaign=campaign, samples=templates.list_samples(), known=known, is_new=True)
    return _add_batch(request, plan, templates)


def _plan_next_send(store: Store, request: SendRequest, campaign: Campaign, counts: Counts) -> SendPlan:
    """Return the plan for a campaign of which somebody may have had a message."""
    name, options = campaign.issue, request.options
    waiting = counts.waiting + sum(counts[state] for state in options.retried if state not in OPEN)
    adds = (options.to_new or not _covers(campaign, request)) and not options.retried
    refuse_cancelled(campaign, options)
    refuse_narrowing(campaign, options, waiting)
    refuse_widening(campaign, options)
    changed = has_changed(store, request.texts, options, campaign, adds=adds)
    if changed and options.changes is Changes.ASK and (waiting or adds):
        what = describe_changes(campaign, request.texts)
        raise DecisionNeeded(
            f"The text of {name} has changed since its sending began{f': {what}' if what else ''}.",
            next_step=f"{options.command(name)} --continue       the text as it was, for everyone left\n"
            f"{options.command(name)} --with-changes   the new text, for those who have had nothing\n"
            + (f"newsletter cancel {name}                nobody else gets it" if counts.waiting else ""),
        )
    frozen = list_current_templates(store, name)
    templates = VariantTemplates(campaign, frozen=frozen)
    plan = SendPlan(
        campaign=campaign,
        known=campaign,
        samples=templates.list_samples(),
        waiting=waiting,
        waiting_languages=count_languages(store, name, [*OPEN, *options.retried]),
        text_changed=changed,
        retried=options.retried,
    )
    if (changed and options.changes is Changes.TAKE_OVER) or (adds and not changed):
        plan, templates = _take_over_draft(store, request, plan)
    return _add_batch(request, plan, templates) if adds else plan


def _covers(campaign: Campaign, request: SendRequest) -> bool:
    """Return whether the campaign has everybody whom the send is for.

    A batch of the whole list has left out who wants the summary, so that for them it takes a batch of their own.
    """
    tag = request.options.tag
    if tag == SUMMARY_TAG and request.context.config.preferences.summary and campaign.cancelled_at is None:
        return tag in campaign.batches
    return campaign.covers(tag)


def _take_over_draft(store: Store, request: SendRequest, plan: SendPlan) -> tuple[SendPlan, VariantTemplates]:
    """Return the plan with the draft's own text, which is another one when `plan.text_changed`, and its templates."""
    texts, changed = request.texts, plan.text_changed
    issue = texts.require_issue()
    _require_linked_editions(texts)
    campaign = replace(
        plan.campaign,
        draft_sha256=texts.sha256,
        rules=issue.visibility_rules,
        subject=request.context.subject(issue),
    )
    templates = VariantTemplates(campaign, source=texts)
    plan = replace(plan, campaign=campaign, takes_over=changed)
    if not changed:
        return plan, templates
    given = assign_templates(store, campaign, templates, texts, list({*OPEN, *plan.retried}))
    plan = replace(
        plan,
        samples=templates.list_samples(),
        templates=templates.freeze(),
        assigned=given.assigned,
        choose_language=given.choose_language,
        waiting_languages=given.languages,
    )
    return plan, templates


def _require_linked_editions(texts: IssueTexts) -> None:
    # What renders takes long to import, and sending on from frozen templates needs none of it.
    from newsletter.editions.edition_files import require_linked_editions

    for language, issue in texts.require_issues().items():
        require_linked_editions(texts.find_context(language), issue)


def _add_batch(request: SendRequest, plan: SendPlan, templates: VariantTemplates) -> SendPlan:
    """Return the plan with the list's recipients staged, each with the proof that their message renders."""
    request.source.refresh()
    difference = request.source.find_difference()
    if not request.options.list_is_right:
        refuse_shrunken(request.source, difference, plan.campaign.issue)
    fingerprint = request.source.fingerprint()  # before it is read: what is changed meanwhile has another one
    translations = list_translations(plan.campaign.draft_sha256)
    chooser = LanguageChooser(request.context.config, translations)
    # A correction is for those who have the issue, whatever they chose since.
    leaves_out = bool(request.context.config.preferences.summary) and not plan.campaign.corrects
    tag = request.options.tag
    reader = BatchReader(
        templates,
        request.source,
        tag,
        request.erased,
        chooser,
        leaves_out_summary=leaves_out and tag != SUMMARY_TAG,
    )
    # A new campaign leaves nobody out, for what was frozen before it has served nobody.
    duplicates = request.staged.fill(reader.read_recipients(), plan.campaign.issue if not plan.is_new else None)
    reader.require_answers()
    welcomed = request.staged.leave_out_welcomed(plan.campaign.issue)
    reader.rows.refuse_unusable(request.context.config.subscriber_list.unusable)
    reader.refuse_empty()
    corrected = None
    if corrects := plan.campaign.corrects:
        is_whole = plan.is_new and not tag
        corrected = keep_reached(request.staged, corrects, request.draft.path, is_whole=is_whole)
    drafts = list(request.texts.drafts.values())
    refuse_missing_values(request.staged.lacking(), reader.columns, request.source.place, drafts)
    new, suppressed = request.staged.counts()
    batch = Batch(
        tag=tag,
        new=new,
        suppressed=suppressed,
        duplicates=duplicates,
        unusable=reader.rows.unusable,
        erased=reader.erased,
        left=reader.left,
        tags=frozenset(reader.tags),
        welcomed=welcomed,
        corrected=corrected,
        languages=request.staged.count_languages() if translations else (),
        difference=difference,
        paused=suppressed - request.staged.count_suppressed_for_good() if suppressed else 0,
        summary=reader.summary,
    )
    return replace(
        plan,
        samples={language: templates[number] for language, number in reader.first_templates()} if new else plan.samples,
        batch=batch,
        templates=templates.freeze(),
        erased=request.erased,
        list_place=request.list_place,
        list_fingerprint=fingerprint,
        campaign=replace(plan.campaign, left_out=reader.rows.unusable),
    )
