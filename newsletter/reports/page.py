"""The report as one page that needs nothing else: no network, no script, no font, and no address in it."""

from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from newsletter.config import PublicationSettings
from newsletter.reports import words
from newsletter.reports.figures import FEW, Report, shortened
from newsletter.reports.plots import BAR, bar, marks, plot
from newsletter.reports.runs import rate

_DOMAINS = 25
_REPLIES = 15
_PLOTS = 6


def render_page(report: Report, publication: PublicationSettings, moment: datetime) -> str:
    """The page for people inside and outside of the house, with its times in the publication's zone."""
    report = shortened(report, domains=_DOMAINS, fewest=FEW)
    busiest = sorted(report.over_time, key=lambda stretch: -stretch.run.answers.total)[:_PLOTS]
    states = words.shown_states(report.counts)
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    zone = ZoneInfo(publication.timezone)
    environment.filters |= {
        "here": lambda at: at.astimezone(zone),
        "label": lambda at, plot: plot.label(at, zone),
        "lasted": words.lasted,
        "number": lambda count: f"{count:,}",
        "pace": words.pace,
        "said": words.said,
        "share": words.share,
        "since": words.since,
        "took": words.took,
    }
    return environment.get_template("page.html.j2").render(
        report=report,
        publication=publication,
        moment=moment,
        states=states,
        whole={state: report.counts[state] for state in states},
        domain_states=[state for state in words.domain_states(report.counts) if report.counts[state]],
        replies=report.replies[:_REPLIES],
        other_replies=report.replies[_REPLIES:],
        plots=[plot(stretch) for stretch in report.over_time if stretch in busiest],
        few=FEW,
        bar=bar,
        bar_length=BAR,
        marks=marks,
        rate=rate,
        meanings=words.MEANINGS,
        others=words.others,
    )
