"""Newsletters written once: each issue becomes an email, a plain text, a PDF and a web page, sent to everybody once.

`__all__` is the public API, which docs/python.md shows; every other name in this package may change in any release.
Each is imported when it is first used, since the command line must not load what it does not need.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from newsletter.actions.observer import SendObserver
    from newsletter.actions.process_feedback import FeedbackOptions
    from newsletter.actions.send import Proposal, SendOutcome, SendResult, SendTime
    from newsletter.api import Publication
    from newsletter.campaigns.options import Changes, SendOptions
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
    from newsletter.issue.model import Issue
    from newsletter.ledger.states import State
    from newsletter.sending.rules import WorkerProgress

    __version__: str

__all__ = [
    "Changes",
    "ConfigError",
    "DecisionNeeded",
    "DeliveryError",
    "DraftError",
    "FeedbackOptions",
    "Issue",
    "ListError",
    "NewsletterError",
    "Problem",
    "Proposal",
    "Publication",
    "SendObserver",
    "SendOptions",
    "SendOutcome",
    "SendResult",
    "SendTime",
    "State",
    "TemplateError",
    "WorkerProgress",
    "__version__",
]

_ERRORS = (
    "ConfigError", "DecisionNeeded", "DeliveryError", "DraftError", "ListError", "NewsletterError", "Problem",
    "TemplateError",
)  # fmt: skip
_SENDING = ("Proposal", "SendOutcome", "SendResult", "SendTime")
_MODULES = {
    **dict.fromkeys(_ERRORS, "newsletter.errors"),
    **dict.fromkeys(_SENDING, "newsletter.actions.send"),
    "Changes": "newsletter.campaigns.options",
    "FeedbackOptions": "newsletter.actions.process_feedback",
    "Issue": "newsletter.issue.model",
    "WorkerProgress": "newsletter.sending.rules",
    "Publication": "newsletter.api",
    "SendObserver": "newsletter.actions.observer",
    "SendOptions": "newsletter.campaigns.options",
    "State": "newsletter.ledger.states",
}


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
