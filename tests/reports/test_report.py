"""The report: figures that add up, whatever servers say; a page and a JSON that name nobody; a table that names all."""

import csv
import io
import json
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from browser import barriers
from conftest import Publication
from hypothesis import example, given
from hypothesis import strategies as st
from leases import crash_workers
from playwright.sync_api import Browser
from smtp_server import Server
from sqlalchemy import update

from newsletter.clock import make_instant
from newsletter.config import PublicationSettings
from newsletter.ledger.campaigns import Campaign
from newsletter.ledger.claims import record_and_claim
from newsletter.ledger.deliveries import Delivery
from newsletter.ledger.freeze import freeze_batch
from newsletter.ledger.staging import Recipient, stage_recipients
from newsletter.ledger.states import Counts, State
from newsletter.ledger.statistics import ReplySum
from newsletter.ledger.templates import FrozenTemplate
from newsletter.ledger.workers import register_worker
from newsletter.mail.message import Outcome, Result
from newsletter.reports import formatting
from newsletter.reports.campaign_report import CampaignReport, make_report, shorten_report
from newsletter.reports.html_report import render_page
from newsletter.reports.json_report import build_json_report
from newsletter.reports.plots import lay_out_plot
from newsletter.reports.recipients_csv import ALL_COLUMNS, write_recipients_csv
from newsletter.reports.reply_counts import group_replies
from newsletter.reports.worker_runs import TimeColumn, Timeline, WorkerRun
from newsletter.store import Store
from newsletter.store.schema import deliveries, workers
from newsletter.subscribers.csv_file import unguard_cell
from newsletter.text import escape_controls
from newsletter.workspace import PublicationId

CAMPAIGN = Campaign(
    issue="1.1", id="c", subject="<b>Ampersands</b> & more", draft_sha256="d", rules=[[]],
    created_at=make_instant(datetime.now(UTC)),
)  # fmt: skip
HOUSE = PublicationSettings(title="Digest", contact="digest@example.org", timezone="America/New_York")
DOMAINS = ["big.example"] * 40 + ["mid-size.example.org"] * 5 + ["two.example"] * 2 + ["x1.sub_domain.example"]
HOSTILE = "<script>alert()</script> no such user reader0007@big.example {{ 7 * 7 }} \x1b[31m ]]> =1+1"


def _freeze(store: Store, campaign: Campaign = CAMPAIGN) -> list[str]:
    names = [f"reader{n:04}" if n % 2 else f"o'Brien-{n}.a+b_c" for n in range(len(DOMAINS))]
    addresses = [f"{name}@{domain}" for name, domain in zip(names, DOMAINS, strict=True)]
    entries = [
        Recipient(
            subscriber=one.casefold(), address=one, fields={}, tags=frozenset(), template=0, language="ja" * (n % 3 > 1)
        )
        for n, one in enumerate(addresses)
    ]
    with stage_recipients(store) as staged:
        staged.fill(entries, None)
        with staged.durable() as connection:
            freeze_batch(connection, staged, campaign, "", [FrozenTemplate("1", b"{}")])
    return addresses


def _run(store: Store, run: str, count: int) -> None:
    """Return a run that answers `count` readers in several ways and is killed with one more in hand."""
    register_worker(store, "1.1", run)
    claims = record_and_claim(store, "1.1", run, want=count + 1).deliveries
    answers = []
    for number, claim in enumerate(claims[:count]):
        outcome, stage, code, enhanced, reply = [
            (Outcome.ACCEPTED, "text", 250, "2.0.0", f"Ok: queued as 4XyZ{number:08}"),
            (Outcome.ACCEPTED, "text", 250, "2.0.0", f"Ok: queued as 4XyZ{number:08}"),
            (Outcome.DEFERRED, "rcpt", 451, "4.7.1", f"<{claim.address}>: greylisted, come back"),
            (Outcome.REFUSED, "rcpt", 550, "5.1.1", HOSTILE),
        ][number % 4]
        result = Result(key=claim.subscriber, outcome=outcome, stage=stage, code=code, enhanced=enhanced, reply=reply)
        answers.append(claim.with_result(result, took=number * 10))
    record_and_claim(store, "1.1", run, results=answers)
    crash_workers(store, "1.1")


