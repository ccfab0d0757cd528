"""The compiled texts of a campaign: one for each group of readers who see the same items."""

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from newsletter.errors import DecisionNeeded
from newsletter.issue.model import Issue
from newsletter.ledger.campaigns import Campaign
from newsletter.ledger.templates import FrozenTemplate
from newsletter.mail.message_template import MessageTemplate

if TYPE_CHECKING:
    from newsletter.editions import EditionContext


_REMEMBERED = 10_000  # sets of tags; a list with more of them pays for each reader


class Texts:
    """Compiles each text when the first of its readers comes, or hands out those that were frozen.

    Who sees what is decided by the campaign's own rules, so that a draft which has changed since can't
    show a reader an item that was never meant for them.
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
        self._templates = [MessageTemplate.from_bytes(text.payload) for text in frozen]
        self._by_tags: dict[frozenset[str], int] = {}
        self._numbers = {_items(text.variant): number for number, text in enumerate(frozen)}

    def number(self, tags: frozenset[str]) -> int:
        """Which text is for a reader with these tags. Raises DecisionNeeded when it was not frozen in its time."""
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
            self._templates.append(self._compiled(context, issue.seen_by(tags)))
            self._numbers[variant] = len(self._numbers)
        if len(self._by_tags) < _REMEMBERED:
            self._by_tags[tags] = self._numbers[variant]
        return self._numbers[variant]

    def _compiled(self, context: "EditionContext", issue: Issue) -> MessageTemplate:
        # What compiles brings MJML, premailer and Typst; going on with frozen texts needs none of them.
        from newsletter.mail.compiler import compile_message

        campaign = self._campaign
        return compile_message(context, issue, campaign.id, None, seed=campaign.seed or "")

    def __getitem__(self, number: int) -> MessageTemplate:
        return self._templates[number]

    def __iter__(self) -> Iterator[FrozenTemplate]:
        # The same items of another draft are other items: a variant is known by its draft, too.
        draft = self._campaign.draft_sha256[:16]
        for items, number in self._numbers.items():
            yield FrozenTemplate(f"{items}@{draft}", self._templates[number].to_bytes())


def _items(variant: str) -> str:
    return variant.partition("@")[0]


def rules_of(issue: Issue) -> Sequence[Sequence[str]]:
    """For each item, the tags of the readers it is only for; none for everyone."""
    return [list(item.only_for) for item in issue.items]
