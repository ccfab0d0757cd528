"""A draft's links asked of a real server: the verdicts, how often and how many at a time, and what is remembered."""

import json
import ssl
import stat
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path

import pytest
from certificate import Authority
from conftest import Publication
from linked_draft import silence_note, write_draft
from linked_pages import PAGES, fill_with_links
from page_server import Names, PageServer, by_method, never, page, redirect

from newsletter.actions.check_links import check_links
from newsletter.clock import format_instant, make_instant, parse_instant
from newsletter.fetching import FetchLimits
from newsletter.issue.draft import Draft
from newsletter.link_check import LinkReport, Verdict, asking
from newsletter.link_check.answer_cache import AnswerCache
from newsletter.publication import OpenPublication


@pytest.fixture
def server() -> Iterator[PageServer]:
    with PageServer({path: answer for path, (answer, _) in PAGES.items()}) as started:
        yield started


@pytest.fixture
def digest(publication: Publication) -> Publication:
    silence_note(publication)
    return publication


def check(
    digest: Publication, draft: Draft, names: Names | None = None, tls: ssl.SSLContext | None = None
) -> LinkReport:
    with OpenPublication(digest.workspace) as opened:
        return check_links(opened, draft, resolve=names or Names(everything="127.0.0.1"), tls=tls)


def codes(report: LinkReport) -> list[str]:
    return [finding.problem.code for finding in report.findings]


@pytest.mark.parametrize("path", PAGES)
def test_a_link_of_each_kind_has_its_verdict(digest: Publication, server: PageServer, path: str) -> None:
    draft = write_draft(digest, [server.address(path)])
    report = check(digest, draft)
    assert codes(report) == [PAGES[path][1]] * bool(PAGES[path][1])
    assert {(request.method, request.path) for request in server.requests if request.path == path} <= {
        ("HEAD", path),
        ("GET", path),
    }
    for finding in report.findings:
        place = (finding.problem.path, finding.problem.line, finding.problem.column)
        assert place == (draft.path, 7, draft.source.splitlines()[6].index("http") + 1)
        assert finding.note == (finding.problem.code != "link-dead")


def test_a_page_that_moved_is_offered_by_its_new_address(digest: Publication, server: PageServer) -> None:
    server.pages["/old"] = redirect("/fine?utm_source=redirect", 301)
    report = check(digest, write_draft(digest, [server.address("/old")]))
    assert report.notes[0].next_step == f"Write its new address: {server.address('/fine')}"


def test_slow_links_are_told_and_hold_up_no_other(
    digest: Publication, server: PageServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(asking, "LIMITS", FetchLimits(total=0.3, body=1000))
    server.pages |= {"/never": never, "/head-never": by_method(HEAD=never, GET=page())}
    report = check(digest, write_draft(digest, map(server.address, ["/never", "/head-never", "/fine"])))
    assert codes(report) == ["link-slow"]
    assert report.verdicts == {Verdict.SLOW: 1, Verdict.FINE: 2}


def test_names_that_are_not_known_and_ports_where_nothing_listens(digest: Publication) -> None:
    with PageServer() as gone:
        addresses = ["https://nowhere.example.org/a", gone.address("/b")]
    report = check(digest, write_draft(digest, addresses), Names())
    assert codes(report) == ["link-dead", "link-trouble"]
    assert "there is no server named nowhere.example.org" in report.problems[0].message


def test_wrong_certificates_are_problems_and_unknown_authorities_are_not(digest: Publication, tmp_path: Path) -> None:
    authority, other = Authority.make(tmp_path / "ca"), Authority.make(tmp_path / "other")
    hosts = ["right.example.org", "expired.example.org", "wrong.example.org", "unknown.example.org"]
    with ExitStack() as stack:
        addresses = []
        for host in hosts:
            signed = (other if host == "unknown.example.org" else authority).issue(
                "elsewhere.example.org" if host == "wrong.example.org" else host,
                tmp_path / host,
                expired=host == "expired.example.org",
            )
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*signed)
            addresses.append(stack.enter_context(PageServer({"/": page()}, tls=context)).address("/", host))
        tls = ssl.create_default_context(cafile=authority.path)
        report = check(digest, write_draft(digest, addresses), tls=tls)
    assert codes(report) == ["link-certificate", "link-certificate", "link-unseen"]
    assert [problem.line for problem in report.problems] == [10, 13]
    assert "expired" in report.problems[0].message


def test_private_addresses_are_not_asked(digest: Publication, server: PageServer) -> None:
    del digest.environ["NEWSLETTER_LINKS__ALLOW"]
    names = Names({"inside.example.org": [["10.0.0.7"]], "both.example.org": [["127.0.0.1", "93.184.215.14"]]})
    addresses = [server.address("/fine", host) for host in ("127.0.0.1", "2130706433", *names.answers)]
    report = check(digest, write_draft(digest, addresses), names)
    assert codes(report) == ["link-private"] * 4
    assert not server.requests
    assert 'allow = ["inside.example.org"]' in report.notes[2].next_step


def test_a_redirect_to_a_private_address_is_not_followed(digest: Publication, server: PageServer) -> None:
    digest.environ["NEWSLETTER_LINKS__ALLOW"] = "public.example.org"
    server.pages["/out"] = redirect(server.address("/fine"))
    report = check(digest, write_draft(digest, [server.address("/out", "public.example.org")]))
    assert codes(report) == ["link-private"]
    assert server.count("/fine") == 0


