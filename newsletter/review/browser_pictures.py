"""Pictures of web pages by a browser that is installed here, driven by Playwright (the extra `review`).

The pages are handed over from memory. The browser runs no script of theirs and reaches neither the network nor a file:
what a page asks for is one of its own files, or refused. Its profile is new each time.
"""

import os
import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from mimetypes import guess_type
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Literal
from urllib.parse import quote, unquote

from newsletter.text import remove_addresses

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserType, Route

_PROGRAMS = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome", "google-chrome-stable",
             "microsoft-edge")  # fmt: skip
_CHANNELS = ("chrome", "msedge")  # where Playwright knows them to be on macOS and Windows
_FLAGS = ("--hide-scrollbars", "--host-resolver-rules=MAP * ~NOTFOUND")
_KEPT_VARIABLES = ("PATH", "LANG", "LC_ALL", "TMPDIR", "TZ", "FONTCONFIG_FILE", "FONTCONFIG_PATH", "SystemRoot")
_HOST = "http://review.invalid/"  # a name that stands for no machine (RFC 6761, section 6.4)
_PATIENCE_MS = 20_000  # for each step of one picture
_PATIENCE_S = 180  # for all pictures together
_TALLEST = 15_000  # CSS pixels: what is below is not in the picture; browsers draw no more than 16,384 at once
_HOW_TO_INSTALL = 'For pictures: pip install "newsletter-press[review]", and chromium, Chrome or Edge.'


class NoPictures(Exception):
    """The reason why there are no pictures, with what to do about it."""

    def __init__(self, message: str, next_step: str = _HOW_TO_INSTALL) -> None:
        super().__init__(message)
        self.message = message
        self.next_step = next_step


@dataclass(frozen=True, kw_only=True)
class PageView:
    """A page to be pictured: its own name among the `files` that it may ask for, the width in CSS pixels, the scheme.

    `scale` is how many pixels of the picture one CSS pixel has in each direction.
    """

    page: str
    files: Mapping[str, bytes]
    width: int
    scheme: Literal["light", "dark"]
    scale: int = 1


def take_pictures(views: Sequence[PageView]) -> Iterator[bytes]:
    """Yield a PNG picture of each view's whole page, in their order.

    Raises NoPictures when there is no browser, or it does not answer in time; what was yielded is good all the same.
    """
    if not views:
        return
    try:
        from playwright.sync_api import Error, sync_playwright
    except ImportError as error:
        raise NoPictures("Playwright, which drives a browser, is not installed") from error
    until = time.monotonic() + _PATIENCE_S
    try:
        with sync_playwright() as playwright, _launch(playwright.chromium) as browser:
            for view in views:
                if time.monotonic() > until:
                    raise NoPictures(f"the browser took more than {_PATIENCE_S} s", "Try again on a faster machine.")
                yield _take(browser, view)
    except Error as error:
        first = remove_addresses(error.message.splitlines()[0] if error.message else "it does not say why")
        raise NoPictures(f"the browser failed: {first}", "Try again; or go without pictures: --no-pictures") from error


@contextmanager
def _launch(chromium: "BrowserType") -> Iterator["Browser"]:
    """Start the browser, with its own sandbox where the system lets it have one (not as root in a container)."""
    from playwright.sync_api import Error

    with TemporaryDirectory(prefix="newsletter-browser-") as home:
        environment: dict[str, str | float | bool] = {
            name: os.environ[name] for name in _KEPT_VARIABLES if name in os.environ
        }
        environment["HOME"] = home
        failure: Error | None = None
        for program, channel in _find_browsers(Path(chromium.executable_path)):
            for sandboxed in (True, False):
                try:
                    browser = chromium.launch(
                        executable_path=program,
                        channel=channel,
                        args=_FLAGS,
                        chromium_sandbox=sandboxed,
                        env=environment,
                        timeout=_PATIENCE_MS,
                    )
                except Error as error:
                    failure = error
                    continue
                with browser:
                    yield browser
                return
        raise NoPictures("there is no chromium, Chrome or Edge here that starts") from failure


def _find_browsers(own: Path) -> Iterator[tuple[str | None, str | None]]:
    """Yield programs and Playwright's channels: its own browser if it is here, those on the path, then others."""
    programs = [str(own)] if own.is_file() else []
    programs += [found for name in _PROGRAMS if (found := shutil.which(name))]
    yield from ((program, None) for program in programs)
    yield from ((None, channel) for channel in _CHANNELS)


def _take(browser: "Browser", view: PageView) -> bytes:
    def answer(route: "Route") -> None:
        name = unquote(route.request.url.removeprefix(_HOST))
        if name in view.files:
            kind = guess_type(name)[0] or "application/octet-stream"
            charset = "; charset=utf-8" if kind.startswith("text/") else ""
            route.fulfill(body=view.files[name], content_type=f"{kind}{charset}")
        elif route.request.is_navigation_request():
            route.fulfill(status=204)  # "No Content" leaves the page where it is (RFC 9110, section 15.3.5)
        else:
            route.abort()

    with browser.new_context(
        viewport={"width": view.width, "height": 600},
        color_scheme=view.scheme,
        device_scale_factor=view.scale,
        java_script_enabled=False,
        offline=True,
        accept_downloads=False,
        service_workers="block",
    ) as context:
        context.set_default_timeout(_PATIENCE_MS)
        context.route("**/*", answer)
        tab = context.new_page()
        tab.goto(f"{_HOST}{quote(view.page)}")
        height = int(tab.evaluate("Math.ceil(document.documentElement.getBoundingClientRect().bottom + scrollY)"))
        shown = max(1, min(height, _TALLEST // view.scale))
        return tab.screenshot(
            full_page=True, clip={"x": 0, "y": 0, "width": view.width, "height": shown}, animations="disabled"
        )
