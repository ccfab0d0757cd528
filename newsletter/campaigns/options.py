"""Send options, and the refusals of those that a campaign can't be given."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from newsletter.clock import format_moment
from newsletter.errors import DecisionNeeded
from newsletter.issue_name import IssueName
from newsletter.ledger.campaigns import Campaign
from newsletter.ledger.states import REOPENABLE, State

if TYPE_CHECKING:
    from newsletter.editions import EditionContext


class Changes(Enum):
    """The ways to go on when the draft is not the one that the campaign began with."""

    ASK = "ask"
    CONTINUE = "continue"  # the frozen text for everyone
    TAKE_OVER = "with changes"  # the new text for those who have had nothing


@dataclass(frozen=True, kw_only=True)
class SendOptions:
    """Options of a send, as the editor asked for it; by default it goes to all of the list.

    `tag` narrows it to subscribers who have that tag, `to_new` to those who came onto the list since the campaign
    began. `retried` are states, refused or deferred, whose recipients are tried again, and no others are added; with
    another state among them it raises ValueError, since those recipients may have the issue.
    `changes` says which text goes out when the draft has changed since. `list_file` is read in place of the
    publication's list. Without `despite_problems` a text in which a check finds problems is not sent. `nobody_left` is
    a person's word that nobody unsubscribed by campaigns that this store does not know, `list_is_right` that readers
    who wait and are missing from the list are meant to get nothing. `detached` leaves it to workers, and does not wait.
    """

    tag: str = ""
    changes: Changes = Changes.ASK
    to_new: bool = False
    retried: Sequence[State] = ()
    list_file: Path | None = None
    despite_problems: bool = False
    nobody_left: bool = False
    list_is_right: bool = False
    detached: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "tag", self.tag.casefold())  # as lists have them
        if wrong := [state for state in self.retried if state not in REOPENABLE]:
            raise ValueError(f"Only who was refused or deferred can be tried again, and not who is {State(wrong[0])}.")

    def command(self, issue: IssueName) -> str:
        """Return the command that asks for this, so that an error can show it with one option more."""
        if self.retried:
            return f"newsletter retry {issue}{''.join(f' --state {state}' for state in self.retried)}"
        return f"newsletter send {issue}{' --to-new' if self.to_new else ''}{f' --tag {self.tag}' if self.tag else ''}"


def refuse_without_campaign(issue: IssueName, options: SendOptions) -> None:
    """Raise DecisionNeeded when options ask for a further send of an issue that nobody has had."""
    if options.to_new or options.retried:
        raise DecisionNeeded(
            f"{issue} has not been sent yet.", next_step=f"newsletter send {issue}     sends it to the whole list"
        )


def refuse_scheduled(campaign: Campaign, context: "EditionContext") -> None:
    """Raise DecisionNeeded when the campaign is in the outbox, which sends it."""
    if campaign.due_at:
        expired = campaign.expires_at is not None and campaign.expires_at < datetime.now(UTC)
        due = format_moment(campaign.due_at, ZoneInfo(context.config.publication.timezone))
        raise DecisionNeeded(
            f"{campaign.issue} has expired in the outbox; it was to be sent from {due} on, and was not."
            if expired
            else f"{campaign.issue} is in the outbox, to be sent from {due} on.",
            next_step=f"newsletter outbox cancel {campaign.issue}     takes it out; then it can be sent at any time",
        )


def refuse_cancelled(campaign: Campaign, options: SendOptions) -> None:
    """Raise DecisionNeeded when a cancelled campaign is to go to anybody else."""
    if campaign.cancelled_at and (options.to_new or options.retried):
        raise DecisionNeeded(
            f"{campaign.issue} was cancelled on {campaign.cancelled_at:%Y-%m-%d}, so nobody else gets it.",
            next_step="Bring it in the next issue.",
        )


def refuse_narrowing(campaign: Campaign, options: SendOptions, waiting: int) -> None:
    """Raise DecisionNeeded when a tag would hold back recipients who wait already; it can only add some."""
    tag = options.tag
    if tag and waiting and (campaign.covers(tag) or options.to_new) and campaign.batches != {tag}:
        raise DecisionNeeded(
            f"{waiting:,} readers of {campaign.issue} still wait, and not all of them have the tag {tag!r}.",
            next_step=f"newsletter send {campaign.issue}     goes on with all of them",
        )


def refuse_widening(campaign: Campaign, options: SendOptions) -> None:
    """Raise DecisionNeeded when --to-new, of a campaign for some tags, would add the whole list."""
    if options.to_new and not options.tag and "" not in campaign.batches:
        tags = sorted(campaign.batches)
        raise DecisionNeeded(
            f"{campaign.issue} has gone only to readers tagged {', '.join(tags)}.",
            next_step=f"newsletter send {campaign.issue} --to-new --tag {tags[0]}   those of them who came since\n"
            f"newsletter send {campaign.issue}                everyone else",
        )
