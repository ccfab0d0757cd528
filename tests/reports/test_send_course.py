"""What held a send, what was learned of the server and how it went are in the report, the JSON and the status."""

import json
from contextlib import closing
from datetime import UTC, datetime, timedelta

import pytest
from conftest import Publication
from frozen import Frozen

from newsletter.actions.server_limits import forget_server_limits, list_server_limits
from newsletter.cli.status import describe_course
from newsletter.clock import Instant, make_instant
from newsletter.errors import DeliveryError
from newsletter.issue_name import IssueName
from newsletter.ledger.learned_limits import write_learned_limits
from newsletter.ledger.send_samples import SampledHold, SendSample, add_sample
from newsletter.ledger.workers import end_worker, register_worker
from newsletter.publication import OpenPublication
from newsletter.reports.course_plot import HEIGHT, WIDTH, lay_out_course
from newsletter.reports.issue_status import find_campaign_status
from newsletter.reports.json_report import describe_limits
from newsletter.reports.send_course import build_courses, shorten_course, sum_holds
from newsletter.reports.throttle_formatting import format_time_left, list_limit_lines
from newsletter.store import Store, open_store
from newsletter.throttle.learned import LearnedLimits, LearnedQuota

ISSUE = IssueName("2.10")
BEGAN = make_instant(datetime.now(UTC).replace(microsecond=0) - timedelta(minutes=30))
SAID = "450 4.7.1 <script>alert(1)</script> reader0001@example.org \x1b[31m {{ 7 * 7 }}"
LOW = SampledHold(kind="rate", words="the server takes 14 messages a second", limit=14.0, evidence=SAID)


def _sample(number: int, hold: SampledHold | None = LOW, **known: object) -> SendSample:
    began, at = (Instant(BEGAN + timedelta(seconds=10 * one)) for one in (number, number + 1))
    counts = {"accepted": 140, "refused": number % 2, "put_off": 30 if number == 0 else 0, "rate": 14.0}
    return SendSample(worker="w", began_at=began, at=at, hold=hold, **{**counts, **known})


@pytest.fixture
def sent(publication: Publication) -> Publication:
    """Return a publication one of whose sendings has been under way for six minutes, with its store closed."""
    path = publication.root / ".newsletter/state.db"
    path.parent.mkdir(mode=0o700, exist_ok=True)
    server = "127.0.0.1:587 desk@example.org"
    publication.environ |= {"NEWSLETTER_SMTP__HOST": "127.0.0.1", "NEWSLETTER_SMTP__USERNAME": "desk@example.org"}
    with closing(open_store(path)) as store:
        Frozen(publication, store, 20)
        register_worker(store, ISSUE, "w")
        quota = LearnedQuota(seconds=3600.0, count=100)
        learned = LearnedLimits(rate=14.0, quotas=(quota,), connections=3, took_s=0.1, evidence={"rate": SAID})
        with store.transaction() as connection:
            for number in range(36):
                add_sample(connection, ISSUE, _sample(number))
            write_learned_limits(connection, server, learned)
        end_worker(store, ISSUE, "w")
    return publication


def test_the_report_says_what_held_it_and_what_was_learned(sent: Publication) -> None:
    out = sent.run("report", "2.10").stdout
    page = (sent.root / "build/2.10/report.html").read_text()
    found = json.loads(sent.run("report", "2.10", "--json").stdout)
    for text in (out, page):
        for words in (
            "the server takes 14 messages a second", "it takes 14 messages a second", "it takes 100 messages each hour",
            "it takes 3 connections at once", "127.0.0.1:587", "6 minutes",
        ):  # fmt: skip
            assert words in text
        assert "reader0001" not in text
        assert "desk@example.org" not in text
        assert "\x1b[31m" not in text
    assert "newsletter limits --forget" in out
    assert out.count("14 a second") >= 12
    assert "<script>" not in page
    assert "&lt;script&gt;" in page
    assert "49" not in found["held_by"][0]["evidence"]
    assert 'class="allowed" points="' in page
    (held,) = found["held_by"]
    assert (held["kind"], held["limit"], held["seconds"]) == ("rate", 14.0, 360.0)
    assert found["learned_limits"]["per_second"] == 14.0
    assert found["learned_limits"]["windows"] == [{"seconds": 3600.0, "messages": 100}]
    assert found["learned_limits"]["server"] == "127.0.0.1:587"
    (course,) = found["course"]
    assert sum(column["accepted"] for column in course["columns"]) == 36 * 140
    assert sum(column["put_off"] for column in course["columns"]) == 30
    assert {column["allowed_per_second"] for column in course["columns"]} == {14.0}


