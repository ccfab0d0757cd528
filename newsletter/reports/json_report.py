"""The report as JSON, for scripts. docs/operators/scripts.md describes its keys; times are ISO 8601 in UTC."""

from collections.abc import Mapping

from newsletter.clock import format_instant
from newsletter.ledger.learned_limits import StoredLimits
from newsletter.ledger.states import ANSWERED, Counts, State
from newsletter.ledger.warm_up import WarmUpStep
from newsletter.reports.campaign_report import FEW, CampaignReport, shorten_report
from newsletter.reports.send_course import CourseColumn
from newsletter.reports.throttle_formatting import list_limit_lines
from newsletter.reports.worker_runs import WorkerRun, compute_rate


def build_json_report(report: CampaignReport) -> Mapping[str, object]:
    """Return the report as a dict without addresses: what few recipients share is summed, or has no words."""
    report = shorten_report(report, domains=len(report.domains), fewest=FEW)
    campaign = report.campaign
    return {
        "issue": campaign.issue,
        "campaign": campaign.id,
        "subject": campaign.subject,
        "complete": report.counts.complete,
        "begun": format_instant(campaign.created_at),
        "finished": campaign.finished_at and format_instant(campaign.finished_at),
        "cancelled": campaign.cancelled_at and format_instant(campaign.cancelled_at),
        "left_out": campaign.left_out,
        "list": report.counts.total,
        "readers": _count_states(report.counts),
        "suppressed_elsewhere": dict(report.suppressed_elsewhere),
        "welcomed": report.welcomed,
        "since": {kind.value: count for kind, count in report.since.items()},
        "seconds": round(report.seconds, 3),
        "per_second": _round_rate(report.per_second),
        "runs": [_describe_run(run) for run in report.runs],
        "replies": [
            {
                "state": one.state.value,
                "code": one.code,
                "enhanced": one.enhanced,
                "reply": one.words or None,
                "readers": one.readers,
            }
            for one in report.replies
        ],
        "languages": [
            {"language": one.language or None, "readers": one.readers, **_count_states(one.counts)}
            for one in report.languages
        ],
        "domains": [
            {"domain": one.domain, "readers": one.readers, **_count_states(one.counts)} for one in report.domains
        ],
        "other_domains": {
            "domains": report.other_domains.domains,
            "readers": report.other_domains.readers,
            **_count_states(report.other_domains.counts),
        },
        "took_ms": _describe_times(report),
        "over_time": [
            {
                "run": stretch.run.id,
                "seconds": stretch.seconds,
                "columns": [
                    {"begin": column.begin.isoformat(timespec="milliseconds"), **_count_answers(column.answers)}
                    for column in stretch.columns
                ],
            }
            for stretch in report.over_time
        ],
        "held_by": [
            {
                "kind": one.kind,
                "words": one.words,
                "limit": one.limit,
                "evidence": one.evidence or None,
                "seconds": round(one.seconds, 3),
                "first": one.first.isoformat(timespec="milliseconds"),
                "last": one.last.isoformat(timespec="milliseconds"),
            }
            for one in report.holds
        ],
        "learned_limits": describe_limits(report.learned) if report.learned else None,
        "warm_up": describe_warm_up(report.warm_up) if report.warm_up else None,
        "course": [
            {"run": course.run, "columns": [_describe_column(column) for column in course.columns]}
            for course in report.courses
        ],
    }


def describe_limits(learned: StoredLimits) -> dict[str, object] | None:
    """Return what was learned of a server, without its account; None where it has shown no limit."""
    lines = list_limit_lines(learned.limits)
    if not lines:
        return None
    limits = learned.limits
    return {
        "server": learned.host,
        "learned_at": format_instant(learned.learned_at),
        "per_second": limits.rate,
        "windows": [{"seconds": quota.seconds, "messages": quota.count} for quota in limits.quotas],
        "connections": limits.connections,
        "per_connection": limits.session_length,
        "greylisting_seconds": limits.greylisting_s,
        "evidence": {line.name: line.evidence for line in lines if line.evidence},
    }


def describe_warm_up(step: WarmUpStep) -> dict[str, object]:
    """Return how far a server is warmed up."""
    return {
        "sending": step.number,
        "messages": step.most,
        "left": step.left,
        "next_at": format_instant(step.next_at),
    }


def _describe_column(column: CourseColumn) -> dict[str, object]:
    return {
        "begin": column.begin.isoformat(timespec="milliseconds"),
        "seconds": round(column.seconds, 3),
        "accepted": column.accepted,
        "refused": column.refused,
        "put_off": column.put_off,
        "allowed_per_second": _round_rate(column.rate),
    }


def _describe_run(run: WorkerRun) -> dict[str, object]:
    return {
        "id": run.id,
        "began": run.began.isoformat(timespec="milliseconds"),
        "ended": None if run.under_way else run.ended.isoformat(timespec="milliseconds"),
        "ending": run.ending or None,
        "seconds": round(run.seconds, 3),
        "per_second": _round_rate(compute_rate(run.answers.total, run.seconds)),
        **_count_answers(run.answers),
    }


def _describe_times(report: CampaignReport) -> dict[str, object] | None:
    times = report.answer_times
    if times is None:
        return None
    return {
        "answers": times.answers,
        "p50": times.p50,
        "p90": times.p90,
        "p99": times.p99,
        "max": times.slowest,
        "up_to": [{"ms": lapse.up_to, "answers": lapse.answers} for lapse in times.lapses],
    }


def _count_states(counts: Counts) -> dict[str, int]:
    return {state.value: counts[state] for state in State}


def _count_answers(counts: Counts) -> dict[str, int]:
    return {state.value: counts[state] for state in ANSWERED}


def _round_rate(per_second: float | None) -> float | None:
    return None if per_second is None else round(per_second, 2)
