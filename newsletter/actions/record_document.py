"""All that is known of one subscriber as one document, which they can take along."""

from dataclasses import asdict
from typing import Any

from newsletter.actions.subscriber_record import RecordElsewhere, SubscriberRecord, read_subscriber_record
from newsletter.clock import format_instant
from newsletter.publication import OpenPublication
from newsletter.workspace import PublicationId

# Keys of the document, and what they show of an event, a delivery, a request and a mail.
_EVENT_KEYS = {
    "reader": "subscriber", "kind": "kind", "source": "source", "issue": "issue", "evidence": "evidence",
    "said_at": "said_at", "at": "at",
}  # fmt: skip
_DELIVERY_KEYS = ("issue", "address", "fields", "tags", "state", "stage", "code", "enhanced", "reply", "at")
_REQUEST_KEYS = (
    "kind",
    "address",
    "previous",
    "language",
    "source",
    "network",
    "state",
    "requested_at",
    "confirmed_at",
    "previous_confirmed_at",
)
_MAIL_KEYS = ("kind", "address", "language", "issue", "state", "code", "enhanced", "reply", "created_at", "at")


def make_record_document(publication: OpenPublication, known: SubscriberRecord) -> dict[str, Any]:
    """Return all that is known of a subscriber as JSON has it: for a script, and for the person who asks.

    `erased` is a moment or null, `about_others` where rows about others name them, `elsewhere` what other publications
    of the database have, and `addresses` the same of each address that they had before or have since.
    """
    has_file = publication.subscriber_source().file is not None
    return {
        **_describe_record(known, publication.workspace.publication_id, has_file=has_file),
        "addresses": [
            _describe_record(
                read_subscriber_record(publication, address), publication.workspace.publication_id, has_file=has_file
            )
            for address in known.other_addresses
        ],
    }


def _describe_record(known: SubscriberRecord, publication: PublicationId, *, has_file: bool) -> dict[str, Any]:
    return {
        "publication": publication,
        "address": known.key,
        "state": known.status.state if known.rows or not known.status.mailable else "unlisted",
        "erased": known.status.erased and format_instant(known.status.erased),
        "rows": [{**({"line": row.line} if has_file else {}), "cells": dict(row.cells)} for row in known.rows],
        **({} if has_file else {"consents": [asdict(consent) for consent in known.consents]}),
        "chosen": known.chosen.as_dict(),
        **_describe_history(known),
        "requests": [
            {
                **{name: getattr(request, name) for name in _REQUEST_KEYS},
                "fields": dict(request.fields),
                "tags": sorted(request.tags),
            }
            for request in known.requests
        ],
        "mails": [{name: getattr(mail, name) for name in _MAIL_KEYS} for mail in known.mails],
        "about_others": {"lines": list(known.other_lines), "state": known.other_rows},
        "elsewhere": [
            {
                "publication": other.publication,
                "listed": other.is_listed,
                "consents": [asdict(consent) for consent in other.consents],
                **_describe_history(other),
            }
            for other in known.elsewhere
        ],
    }


def _describe_history(known: SubscriberRecord | RecordElsewhere) -> dict[str, Any]:
    return {
        "causes": [
            {
                "cause": each.kind,
                "words": each.words,
                "since": each.since and format_instant(each.since),
                "everywhere": each.everywhere,
                "until": each.until and format_instant(each.until),
            }
            for each in known.status.suppressions
        ],
        "events": [
            {name: getattr(event, attribute) for name, attribute in _EVENT_KEYS.items()} for event in known.events
        ],
        "deliveries": [
            {
                **{name: getattr(delivery, name) for name in _DELIVERY_KEYS},
                "tags": sorted(delivery.tags),
                "ended": (ended := known.finished_at.get(delivery.issue)) and format_instant(ended),
            }
            for delivery in known.deliveries
        ],
    }
