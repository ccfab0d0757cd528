"""The report on a campaign: balance, workers, replies, domains, and how quickly the server answered.

Stages: count, look at each run, group replies and domains, measure the answers. What is gathered has a bound, however
long the list is and whatever servers say; all of it is read at one moment, so that it adds up.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from sqlalchemy import Connection

from newsletter.campaigns.issue_texts import list_translations
from newsletter.issue_name import IssueName
from newsletter.ledger.campaigns import Campaign, find_campaign
from newsletter.ledger.deliveries import count_by_state
from newsletter.ledger.learned_limits import StoredLimits, read_learned_limits
from newsletter.ledger.send_samples import list_samples
from newsletter.ledger.states import Counts, State
from newsletter.ledger.statistics import DomainSum, LanguageSum, sum_domains, sum_languages, sum_replies
from newsletter.ledger.suppressed_elsewhere import count_suppressed_elsewhere
from newsletter.ledger.warm_up import WarmUpStep
from newsletter.ledger.welcome_issues import count_welcomes
from newsletter.reports.answer_times import AnswerTimes, measure_answers
from newsletter.reports.reply_counts import ReplyCount, drop_rare_words, group_replies
from newsletter.reports.send_course import HeldTime, SendCourse, build_courses, sum_holds
from newsletter.reports.worker_runs import Timeline, WorkerRun, build_timelines, compute_rate, list_worker_runs
from newsletter.store import Store
from newsletter.subscribers.feedback_events import EventKind, count_answers

# Fewer readers than this could be recognised, so a figure of theirs alone is not passed around.
FEW = 3
_DOMAINS = 1000


@dataclass(frozen=True, kw_only=True)
class OtherDomains:
    """Domains that a report does not name, summed."""

    domains: int = 0
    readers: int = 0
    counts: Counts = field(default_factory=lambda: Counts({}))


@dataclass(frozen=True, kw_only=True)
class CampaignReport:
    """Figures of a campaign. Replies and domains come most recipients first; `since` is what came back later.

    `suppressed_elsewhere` counts by cause those whom only another publication of the database keeps from being mailed.
    `welcomed` counts those who got the issue when they joined, and not by the campaign.
    `languages` are by their tags; one without a tag sums those that a report does not name, and stands last. `holds` is
    what held it, and `learned` what is known by now of the server through which the publication sends.
    `warm_up` is the sending of that server's warm-up that is under way, or would begin now.
    """

    campaign: Campaign
    counts: Counts
    languages: Sequence[LanguageSum]
    since: Mapping[EventKind, int]
    suppressed_elsewhere: Mapping[str, int]
    welcomed: int
    runs: Sequence[WorkerRun]
    over_time: Sequence[Timeline]
    replies: Sequence[ReplyCount]
    domains: Sequence[DomainSum]
    other_domains: OtherDomains
    answer_times: AnswerTimes | None
    holds: Sequence[HeldTime] = ()
    courses: Sequence[SendCourse] = ()
    learned: StoredLimits | None = None
    warm_up: WarmUpStep | None = None

    @property
    def is_translated(self) -> bool:
        """Whether it went out in more than one language."""
        return bool(list_translations(self.campaign.draft_sha256))

    @property
    def under_way(self) -> bool:
        """Whether a worker is sending it now."""
        return any(run.under_way for run in self.runs)

    @property
    def began(self) -> datetime | None:
        """The time at which the first message could leave; None before that."""
        return self.runs[0].began if self.runs else None

    @property
    def ended(self) -> datetime | None:
        """The time at which the last worker ended; None while one is under way."""
        return None if self.under_way or not self.runs else max(run.ended for run in self.runs)

    @property
    def seconds(self) -> float:
        """The time for which it was being sent, without the rests between workers."""
        return sum(run.seconds for run in self.runs)

    @property
    def per_second(self) -> float | None:
        """Answers a second; None when the time was too short to say."""
        return compute_rate(sum(run.answers.total for run in self.runs), self.seconds)


def make_report(store: Store, issue: IssueName, own_language: str, server: str = "") -> CampaignReport | None:
    """Return the report on an issue's campaign as of now; None for an issue that has no campaign.

    `own_language` is the tag of the publication's own language, `server` the name of the server that it sends through.
    """
    campaign = find_campaign(store, issue)
    if campaign is None:
        return None
    with store.reading() as connection:
        runs = list_worker_runs(connection, issue)
        domains, others = _sum_domains(connection, issue)
        samples = list_samples(connection, issue)
        return CampaignReport(
            campaign=campaign,
            counts=count_by_state(connection, issue),
            languages=[replace(one, language=one.language or own_language) for one in sum_languages(connection, issue)],
            since=count_answers(connection, issue),
            suppressed_elsewhere=count_suppressed_elsewhere(connection, issue),
            welcomed=count_welcomes(connection, issue),
            runs=runs,
            over_time=build_timelines(connection, issue, runs),
            replies=group_replies(sum_replies(connection, issue)),
            domains=domains,
            other_domains=others,
            answer_times=measure_answers(connection, issue),
            holds=sum_holds(samples),
            courses=build_courses(samples),
            learned=read_learned_limits(connection, server),
        )


def shorten_report(report: CampaignReport, *, domains: int, fewest: int = 1) -> CampaignReport:
    """Return the report with that many domains at most, each of at least `fewest` recipients; the others are summed.

    Languages that fewer recipients got are summed, too. Replies that fewer got lose their words, which may name one.
    """
    named = [one for one in report.domains[:domains] if one.readers >= fewest]
    others = _add_domains(report.other_domains, report.domains[len(named) :])
    return replace(
        report,
        domains=named,
        other_domains=others,
        languages=_join_rare_languages(report.languages, fewest),
        replies=drop_rare_words(report.replies, fewest),
    )


def _join_rare_languages(languages: Sequence[LanguageSum], fewest: int) -> list[LanguageSum]:
    """Return the languages of at least `fewest` recipients, and behind them the others in one, without a tag."""
    rare = [one for one in languages if one.readers < fewest]
    if not rare:
        return list(languages)
    counts = Counts({state: sum(one.counts[state] for one in rare) for state in State})
    others = LanguageSum(language="", readers=sum(one.readers for one in rare), counts=counts)
    return [*(one for one in languages if one.readers >= fewest), others]


def _sum_domains(connection: Connection, issue: IssueName) -> tuple[list[DomainSum], OtherDomains]:
    named: list[DomainSum] = []
    others = OtherDomains()
    for one in sum_domains(connection, issue):
        if len(named) < _DOMAINS:
            named.append(one)
        else:
            others = _add_domains(others, [one])
    return named, others


def _add_domains(others: OtherDomains, more: Sequence[DomainSum]) -> OtherDomains:
    return OtherDomains(
        domains=others.domains + len(more),
        readers=others.readers + sum(one.readers for one in more),
        counts=Counts(
            {
                state: others.counts[state] + sum(one.counts[state] for one in more)
                for state in State
                if others.counts[state] or any(one.counts[state] for one in more)
            }
        ),
    )
