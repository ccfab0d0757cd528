"""Newsletters written once: each issue becomes an email, a plain text, a PDF and a web page, sent to everybody once.

`__all__` is the public API, which docs/python.md shows; every other name in this package may change in any release.
Each is imported when it is first used, since the command line must not load what it does not need.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from newsletter.actions.cite import Citation
    from newsletter.actions.dry_run import DryRun
    from newsletter.actions.erase import Erasure, ErasureEverywhere
    from newsletter.actions.freeze_plan import SendTime
    from newsletter.actions.import_back_issues import ImportedBackIssue
    from newsletter.actions.import_subscribers import ImportResult
    from newsletter.actions.list_subscribers import SubscriberListing
    from newsletter.actions.observer import SendObserver
    from newsletter.actions.probe import Probe
    from newsletter.actions.process_feedback import FeedbackOptions
    from newsletter.actions.reconcile import Evidence, Reconciliation
    from newsletter.actions.restore_state import RestoredState
    from newsletter.actions.send import Proposal, SendOutcome, SendResult
    from newsletter.actions.send_test import SentTest
    from newsletter.api import Publication
    from newsletter.articles.article import Article, UnreadableArticle
    from newsletter.campaigns.options import Changes, SendOptions
    from newsletter.campaigns.plan import SendPlan
    from newsletter.checks.draft_report import DraftReport
    from newsletter.editions.site import Site
    from newsletter.errors import (
        ConfigError,
        DecisionNeeded,
        DeliveryError,
        DraftError,
        ListError,
        NewsletterError,
        Problem,
        TemplateError,
    )
    from newsletter.feedback.mail.processing import DecideSpike
    from newsletter.feedback.mail.recording import ProcessedMail
    from newsletter.feedback.mail.spike import Spike, SpikeDecision
    from newsletter.issue.model import Issue
    from newsletter.ledger.states import State
    from newsletter.ledger.workers import LeaseLost
    from newsletter.link_check.link_report import LinkReport
    from newsletter.publication import list_publications
    from newsletter.reports.campaign_report import CampaignReport
    from newsletter.reports.issue_status import CampaignStatus
    from newsletter.schedule.scheduler import ScheduleResult
    from newsletter.sending.refusals import QuotaUsedUp, TooManyRefused
    from newsletter.sending.rules import WorkerProgress
    from newsletter.subscribers.import_plan import ImportPlan
    from newsletter.subscribers.subscriber import Subscriber
    from newsletter.subscribers.suppression_status import SuppressionStatus

    __version__: str

__all__ = [
    "Article",
    "CampaignReport",
    "CampaignStatus",
    "Changes",
    "Citation",
    "ConfigError",
    "DecideSpike",
    "DecisionNeeded",
    "DeliveryError",
    "DraftError",
    "DraftReport",
    "DryRun",
    "Erasure",
    "ErasureEverywhere",
    "Evidence",
    "FeedbackOptions",
    "ImportPlan",
    "ImportResult",
    "ImportedBackIssue",
    "Issue",
    "LeaseLost",
    "LinkReport",
    "ListError",
    "NewsletterError",
    "Probe",
    "Problem",
    "ProcessedMail",
    "Proposal",
    "Publication",
    "QuotaUsedUp",
    "Reconciliation",
    "RestoredState",
    "ScheduleResult",
    "SendObserver",
    "SendOptions",
    "SendOutcome",
    "SendPlan",
    "SendResult",
    "SendTime",
    "SentTest",
    "Site",
    "Spike",
    "SpikeDecision",
    "State",
    "Subscriber",
    "SubscriberListing",
    "SuppressionStatus",
    "TemplateError",
    "TooManyRefused",
    "UnreadableArticle",
    "WorkerProgress",
    "__version__",
    "list_publications",
]

_NAMES = {
    "newsletter.actions.cite": ("Citation",),
    "newsletter.actions.dry_run": ("DryRun",),
    "newsletter.actions.erase": ("Erasure", "ErasureEverywhere"),
    "newsletter.actions.import_back_issues": ("ImportedBackIssue",),
    "newsletter.actions.import_subscribers": ("ImportResult",),
    "newsletter.actions.list_subscribers": ("SubscriberListing",),
    "newsletter.actions.observer": ("SendObserver",),
    "newsletter.actions.probe": ("Probe",),
    "newsletter.actions.process_feedback": ("FeedbackOptions",),
    "newsletter.actions.reconcile": ("Evidence", "Reconciliation"),
    "newsletter.actions.restore_state": ("RestoredState",),
    "newsletter.actions.freeze_plan": ("SendTime",),
    "newsletter.actions.send": ("Proposal", "SendOutcome", "SendResult"),
    "newsletter.actions.send_test": ("SentTest",),
    "newsletter.api": ("Publication",),
    "newsletter.articles.article": ("Article", "UnreadableArticle"),
    "newsletter.campaigns.options": ("Changes", "SendOptions"),
    "newsletter.campaigns.plan": ("SendPlan",),
    "newsletter.checks.draft_report": ("DraftReport",),
    "newsletter.editions.site": ("Site",),
    "newsletter.errors": (
        "ConfigError",
        "DecisionNeeded",
        "DeliveryError",
        "DraftError",
        "ListError",
        "NewsletterError",
        "Problem",
        "TemplateError",
    ),
    "newsletter.feedback.mail.processing": ("DecideSpike",),
    "newsletter.feedback.mail.recording": ("ProcessedMail",),
    "newsletter.feedback.mail.spike": ("Spike", "SpikeDecision"),
    "newsletter.issue.model": ("Issue",),
    "newsletter.ledger.states": ("State",),
    "newsletter.ledger.workers": ("LeaseLost",),
    "newsletter.link_check.link_report": ("LinkReport",),
    "newsletter.publication": ("list_publications",),
    "newsletter.reports.campaign_report": ("CampaignReport",),
    "newsletter.reports.issue_status": ("CampaignStatus",),
    "newsletter.schedule.scheduler": ("ScheduleResult",),
    "newsletter.sending.refusals": ("QuotaUsedUp", "TooManyRefused"),
    "newsletter.sending.rules": ("WorkerProgress",),
    "newsletter.subscribers.subscriber": ("Subscriber",),
    "newsletter.subscribers.import_plan": ("ImportPlan",),
    "newsletter.subscribers.suppression_status": ("SuppressionStatus",),
}
_MODULES = {name: module for module, names in _NAMES.items() for name in names}


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used (PEP 562)."""
    if name == "__version__":
        value: Any = import_module("importlib.metadata").version("newsletter-press")
    elif name in _MODULES:
        value = getattr(import_module(_MODULES[name]), name)
    else:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
