"""The plan of a send, worked out and proved before anything is asked or sent.

Stages: look at what the store and the record know, read the list, compile the text, prove that every
recipient's message renders.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from secrets import token_hex
from typing import TYPE_CHECKING

from newsletter.campaigns.batch_reader import Batch, BatchReader
from newsletter.campaigns.corrections import keep_reached, refuse_foreign_issue
from newsletter.campaigns.missing_values import prove_message, refuse_missing_values
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
from newsletter.campaigns.unknown_campaigns import refuse_unknown_campaigns
from newsletter.campaigns.variant_templates import VariantTemplates
from newsletter.clock import Instant
from newsletter.errors import DecisionNeeded
from newsletter.issue.draft import Draft, require_issue
from newsletter.issue.model import Issue
from newsletter.issue_name import IssueName, read_issue_name
from newsletter.ledger.campaigns import Campaign, find_campaign
from newsletter.ledger.deliveries import count_deliveries, list_tag_sets, stream_recipients
from newsletter.ledger.frozen_lists import OWN_LIST
from newsletter.ledger.staging import StagedBatch
from newsletter.ledger.states import OPEN, Counts, State
from newsletter.ledger.templates import FrozenTemplate, has_older_template, list_current_templates
from newsletter.ledger.workers import wait_for_leases
from newsletter.mail.message_template import MessageTemplate
from newsletter.store import Store
from newsletter.subscribers.erased_subscribers import ErasedSubscribers
from newsletter.subscribers.source import SubscriberSource

if TYPE_CHECKING:
    from newsletter.editions import EditionContext


_FROZEN = Path("the frozen list")
_NOBODY = ErasedSubscribers()


@dataclass(frozen=True, kw_only=True)
class SendRequest:
    """Request for a plan: the draft, the subscribers, what the editor asked for, and who was erased.

    New recipients are put into `staged`. Nothing is kept of those who are `erased`. `list_place` says which list the
    `source` is, see FrozenLists; `suppress_departed` compares those who wait already with the list as it is now.
    """

    staged: StagedBatch
    context: "EditionContext"
    draft: Draft
    source: SubscriberSource
    options: SendOptions
    erased: ErasedSubscribers = _NOBODY
    list_place: str = OWN_LIST
    suppress_departed: Callable[[], None] = lambda: None


@dataclass(frozen=True, kw_only=True)
class SendPlan:
    """One send, ready to be shown and carried out.

    `known` is the campaign as the store has it, None when it has none. `batch` are the recipients to be added, None
    when nobody is; they are of the list at `list_place`, with `list_fingerprint`. `erased` is who had asked to be
    erased when the list was read. `sample` is one of the templates that will go out, `templates` are those to be
    frozen first, `assigned` says by their tags whose they are among recipients who wait already. `retried` are states
    whose recipients are to wait again.
    """

    campaign: Campaign
    sample: MessageTemplate
    known: Campaign | None = None
    is_new: bool = False
    waiting: int = 0
    batch: Batch | None = None
    templates: Sequence[FrozenTemplate] = ()
    assigned: Mapping[frozenset[str], int] = field(default_factory=dict)
    text_changed: bool = False
    takes_over: bool = False
    retried: Sequence[State] = ()
    erased: ErasedSubscribers = _NOBODY
    list_place: str = OWN_LIST
    list_fingerprint: str = ""

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
    name, options = read_issue_name(request.draft.path), request.options
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
    context, draft = request.context, request.draft
    issue = require_issue(draft)
    _require_linked_editions(context, issue)
    campaign = Campaign(
        issue=issue.name,
        id=known.id if known else token_hex(8),
        seed=token_hex(16),
        subject=context.subject(issue),
        draft_sha256=draft.sha256,
        rules=issue.visibility_rules,
        created_at=Instant(datetime.now(UTC).replace(microsecond=0)),
        kind=issue.kind,
        corrects=IssueName(issue.corrects) if issue.corrects else None,
    )
    templates = VariantTemplates(campaign, source=(context, issue))
    sample = templates[templates.find_number(frozenset())]
    return _add_batch(request, SendPlan(campaign=campaign, sample=sample, known=known, is_new=True), templates)


def _plan_next_send(store: Store, request: SendRequest, campaign: Campaign, counts: Counts) -> SendPlan:
    """Return the plan for a campaign of which somebody may have had a message."""
    name, options = campaign.issue, request.options
    waiting = counts.waiting + sum(counts[state] for state in options.retried if state not in OPEN)
    adds = (options.to_new or not campaign.covers(options.tag)) and not options.retried
    refuse_cancelled(campaign, options)
    refuse_narrowing(campaign, options, waiting)
    refuse_widening(campaign, options)
    changed = _has_changed(store, request, campaign, adds=adds)
    if changed and options.changes is Changes.ASK and (waiting or adds):
        raise DecisionNeeded(
            f"The text of {name} has changed since its sending began.",
            next_step=f"{options.command(name)} --continue       the text as it was, for everyone left\n"
            f"{options.command(name)} --with-changes   the new text, for those who have had nothing\n"
            + (f"newsletter cancel {name}                nobody else gets it" if counts.waiting else ""),
        )
    frozen = list_current_templates(store, name)
    templates = VariantTemplates(campaign, frozen=frozen)
    plan = SendPlan(
        campaign=campaign,
        known=campaign,
        sample=templates[len(frozen) - 1],
        waiting=waiting,
        text_changed=changed,
        retried=options.retried,
    )
    if (changed and options.changes is Changes.TAKE_OVER) or (adds and not changed):
        plan, templates = _take_over_draft(store, request, plan)
    return _add_batch(request, plan, templates) if adds else plan


def _has_changed(store: Store, request: SendRequest, campaign: Campaign, *, adds: bool) -> bool:
    """Return whether those who wait, or are added, would get another text than the campaign's."""
    options = request.options
    if request.draft.sha256 != campaign.draft_sha256:
        return True
    if has_older_template(store, campaign.issue, [*OPEN, *options.retried]):
        return True
    return (adds or options.changes is Changes.TAKE_OVER) and _renders_otherwise(store, request, campaign)


