"""Row of a list that is imported: what it gives the store, and what it says of status and consent."""

from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from zoneinfo import ZoneInfo

from pydantic_core import PydanticCustomError

from newsletter.clock import parse_instant
from newsletter.config.validators import check_language
from newsletter.errors import Problem
from newsletter.subscribers.consent import CONSENT_AT, CONSENT_COLUMNS, Consent
from newsletter.subscribers.feedback_events import SuppressionKind
from newsletter.subscribers.status_columns import StatusColumns
from newsletter.subscribers.status_words import says_mailed
from newsletter.subscribers.stored_subscribers import StoredSubscriber
from newsletter.subscribers.subscriber import LANGUAGE_COLUMNS, Subscriber, SubscriberStatus, find_language
from newsletter.subscribers.suppression_status import Suppression, find_end

_IMPORTED = "import"  # where a consent was noted of which the file does not say it
# What an export of another program says of somebody that any list has to heed, and not this one alone.
_SAID = (SuppressionKind.UNSUBSCRIBED, SuppressionKind.BOUNCED, SuppressionKind.COMPLAINED)
_ZONES = ("time_zone", "timezone")
# Words of a status by which somebody is to be asked first, or gets nothing for a while.
_STATUSES = {
    **dict.fromkeys(("pending", "unconfirmed", "unactivated"), SubscriberStatus.PENDING),
    **dict.fromkeys(("paused", "on hold", "snoozed"), SubscriberStatus.PAUSED),
}


@dataclass(frozen=True, slots=True)
class ImportedRow:
    """A row of the file: what it gives the store, which columns it has, and what it says of status and consent.

    `pause`: by the file they have paused until a moment, which is no status, since it ends by itself.
    """

    row: StoredSubscriber
    status: SubscriberStatus | None
    consent: Consent | None
    said: Suppression | None
    is_understood: bool
    pause: Suppression | None = None

    def merge_into(self, known: StoredSubscriber | None, columns: Collection[str]) -> StoredSubscriber:
        """Return what the store is to have. Values stay that the file has no column for; who left stays away."""
        if known is None:
            return replace(self.row, status=self.status) if self.status else self.row
        status = self.status or known.status
        if known.status is SubscriberStatus.LEFT:
            status = SubscriberStatus.LEFT
        return replace(
            self.row,
            status=status,
            # A row has a name even where its file has no such column.
            fields=dict(known.fields) | {name: value for name, value in self.row.fields.items() if name in columns},
            tags=self.row.tags if "tags" in columns else known.tags,
            language=self.row.language if any(name in self.row.fields for name in LANGUAGE_COLUMNS) else known.language,
            time_zone=self.row.time_zone if any(name in self.row.fields for name in _ZONES) else known.time_zone,
            created_at=known.created_at,
            changed_at=known.changed_at,
        )


def read_imported_row(
    subscriber: Subscriber, own: StatusColumns, special: Collection[str], place: Path
) -> ImportedRow | Problem:
    """Return what a row of the list at `place` gives the store; `special` columns are no fields.

    It is a problem when the row's consent has no moment.
    """
    fields = {name: value for name, value in subscriber.fields.items() if name not in special}
    try:
        consent = _read_consent(subscriber.fields)
    except ValueError as error:
        return Problem(
            path=place,
            line=subscriber.line,
            code="consent",
            message=str(error),
            next_step=f"Write {CONSENT_AT} as 2026-03-01, or 2026-03-01T09:30:00+00:00.",
        )
    language, zone = find_language(fields), next((fields[name] for name in _ZONES if fields.get(name)), "")
    row = StoredSubscriber(
        address=subscriber.address,
        fields=fields,
        tags=subscriber.tags,
        language=_parse_language(language),
        time_zone=_parse_zone(zone),
    )
    is_understood = bool(row.language) == bool(language) and row.time_zone == zone
    found = own.find(subscriber)
    said = found if found and found.kind in _SAID else None
    pause = found if found and found.kind == SuppressionKind.PAUSED and find_end(found.words) else None
    status = None if pause else _read_status(subscriber, own)
    return ImportedRow(row, status, consent, said, is_understood, pause)


def _read_status(subscriber: Subscriber, own: StatusColumns) -> SubscriberStatus | None:
    """Return the status that the file gives somebody; None where it gives none, as by an empty cell."""
    if own.find(subscriber) is None:
        said = any(says_mailed(name, subscriber.fields.get(name, "")) for name in own.honoured)
        return SubscriberStatus.ACTIVE if said else None
    word = own.describe(subscriber).partition(": ")[2].casefold()
    return _STATUSES.get(word, SubscriberStatus.LEFT)


def _read_consent(fields: Mapping[str, str]) -> Consent | None:
    """Return what a row says of a consent. Raises ValueError when it does not say when that was given."""
    at, where, words, evidence = (fields.get(name, "") for name in CONSENT_COLUMNS)
    if not (at or where or words or evidence):
        return None
    if not at:
        raise ValueError(f"{CONSENT_AT}: it is not said when they agreed")
    try:
        given_at = parse_instant(at)
    except (ValueError, OverflowError) as error:
        raise ValueError(f"{CONSENT_AT}: {at!r} is no moment") from error
    return Consent(
        given_at=given_at.isoformat(timespec="milliseconds"),
        source=where or _IMPORTED,
        words=words,
        evidence={"note": evidence} if evidence else {},
    )


def _parse_language(text: str) -> str:
    """Return a BCP 47 tag, empty when it is none: JA_jp, as some programs write it, is ja-jp."""
    main, *more = text.replace("_", "-").split("-")
    with suppress(PydanticCustomError):
        return check_language("-".join([main.lower(), *more])) if text else ""
    return ""


def _parse_zone(text: str) -> str:
    """Return IANA's name of a time zone as it was written, empty when it is none."""
    with suppress(KeyError, ValueError, OSError):
        return ZoneInfo(text).key if text else ""
    return ""