def _report(store: Store) -> CampaignReport:
    report = make_report(store, "1.1", "en")
    assert report is not None
    return report


def test_the_figures_add_up(store: Store) -> None:
    """Whatever another publication of the database has sent under the same name, to the same readers."""
    press = store.of(PublicationId("press"))
    _freeze(press, replace(CAMPAIGN, id="p"))
    _freeze(store)
    _run(press, "r0", 40)
    _run(store, "r1", 20)
    _run(store, "r2", 15)
    report = _report(store)
    answered = [State.ACCEPTED, State.REFUSED, State.DEFERRED]
    assert report.counts.total == len(DOMAINS)
    assert sum(one.readers for one in report.replies) == len(DOMAINS)
    assert sum(one.readers for one in report.domains) + report.other_domains.readers == len(DOMAINS)
    assert {one.language: one.readers for one in report.languages} == {"en": 32, "ja": 16}
    for state in answered:
        assert sum(one.counts[state] for one in report.domains) == report.counts[state]
        assert sum(one.counts[state] for one in report.languages) == report.counts[state]
        assert sum(run.answers[state] for run in report.runs) == report.counts[state]
        assert sum(c.answers[state] for s in report.over_time for c in s.columns) == report.counts[state]
    assert report.answer_times
    assert report.answer_times.answers == sum(report.counts[state] for state in answered)
    assert sum(lapse.answers for lapse in report.answer_times.lapses) == report.answer_times.answers
    short = shorten_report(report, domains=1)
    assert short.domains[0].readers + short.other_domains.readers == len(DOMAINS)
    assert short.other_domains.domains == 3


def _with_some_in_every_state(store: Store) -> CampaignReport:
    """Twenty answers, some who had left, one whose copy was cancelled, and the others still to come."""
    _freeze(store)
    _run(store, "r1", 20)
    with store.transaction() as connection:
        for number, state in ((41, State.SUPPRESSED), (42, State.SUPPRESSED), (30, State.CANCELLED)):
            connection.execute(update(deliveries).where(deliveries.c.id == number).values(state=state))
    return _report(store)


def test_every_row_of_domains_and_languages_adds_up(store: Store) -> None:
    report = _with_some_in_every_state(store)
    for one in [*report.domains, shorten_report(report, domains=1).other_domains]:
        assert sum(one.counts.by_state.values()) == one.readers
    told = build_json_report(report)
    for one in [*told["domains"], told["other_domains"], *told["languages"]]:
        assert sum(one[state.value] for state in State) == one["readers"]
    page = render_page(report, HOUSE, datetime.now(UTC))
    table = page[page.index('id="domains"') : page.index('id="took"')]
    assert all(f"{state}</th>" in table for state in ("suppressed", "pending", "cancelled"))
    rows = re.findall(r"<tr><th scope=\"row\".*?</tr>", table, re.DOTALL)
    assert len(rows) == 3
    for row in rows:
        whole, *parts = [int(number) for number in re.findall(r'<td class="n">(\d+)</td>', row)]
        assert sum(parts) == whole


def test_shares_are_of_those_who_were_to_get_it(store: Store) -> None:
    report = _with_some_in_every_state(store)
    assert report.counts.due == len(DOMAINS) - 2
    page = " ".join(render_page(report, HOUSE, datetime.now(UTC)).split())
    accepted = report.counts[State.ACCEPTED]
    assert f"48 on the list, 46 to get it, {accepted} accepted ({100 * accepted / 46:.1f}%)" in page
    shares = [float(share) for share in re.findall(r'<td class="n">([\d.]+)%</td>', page)]
    assert sum(shares) == pytest.approx(100, abs=0.3)


def test_no_backtick_stands_in_the_page(store: Store) -> None:
    page = render_page(_with_some_in_every_state(store), HOUSE, datetime.now(UTC))
    assert "`" not in page
    assert "<code>newsletter report 1.1 --csv FILE</code>" in page


