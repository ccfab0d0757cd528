"""The durable record of campaigns and deliveries: freeze, claim, record, resume.

Plain synchronous code. Each function is one transaction, and what it says is on disk when it returns.
"""

from newsletter.delivery.ledger.freeze import freeze, replace_text
from newsletter.delivery.ledger.read import (
    campaign_names,
    counts,
    current_texts,
    find_campaign,
    known_readers,
    outstanding,
    template_payload,
    waiting,
)
from newsletter.delivery.ledger.run import begin_run, cancel, finish_run, settle_crash, step
from newsletter.delivery.ledger.values import Campaign, Claim, Entry, Outstanding, Text

__all__ = [
    "Campaign",
    "Claim",
    "Entry",
    "Outstanding",
    "Text",
    "begin_run",
    "campaign_names",
    "cancel",
    "counts",
    "current_texts",
    "find_campaign",
    "finish_run",
    "freeze",
    "known_readers",
    "outstanding",
    "replace_text",
    "settle_crash",
    "step",
    "template_payload",
    "waiting",
]
