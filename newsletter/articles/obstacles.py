"""Pages that are in the article's place: a login, a check whether a person asks, an application without any text."""

import re
from collections.abc import Iterable
from typing import Any

from newsletter.articles.article import Claims, UnreadableArticle
from newsletter.articles.page import read_text
from newsletter.articles.visible_facts import VisibleFacts
from newsletter.fetching.login_pages import is_login_address

SAVE_IT = "Open it in a browser, save the page, and cite the file: newsletter cite page.html"
LOG_IN = "Log in with a browser, save the page, and cite the file: newsletter cite page.html"
_LOGIN_TITLE = re.compile(
    r"\A\W*(?:log ?in|sign ?in|log on|anmelden|anmeldung|login|connexion|iniciar sesión|ログイン|accedi)\b",
    re.IGNORECASE,
)
_WALL = re.compile(
    r"just a moment|attention required|access denied|are you (?:a )?(?:robot|human)"
    r"|verify(?:ing)? (?:that )?you are (?:a )?human"
    r"|security check|pardon our interruption|request unsuccessful|please enable cookies|bot verification",
    re.IGNORECASE,
)
_FEW_WORDS = 300  # characters of a page that says nothing but what it wants


def refuse_obstacles(
    root: Any, address: str | None, claims: Iterable[Claims], page_title: str, shown: VisibleFacts
) -> None:
    """Raise UnreadableArticle for a page that is not the article: a login, a check for robots, or one without text."""
    claimed = any(claim.authors or claim.dates for claim in claims)
    text = read_text(root)
    if not claimed and _asks_for_login(root, address, page_title, shown):
        raise UnreadableArticle("The page asks for a login.", next_step=LOG_IN)
    if not claimed and len(text) < 5 * _FEW_WORDS and _WALL.search(page_title):
        raise UnreadableArticle("The site holds programs off, and wants to see a person.", next_step=SAVE_IT)
    if not claimed and not any(claim.titles for claim in claims):
        wants = re.search(r"(?i)java\s?script", text) is not None
        if (not text or (wants and len(text) < _FEW_WORDS)) and not shown.headings:
            raise UnreadableArticle(
                "The page is empty until its JavaScript runs, which only a browser does."
                if text or page_title or len(root) > 1
                else "The page is empty.",
                next_step=SAVE_IT,
            )


def _asks_for_login(root: Any, address: str | None, page_title: str, shown: VisibleFacts) -> bool:
    asks = any((field.get("type") or "").lower() == "password" for field in root.iter("input"))
    leads = is_login_address(address or "")
    says = any(_LOGIN_TITLE.match(title) for title in (page_title, *shown.headings))
    return sum((asks, leads, says)) >= 2 or (asks and not shown.headings)
