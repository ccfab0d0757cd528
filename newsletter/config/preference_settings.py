"""The table [preferences]: what readers may choose for themselves on the service's page."""

from collections.abc import Mapping
from typing import Annotated

from pydantic import AfterValidator, ValidationError
from pydantic_core import InitErrorDetails

from newsletter.config.section import Section
from newsletter.config.validators import OneLine
from newsletter.validation import Fault, faults_error

SUMMARY_TAG = "summary"  # of readers who chose the summary in place of the issues
_NO_TAG = frozenset(' ,;|\t\n"')


def check_topics(topics: Mapping[str, str]) -> Mapping[str, str]:
    """Return the words that readers see by the tags that they stand for; each fault has its own place."""
    faults = [(tag, fault) for tag in topics if (fault := _find_fault(tag))]
    if faults:
        details = [InitErrorDetails(type=faults_error(fault), loc=(tag,), input=tag) for tag, fault in faults]
        raise ValidationError.from_exception_data("topics", details)
    return topics


def _find_fault(tag: str) -> Fault | None:
    if tag == SUMMARY_TAG:
        return Fault(
            code="topics",
            message=f"{tag!r} is the tag of readers who get the summary alone",
            next_step='Take the topic out, and write what it is as summary = "once a month" under [preferences].',
        )
    if not tag or tag != tag.casefold() or not tag.isprintable() or set(tag) & _NO_TAG:
        return Fault(
            code="topics",
            message=f"{tag!r} is no tag",
            next_step='Write it as one word in small letters: topics = { energy = "Energy" }.',
        )
    return None


class PreferenceSettings(Section):
    """The table [preferences]: tags that readers may choose, by the words that they see, and what else is offered.

    `summary` says, in words, how often there is one in place of the issues; it is offered when it is set. `pause` says
    whether readers may have nothing sent for a time.
    """

    topics: Annotated[Mapping[str, OneLine], AfterValidator(check_topics)] = {}
    summary: OneLine | None = None
    pause: bool = True