def test_what_was_learned_is_shown_and_forgotten_by_a_person(sent: Publication) -> None:
    shown = sent.run("limits").stdout
    assert "127.0.0.1:587 desk@example.org, as of " in shown
    assert "it takes 3 connections at once" in shown
    assert "It said: 450 4.7.1 <script>alert(1)</script> … \\x1b[31m {{ 7 * 7 }}" in shown
    with OpenPublication(sent.workspace) as opened:
        assert [
            described["connections"] for one in list_server_limits(opened) if (described := describe_limits(one))
        ] == [3]
        with pytest.raises(DeliveryError, match=r"Nothing was learned of a server mail\.example\.net"):
            forget_server_limits(opened, "mail.example.net")
        assert len(list_server_limits(opened)) == 1
    assert "Forgotten: what was learned of 127.0.0.1:587" in sent.run("limits", "--forget", "127.0.0.1").stdout
    with OpenPublication(sent.workspace) as opened:
        assert list_server_limits(opened) == []
        assert forget_server_limits(opened) == []


def test_the_status_says_what_holds_it_and_until_when(store: Store, publication: Publication) -> None:
    Frozen(publication, store, 20)
    register_worker(store, ISSUE, "w")
    zone, now = UTC, datetime.now(UTC)
    assert (begun := find_campaign_status(store, ISSUE)) is not None
    assert describe_course(begun, now, zone) == "its sending has just begun"

    def describe(number: int, hold: SampledHold | None, ends_at: datetime | None) -> str:
        with store.transaction() as connection:
            add_sample(connection, ISSUE, _sample(number, hold, ends_at=ends_at))
        status = find_campaign_status(store, ISSUE)
        assert status is not None
        return describe_course(status, now, zone)

    assert describe(0, LOW, now + timedelta(seconds=190)) == "the server takes 14 messages a second; 3 min 10 s to go"
    assert describe(1, None, None) == "nothing holds it"
    until = make_instant(now.replace(microsecond=0) + timedelta(days=1))
    held = SampledHold(kind="quota", words="the server takes 100 messages in an hour", until=until)
    words = f"the server takes 100 messages in an hour; the next leave on {until:%Y-%m-%d} at {until:%H:%M}"
    assert describe(2, held, None) == words
    end_worker(store, ISSUE, "w", "it was asked to stop")
    assert describe(3, held, None) == words
    assert describe(4, LOW, now + timedelta(seconds=190)) == "", "nobody sends"


def test_courses_and_holds_add_up_and_have_a_bound() -> None:
    samples = [_sample(number, None if number < 100 else LOW) for number in range(200)]
    (course,) = build_courses([*reversed(samples), SendSample(**{**_as_dict(samples[0]), "worker": "short"})])
    assert 30 <= len(course.columns) <= 60
    few = shorten_course(course, 12)
    assert len(few.columns) <= 12
    for one in (course, few):
        assert sum(column.accepted for column in one.columns) == 200 * 140
        assert sum(column.seconds for column in one.columns) == 2000.0
    (held,) = sum_holds(samples)
    assert held.seconds == 1000.0
    assert held.first == samples[100].began_at


def test_the_plot_has_columns_and_line_on_one_scale() -> None:
    (course,) = build_courses([_sample(0), _sample(1, rate=None), _sample(2, rate=1000.0), _sample(3)])
    plot = lay_out_course(course)
    assert plot.top == 40
    assert all(0 <= bar.y <= HEIGHT and 0 < bar.height <= HEIGHT for bar in plot.bars)
    assert all(bar.x >= 0 and bar.x + bar.width <= WIDTH for bar in plot.bars)
    accepted = [bar for bar in plot.bars if bar.state == "accepted"]
    assert len(accepted) == 4
    # 140 in ten seconds are as high as the line of 14 a second, which breaks off where there was no limit to be seen.
    assert len(plot.lines) == 2
    assert {float(point.split(",")[1]) for line in plot.lines for point in line.split()} == {accepted[0].y}


def _as_dict(sample: SendSample) -> dict[str, object]:
    return {name: getattr(sample, name) for name in SendSample.__dataclass_fields__}


@pytest.mark.parametrize(
    ("limits", "words"),
    [
        (LearnedLimits(rate=12.7), "it takes 13 messages a second"),
        (LearnedLimits(rate=1234.5), "it takes 1,234 messages a second"),
        (LearnedLimits(rate=3.26), "it takes 3.3 messages a second"),
        (LearnedLimits(rate=0.5), "it takes 30 messages a minute"),
        (LearnedLimits(quotas=(LearnedQuota(seconds=600.0, count=1000),)), "it takes 1,000 messages in 10 min"),
        (LearnedLimits(connections=1), "it takes 1 connection at once"),
        (LearnedLimits(session_length=100), "a connection carries 100 messages"),
        (LearnedLimits(greylisting_s=300.0), "it puts off each first try, and takes a second one after 5 min"),
    ],
)
def test_a_learned_limit_is_a_sentence(limits: LearnedLimits, words: str) -> None:
    assert [line.words for line in list_limit_lines(limits)] == [words]


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.2, "1 s"), (59.6, "1 min"), (190, "3 min 10 s"), (3600, "1 h"), (7500, "2 h 5 min"), (100_000, "1 d 3 h")],
)
def test_the_time_that_is_left_has_two_units_at_most(seconds: float, words: str) -> None:
    assert format_time_left(seconds) == words
