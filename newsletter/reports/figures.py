"""The figures of a campaign: balance, runs, replies, domains, and how quickly the server answered.

Stages: count, look at each run, gather replies and domains, measure the answers. What is gathered has a bound,
however long the list is and whatever servers say; all of it is of one moment, so that it adds up.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from sqlalchemy import Connection

from newsletter.ledger.campaigns import Campaign, find_campaign
from newsletter.ledger.deliveries import count_by_state
from newsletter.ledger.states import Counts, State
from newsletter.ledger.statistics import DomainSum, sum_domains, sum_replies
from newsletter.reports.answer_times import AnswerTimes, measure_answers
from newsletter.reports.replies import Reply, gather, without_rare_words
from newsletter.reports.runs import Run, Stretch, find_runs, over_time, rate
from newsletter.store import Store
from newsletter.subscribers.feedback_events import EventKind, count_answers

# Fewer readers than this could be told apart, so a figure of theirs alone is not passed around.
FEW = 3
_DOMAINS = 1000


@dataclass(frozen=True, kw_only=True)
class OtherDomains:
    """The domains that a report does not name, summed."""

    domains: int = 0
    readers: int = 0
    counts: Counts = field(default_factory=lambda: Counts({}))


@dataclass(frozen=True, kw_only=True)
class Report:
    """What became of a campaign. Replies and domains come most readers first; `since` is what came back later."""

    campaign: Campaign
    counts: Counts
    since: Mapping[EventKind, int]
    runs: Sequence[Run]
    over_time: Sequence[Stretch]
    replies: Sequence[Reply]
    domains: Sequence[DomainSum]
    other_domains: OtherDomains
    answer_times: AnswerTimes | None

    @property
    def under_way(self) -> bool:
        return any(run.under_way for run in self.runs)

    @property
    def began(self) -> datetime | None:
        """When the first message could leave; None before that."""
        return self.runs[0].began if self.runs else None

    @property
    def ended(self) -> datetime | None:
        """When the last run ended; None while one is under way."""
        return None if self.under_way or not self.runs else max(run.ended for run in self.runs)

    @property
    def seconds(self) -> float:
        """How long it was being sent, rests between runs left out."""
        return sum(run.seconds for run in self.runs)

    @property
    def per_second(self) -> float | None:
        return rate(sum(run.answers.total for run in self.runs), self.seconds)


def make_report(store: Store, issue: str) -> Report | None:
    """The figures as they stand; None for an issue that has no campaign."""
    campaign = find_campaign(store, issue)
    if campaign is None:
        return None
    with store.reading() as connection:
        runs = find_runs(connection, issue)
        domains, others = _domains(connection, issue)
        return Report(
            campaign=campaign,
            counts=count_by_state(connection, issue),
            since=count_answers(connection, issue),
            runs=runs,
            over_time=over_time(connection, issue, runs),
            replies=gather(sum_replies(connection, issue)),
            domains=domains,
            other_domains=others,
            answer_times=measure_answers(connection, issue),
        )


def shortened(report: Report, *, domains: int, fewest: int = 1) -> Report:
    """The report with that many domains at most, each of at least `fewest` readers; the others are summed.

    Replies that fewer readers got lose their words, which may name one.
    """
    named = [one for one in report.domains[:domains] if one.readers >= fewest]
    others = _summed(report.other_domains, report.domains[len(named) :])
    return replace(report, domains=named, other_domains=others, replies=without_rare_words(report.replies, fewest))


def _domains(connection: Connection, issue: str) -> tuple[list[DomainSum], OtherDomains]:
    named: list[DomainSum] = []
    others = OtherDomains()
    for one in sum_domains(connection, issue):
        if len(named) < _DOMAINS:
            named.append(one)
        else:
            others = _summed(others, [one])
    return named, others


def _summed(others: OtherDomains, more: Sequence[DomainSum]) -> OtherDomains:
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