@pytest.mark.parametrize("seconds", [0.1, 0.5, 1, 60, 900, 3600])
@pytest.mark.parametrize("begin", ["2026-05-04T12:00:00.3", "2026-11-01T05:10:00", "2026-12-31T23:59:58"])
def test_no_two_labels_of_an_axis_are_alike(seconds: float, begin: str) -> None:
    """A run of a second, and the night in which clocks are put back (New York, 1 November 2026), included."""
    run = WorkerRun(
        id="r", began=datetime.now(UTC), ended=datetime.now(UTC), under_way=False, ending="",
        answers=Counts({}), first=None, last=None,
    )  # fmt: skip
    first = datetime.fromisoformat(begin).replace(tzinfo=UTC)
    columns = [
        TimeColumn(begin=first + timedelta(seconds=seconds * n), answers=Counts({State.ACCEPTED: 1})) for n in range(12)
    ]
    drawn = lay_out_plot(Timeline(run=run, seconds=seconds, columns=columns))
    zone = ZoneInfo(HOUSE.timezone)
    along = [drawn.label(at, zone) for at in (drawn.begin, drawn.middle, drawn.end)]
    assert len(set(along)) == 3
    assert len({drawn.label(column.begin, zone) for column in columns}) == 12


def test_domains_are_what_follows_the_at(store: Store) -> None:
    _freeze(store)
    assert [(one.domain, one.readers) for one in _report(store).domains] == [
        ("big.example", 40), ("mid-size.example.org", 5), ("two.example", 2), ("x1.sub_domain.example", 1)
    ]  # fmt: skip


def test_replies_are_gathered_but_for_what_differs_by_message(store: Store) -> None:
    _freeze(store)
    _run(store, "r1", 20)
    found = {(one.state, formatting.format_reply(one)): one.readers for one in _report(store).replies}
    assert found[State.ACCEPTED, "250 2.0.0"] == 10
    assert found[State.DEFERRED, "451 4.7.1 … greylisted, come back"] == 5
    assert found[State.PENDING, ""] == len(DOMAINS) - 21


@given(st.lists(st.tuples(st.text(max_size=30), st.integers(1, 9)), max_size=40))
def test_no_reply_is_lost_and_no_address_is_kept(told: list[tuple[str, int]]) -> None:
    sums = [ReplySum(state=State.REFUSED, code=550, enhanced=None, reply=f"{text} a@b.example", readers=count)
            for text, count in told]  # fmt: skip
    replies = group_replies(sums)
    assert sum(one.readers for one in replies) == sum(count for _, count in told)
    assert not any("@" in one.words for one in replies)
    assert [one.readers for one in replies] == sorted((one.readers for one in replies), reverse=True)


@pytest.mark.parametrize(
    ("reply", "shown"),
    [
        ("Message size exceeds fixed maximum message size (10240000)", "(10240000)"),
        ("the message has 90,051 bytes, and the server takes 81,920 at most", "takes 81,920 at most"),
    ],
)
def test_the_largest_message_that_a_server_names_is_kept(reply: str, shown: str) -> None:
    (one,) = group_replies([ReplySum(state=State.REFUSED, code=552, enhanced="5.3.4", reply=reply, readers=3)])
    assert shown in one.words
    assert "90,051" not in one.words


@pytest.mark.slow
def test_replies_that_never_repeat_do_not_fill_the_memory() -> None:
    def endless() -> Iterator[ReplySum]:
        for number in range(8000):
            letters = "".join(chr(97 + int(digit)) for digit in str(number))
            yield ReplySum(state=State.REFUSED, code=550, enhanced=None, reply=letters, readers=1)

    replies = group_replies(endless())
    assert len(replies) == 5001
    assert (replies[0].words, replies[0].readers) == ("", 3000)


