"""Texts that have changed since a campaign began, and the templates of the new ones for those who wait."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from newsletter.campaigns.issue_texts import IssueTexts, list_translations, split_hashes
from newsletter.campaigns.missing_values import prove_message, refuse_missing_values
from newsletter.campaigns.options import Changes, SendOptions
from newsletter.campaigns.reader_languages import LanguageChooser
from newsletter.campaigns.variant_templates import VariantTemplates
from newsletter.ledger.campaigns import Campaign
from newsletter.ledger.deliveries import stream_recipients
from newsletter.ledger.freeze import ChooseLanguage
from newsletter.ledger.states import OPEN, State
from newsletter.ledger.templates import has_older_template, list_current_templates
from newsletter.mail.message_template import MessageTemplate
from newsletter.store import Store
from newsletter.translation import describe_language

_FROZEN = Path("the frozen list")


def has_changed(store: Store, texts: IssueTexts, options: SendOptions, campaign: Campaign, *, adds: bool) -> bool:
    """Return whether those who wait, or are added, would get another text than the campaign's."""
    if texts.sha256 != campaign.draft_sha256:
        return True
    if has_older_template(store, campaign.issue, [*OPEN, *options.retried]):
        return True
    return (adds or options.changes is Changes.TAKE_OVER) and _renders_otherwise(store, texts, campaign)


def _renders_otherwise(store: Store, texts: IssueTexts, campaign: Campaign) -> bool:
    """Return whether the same drafts give another text today, because of templates or the configuration."""
    templates = VariantTemplates(campaign, source=texts)
    for language in texts.languages:
        templates.find_number(frozenset(), language)
    today = {(each.variant, each.language): each.payload for each in templates.freeze()}
    return any(
        # Not their bytes: an earlier version of the program wrote the same text in another form.
        MessageTemplate.from_bytes(known.payload) != MessageTemplate.from_bytes(payload)
        for known in list_current_templates(store, campaign.issue)
        if (payload := today.get((known.variant, known.language))) is not None
    )


def describe_changes(campaign: Campaign, texts: IssueTexts) -> str:
    """Return which drafts of an issue are other ones than those of the campaign, as the end of a sentence.

    It is empty where there is nothing to tell apart: the issue is in one language, or other things have changed.
    """
    before, after = split_hashes(campaign.draft_sha256), split_hashes(texts.sha256)
    if before.keys() | after.keys() == {""}:
        return ""
    changes = [
        (
            "has changed" if language in before and language in after else "is new" if language in after else "is gone",
            f"its translation into {describe_language(language)}" if language else "its main draft",
        )
        for language in dict.fromkeys([*before, *after])
        if before.get(language) != after.get(language)
    ]
    return ", ".join(f"{what} {how}" for how, what in changes)


@dataclass(frozen=True, kw_only=True)
class AssignedTemplates:
    """Templates of a new text for those who wait: whose each is by tags and language, and who gets which language."""

    assigned: Mapping[tuple[frozenset[str], str], int]
    choose_language: ChooseLanguage
    languages: Mapping[str, int]


def assign_templates(
    store: Store, campaign: Campaign, templates: VariantTemplates, texts: IssueTexts, states: Sequence[State]
) -> AssignedTemplates:
    """Return a template of the new text for each recipient in these states, with the proof that it renders.

    Each gets the new text in the language that they would get now: a translation may have been added, or taken away.
    Raises ListError and TemplateError.
    """
    chooser = LanguageChooser(texts.context.config, list_translations(campaign.draft_sha256))
    assigned: dict[tuple[frozenset[str], str], int] = {}
    languages = Counter[str]()
    lacking = Counter[Sequence[str]]()
    columns: list[str] = []
    for address, fields, tags in stream_recipients(store, campaign.issue, states):
        language = chooser.choose_tag(fields)
        languages[language] += 1
        number = assigned[tags, language] = templates.find_number(tags, language)
        template = templates[number]
        columns = columns or list(fields)
        if missing := template.find_missing_fields(fields):
            lacking[tuple(missing)] += 1
        else:
            prove_message(template, address, fields, _FROZEN, 0)
    gaps = [(names, count, 0) for names, count in lacking.items()]
    refuse_missing_values(gaps, columns, _FROZEN, list(texts.drafts.values()))
    templates.find_number(frozenset())
    return AssignedTemplates(
        assigned=assigned, choose_language=chooser.choose_tag, languages=dict(languages.most_common())
    )
