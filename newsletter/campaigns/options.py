"""What an editor asks of a send, and what can't be done for them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from newsletter.clock import shown
from newsletter.errors import DecisionNeeded
from newsletter.ledger import Campaign
from newsletter.ledger.states import State

if TYPE_CHECKING:
    from newsletter.editions import EditionContext


class Changes(Enum):
    """What to do when the text is not the one that the campaign began with."""

    ASK = "ask"
    CONTINUE = "continue"  # the frozen text for everyone
    TAKE_OVER = "with changes"  # the new text for whoever has had nothing


@dataclass(frozen=True, kw_only=True)
class Wish:
    """What the editor asked for: a tag's readers, those who joined since, those whom the server turned away."""

    tag: str = ""
    changes: Changes = Changes.ASK
    to_new: bool = False
    retried: Sequence[State] = ()

    def command(self, issue: str) -> str:
        """What was typed, to be typed again with a word more."""
        if self.retried:
            return f"newsletter retry {issue}{''.join(f' --state {state}' for state in self.retried)}"
        return f"newsletter send {issue}{' --to-new' if self.to_new else ''}{f' --tag {self.tag}' if self.tag else ''}"


def refuse_without_campaign(issue: str, wish: Wish) -> None:
    if wish.to_new or wish.retried:
        raise DecisionNeeded(
            f"{issue} has not been sent yet.", next_step=f"newsletter send {issue}     sends it to the whole list"
        )


def refuse_scheduled(campaign: Campaign, context: "EditionContext") -> None:
    if campaign.due_at:
        expired = campaign.expires_at is not None and datetime.fromisoformat(campaign.expires_at) < datetime.now(UTC)
        due = shown(datetime.fromisoformat(campaign.due_at), ZoneInfo(context.config.publication.timezone))
        raise DecisionNeeded(
            f"{campaign.issue} has expired in the outbox; it was to be sent from {due} on, and was not."
            if expired
            else f"{campaign.issue} is in the outbox, to be sent from {due} on.",
            next_step=f"newsletter outbox cancel {campaign.issue}     takes it out; then it can be sent at any time",
        )


def refuse_cancelled(campaign: Campaign, wish: Wish) -> None:
    if campaign.cancelled_at and (wish.to_new or wish.retried):
        raise DecisionNeeded(
            f"{campaign.issue} was cancelled on {campaign.cancelled_at[:10]}, so nobody else gets it.",
            next_step="Bring it in the next issue.",
        )


def refuse_narrowing(campaign: Campaign, wish: Wish, waiting: int) -> None:
    """A tag can add readers to a campaign; it can't hold back those who are in it."""
    tag = wish.tag
    if tag and waiting and (campaign.covers(tag) or wish.to_new) and campaign.waves != {tag}:
        raise DecisionNeeded(
            f"{waiting:,} readers of {campaign.issue} still wait, and not all of them have the tag {tag!r}.",
            next_step=f"newsletter send {campaign.issue}     goes on with all of them",
        )


def refuse_widening(campaign: Campaign, wish: Wish) -> None:
    """Those who came since are few; those who have not had their turn yet may be the whole list."""
    if wish.to_new and not wish.tag and "" not in campaign.waves:
        tags = sorted(campaign.waves)
        raise DecisionNeeded(
            f"{campaign.issue} has gone only to readers tagged {', '.join(tags)}.",
            next_step=f"newsletter send {campaign.issue} --to-new --tag {tags[0]}   those of them who came since\n"
            f"newsletter send {campaign.issue}                everyone else",
        )
