"""Pictures of the service's pages where readers join and choose, as they see them on a desk and on a phone."""

from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from playwright.sync_api import Browser

from newsletter.actions.change_preferences import ReaderPreferences
from newsletter.address import SubscriberKey
from newsletter.subscribers.preferences import Frequency
from newsletter.subscribers.suppression_status import SuppressionStatus
from newsletter.web.public.preference_pages import ChoiceState, PreferencePages, ReaderView
from newsletter.web.public.sign_up_pages import ConfirmPages, ConfirmState, FormState, SignUpPages
from newsletter.workspace import Workspace

_ENVIRON = {
    "NEWSLETTER_SERVICE__URL": "https://news.example.org",
    "NEWSLETTER_LIST__SOURCE": "store",
    "NEWSLETTER_SIGNUP__ASK_NAME": "true",
    "NEWSLETTER_SIGNUP__MAIL": "join@example.org",
}
_OFFERED = """
[preferences]
topics = { energy = "Energy", trade = "Trade" }
summary = "once a month"
"""
_READER = ReaderPreferences(
    key=SubscriberKey("ada@example.org"),
    name="Ada Lovelace",
    address="ada@example.org",
    language="en",
    tags=frozenset({"energy"}),
    frequency=Frequency.ISSUES,
    status=SuppressionStatus(),
)
_VIEWS: tuple[tuple[str, int, Literal["light", "dark"]], ...] = (
    ("light-1200", 1200, "light"), ("light-0375", 375, "light"), ("dark-0375", 375, "dark"),
)  # fmt: skip


def shoot_sign_up(browser: Browser, folder: Path, root: Path) -> None:
    """Take the pictures of the form and of the page behind the mailed link, in the languages of the workspace."""
    workspace = Workspace(root, _ENVIRON)
    joining, confirming = SignUpPages(workspace), ConfirmPages(workspace)
    pages = {f"subscribe-{state}": joining.fill(state, "", email="ada@example.org", name="Ada") for state in FormState}
    pages |= {f"confirm-{state}": confirming[state] for state in ConfirmState}
    for language in joining.languages[1:]:
        pages[f"subscribe-{language}"] = joining.fill(FormState.ASK, language)
        pages[f"confirm-{language}"] = confirming.find(ConfirmState.JOIN, language)
    _shoot(browser, folder, pages)


def shoot_preferences(browser: Browser, folder: Path, root: Path) -> None:
    """Take the pictures of the page where readers choose, by either link, in the languages of the workspace."""
    toml = root / "newsletter.toml"
    toml.write_text(f"{toml.read_text('utf-8')}\n{_OFFERED}", encoding="utf-8")
    workspace = Workspace(root, _ENVIRON)
    choosing = PreferencePages(workspace)
    by_issue, alone = (ReaderView(preferences=_READER, leave="#", full=full) for full in (False, True))
    pages = {f"choose-{state}": choosing.render(state, "", alone) for state in ChoiceState}
    for language in ("", *workspace.config.translations):
        pages[f"choose-issue{language and '-'}{language}"] = choosing.render(ChoiceState.CHOOSE, language, by_issue)
    _shoot(browser, folder, pages)


def _shoot(browser: Browser, folder: Path, pages: Mapping[str, bytes]) -> None:
    for view, width, mode in _VIEWS:
        tab = browser.new_page(viewport={"width": width, "height": 600}, color_scheme=mode)
        for name, html in pages.items():
            tab.set_content(html.decode())
            tab.screenshot(path=folder / f"{name}-{view}.png", full_page=True)
        tab.close()
