"""Pages as publishing systems, ministries and institutes write them, each with its own fault."""

import datetime

import pytest

from newsletter.articles import read_article

_AGENCY = """
<html lang="en-US"><title>Harbor accord signed | Ferry News</title><meta property="og:site_name" content="Ferry News">
<script type="application/ld+json">{"@context": "http://schema.org", "@type": "NewsArticle",
"headline": "Harbor accord signed after nine years", "author": [{"@type": "Person", "name": "JANE DOE"}],
"datePublished": "2023-06-02T02:15:41Z"}</script>
<h1>Harbor accord signed after nine years</h1><div class="byline"><span>By </span><a href="x">JANE DOE</a></div>
<div class="date">Updated <span>10:15 PM EDT, June 1, 2023</span></div><p>PORT (FN) — It is signed.</p>
"""
_INSTITUTE = """
<html lang="en"><title>Harbors and Power | Institute for Example Studies</title>
<h1>Harbors and Power</h1><p>Photo: Max Lens/Harbor Pictures</p>
<div class="kind">Commentary by <a href="/jane">Jane Doe</a> and <a href="/john">John Roe</a></div>
<p>Published June 1, 2023</p><p>By Friday the harbors had power.</p>
"""
_DAILY = """
<html lang="en"><title>Boats are back, says minister | Ferries | The Paper</title>
<meta property="og:site_name" content="The Paper"><meta property="article:author" content="https://paper.example/jane">
<h1>Boats are back, says minister</h1><address><a rel="author" href="x">Jane Doe</a> in Kobe</address>
<details><summary>Thu 1 Jun 2023 06.00 BST</summary>Last modified on Fri 2 Jun 2023</details><p>They are.</p>
"""
_ENCYCLOPEDIA = """
<html lang="en"><title>Ferry - Harborpedia</title>
<script type="application/ld+json">{"@context": "https:\\/\\/schema.org", "@type": "Article", "name": "Ferry",
"author": {"@type": "Organization", "name": "Contributors to Harborpedia projects"},
"publisher": {"@type": "Organization", "name": "Harbor Foundation, Inc."},
"datePublished": "2001-10-05T19:09:38Z"}</script>
<h1>Ferry</h1><p>A ferry is a boat.</p>
"""
_MINISTRY = """
<html lang="en"><title>Joint Statement of the Ministers | Ministry of Boats</title>
<h1>Ministry of Boats</h1><h2>Joint Statement of the Ministers</h2><p>JUNE 01, 2023</p>
<p>By direction of the cabinet, the ministers met.</p>
"""
_PREPRINT = """
<html lang="en"><title>[2306.00001] Ferries as graphs</title><meta property="og:site_name" content="preprints.example">
<meta name="citation_title" content="Ferries as graphs"><meta name="citation_author" content="Doe, Jane">
<meta name="citation_author" content="Roe, John Q."><meta name="citation_date" content="2023/06/01">
<meta name="citation_online_date" content="2023/06/09"><h1>Computer Science &gt; Boats</h1>
<h1 class="title"><span>Title:</span>Ferries as graphs</h1>
"""
_BLOG_SYSTEM = """
<html lang="en-US"><title>Why ferries? - Example Institute</title>
<script type="application/ld+json">{"@context": "https://schema.org", "@graph": [{"@type": "WebPage", "name":
"Why ferries? - Example Institute", "isPartOf": {"@id": "#website"}, "datePublished": "2023-06-01T15:00:00+00:00",
"author": {"@id": "#1"}}, {"@type": "WebSite", "@id": "#website", "name": "Example Institute"},
{"@type": "Person", "@id": "#1", "name": "webadmin"}]}</script>
<h1>Why ferries?</h1><p class="post-author">Jane Doe, Senior Fellow</p><p>They float.</p>
"""


@pytest.mark.parametrize(
    ("html", "title", "outlet", "authors", "day"),
    [
        (_AGENCY, "Harbor accord signed after nine years", "Ferry News", ("Jane Doe",), "2023-06-01"),
        (_INSTITUTE, "Harbors and Power", "Institute for Example Studies", ("Jane Doe", "John Roe"), "2023-06-01"),
        (_DAILY, "Boats are back, says minister", "The Paper", ("Jane Doe",), "2023-06-01"),
        (_ENCYCLOPEDIA, "Ferry", "Harborpedia", (), "2001-10-05"),
        (_MINISTRY, "Joint Statement of the Ministers", "Ministry of Boats", (), "2023-06-01"),
        (_PREPRINT, "Ferries as graphs", "preprints.example", ("Jane Doe", "John Q. Roe"), "2023-06-01"),
        (_BLOG_SYSTEM, "Why ferries?", "Example Institute", ("Jane Doe",), "2023-06-01"),
    ],
)
def test_a_style_is_read(html: str, title: str, outlet: str, authors: tuple[str, ...], day: str) -> None:
    article = read_article(html.encode(), "https://www.example.org/a")
    assert (article.title, article.outlet, article.authors) == (title, outlet, authors)
    assert article.date == datetime.date.fromisoformat(day)
