"""What is cited from pages of every kind: title, outlet, authors, date and address."""

import datetime
from pathlib import Path

import pytest

from newsletter.articles import Article, UnreadableArticle, read_article

PAGES = Path(__file__).parent / "pages"
_JUNE_1 = datetime.date(2023, 6, 1)


@pytest.mark.parametrize(
    ("page", "address", "article"),
    [
        pytest.param(
            "news.html",
            "https://www.harbortimes.example/2023/06/01/world/ferry-accord.html?src=front",
            Article(
                title="Ferry ministers sign harbor accord",
                outlet="The Harbor Times",
                authors=("Jane Doe", "John Roe"),
                date=_JUNE_1,
                address="https://www.harbortimes.example/2023/06/01/world/ferry-accord.html",
                language="en-US",
            ),
            id="news, byline and date run together",
        ),
        pytest.param(
            "magazine.html",
            None,
            Article(
                title="The Long Crossing",
                outlet="Tidewater Review",
                authors=("Amara N. Okafor",),
                date=datetime.date(2024, 7, 14),
                address="https://tidewater.example/issues/14/the-long-crossing",
                language="en",
            ),
            id="magazine, captions between the paragraphs",
        ),
        pytest.param(
            "japanese.html",
            "https://minato.example/a/1",
            Article(
                title="港の協定、日米の閣僚が署名",
                outlet="みなと新聞",
                authors=("山田太郎", "佐藤花子"),
                date=_JUNE_1,
                address="https://minato.example/a/1",
                language="ja",
            ),
            id="Japanese",
        ),
        pytest.param(
            "json-ld.html",
            None,
            Article(
                title="Ports & promises: what the accord leaves open",
                outlet="The Example Ledger",
                authors=("Jane Doe", "John Roe"),
                date=_JUNE_1,  # as the page shows it; in universal time it is the day after
                address="https://ledger.example/2023/ports-and-promises",
                language="en-GB",
            ),
            id="JSON-LD alone",
        ),
        pytest.param(
            "opengraph.html",
            "https://quay.example/a-harbor-opens?utm_source=x",
            Article(
                title="A harbor opens",
                outlet="Quay & Stern",
                authors=("Lena Fisher",),
                date=_JUNE_1,
                address="https://quay.example/a-harbor-opens",
                language="en-GB",
            ),
            id="OpenGraph alone",
        ),
        pytest.param(
            "academic.html",
            None,
            Article(
                title="Ferries as infrastructure: evidence from eleven harbors",
                outlet="Journal of Coastal Policy",
                authors=("Jane M. Doe", "Joost van der Berg", "Ada Mori"),
                date=_JUNE_1,
                address="https://journal.example/doi/10.0000/ferries",
                language="en",
            ),
            id="academic",
        ),
        pytest.param(
            "blog.html",
            "https://pier.example/slow-boats?utm_medium=social#more",
            Article(
                title="Slow boats, again",
                outlet="Notes from the Pier",
                authors=("Tom Brine",),
                date=_JUNE_1,
                address="https://pier.example/slow-boats#more",
                language="en-GB",
            ),
            id="blog",
        ),
        pytest.param(
            "paywall.html",
            "https://beispiel-zeitung.example/hafenabkommen",
            Article(
                title="Hafenabkommen: Was es kostet",
                outlet="Beispiel-Zeitung",
                authors=("Erika Mustermann", "Max Müller"),
                date=_JUNE_1,
                address="https://beispiel-zeitung.example/hafenabkommen",
                language="de",
            ),
            id="paywall",
        ),
        pytest.param(
            "amp.html",
            "https://amp.harbortimes.example/2023/06/01/night-boats",
            Article(
                title="Night boats are back",
                outlet="The Harbor Times",
                authors=("Jane Doe",),
                date=_JUNE_1,
                address="https://www.harbortimes.example/2023/06/01/night-boats",
                language="en",
            ),
            id="AMP",
        ),
        pytest.param(
            "heading-only.html",
            "https://www.harbortimes.example/pier",
            Article(
                title="A pier rebuilt in winter",
                outlet="harbortimes.example",
                authors=("John McRoe",),
                date=datetime.date(2022, 12, 9),
                address="https://www.harbortimes.example/pier",
            ),
            id="title in a heading alone",
        ),
    ],
)
def test_a_page_is_cited(page: str, address: str | None, article: Article) -> None:
    assert read_article((PAGES / page).read_bytes(), address) == article


