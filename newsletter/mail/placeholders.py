"""The places of placeholders in a rendered edition, and the form that a value has in each.

A nonce takes each placeholder's place while an edition is rendered. Small letters, digits and a comma pass
autoescape, MJML and premailer unchanged, in text and in attributes; and a comma that was percent-encoded shows that
the nonce is in a link's address, where every value is encoded so.
"""

import re
from html.parser import HTMLParser
from secrets import token_hex

from newsletter.field import UNSUBSCRIBE_FIELD, accepts_field
from newsletter.mail.message_template import Form, Placeholder

# Attributes that fetch, run or restyle something. An image's address that differs by reader would tell who looked.
_UNSAFE = re.compile(
    r"on.*|style|src|srcset|srcdoc|action|formaction|background|cite|data|poster|longdesc|ping|manifest|content|.*:href"
)
_QUOTED = re.compile(r""""[^"]*"|'[^']*'""")


class MisplacedPlaceholder(Exception):
    """A placeholder where no recipient's value would be safe, with the place in words."""


class PlaceholderNonces:
    """The nonces of one message: written while an edition is rendered, and found in it afterwards."""

    def __init__(self) -> None:
        self._token = f"slot{token_hex(4)}"
        # Its length has never changed, so that lines break where they did in campaigns under way.
        self._nonce = re.compile(rf"{self._token}(?:,|(%2C))(\d{{5}})z")
        self._places: list[tuple[str, str]] = []

    def write_nonce(self, name: str, default: str) -> str:
        """Return a nonce for this field, as a FieldWriter does (newsletter/field.py)."""
        # A token has no default, since an unsubscribe link that leads nowhere must stop the message.
        self._places.append((name, "" if name == UNSUBSCRIBE_FIELD else default))
        return f"{self._token},{len(self._places) - 1:05}z"

    def split_text(self, rendered: str) -> list[str | Placeholder]:
        """Split a text into words and placeholders by turns, words at both ends. Raises MisplacedPlaceholder."""
        return self._split(rendered, ["text"] * len(self._nonce.findall(rendered)))

    def split_html(self, rendered: str) -> list[str | Placeholder]:
        """Split HTML into markup and placeholders by turns, markup at both ends. Raises MisplacedPlaceholder."""
        finder = _Finder(self._nonce)
        finder.feed(rendered)
        finder.close()
        if len(finder.forms) != len(self._nonce.findall(rendered)):
            raise MisplacedPlaceholder("stands within a tag, where it can't be filled in")
        return self._split(rendered, finder.forms)

    def _split(self, rendered: str, forms: list[Form]) -> list[str | Placeholder]:
        pieces: list[str | Placeholder] = []
        end = 0
        for found, form in zip(self._nonce.finditer(rendered), forms, strict=True):
            name, default = self._places[int(found[2])]
            pieces += [rendered[end : found.start()], Placeholder(name, default, "address" if found[1] else form)]
            end = found.end()
        pieces.append(rendered[end:])
        if any(self._token in piece.casefold() for piece in pieces if isinstance(piece, str)):
            raise MisplacedPlaceholder(
                "has been changed by a filter, or by the style that it stands in; only urlencode is known"
            )
        return pieces


class _Finder(HTMLParser):
    """A parser that reads HTML as a mail client does, and notes the form of each nonce's value, in order."""

    def __init__(self, nonce: re.Pattern[str]) -> None:
        super().__init__(convert_charrefs=False)
        self._nonce = nonce
        self.forms: list[Form] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if self._nonce.search(_QUOTED.sub("", self.get_starttag_text() or "")):
            raise MisplacedPlaceholder("stands in a tag outside of quotes, where a value could add to the tag")
        for name, value in attrs:
            for found in self._nonce.finditer(value or ""):
                self.forms.append(_find_form(tag, name, (value or "")[: found.start()]))

    def handle_data(self, data: str) -> None:
        found = self._nonce.findall(data)
        if found and self.cdata_elem in ("style", "script"):
            raise MisplacedPlaceholder(f"stands in a <{self.cdata_elem}>, where no value is safe")
        self.forms += ["html"] * len(found)

    def handle_comment(self, data: str) -> None:
        # Outlook reads what other clients take for a comment.
        inner = _Finder(self._nonce)
        inner.feed(data)
        inner.close()
        self.forms += inner.forms


def _find_form(tag: str, attribute: str, before: str) -> Form:
    if attribute == "href" and tag in ("a", "area", "v:roundrect"):
        if not accepts_field(before):
            raise MisplacedPlaceholder(
                "stands in the part of a link's address that says where it leads; put it behind the host"
            )
        return "address"
    if attribute == "href" or _UNSAFE.fullmatch(attribute):
        raise MisplacedPlaceholder(f"stands in {attribute}=, where no value is safe")
    return "html"
