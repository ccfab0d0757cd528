"""The report as one HTML page that needs nothing else: no network, no script, no font; it holds no address."""

from datetime import datetime
from zoneinfo import ZoneInfo

from newsletter.config import PublicationSettings
from newsletter.reports import formatting
from newsletter.reports.campaign_report import FEW, CampaignReport, shorten_report
from newsletter.reports.course_plot import lay_out_course
from newsletter.reports.page_templates import open_page_templates
from newsletter.reports.plots import BAR, lay_out_bar, lay_out_plot, list_quantiles
from newsletter.reports.throttle_formatting import format_warm_up, list_limit_lines
from newsletter.reports.worker_runs import compute_rate
from newsletter.translation import describe_language

_DOMAINS = 25
_REPLIES = 15
_PLOTS = 6


def render_page(report: CampaignReport, publication: PublicationSettings, moment: datetime) -> str:
    """Return the page, for people inside and outside of the house, with times in the publication's zone."""
    report = shorten_report(report, domains=_DOMAINS, fewest=FEW)
    busiest = sorted(report.over_time, key=lambda stretch: -stretch.run.answers.total)[:_PLOTS]
    states = formatting.list_shown_states(report.counts)
    zone = ZoneInfo(publication.timezone)
    environment = open_page_templates(zone)
    environment.filters |= {
        "label": lambda at, plot: plot.label(at, zone),
        "clock": lambda at: f"{at.astimezone(zone):%Y-%m-%d %H:%M:%S}",
        "lasted": formatting.format_seconds,
        "pace": formatting.format_rate,
        "said": formatting.format_reply,
        "share": formatting.format_share,
        "since": formatting.format_feedback,
        "suppressed_elsewhere": formatting.format_suppressed_elsewhere,
        "welcomed": formatting.format_welcomed,
        "took": lambda milliseconds: formatting.format_seconds(milliseconds / 1000),
    }
    return environment.get_template("report.html.j2").render(
        report=report,
        publication=publication,
        moment=moment,
        states=states,
        whole={state: report.counts[state] for state in states},
        language_name=describe_language,
        domain_states=[state for state in formatting.list_domain_states(report.counts) if report.counts[state]],
        replies=report.replies[:_REPLIES],
        other_replies=report.replies[_REPLIES:],
        limits=list_limit_lines(report.learned.limits) if report.learned else [],
        warm_up=format_warm_up(report.warm_up, zone) if report.warm_up and report.counts.waiting else "",
        courses=[lay_out_course(course) for course in report.courses[-_PLOTS:]],
        plots=[lay_out_plot(stretch) for stretch in report.over_time if stretch in busiest],
        few=FEW,
        bar=lay_out_bar,
        bar_length=BAR,
        marks=list_quantiles,
        rate=compute_rate,
        meanings=formatting.MEANINGS,
        others=formatting.format_other_domains,
    )
