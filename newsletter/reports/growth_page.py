"""The growth of a list as one HTML page that needs nothing else: no network, no script, no font; it names nobody."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from zoneinfo import ZoneInfo

from newsletter.config import PublicationSettings
from newsletter.ledger.statistics import IssueSize
from newsletter.reports.growth_sources import IMPORTED, list_sources
from newsletter.reports.page_templates import open_page_templates
from newsletter.reports.plots import BAR, SPARSE, Segment, find_scale, lay_out_bar, lay_out_column
from newsletter.subscribers.growth import GAINS, LISTED, LOSSES, Change, Growth

_MONTHS = 36
_WITH_A_LIST = (IMPORTED, LISTED)  # many at one time, beside whom nobody else would be seen


@dataclass(frozen=True, kw_only=True)
class ColumnPlot:
    """Columns side by side, each with a label. `top` is the scale's upper end, `room` how many columns there is for."""

    labels: Sequence[str]
    columns: Sequence[Sequence[Segment]]
    names: Sequence[str]  # of what is drawn
    highest: int
    top: int
    room: int


def render_growth_page(
    growth: Growth,
    sizes: Sequence[IssueSize],
    publication: PublicationSettings,
    moment: datetime,
    *,
    subscribers: int,
    mailable: int,
) -> str:
    """Return the page, for people inside and outside of the house."""
    zone = ZoneInfo(publication.timezone)
    environment = open_page_templates(zone)
    months = growth.count_by_month(moment, _MONTHS)
    drawn = growth
    brought = [each for each in growth.sums if each.change is Change.JOINED and each.source in _WITH_A_LIST]
    by_themselves = any(each.change is Change.JOINED and each.source not in _WITH_A_LIST for each in growth.sums)
    if by_themselves:
        drawn = replace(growth, sums=[each for each in growth.sums if each not in brought])
    drawn_months = drawn.count_by_month(moment, len(months)) if months else {}
    return environment.get_template("growth.html.j2").render(
        publication=publication,
        moment=moment,
        subscribers=subscribers,
        mailable=mailable,
        sizes=sizes,
        size_plot=_lay_out({size.issue: {"recipients": size.recipients} for size in sizes}),
        months=months,
        changes=list(Change),
        gains=_lay_out(_name_changes(drawn_months, GAINS)),
        losses=_lay_out(_name_changes(drawn_months, LOSSES)),
        brought=sum(each.people for each in brought) if by_themselves else 0,
        undated=_count_outside(growth, months),
        sources=[
            (title, sources)
            for title, change in (("Where they joined", Change.JOINED), ("Where they left", Change.LEFT))
            if (sources := list_sources(growth, change))
        ],
        bar=lay_out_bar,
        bar_length=BAR,
    )


def _name_changes(months: Mapping[str, Counter[Change]], changes: Sequence[Change]) -> dict[str, dict[str, int]]:
    """Return how many there were of some changes, by month and by the name that the style sheet has for a change."""
    return {month: {change.name.lower(): counts[change] for change in changes} for month, counts in months.items()}


def _lay_out(counts: Mapping[str, Mapping[str, int]]) -> ColumnPlot | None:
    """Return a plot of columns by their labels; None where there is nothing to draw."""
    highest = max((sum(each.values()) for each in counts.values()), default=0)
    if not highest:
        return None
    top = find_scale(highest)
    return ColumnPlot(
        labels=list(counts),
        columns=[lay_out_column(each, top) for each in counts.values()],
        names=[name for name in next(iter(counts.values())) if any(each[name] for each in counts.values())],
        highest=highest,
        top=top,
        room=max(len(counts), SPARSE),
    )


def _count_outside(growth: Growth, months: Mapping[str, object]) -> Counter[Change]:
    """Return the changes of months that are not shown, or not known."""
    counts = Counter[Change]()
    for each in growth.sums:
        if each.month not in months:
            counts[each.change] += each.people
    return counts