def test_the_quantiles_are_those_of_a_sorted_list(store: Store) -> None:
    _freeze(store)
    register_worker(store, "1.1", "r1")
    claims = record_and_claim(store, "1.1", "r1", want=40).deliveries
    times = [7 * n * n % 997 for n in range(40)]
    answers = [
        claim.with_result(Result(key=claim.subscriber, outcome=Outcome.ACCEPTED), took=took)
        for claim, took in zip(claims, times, strict=True)
    ]
    record_and_claim(store, "1.1", "r1", results=answers)
    measured = _report(store).answer_times
    assert measured
    ordered = sorted(times)
    assert (measured.p50, measured.p90, measured.p99, measured.slowest) == (
        ordered[19], ordered[35], ordered[39], ordered[39]
    )  # fmt: skip


def _move(store: Store, run: str, began: datetime, seconds: float, ended: datetime | None) -> None:
    """As if the run had been at another time, its answers spread evenly over it."""
    with store.transaction() as connection:
        ids = connection.scalars(
            deliveries.select().with_only_columns(deliveries.c.id).where(deliveries.c.worker == run)
        ).all()
        for number, one in enumerate(ids):
            at = began + timedelta(seconds=seconds * number / len(ids))
            connection.execute(
                update(deliveries).where(deliveries.c.id == one).values(at=at.isoformat(timespec="milliseconds"))
            )
        connection.execute(
            update(workers).where(workers.c.id == run).values(
                started_at=began.isoformat(timespec="milliseconds"),
                ended_at=ended.isoformat(timespec="milliseconds") if ended else None,
            )
        )  # fmt: skip


@pytest.mark.parametrize("seconds", [0.05, 30, 3000, 90_000, 3_000_000])
def test_a_run_is_drawn_in_about_sixty_columns_however_long_it_was(store: Store, seconds: float) -> None:
    _freeze(store)
    _run(store, "r1", 40)
    began = datetime(2026, 11, 22, 9, 0, 0, 123_000, UTC)
    _move(store, "r1", began, seconds, began + timedelta(seconds=seconds))
    report = _report(store)
    (stretch,) = report.over_time
    assert 1 <= len(stretch.columns) <= 62
    assert sum(column.answers.total for column in stretch.columns) == 40
    assert stretch.columns[0].begin <= began
    assert report.seconds == pytest.approx(seconds, abs=0.002)
    assert render_page(report, HOUSE, datetime.now(UTC)).count("<svg")


def test_a_clock_that_was_set_back_draws_no_endless_plot(store: Store) -> None:
    _freeze(store)
    _run(store, "r1", 40)
    _move(store, "r1", datetime(2026, 11, 22, tzinfo=UTC), 30, datetime(2026, 11, 21, tzinfo=UTC))
    with store.transaction() as connection:
        connection.execute(
            update(deliveries)
            .where(deliveries.c.subscriber == "reader0001@big.example")
            .values(at="2020-01-01T00:00:00.000+00:00")
        )
    report = _report(store)
    assert len(report.over_time[0].columns) <= 62
    assert report.seconds == 0.0
    assert report.per_second is None


def test_a_run_under_way_and_one_that_no_table_knows(store: Store) -> None:
    _freeze(store)
    _run(store, "old", 10)
    with store.transaction() as connection:
        connection.execute(workers.delete())  # as a store of the first version had it
    register_worker(store, "1.1", "now")
    report = _report(store)
    assert [(run.id, run.under_way) for run in report.runs] == [("old", False), ("now", True)]
    assert report.ended is None
    assert build_json_report(report)["complete"] is False
    assert "while it is being sent" in render_page(report, HOUSE, datetime.now(UTC))