def _renders_otherwise(store: Store, request: SendRequest, campaign: Campaign) -> bool:
    """Return whether the same draft gives another text today, because of its templates or the configuration."""
    templates = VariantTemplates(campaign, source=(request.context, require_issue(request.draft)))
    templates.find_number(frozenset())
    (today,) = templates.freeze()
    return any(
        known.variant == today.variant
        # Not their bytes: an earlier version of the program wrote the same text in another form.
        and MessageTemplate.from_bytes(known.payload) != MessageTemplate.from_bytes(today.payload)
        for known in list_current_templates(store, campaign.issue)
    )


def _take_over_draft(store: Store, request: SendRequest, plan: SendPlan) -> tuple[SendPlan, VariantTemplates]:
    """Return the plan with the draft's own text, which is another one when `plan.text_changed`, and its templates."""
    context, draft, changed = request.context, request.draft, plan.text_changed
    issue = require_issue(draft)
    _require_linked_editions(context, issue)
    campaign = replace(
        plan.campaign, draft_sha256=draft.sha256, rules=issue.visibility_rules, subject=context.subject(issue)
    )
    templates = VariantTemplates(campaign, source=(context, issue))
    plan = replace(plan, campaign=campaign, takes_over=changed)
    return (_assign_templates(store, plan, templates, draft) if changed else plan), templates


def _require_linked_editions(context: "EditionContext", issue: Issue) -> None:
    # What renders takes long to import, and sending on from frozen templates needs none of it.
    from newsletter.editions.edition_files import require_linked_editions

    require_linked_editions(context, issue)


def _add_batch(request: SendRequest, plan: SendPlan, templates: VariantTemplates) -> SendPlan:
    """Return the plan with the list's recipients staged, each with the proof that their message renders."""
    fingerprint = request.source.fingerprint()  # before it is read: what is changed meanwhile has another one
    own = request.source.read_statuses()
    own.require_answers()
    reader = BatchReader(templates, request.source, request.options.tag, request.erased, own)
    # A new campaign leaves nobody out, for what was frozen before it has served nobody.
    duplicates = request.staged.fill(reader.read_recipients(), plan.campaign.issue if not plan.is_new else None)
    reader.rows.refuse_unusable(request.context.config.subscriber_list.unusable)
    reader.refuse_empty()
    corrected = None
    if corrects := plan.campaign.corrects:
        is_whole = plan.is_new and not request.options.tag
        corrected = keep_reached(request.staged, corrects, request.draft.path, is_whole=is_whole)
    refuse_missing_values(request.staged.lacking(), reader.columns, request.source.place, request.draft)
    new, suppressed = request.staged.counts()
    batch = Batch(
        tag=request.options.tag,
        new=new,
        suppressed=suppressed,
        duplicates=duplicates,
        unusable=reader.rows.unusable,
        erased=reader.erased,
        left=reader.left,
        tags=frozenset(reader.tags),
        corrected=corrected,
    )
    return replace(
        plan,
        sample=templates[reader.first_template] if new else plan.sample,
        batch=batch,
        templates=templates.freeze(),
        erased=request.erased,
        list_place=request.list_place,
        list_fingerprint=fingerprint,
        campaign=replace(plan.campaign, left_out=reader.rows.unusable),
    )


def _assign_templates(store: Store, plan: SendPlan, templates: VariantTemplates, draft: Draft) -> SendPlan:
    """Return the plan with a template of the new text for each recipient who waits, and the proof that it renders."""
    issue = plan.campaign.issue
    states = list({*OPEN, *plan.retried})
    assigned = {tags: templates.find_number(tags) for tags in list_tag_sets(store, issue, states)}
    lacking = Counter[Sequence[str]]()
    columns: list[str] = []
    for address, fields, tags in stream_recipients(store, issue, states):
        template = templates[assigned[tags]]
        columns = columns or list(fields)
        if missing := template.find_missing_fields(fields):
            lacking[tuple(missing)] += 1
        else:
            prove_message(template, address, fields, _FROZEN, 0)
    refuse_missing_values([(names, count, 0) for names, count in lacking.items()], columns, _FROZEN, draft)
    sample = templates[templates.find_number(frozenset())]
    return replace(plan, sample=sample, templates=templates.freeze(), assigned=assigned)
