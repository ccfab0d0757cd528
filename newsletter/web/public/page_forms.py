"""Finds buttons and fields of a page's forms, which a template that was restyled, or is being saved, may have lost."""

from html.parser import HTMLParser

_CONTROLS = ("button", "input", "select", "textarea")
_RAW = ("title", "textarea", "template", "noscript")  # what is in these is no part of the page


def has_submit_button(html: str, action: str) -> bool:
    """Return whether a page has a form that posts this `action`, not hidden behind an unclosed element."""
    return action in _parse_forms(html).actions


def find_form_fields(html: str) -> set[str]:
    """Return the names of all controls in forms that post."""
    return _parse_forms(html).fields


def _parse_forms(html: str) -> "_FormParser":
    page = _FormParser()
    page.feed(html)
    page.close()
    return page


class _FormParser(HTMLParser):
    """Parser of forms that post: names of controls are in `fields`, and values of those named `action` in `actions`."""

    def __init__(self) -> None:
        super().__init__()
        self.actions: set[str] = set()
        self.fields: set[str] = set()
        self._posts = False
        self._within = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if self._within:
            return
        given = {name: value or "" for name, value in reversed(attrs)}  # of two, the first counts
        if tag == "form":
            self._posts = given.get("method", "").lower() == "post"
        elif tag in _CONTROLS and self._posts:
            self.fields.add(given.get("name", ""))
            if given.get("name") == "action":
                self.actions.add(given.get("value", ""))
        if tag in _RAW:
            self._within = tag

    def handle_endtag(self, tag: str) -> None:
        if tag == self._within:
            self._within = ""
        elif tag == "form" and not self._within:
            self._posts = False