class _Page(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def test_the_page_and_the_json_name_nobody(store: Store) -> None:
    addresses = _freeze(store)
    _run(store, "r1", 47)
    report = _report(store)
    page = render_page(report, HOUSE, datetime.now(UTC))
    data = json.dumps(build_json_report(report))
    for told in (page, data):
        assert "big.example" in told
        assert not any(secret in told for address in addresses for secret in (address, address.split("@")[0]))
        # Two readers, or one: a domain would as good as name them.
        assert "two.example" not in told
        assert "sub_domain" not in told
    assert "@" not in page.split("</style>")[1]
    assert build_json_report(report)["other_domains"] == {
        "domains": 2, "readers": 3, "accepted": 1, "refused": 0, "deferred": 1, "unknown": 1,
        "pending": 0, "sending": 0, "suppressed": 0, "cancelled": 0,
    }  # fmt: skip


def test_words_that_few_got_are_not_passed_on(store: Store) -> None:
    _freeze(store)
    register_worker(store, "1.1", "r1")
    claims = record_and_claim(store, "1.1", "r1", want=5).deliveries
    told = ["Anna has moved to Oslo", "Olga has died", "mailbox full", "mailbox full", "mailbox full"]
    answers = [
        claim.with_result(Result(key=claim.subscriber, outcome=Outcome.REFUSED, code=550, reply=reply))
        for claim, reply in zip(claims, told, strict=True)
    ]
    record_and_claim(store, "1.1", "r1", results=answers)
    report = _report(store)
    assert {one.words for one in report.replies} >= {"Anna has moved to Oslo", "mailbox full"}
    for shown in (render_page(report, HOUSE, datetime.now(UTC)), json.dumps(build_json_report(report))):
        assert "mailbox full" in shown
        assert "Anna" not in shown
        assert "Olga" not in shown


@pytest.mark.slow
def test_the_page_is_whole_in_itself_and_a_servers_words_are_text(store: Store) -> None:
    _freeze(store)
    _run(store, "r1", 40)
    page = _Page(render_page(_report(store), HOUSE, datetime.now(UTC)))
    assert {tag for tag, _ in page.tags} & {"script", "link", "img", "iframe", "b"} == set()
    attributes = {name for _, pairs in page.tags for name in pairs}
    assert attributes & {"href", "src", "style"} == set()
    assert not any(name.startswith("on") for name in attributes)
    assert any(pairs.get("content") == "default-src 'none'; style-src 'unsafe-inline'" for _, pairs in page.tags)
    said = "".join(page.texts)
    assert r"<script>alert()</script> no such user … {{ 7 * 7 }} \x1b[31m ]]> =1+1" in said
    assert "<b>Ampersands</b> & more" in said


def _delivery(**values: object) -> Delivery:
    known = {"id": 1, "subscriber": "r", "template": 1, "state": "refused", "tries": 0}
    return Delivery(**{**dict.fromkeys(Delivery._fields), **known, **values})


_WORDS = st.text(st.one_of(st.sampled_from(",;|\t=+-@'\" \n"), st.characters()), max_size=40)


@given(_WORDS, _WORDS)
@example("a@example.org", "550 no; =HYPERLINK(A1)")
@example("a@example.org", "550 \x1b]0;owned\x07\x1b[2J \x9b31m \u202egro")
def test_no_cell_of_the_table_is_a_formula_whatever_separates_them(address: str, reply: str) -> None:
    file = io.StringIO(newline="")
    write_recipients_csv(file, [_delivery(address=address, reply=reply)], ALL_COLUMNS, "en")
    header, row = csv.reader(io.StringIO(file.getvalue(), newline=""))
    assert tuple(header) == ALL_COLUMNS
    for cell, value in ((row[0], address), (row[5], reply)):
        assert unguard_cell(cell) == escape_controls(value)
        assert escape_controls(cell) == cell
        assert not any(re.match(r"\s*[=+\-@]", part) for part in re.split("[,;|\t\r\n]", cell))


@pytest.fixture
def sent(publication: Publication, server: Server) -> Publication:
    """Return a hundred readers: most accepted, some refused and deferred."""
    publication.through(server)
    publication.readers(100)
    for number in range(0, 12, 2):
        server.refuse[f"reader{number:04}@example.org"] = "550 5.1.1 <x@y>: no such user"
    server.refuse["reader0001@example.org"] = "550 5.2.1 =cmd() left us"
    assert publication.run("send", "2.10", "--yes").returncode == 1
    return publication


def test_the_terminal_says_who_got_it(sent: Publication) -> None:
    done = sent.run("report")
    assert done.returncode == 0, done.stderr
    assert "100 on the list = 93 accepted + 7 refused" in done.stdout
    assert "93\taccepted\t250 2.0.0" in done.stdout
    assert "6\trefused\t550 5.1.1 … no such user" in done.stdout
    assert "example.org\t100\t93\t7\t0\t0" in done.stdout
    assert re.search(r"Begun     \d{4}-\d\d-\d\d \d\d:\d\d:\d\d America/New_York", done.stdout)
    assert re.search(r"An answer took .* for half of the messages", done.stdout)
    assert "build/2.10/report.html" in done.stdout
    assert (sent.root / "build/2.10/report.html").read_text().startswith("<!DOCTYPE html>")
    assert len((sent.root / "build/2.10/not-accepted.csv").read_text().splitlines()) == 8


@pytest.mark.slow
def test_scripts_read_numbers(sent: Publication) -> None:
    report = json.loads(sent.run("report", "2.10", "--json").stdout)
    assert (report["issue"], report["list"], report["complete"]) == ("2.10", 100, False)
    assert report["readers"]["accepted"] == 93
    assert {one["reply"] for one in report["replies"] if one["code"] == 550} == {"… no such user", None}
    assert report["domains"] == [
        {
            "domain": "example.org",
            "readers": 100,
            "accepted": 93,
            "refused": 7,
            "deferred": 0,
            "unknown": 0,
            "pending": 0,
            "sending": 0,
            "suppressed": 0,
            "cancelled": 0,
        }
    ]
    assert 0 <= report["took_ms"]["p50"] <= report["took_ms"]["p99"] <= report["took_ms"]["max"]
    assert sum(column["accepted"] for plot in report["over_time"] for column in plot["columns"]) == 93
    (run,) = report["runs"]
    assert run["accepted"] == 93
    assert datetime.fromisoformat(run["began"]) <= datetime.fromisoformat(run["ended"])


@pytest.mark.slow
def test_every_reader_is_in_the_table(sent: Publication) -> None:
    piped = sent.run("report", "2.10", "--csv", "-")
    rows = list(csv.DictReader(io.StringIO(piped.stdout)))
    assert [row["address"] for row in rows] == [f"reader{number:04}@example.org" for number in range(100)]
    assert rows[0] | {"run": "", "at": "", "took": "", "reply": ""} == {
        "address": "reader0000@example.org", "state": "refused", "stage": "rcpt", "code": "550", "enhanced": "5.1.1",
        "reply": "", "tries": "0", "run": "", "at": "", "took": "",
        "language": "en",
    }  # fmt: skip
    assert rows[1]["reply"].startswith("'=cmd()")
    assert all(row["run"] and row["at"] and row["took"].isdigit() for row in rows)
    assert sent.run("report", "2.10", "--csv", "all.csv").returncode == 0
    assert (sent.root / "all.csv").read_text() == piped.stdout


@pytest.mark.slow
def test_the_page_goes_where_it_is_wanted(sent: Publication) -> None:
    assert sent.run("report", "2.10", "--html", "out/page.html").returncode == 0
    assert "Issue 2.10" in (sent.root / "out/page.html").read_text()
    assert not (sent.root / "build/2.10/report.html").exists()


def test_what_was_not_sent_has_no_report(publication: Publication) -> None:
    for command, said in ((("report",), "Nothing has been sent"), (("report", "2.10"), "has not been sent from here")):
        refused = publication.run(*command)
        assert refused.returncode == 1
        assert said in refused.stderr
    assert publication.run("report", "--json", "--csv", "-").returncode == 2
    assert not (publication.root / ".newsletter").exists()


@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [320, pytest.param(1200, marks=pytest.mark.slow)])
def test_the_page_serves_every_screen_and_everyone(
    browser: Browser, tmp_path: Path, sent: Publication, width: int, scheme: str
) -> None:
    assert sent.run("report", "--html", "page.html").returncode == 0
    page = browser.new_page(viewport={"width": width, "height": 800}, color_scheme=scheme, bypass_csp=True)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto((sent.root / "page.html").as_uri())
    assert page.evaluate("document.documentElement.scrollWidth") == width
    assert len(asked) == 1
    for table in page.locator("details").all():
        table.locator("summary").click()
    assert barriers(page) == []
    page.close()
