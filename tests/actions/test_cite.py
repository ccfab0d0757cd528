"""Sources cited from a web server that gives pages of every kind, and added to drafts."""

import datetime
import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest
import typst
from certificate import make_certificate
from conftest import ROOT, Publication
from page_server import PageServer, never, page, raw, redirect

from newsletter.actions import cite as cite_module
from newsletter.actions.cite import Citation, FailedCitation, cite
from newsletter.articles import Article
from newsletter.articles.answers import LIMITS
from newsletter.errors import DraftError
from newsletter.fetching import FetchLimits
from newsletter.issue.draft import read_draft
from newsletter.publication import OpenPublication

PAGES = ROOT / "tests/articles/pages"
_JUNE_1 = datetime.date(2023, 6, 1)
_LOGIN = '<title>Sign in</title><h1>Sign in</h1><form><input name="u"><input type="password" name="p"></form>'
_APPLICATION = '<html><head><title>News</title><script src="/app.js"></script></head><body><div id="root"></div></body>'


@pytest.fixture(scope="module")
def server() -> Iterator[PageServer]:
    with PageServer() as started:
        yield started


@pytest.fixture
def opened(publication: Publication) -> Iterator[OpenPublication]:
    settings = publication.root / "newsletter.toml"
    settings.write_text(settings.read_text(encoding="utf-8") + '\n[links]\nallow = ["127.0.0.1"]\n', encoding="utf-8")
    with OpenPublication.open(publication.root) as opened:
        yield opened


def cite_one(opened: OpenPublication, source: str) -> Article:
    (cited,) = cite(opened, [source])
    assert isinstance(cited, Citation), cited
    return cited.article


def fail_one(opened: OpenPublication, source: str) -> str:
    (cited,) = cite(opened, [source])
    assert isinstance(cited, FailedCitation), cited
    return f"{cited.error.message} {cited.error.next_step}"


@pytest.mark.parametrize(
    ("name", "codec", "title", "outlet", "authors"),
    [
        ("news.html", "utf-8", "Ferry ministers sign harbor accord", "The Harbor Times", ("Jane Doe", "John Roe")),
        ("magazine.html", "utf-8", "The Long Crossing", "Tidewater Review", ("Amara N. Okafor",)),
        ("japanese.html", "shift_jis", "港の協定、日米の閣僚が署名", "みなと新聞", ("山田太郎", "佐藤花子")),
        ("windows-1252.html", "cp1252", "Le traité des ports « signé »", "L’Écho du quai", ("Élodie Durand",)),
    ],
)
def test_a_page_from_the_network_is_cited(
    opened: OpenPublication,
    server: PageServer,
    name: str,
    codec: str,
    title: str,
    outlet: str,
    authors: tuple[str, ...],
) -> None:
    text = (PAGES / name).read_text(encoding="utf-8")
    server.pages[f"/{name}"] = page(text.encode(codec), kind=f"text/html; charset={codec}")
    article = cite_one(opened, server.address(f"/{name}?utm_source=mail"))
    assert (article.title, article.outlet, article.authors) == (title, outlet, authors)
    assert article.date == (datetime.date(2024, 7, 14) if name == "magazine.html" else _JUNE_1)
    assert article.address == server.address(f"/{name}")  # what other sites' pages claim is not believed


def test_the_last_address_of_a_redirect_chain_is_cited(opened: OpenPublication, server: PageServer) -> None:
    server.pages |= {
        "/short": redirect("/tiny", 301),
        "/tiny": page('<meta http-equiv="refresh" content="0; url=\'/once?a=1&amp;b=2\'"><title>/once</title>'),
        "/once": redirect("/twice?x=1", 302),
        "/twice": redirect("/article?id=7&fbclid=2", 307),
        "/article": page((PAGES / "news.html").read_bytes()),
    }
    assert cite_one(opened, server.address("/short")).address == server.address("/article?id=7")


def test_a_page_that_forwards_in_a_circle_comes_to_an_end(opened: OpenPublication, server: PageServer) -> None:
    server.pages["/ring"] = page('<meta http-equiv=refresh content="0;url=/ring?again"><p>x')
    assert "has no title" in fail_one(opened, server.address("/ring"))
    assert 2 <= server.count("/ring") + server.count("/ring?again") <= 5


def test_a_place_within_a_page_is_kept(opened: OpenPublication, server: PageServer) -> None:
    server.pages["/long"] = page("<title>A long page</title><p>x")
    assert cite_one(opened, server.address("/long?utm_id=1") + "#part").address == server.address("/long") + "#part"


