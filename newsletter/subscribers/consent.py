"""Consent: that a subscriber agreed to get the newsletter, and to which words."""

from collections.abc import Mapping
from dataclasses import dataclass, field

# Columns of a list that say when, where and to which words somebody agreed, and by what that is known.
CONSENT_AT, CONSENT_SOURCE, CONSENT_WORDS = "consent_at", "consent_source", "consent_words"
CONSENT_EVIDENCE = "consent_evidence"
CONSENT_COLUMNS = (CONSENT_AT, CONSENT_SOURCE, CONSENT_WORDS, CONSENT_EVIDENCE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Consent:
    """An agreement: when (ISO 8601, in UTC), where, and to which words, as far as is known.

    `evidence` are words by name that show later how this is known.
    """

    given_at: str
    source: str
    words: str = ""
    evidence: Mapping[str, str] = field(default_factory=dict)
