"""Reads the list for a batch: each row is a recipient whose message is proved to render, or is counted as left out."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from newsletter.address import SubscriberKey
from newsletter.campaigns.corrections import CorrectedIssue
from newsletter.campaigns.missing_values import make_header_error
from newsletter.campaigns.reader_languages import LanguageChooser
from newsletter.campaigns.row_count import RowCount
from newsletter.campaigns.variant_templates import VariantTemplates
from newsletter.config.preference_settings import SUMMARY_TAG
from newsletter.errors import ListError
from newsletter.ledger.staging import Recipient, StagedLanguage
from newsletter.mail.message_template import HeaderFault, MissingValue
from newsletter.subscribers.erased_subscribers import ErasedSubscribers
from newsletter.subscribers.list_difference import ListDifference
from newsletter.subscribers.source import SubscriberSource
from newsletter.subscribers.subscriber import Subscriber


@dataclass(frozen=True, kw_only=True)
class Batch:
    """Recipients staged to be added to a campaign, counted, and who of the list is left out.

    `corrected` is the issue whose readers they are, of a correction. `tag` is whose they are, empty for the whole list.
    `new` are those whom the campaign has not, the `suppressed` among them included; `paused` counts those of these
    whose suppression ends by itself. `welcomed` got the issue when they joined. `left` counts whom the list's own
    columns keep from being mailed, by what they say, and `summary` those who want the summary in place of the issues.
    `tags` are all that these recipients have. `languages` says how many of those who may be mailed get which language,
    and in place of which; it is empty for an issue in one language. `difference` is how another system's list has
    changed since it was last frozen.
    """

    tag: str
    new: int
    suppressed: int
    duplicates: int
    unusable: int
    erased: int
    left: Mapping[str, int]
    tags: frozenset[str]
    welcomed: int = 0
    corrected: CorrectedIssue | None = None
    languages: Sequence[StagedLanguage] = ()
    difference: ListDifference | None = None
    paused: int = 0
    summary: int = 0


class BatchReader:
    """A subscriber list read once, as recipients for one batch; what was seen on the way is counted.

    With `leaves_out_summary` it is not for those who have the tag of the summary.
    """

    def __init__(
        self,
        templates: VariantTemplates,
        source: SubscriberSource,
        tag: str,
        erased: ErasedSubscribers,
        languages: LanguageChooser,
        *,
        leaves_out_summary: bool = False,
    ) -> None:
        self._templates = templates
        self._source = source
        self._tag = tag
        self._is_erased = erased
        self._reading = source.read_list()
        self._languages = languages
        self._leaves_out_summary = leaves_out_summary
        self.rows = RowCount(source.place)
        self.found = 0
        self.erased = 0
        self.summary = 0
        self.left = Counter[str]()  # by what the list's own columns say
        self._first_templates: dict[str, int] = {}  # by language
        self.tags: set[str] = set()
        self.columns: list[str] = []

    def read_recipients(self) -> Iterator[Recipient]:
        """Yield everyone who may be mailed, in the list's order. Raises ListError when a message can't be made."""
        own = self._reading.statuses
        for row in self.rows.pass_usable(self._reading.rows):
            if not self._tag or self._tag in row.tags:
                if self._is_erased(key := row.key):
                    self.erased += 1
                elif own.find(row):
                    self.left[own.describe(row)] += 1
                elif self._leaves_out_summary and SUMMARY_TAG in row.tags:
                    self.summary += 1
                else:
                    yield self._make_recipient(row, key)

    def require_answers(self) -> None:
        """Raise DecisionNeeded when columns were read that may say who must not be mailed, and nobody has said so."""
        self._reading.statuses.require_answers()

    def _make_recipient(self, row: Subscriber, key: SubscriberKey) -> Recipient:
        chosen = self._languages.choose(row.fields)
        number = self._templates.find_number(row.tags, chosen.language)
        template = self._templates[number]
        lacks: Sequence[str] = ()
        try:
            template.check_recipient(row.address, row.fields)
        except MissingValue:
            lacks = template.find_missing_fields(row.fields)
        except HeaderFault as fault:
            raise make_header_error(fault, self._source.place, row.line) from fault
        self._first_templates.setdefault(chosen.language, number)
        if not self.found:
            self.columns = list(row.fields)
        self.found += 1
        self.tags |= row.tags
        # By place: with names it takes twice as long, for each of a list.
        return Recipient(key, row.address, row.fields, row.tags, number, row.line, lacks, chosen.language, chosen.asked)

    def first_templates(self) -> list[tuple[str, int]]:
        """Return each language that somebody gets, the publication's own first, with its first recipient's template."""
        return sorted(self._first_templates.items())

    def refuse_empty(self) -> None:
        """Raise ListError when nobody on the list is to be mailed."""
        if self.found:
            return
        path = self._source.place
        why = f"{path.name} has no reader."
        if self.left:
            why = f"By its own columns, nobody in {path.name} may be mailed: {', '.join(self.left)}."
        elif self.summary:
            why = f"Everybody in {path.name} whom it is for wants the summary alone, sent by --tag {SUMMARY_TAG}."
        elif self._tag:
            why = f"No reader in {path.name} has the tag {self._tag!r}."
        named = f" {self._source.file}" if self._source.file else ""
        raise ListError(why, next_step=f"`newsletter subscribers check{named}` shows what is in the list.")
