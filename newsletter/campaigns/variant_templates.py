"""Message templates by variant: one for each group of recipients who see the same items."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from newsletter.errors import DecisionNeeded
from newsletter.issue.model import Issue
from newsletter.ledger.campaigns import Campaign
from newsletter.ledger.templates import FrozenTemplate
from newsletter.mail.message_template import MessageTemplate

if TYPE_CHECKING:
    from newsletter.editions import EditionContext


_REMEMBERED = 10_000  # sets of tags; a list with more of them pays for each recipient


class VariantTemplates:
    """The templates of a campaign, each compiled for its first recipient, or as they were frozen.

    Who sees what is decided by the campaign's own rules, so that a draft which has changed since can't
    show a recipient an item that was never meant for them.
    """

    def __init__(
        self,
        campaign: Campaign,
        *,
        source: "tuple[EditionContext, Issue] | None" = None,
        frozen: Iterable[FrozenTemplate] = (),
    ) -> None:
        self._campaign = campaign
        self._source = source
        self._templates: list[MessageTemplate] = []
        self._numbers: dict[str, int] = {}
        self._by_tags: dict[frozenset[str], int] = {}
        for number, template in enumerate(frozen):
            self._templates.append(MessageTemplate.from_bytes(template.payload))
            self._numbers[_items(template.variant)] = number

    def find_number(self, tags: frozenset[str]) -> int:
        """Return which template is for a recipient with these tags, compiled now if need be.

        Raises DecisionNeeded when none was frozen for what they would see.
        """
        if (known := self._by_tags.get(tags)) is not None:
            return known
        variant = "".join("1" if not only or not tags.isdisjoint(only) else "0" for only in self._campaign.rules)
        if variant not in self._numbers:
            if self._source is None:
                raise DecisionNeeded(
                    "Some of these readers would see other items than anyone before, and the text has changed since.",
                    next_step=f"newsletter send {self._campaign.issue} --with-changes",
                )
            context, issue = self._source
            self._templates.append(self._compile(context, issue.seen_by(tags)))
            self._numbers[variant] = len(self._numbers)
        if len(self._by_tags) < _REMEMBERED:
            self._by_tags[tags] = self._numbers[variant]
        return self._numbers[variant]

    def _compile(self, context: "EditionContext", issue: Issue) -> MessageTemplate:
        # What compiles brings MJML, premailer and Typst; going on with frozen templates needs none of them.
        from newsletter.mail.compiler import compile_message

        campaign = self._campaign
        return compile_message(context, issue, campaign.id, None, seed=campaign.seed or "")

    def __getitem__(self, number: int) -> MessageTemplate:
        return self._templates[number]

    def freeze(self) -> list[FrozenTemplate]:
        """Return the templates made so far, in the order of their numbers, as the ledger keeps them."""
        # The same items of another draft are other items: a variant is known by its draft, too.
        draft = self._campaign.draft_sha256[:16]
        return [
            FrozenTemplate(f"{items}@{draft}", self._templates[number].to_bytes())
            for items, number in self._numbers.items()
        ]


def _items(variant: str) -> str:
    return variant.partition("@")[0]
