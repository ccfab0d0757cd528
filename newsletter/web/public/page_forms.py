"""Finds the submit buttons of a page, which a template that was restyled, or is being saved, may have lost."""

from html.parser import HTMLParser

_RAW = ("title", "textarea", "template", "noscript")  # what is in these is no part of the page


def has_submit_button(html: str, action: str) -> bool:
    """Return whether a page has a form that posts this `action`, not hidden behind an unclosed element."""
    page = _FormParser()
    page.feed(html)
    page.close()
    return action in page.actions


class _FormParser(HTMLParser):
    """Collects in `actions` the values of the controls named `action`, in forms that post."""

    def __init__(self) -> None:
        super().__init__()
        self.actions: set[str] = set()
        self._posts = False
        self._within = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if self._within:
            return
        given = {name: value or "" for name, value in reversed(attrs)}  # of two, the first counts
        if tag in _RAW:
            self._within = tag
        elif tag == "form":
            self._posts = given.get("method", "").lower() == "post"
        elif tag in ("button", "input") and self._posts and given.get("name") == "action":
            self.actions.add(given.get("value", ""))

    def handle_endtag(self, tag: str) -> None:
        if tag == self._within:
            self._within = ""
        elif tag == "form" and not self._within:
            self._posts = False