def test_dns_that_changes_its_mind_reaches_nothing(digest: Publication, server: PageServer) -> None:
    digest.environ["NEWSLETTER_LINKS__ALLOW"] = "127.0.0.77"
    names = Names({"rebind.example.org": [["127.0.0.77"], ["127.0.0.1"]]})
    addresses = [server.address(f"/fine?{number}", "rebind.example.org") for number in range(3)]
    report = check(digest, write_draft(digest, addresses), names)
    assert Counter(codes(report)) == {"link-trouble": 1, "link-private": 2}
    assert not server.requests


def test_a_host_that_was_asked_too_much_is_left_alone(digest: Publication, server: PageServer) -> None:
    server.delay = 0.01
    for number in range(30):
        server.pages[f"/busy{number}"] = page("", 429, Retry_After="60")
    addresses = [server.address(f"/busy{number}", "busy.example.org") for number in range(30)]
    report = check(digest, write_draft(digest, [*addresses, server.address("/fine", "other.example.org")]))
    assert codes(report) == ["link-unseen"] * 30
    assert report.verdicts[Verdict.FINE] == 1
    assert len(server.requests) <= 4 + 1


def test_each_page_is_asked_once_whatever_the_fragment_or_tracking(digest: Publication, server: PageServer) -> None:
    address = server.address("/fine")
    addresses = [address, f"{address}#part", f"{address}?utm_source=x&utm_medium=mail", address]
    report = check(digest, write_draft(digest, addresses))
    assert [request.path for request in server.requests] == ["/fine"]
    assert codes(report) == ["link-tracking", "link-twice"]
    assert "(utm_source, utm_medium)" in report.notes[0].message
    assert report.notes[0].next_step == f"Write it without: {address}"


def test_answers_are_remembered_between_checks(digest: Publication, server: PageServer) -> None:
    draft = write_draft(digest, map(server.address, ["/fine", "/missing", "/moved"]))
    first = check(digest, draft)
    asked = len(server.requests)
    second = check(digest, draft)
    assert len(server.requests) == asked
    assert (second.findings, second.verdicts) == (first.findings, first.verdicts)
    assert (first.asked, second.asked) == (3, 0)
    path = digest.root / ".newsletter/links.json"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_good_answers_are_kept_for_days_and_bad_ones_for_minutes(digest: Publication, server: PageServer) -> None:
    draft = write_draft(digest, map(server.address, ["/fine", "/missing"]))
    check(digest, draft)
    _age_answers(digest, timedelta(minutes=6))
    check(digest, draft)
    assert (server.count("/fine"), server.count("/missing")) == (1, 4)  # HEAD and GET, twice
    _age_answers(digest, timedelta(days=4))
    check(digest, draft)
    assert server.count("/fine") == 2


def _age_answers(digest: Publication, by: timedelta) -> None:
    path = AnswerCache.of(digest.workspace).path
    value = json.loads(path.read_text())
    for entry in value["answers"].values():
        entry["asked"] = format_instant(make_instant(parse_instant(entry["asked"]) - by))
    path.write_text(json.dumps(value))


@pytest.mark.parametrize(
    "damage",
    ["", "[]", "{", '{"version": 1, "answers": []}', '{"version": 2, "answers": {}}', "[" * 100_000, "\x00",
     '{"version": 1, "answers": {"http://x": 5, "http://y": {"verdict": "fine"}, "http://z": {"verdict": "odd",'
     ' "why": "", "target": "", "asked": "2026-01-01"}, "http://a": {"verdict": "fine", "why": [], "target": "",'
     ' "asked": "2026-01-01"}, "http://b": {"verdict": "fine", "why": "", "target": "", "asked": "9999-99"}}}'],
)  # fmt: skip
def test_a_damaged_memory_is_begun_anew(digest: Publication, server: PageServer, damage: str) -> None:
    path = AnswerCache.of(digest.workspace).path
    path.parent.mkdir(exist_ok=True)
    path.write_text(damage)
    draft = write_draft(digest, [server.address("/fine")])
    assert check(digest, draft).asked == 1
    assert check(digest, draft).asked == 0


def test_a_draft_with_problems_has_no_links_yet(digest: Publication) -> None:
    draft = write_draft(digest, ["https://nowhere.example.org/"], more="colour: red\n")
    assert draft.problems
    assert check(digest, draft) == LinkReport()


@pytest.mark.slow
def test_two_hundred_links_are_asked_once_each_and_few_at_a_time(digest: Publication, server: PageServer) -> None:
    server.delay = 0.02
    addresses = fill_with_links(server)
    kinds = [*PAGES.values()]
    report = check(digest, write_draft(digest, addresses))
    expected = Counter(code for _, code in (kinds[number % len(kinds)] for number in range(200)) if code)
    assert Counter(codes(report)) == expected
    assert sum(report.verdicts.values()) == 200
    first = [request for request in server.requests if request.path[1:2].isdigit()]
    assert max(Counter((request.method, request.path) for request in first).values()) == 1
    assert server.most_at_once.pop("") <= 16
    assert max(server.most_at_once.values()) <= 4


@pytest.mark.parametrize(
    "target",
    [
        "/\x1b[31mred",
        "http://ex\x1b]0;x\x07ample.org/",
        "http://{why}/",
        "/%1b%0a",
        "//[::1",
        "http://127.0.0.1:99999/",
    ],
)
def test_where_a_hostile_site_redirects_to_is_harmless_to_print(
    digest: Publication, server: PageServer, target: str
) -> None:
    server.pages["/"] = redirect(target, 301)
    report = check(digest, write_draft(digest, [server.address("/")]))
    assert report.findings
    for finding in report.findings:
        assert str(finding.problem).replace("\n", "").isprintable()
