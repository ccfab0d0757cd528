"""The tables [send.domains."gmail.com"] and their like: what single domains may get."""

from collections.abc import Mapping
from typing import Annotated

from pydantic import Field, ValidationError
from pydantic_core import InitErrorDetails

from newsletter.address import normalise_address
from newsletter.config.section import Section
from newsletter.validation import Fault, faults_error

EVERY_OTHER = "*"


class DomainSettings(Section):
    """The limits on what a domain gets: messages a second and an hour, and how many under way at once."""

    messages_per_second: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = None
    messages_per_hour: Annotated[int, Field(ge=1)] | None = None
    connections: Annotated[int, Field(ge=1)] | None = None


def check_domains(domains: Mapping[str, DomainSettings]) -> Mapping[str, DomainSettings]:
    """Return the tables by domain as addresses have it; each fault has its own place."""
    found: dict[str, DomainSettings] = {}
    faults = []
    for name, table in domains.items():
        try:
            domain = name if name == EVERY_OTHER else normalise_address(f"reader@{name}").partition("@")[2]
        except ValueError:
            faults.append((name, f"{name!r} is no domain of a mail address", "Write it as in an address: gmail.com."))
            continue
        if domain in found:
            faults.append((name, f"{domain} has two tables", "Make one table of the two."))
        found[domain] = table
    if faults:
        details = [
            InitErrorDetails(
                type=faults_error(Fault(code="domain", message=message, next_step=next_step)), loc=(name,), input=name
            )
            for name, message, next_step in faults
        ]
        raise ValidationError.from_exception_data("domains", details)
    return found
