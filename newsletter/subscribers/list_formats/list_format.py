"""Form of another program's export: the columns by which it is recognised, and what each of them says."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from newsletter.subscribers.feedback_events import SuppressionKind


@dataclass(frozen=True, slots=True, kw_only=True)
class ListFormat:
    """A program's export. Columns are named as `column_name` folds them: `Email Address` is email_address.

    The file has all columns of one of the sets in `telling`. `email` and the like name columns, of which the first that
    the file has counts; those in `given_names` are joined where there is no name. A filled cell in `left_at` says that
    somebody left, and why; `everyone` says it of each row. `status` is the column whose words `words` interprets: as
    "mailable", "pending", "paused" or a kind of suppression. A word that is not among them keeps its reader out.
    `agreed` are columns with the moment of a consent, the best first, and `evidence` those that show how it is known.
    `dropped` columns are not taken over: what is measured of readers, and ids of the other program. Without
    `keeps_fields` no further column is: an address book knows more of people than a newsletter needs. `code_page` is
    the encoding of a file that is not UTF-8.
    """

    name: str
    telling: Collection[frozenset[str]]
    email: Collection[str]
    full_name: Collection[str] = ("name",)
    given_names: Collection[str] = ()
    tags: Collection[str] = ()
    language: Collection[str] = ()
    time_zone: Collection[str] = ()
    left_at: Mapping[str, SuppressionKind] = field(default_factory=dict)
    reasons: Collection[str] = ()
    everyone: SuppressionKind | None = None
    status: Collection[str] = ()
    words: Mapping[str, str] = field(default_factory=dict)
    agreed: Collection[str] = ()
    evidence: Collection[str] = ()
    dropped: Collection[str] = ()
    keeps_fields: bool = True
    code_page: str = ""

    def matches(self, columns: Collection[str]) -> bool:
        """Return whether a file with these columns has this form."""
        return any(names <= set(columns) for names in self.telling)
