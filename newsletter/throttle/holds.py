"""Holds: why nothing, or less, leaves now."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from math import inf

from newsletter.mail.reply_concern import Concern
from newsletter.throttle.advice import Evidence
from newsletter.throttle.departures import Departures
from newsletter.throttle.greylisting import Greylisting


class HoldKind(StrEnum):
    """What holds a send."""

    RATE = "rate"
    QUOTA = "quota"
    CONNECTIONS = "connections"
    OUTAGE = "outage"
    GREYLISTING = "greylisting"


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """A hold on a send.

    `words` are a sentence without its full stop, for whoever waits: "the server takes 14 messages a second". `limit` is
    the number in them; `evidence` is the server's reply from which it was concluded, empty where it was not said.
    `until` is when it is expected to be over, on the throttle's clock; None when that is not known, or it stays.
    """

    kind: HoldKind
    words: str
    limit: float | None = None
    evidence: str = ""
    until: float | None = None


def describe_hold(
    departures: Departures,
    connections: int | None,
    greylisting: Greylisting,
    evidence: Mapping[str, Evidence],
    now: float,
) -> Hold | None:
    """Return what holds a send most; None when nothing does."""

    def read_evidence(name: str) -> str:
        return evidence[name].line if name in evidence else ""

    stoppage = departures.stoppage
    if stoppage is not None and departures.stopped_by is Concern.HEALTH:
        until = None if stoppage.next_probe == inf else stoppage.next_probe
        words = "the server takes nothing now; one message at a time asks whether it does again"
        return Hold(kind=HoldKind.OUTAGE, words=words, evidence=read_evidence("outage"), until=until)
    for quota in departures.quotas:
        if quota.is_kept and quota.find_next_departure(now) > now:
            opens = quota.find_next_departure(now)
            words = f"the server takes {quota.count:,} messages in {_format_window(quota.seconds)}"
            return Hold(
                kind=HoldKind.QUOTA, words=words, limit=quota.count, evidence=read_evidence("rate"), until=opens
            )
    if stoppage is not None:
        words = "the server takes no more for now; one message at a time asks whether it does again"
        kind = HoldKind.QUOTA if departures.stopped_by is Concern.QUOTA else HoldKind.RATE
        return Hold(kind=kind, words=words, evidence=read_evidence("rate"), until=stoppage.next_probe)
    rate = departures.rate
    if rate.per_second is not None:
        words = f"the server takes {_format_rate(rate.per_second)}"
        if not rate.is_learned:
            words = f"no more than {_format_rate(rate.per_second)} leave, as the settings say"
        return Hold(kind=HoldKind.RATE, words=words, limit=rate.per_second, evidence=read_evidence("rate"))
    if greylisting.is_suspected:
        words = "the server puts everyone off at first, and takes a second try"
        if greylisting.wait_s is not None:
            words += f" after {greylisting.wait_s:.0f} seconds"
        return Hold(
            kind=HoldKind.GREYLISTING,
            words=words,
            limit=greylisting.wait_s,
            evidence=read_evidence("greylisting_s"),
        )
    if connections is not None:
        words = "the server takes one connection" if connections == 1 else f"the server takes {connections} connections"
        return Hold(kind=HoldKind.CONNECTIONS, words=words, limit=connections, evidence=read_evidence("connections"))
    return None


def _format_rate(per_second: float) -> str:
    if per_second >= 10:
        return f"{per_second:,.0f} messages a second"
    if per_second >= 1:
        return f"{per_second:.1f} messages a second"
    if per_second * 60 >= 1:
        return f"{per_second * 60:.0f} messages a minute"
    return f"{per_second * 3600:.0f} messages an hour"


def _format_window(seconds: float) -> str:
    for unit, name in ((86400, "day"), (3600, "hour"), (60, "minute")):
        if seconds >= unit:
            count = round(seconds / unit)
            return f"a{'n' if name == 'hour' else ''} {name}" if count == 1 else f"{count} {name}s"
    return f"{seconds:.0f} seconds"
