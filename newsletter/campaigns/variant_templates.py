"""Message templates by variant: one for each group of recipients who see the same items in the same language."""

from collections.abc import Iterable
from hashlib import sha256

from newsletter.campaigns.issue_texts import IssueTexts
from newsletter.errors import DecisionNeeded
from newsletter.ledger.campaigns import Campaign
from newsletter.ledger.templates import FrozenTemplate
from newsletter.mail.message_template import MessageTemplate

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
        source: IssueTexts | None = None,
        frozen: Iterable[FrozenTemplate] = (),
    ) -> None:
        self._campaign = campaign
        self._source = source
        self._templates: list[MessageTemplate] = []
        self._numbers: dict[tuple[str, str], int] = {}  # by the items and the language
        self._by_tags: dict[tuple[frozenset[str], str], int] = {}
        for number, template in enumerate(frozen):
            self._templates.append(MessageTemplate.from_bytes(template.payload))
            self._numbers[_items(template.variant), template.language] = number

    def find_number(self, tags: frozenset[str], language: str = "") -> int:
        """Return which template is for a recipient with these tags and this language, compiled now if need be.

        An empty language is the publication's own. Raises DecisionNeeded when none was frozen for what they would see.
        """
        kind = tags, language
        if (known := self._by_tags.get(kind)) is not None:
            return known
        variant = "".join("1" if not only or not tags.isdisjoint(only) else "0" for only in self._campaign.rules)
        if (variant, language) not in self._numbers:
            if self._source is None:
                what = "other items" if language in self.languages else f"another language ({language})"
                raise DecisionNeeded(
                    f"Some of these readers would see {what} than anyone before, and the text has changed since.",
                    next_step=f"newsletter send {self._campaign.issue} --with-changes",
                )
            self._templates.append(self._compile(self._source, tags, language))
            self._numbers[variant, language] = len(self._numbers)
        if len(self._by_tags) < _REMEMBERED:
            self._by_tags[kind] = self._numbers[variant, language]
        return self._numbers[variant, language]

    def _compile(self, texts: IssueTexts, tags: frozenset[str], language: str) -> MessageTemplate:
        # What compiles brings MJML, premailer and Typst; going on with frozen templates needs none of them.
        from newsletter.mail.compiler import compile_message

        campaign, issue = self._campaign, texts.require_issue(language).seen_by(tags)
        return compile_message(texts.find_context(language), issue, campaign.id, None, seed=campaign.seed or "")

    @property
    def languages(self) -> tuple[str, ...]:
        """Return the languages that there are templates in so far, the publication's own as an empty one."""
        return tuple(dict.fromkeys(language for _, language in self._numbers))

    def list_samples(self) -> dict[str, MessageTemplate]:
        """Return a template for each language that there is one in."""
        numbers = {language: number for (_, language), number in reversed(self._numbers.items())}
        return {language: self._templates[numbers[language]] for language in self.languages}

    def __getitem__(self, number: int) -> MessageTemplate:
        return self._templates[number]

    def freeze(self) -> list[FrozenTemplate]:
        """Return the templates made so far, in the order of their numbers, as the ledger keeps them."""
        # The same items of other drafts are other items: a variant is known by its drafts, too.
        drafts = _shorten(self._campaign.draft_sha256)
        return [
            FrozenTemplate(f"{items}@{drafts}", self._templates[number].to_bytes(), language)
            for (items, language), number in self._numbers.items()
        ]


def _shorten(hashes: str) -> str:
    """Return what names the drafts in a variant: the beginning of the one draft's hash, or a hash of all of theirs."""
    return (sha256(hashes.encode()).hexdigest() if " " in hashes else hashes)[:16]


def _items(variant: str) -> str:
    return variant.partition("@")[0]
