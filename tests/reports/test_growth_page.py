"""The page of how a list has grown: its plots, what is not drawn, words from outside, and every screen."""

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest
from browser import barriers
from playwright.sync_api import Browser

from newsletter.config import PublicationSettings
from newsletter.issue_name import IssueName
from newsletter.ledger.statistics import IssueSize
from newsletter.reports.growth_page import render_growth_page
from newsletter.reports.growth_sources import list_sources
from newsletter.subscribers.growth import Change, Growth, MonthlySum

HOUSE = PublicationSettings(title="<b>Digest", language="en", contact="desk@example.org", website="https://example.org")
NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)


def _sum(month: str, change: Change, source: str, people: int) -> MonthlySum:
    return MonthlySum(month=month, change=change, source=source, people=people)


SUMS = [
    _sum("2026-02", Change.JOINED, "import", 9000),
    _sum("", Change.JOINED, "list", 40),
    _sum("2026-03", Change.JOINED, "<i>fair", 12),
    _sum("2026-03", Change.RETURNED, "page", 3),
    _sum("2026-05", Change.LEFT, "one-click", 7),
    _sum("2026-05", Change.PAUSED, "page", 5),
    _sum("2026-05", Change.BOUNCED, "mail", 1),
]
SIZES = [IssueSize(issue=IssueName(f"2.{number}"), frozen_at="2026-03-01T00:00:00", recipients=90) for number in (1, 2)]


def _render(sums: Sequence[MonthlySum], sizes: Sequence[IssueSize] = SIZES) -> str:
    return render_growth_page(Growth(sums=sums), sizes, HOUSE, NOW, subscribers=9052, mailable=9040)


def _draw(page: str, section: str) -> list[tuple[str, float]]:
    """Return the parts of the columns of a section's plot, each with its height."""
    part = page[page.index(f'<h2 id="{section}"') :].partition("</figure>")[0].partition('<svg class="columns"')[2]
    return [(name, float(height)) for name, height in re.findall(r'<rect class="(\w+)".*?height="([\d.]+)"/>', part)]


def test_what_came_at_one_time_with_a_list_is_said_and_not_drawn() -> None:
    page = _render(SUMS)
    assert _draw(page, "joined") == [("joined", 12), ("returned", 3)]
    assert "Not drawn: 9,040 who came with a list" in page
    assert _draw(page, "left") == [("left", 7), ("bounced", 1)]  # who pauses has not left
    alone = _render(SUMS[:2])
    assert _draw(alone, "joined") == [("joined", 9000)]
    assert "Not drawn" not in alone
    assert 'id="left"' not in alone


def test_months_and_sources_are_in_tables() -> None:
    page = _render(SUMS)
    rows = re.findall(r'<tr><th scope="row" class="nowrap">(.+?)</th>(.+?)</tr>', page)
    counts = {month: re.findall(r">([\d,]+)<", cells) for month, cells in rows}
    assert counts["2026-05"] == ["0", "0", "7", "1", "0", "0", "5"]
    assert counts["before, or not known"] == ["40", "0", "0", "0", "0", "0", "0"]
    assert list(counts)[:-1] == [f"2026-{number:02}" for number in range(2, 12)]
    assert list_sources(Growth(sums=SUMS), Change.JOINED)[0] == ("an import", 9000)


def test_words_from_outside_are_text_and_many_sources_are_few_rows() -> None:
    page = _render(SUMS)
    assert "<b>" not in page
    assert "<i>" not in page
    assert "@" not in page.split("</style>")[1]
    assert "<script" not in page
    many = Growth(sums=[_sum("2026-03", Change.JOINED, f"form {number}", 1) for number in range(500)])
    shown = list_sources(many, Change.JOINED)
    assert len(shown) == 13
    assert shown[-1] == ("elsewhere", 488)


def test_a_list_of_which_nothing_is_known_has_a_page() -> None:
    page = _render([], [])
    assert "Nothing is known yet" in page
    assert "<figure>" not in page


@pytest.mark.slow
def test_the_page_serves_every_screen_and_everyone(browser: Browser, tmp_path: Path) -> None:
    path = tmp_path / "growth.html"
    path.write_text(_render(SUMS))
    for width in (320, 1200):
        for scheme in ("light", "dark"):
            page = browser.new_page(viewport={"width": width, "height": 800}, color_scheme=scheme, bypass_csp=True)
            asked: list[str] = []
            page.on("request", lambda request, asked=asked: asked.append(request.url))
            page.goto(path.as_uri())
            assert page.evaluate("document.documentElement.scrollWidth") == width
            assert len(asked) == 1
            for table in page.locator("details").all():
                table.locator("summary").click()
            assert barriers(page) == []
            page.close()
