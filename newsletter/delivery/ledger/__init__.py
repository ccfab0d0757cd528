"""The durable record of campaigns and deliveries: freeze, claim, record, resume.

Plain synchronous code. Each function is one transaction, and what it says is on disk when it returns.
"""

from newsletter.delivery.ledger.found import Copy, copies_of, copy_by_number, domains_of
from newsletter.delivery.ledger.freeze import freeze, replace_text
from newsletter.delivery.ledger.outbox import (
    has_begun,
    hold,
    hold_all,
    last_ending,
    last_moved,
    schedule,
    scheduled,
    unschedule,
)
from newsletter.delivery.ledger.read import (
    began_at,
    campaign_names,
    counts,
    counts_by_state,
    current_texts,
    delivery_of,
    find_campaign,
    frozen_readers,
    frozen_tags,
    has_any,
    has_older_text,
    is_running,
    recent_answers,
    sending_of,
    template_payload,
)
from newsletter.delivery.ledger.run import begin_run, cancel, finish_run, reopen, settle_crash
from newsletter.delivery.ledger.settle import reconcile
from newsletter.delivery.ledger.staging import Staged, staged_list
from newsletter.delivery.ledger.statistics import (
    ANSWERED,
    Delivery,
    DomainSum,
    ReplySum,
    RunSums,
    answer_times,
    answers_by_moment,
    domain_sums,
    each_delivery,
    reply_sums,
    run_sums,
)
from newsletter.delivery.ledger.step import step
from newsletter.delivery.ledger.tested import note_test, tested_texts
from newsletter.delivery.ledger.values import NEVER, Answer, Campaign, Claim, Entry, Taken, Text

__all__ = [
    "ANSWERED",
    "NEVER",
    "Answer",
    "Campaign",
    "Claim",
    "Copy",
    "Delivery",
    "DomainSum",
    "Entry",
    "ReplySum",
    "RunSums",
    "Staged",
    "Taken",
    "Text",
    "answer_times",
    "answers_by_moment",
    "began_at",
    "begin_run",
    "campaign_names",
    "cancel",
    "copies_of",
    "copy_by_number",
    "counts",
    "counts_by_state",
    "current_texts",
    "delivery_of",
    "domain_sums",
    "domains_of",
    "each_delivery",
    "find_campaign",
    "finish_run",
    "freeze",
    "frozen_readers",
    "frozen_tags",
    "has_any",
    "has_begun",
    "has_older_text",
    "hold",
    "hold_all",
    "is_running",
    "last_ending",
    "last_moved",
    "note_test",
    "recent_answers",
    "reconcile",
    "reopen",
    "replace_text",
    "reply_sums",
    "run_sums",
    "schedule",
    "scheduled",
    "sending_of",
    "settle_crash",
    "staged_list",
    "step",
    "template_payload",
    "tested_texts",
    "unschedule",
]