@pytest.mark.parametrize(
    ("codec", "charset", "declared"),
    [
        ("cp1252", None, "iso-8859-1"),
        ("cp1252", "windows-1252", "utf-8"),  # the server is right, the page is not
        ("cp1252", None, "utf-8"),  # nobody is right
        ("utf-8", None, "iso-8859-15x"),
        ("utf-8-sig", "iso-8859-1", "iso-8859-1"),
        ("utf-16", None, "utf-16"),
    ],
)
def test_a_french_page_in_any_encoding(codec: str, charset: str | None, declared: str) -> None:
    text = (
        (PAGES / "windows-1252.html").read_text(encoding="utf-8").replace("charset=iso-8859-1", f"charset={declared}")
    )
    article = read_article(text.encode(codec), None, charset)
    assert article == Article(
        title="Le traité des ports « signé »", outlet="L’Écho du quai", authors=("Élodie Durand",), date=_JUNE_1
    )


@pytest.mark.parametrize("codec", ["shift_jis", "euc_jp", "utf-8"])
@pytest.mark.parametrize("declared", [True, False])
def test_a_japanese_page_in_any_encoding(codec: str, declared: bool) -> None:
    text = (PAGES / "japanese.html").read_text(encoding="utf-8")
    text = text.replace('<meta charset="utf-8">', f'<meta charset="{codec}">' if declared else "")
    article = read_article(text.encode(codec))
    assert (article.title, article.authors) == ("港の協定、日米の閣僚が署名", ("山田太郎", "佐藤花子"))
    assert (article.outlet, article.date) == ("みなと新聞", _JUNE_1)


@pytest.mark.parametrize(
    ("byline", "authors", "day"),
    [
        ("By Jane Doe, June 1, 2023", ("Jane Doe",), 1),
        ("June 3, 2023 | By Jane Doe and John Roe", ("Jane Doe", "John Roe"), 3),
        ("Published on Sunday, June 4, 2023, by Jane Doe", ("Jane Doe",), 4),
        ("By Jane DoePublished June 5, 2023 10:30 a.m. ETUpdated June 9, 2023", ("Jane Doe",), 5),
        ("By JANE DOE, Associated Press June 6, 2023", ("Jane Doe",), 6),
        ("Von Erika Mustermann 7. Juni 2023", ("Erika Mustermann",), 7),
    ],
)
def test_a_byline_and_a_date_run_together(byline: str, authors: tuple[str, ...], day: int) -> None:
    language = "de" if "Juni" in byline else "en"
    article = read_article(f"<html lang={language}><h1>A harbor opens</h1><p>{byline}</p><p>It opens.</p>".encode())
    assert article.authors == authors
    assert article.date == datetime.date(2023, 6, day)


def test_what_the_rules_do_not_find_is_asked_of_trafilatura() -> None:
    html = """<html lang="en"><title>Boats are back</title><h1>Boats are back</h1>
    <figure><span class="journalist-name">Max Lens</span></figure>
    <div><span class="journalist-name">Jane Doe, Staff Writer</span></div>
    <p><abbr class="published" title="2023-06-01T10:00:00">last week</abbr></p><p>They are.</p>"""
    article = read_article(html.encode())
    assert (article.authors, article.date) == (("Jane Doe",), _JUNE_1)


def test_a_page_that_says_nothing_of_itself_is_told_in_plain_words() -> None:
    with pytest.raises(UnreadableArticle, match="The page has no title") as raised:
        read_article((PAGES / "nothing.html").read_bytes(), "https://example.org/")
    assert "[words](https://example.org/page)" in raised.value.next_step