# What a server may answer, what is said of it then, and what it is.
_REFUSED = [
    (page(_LOGIN), "asks for a login. Log in with a browser, save the page", "login page"),
    (redirect("/login?next=/a"), "asks for a login", "redirect to a login"),
    (redirect("/sso/start"), "asks for a login", "redirect to a login without a form"),
    (page("", 401), "asks for a login", "401"),
    (page("", 402), "only for those who pay", "402"),
    (page("no", 403), "refuses to show the page to a program. Open it in a browser, save", "403"),
    (page("no", 404), "no page at this address (404). Look at the address", "404"),
    (page("no", 410), "taken away for good", "410"),
    (page("no", 429, Retry_After="90"), "(429). Try again in 90 seconds, or save", "429"),
    (page("no", 429, Retry_After="7200"), "Try again in 120 minutes", "429, minutes"),
    (page("no", 429), "too often (429). Try again later", "429 without a time"),
    (page("no", 503), "fault of its own at present (503)", "503"),
    (page("no", 418), "answers with status 418", "418"),
    (page(""), "The page is empty", "empty"),
    (page(" \n "), "The page is empty", "blank"),
    (page(_APPLICATION), "empty until its JavaScript runs", "JavaScript alone"),
    (
        page("<noscript>You need to enable JavaScript to run this app.</noscript><script src=a.js></script>"),
        "empty until its JavaScript runs", "JavaScript alone, and says so"),
    (
        page("<title>Just a moment...</title><h1>news.example</h1>"), "holds programs off", "wall"),
    (page(b"\x89PNG\r\n\x1a\n\0\0", kind="image/png"), "but a picture", "picture"),
    (page(b"PK\3\4\0\0", kind="application/zip"), "but an archive of files", "zip"),
    (page(b"{}", kind="application/json"), "but a file of another kind", "JSON"),
    (page("<html></html>"), "The page is empty", "no elements"),
    (page("<p>Words.</p><p>More of them.</p>"), "has no title. See in a browser", "no title"),
    (page(b"%PDF-1.7\n\xff", kind="application/pdf"), "The PDF is damaged", "broken PDF"),
    (redirect("/loop"), "redirects again and again", "loop"),
    (raw([b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n<p>"]), "hung up in the middle", "hung up"),
    (raw([b"SSH-2.0-x\r\n"]), "Open it in a browser, save the page", "not HTTP"),
    (page(b"\x1f\x8bxx", Content_Encoding="gzip"), "packed in a way", "damaged gzip"),
]  # fmt: skip


def test_what_can_not_be_cited_is_told_in_plain_words(opened: OpenPublication, server: PageServer) -> None:
    server.pages |= {
        "/loop": redirect("/again"),
        "/again": redirect("/loop"),
        "/login": page(_LOGIN),
        "/sso/start": page("<h1>Welcome</h1>"),
    }
    server.pages |= {f"/refused/{number}": answer for number, (answer, _, _) in enumerate(_REFUSED)}
    cited = cite(opened, [server.address(f"/refused/{number}") for number in range(len(_REFUSED))])
    said = {
        name: each.error.message + " " + each.error.next_step if isinstance(each, FailedCitation) else "cited"
        for (_, _, name), each in zip(_REFUSED, cited, strict=True)
    }
    assert {name: words for _, words, name in _REFUSED if words not in said[name]} == {}


def test_a_page_of_a_hundred_megabytes_is_not_read_to_its_end(opened: OpenPublication, server: PageServer) -> None:
    piece = b"<p>" + b"x" * 1_000_000
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n<title>Long</title>"
    server.pages["/large"] = raw([head, *[piece] * 100])
    assert "larger than 20 MB" in fail_one(opened, server.address("/large"))


def test_pages_that_never_end_or_never_begin(
    opened: OpenPublication, server: PageServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cite_module, "LIMITS", FetchLimits(total=0.3, body=LIMITS.body))
    server.pages["/endless"] = raw([b"HTTP/1.1 200 OK\r\n\r\n<title>On</title>", *[b"<p>and on"] * 10_000], pause=0.01)
    server.pages["/silent"] = never
    endless, silent = cite(opened, [server.address("/endless"), server.address("/silent")])
    assert isinstance(endless, FailedCitation)
    assert isinstance(silent, FailedCitation)
    assert "had no end after" in endless.error.message
    assert "did not answer in time" in silent.error.message


def test_a_certificate_that_nobody_vouches_for(opened: OpenPublication, tmp_path: Path) -> None:
    context, _ = make_certificate(tmp_path)
    assert isinstance(context, ssl.SSLContext)
    with PageServer(tls=context) as server:
        assert "The certificate of 127.0.0.1 can't be trusted" in fail_one(opened, server.address("/"))


def test_a_private_address_is_not_asked_unless_it_is_allowed(publication: Publication, server: PageServer) -> None:
    server.requests.clear()
    with OpenPublication.open(publication.root) as opened:
        said = fail_one(opened, server.address("/news.html"))
    assert 'was not asked. If readers reach it, allow it in newsletter.toml: [links] allow = ["127.0.0.1"]' in said
    assert server.requests == []


@pytest.mark.slow
def test_a_pdf_is_cited_by_its_metadata_or_its_first_page(opened: OpenPublication, server: PageServer) -> None:
    body = "#text(24pt)[Eleven harbors: \\ a report]\n\nBy nobody, June 1, 2023\n\n" + "#lorem(80)"
    told = '#set document(title: "Eleven harbors, and what they cost", author: ("Jane Doe", "John Roe"))\n'
    server.pages["/told.pdf"] = page(typst.compile((told + body).encode()), kind="application/pdf")
    server.pages["/shown.pdf"] = page(typst.compile(body.encode()), kind="application/octet-stream")
    file_name = '#set document(title: "Microsoft Word - report_final_v2.docx", author: "jdoe")\n'
    server.pages["/named.pdf"] = page(typst.compile((file_name + body).encode()), kind="application/pdf")
    server.pages["/even.pdf"] = page(typst.compile(b"#lorem(80)"), kind="application/pdf")
    told_article = cite_one(opened, server.address("/told.pdf"))
    assert told_article.title == "Eleven harbors, and what they cost"
    assert told_article.authors == ("Jane Doe", "John Roe")
    assert (told_article.date, told_article.outlet) == (_JUNE_1, "127.0.0.1")
    for path in ("/shown.pdf", "/named.pdf"):
        article = cite_one(opened, server.address(path))
        assert (article.title, article.authors) == ("Eleven harbors: a report", ())
    assert "names no title that can be read" in fail_one(opened, server.address("/even.pdf"))


def test_sources_are_added_to_a_draft_and_all_else_stays(
    publication: Publication, opened: OpenPublication, server: PageServer
) -> None:
    path = publication.root / "drafts/2.11.yaml"
    before = (
        "# mine\r\nvolume: 2\nnumber: 11\ndate: 2023-06-14\nitems:\n  - headline: One\n"
        "    detail: Said.\n\n# to come\nnote: Bye.\n"
    )
    path.write_bytes(before.encode())
    server.pages["/odd"] = page(
        "<title>x</title><h1>Yes: {{ name }} *and* [this](#)</h1><p>By Jane Doe, June 1, 2023</p>"
    )
    sources = [
        server.address("/odd?utm_medium=x"),
        str(PAGES / "news.html"),
        server.address("/gone"),
        server.address("/odd"),
    ]
    odd, news, gone, again = cite(opened, sources, "2.11")
    assert isinstance(odd, Citation)
    assert isinstance(news, Citation)
    assert isinstance(gone, FailedCitation)
    assert isinstance(again, Citation)
    assert odd.article.authors == ("Jane Doe",)
    assert (odd.added, news.added, again.added, again.line) == (True, True, False, odd.line + 4)
    after = path.read_bytes().decode()
    assert set(before.splitlines(keepends=True)) <= set(after.splitlines(keepends=True))
    assert after.splitlines()[odd.line - 1].strip() == after.splitlines()[news.line - 1].strip() == "- headline: >-"
    draft = read_draft(path)
    assert draft.problems == ()
    assert draft.issue is not None
    assert [item.headline.plain() for item in draft.issue.items] == [
        "One", "Yes: {{ name }} *and* [this](#)", "Ferry ministers sign harbor accord",
    ]  # fmt: skip
    assert draft.issue.items[2].detail.plain() == (
        "TK: what it says, and why it matters. (Jane Doe, John Roe, The Harbor Times, June 1, 2023)"
    )
    assert list(draft.issue.items[2].detail.links()) == []
    assert draft.issue.items[2].link is not None
    assert draft.issue.items[2].link.href == news.article.address


def test_nothing_is_added_to_an_issue_that_is_out(
    publication: Publication, opened: OpenPublication, server: PageServer
) -> None:
    draft = publication.root / "drafts/2.10.yaml"
    before = draft.read_bytes()
    record = publication.root / "drafts/2.10.sent.toml"
    server.requests.clear()
    for written, words in (('due_at = "2030-01-02"\n', "waits in the outbox"), ("runs = 1\n", "2.10 has been sent")):
        record.write_text(written, encoding="utf-8")
        with pytest.raises(DraftError, match=words):
            cite(opened, [server.address("/news.html")], "2.10")
    assert draft.read_bytes() == before
    assert server.requests == []


def test_an_address_without_https_and_a_file_that_is_not_there(opened: OpenPublication, server: PageServer) -> None:
    assert "There is no such file" in fail_one(opened, "no-such-page.html")
    assert "This is a folder" in fail_one(opened, str(PAGES))
    assert "no address of the web" in fail_one(opened, "mailto:jane@example.org")
    assert "no web page's address" in fail_one(opened, "https://[broken/")
    assert cite_one(opened, (PAGES / "news.html").as_uri()).title == "Ferry ministers sign harbor accord"


def test_nothing_is_added_to_a_draft_in_another_encoding(
    publication: Publication, opened: OpenPublication, server: PageServer
) -> None:
    draft = publication.root / "drafts/2.10.yaml"
    before = draft.read_bytes() + b"# caf\xe9\n"
    draft.write_bytes(before)
    with pytest.raises(DraftError, match="not UTF-8"):
        cite_module.cite(opened, [server.address("/news")], into="2.10")
    assert draft.read_bytes() == before
