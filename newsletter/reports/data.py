"""The report for scripts. Its keys are described in docs/operators/scripts.md; moments are ISO 8601 in UTC."""

from collections.abc import Mapping

from newsletter.ledger.states import ANSWERED, Counts, State
from newsletter.reports.figures import FEW, Report, shortened
from newsletter.reports.runs import Run, rate


def as_dict(report: Report) -> Mapping[str, object]:
    """Numbers and names, and no address: small domains are summed, and what single readers were told is left out."""
    report = shortened(report, domains=len(report.domains), fewest=FEW)
    campaign = report.campaign
    return {
        "issue": campaign.issue,
        "campaign": campaign.id,
        "subject": campaign.subject,
        "complete": report.counts.complete,
        "begun": campaign.created_at,
        "finished": campaign.finished_at,
        "cancelled": campaign.cancelled_at,
        "left_out": campaign.left_out,
        "list": report.counts.total,
        "readers": _states(report.counts),
        "since": {kind.value: count for kind, count in report.since.items()},
        "seconds": round(report.seconds, 3),
        "per_second": _rounded(report.per_second),
        "runs": [_run(run) for run in report.runs],
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
        "domains": [{"domain": one.domain, "readers": one.readers, **_states(one.counts)} for one in report.domains],
        "other_domains": {
            "domains": report.other_domains.domains,
            "readers": report.other_domains.readers,
            **_states(report.other_domains.counts),
        },
        "took_ms": _took(report),
        "over_time": [
            {
                "run": stretch.run.id,
                "seconds": stretch.seconds,
                "columns": [
                    {"begin": column.begin.isoformat(timespec="milliseconds"), **_answers(column.answers)}
                    for column in stretch.columns
                ],
            }
            for stretch in report.over_time
        ],
    }


def _run(run: Run) -> dict[str, object]:
    return {
        "id": run.id,
        "began": run.began.isoformat(timespec="milliseconds"),
        "ended": None if run.under_way else run.ended.isoformat(timespec="milliseconds"),
        "ending": run.ending or None,
        "seconds": round(run.seconds, 3),
        "per_second": _rounded(rate(run.answers.total, run.seconds)),
        **_answers(run.answers),
    }


def _took(report: Report) -> dict[str, object] | None:
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


def _states(counts: Counts) -> dict[str, int]:
    return {state.value: counts[state] for state in State}


def _answers(counts: Counts) -> dict[str, int]:
    return {state.value: counts[state] for state in ANSWERED}


def _rounded(per_second: float | None) -> float | None:
    return None if per_second is None else round(per_second, 2)
