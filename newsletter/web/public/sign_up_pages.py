"""The pages where readers join: the form in each state, and what the link opens that is mailed to them.

The form is rendered before anybody asks for it, and what it is filled in with is put into the ready page: so each
answer takes the same time, and a template that a publication has restyled can't fail then.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from html import escape
from secrets import token_hex

from newsletter.config import Config
from newsletter.editions import EditionContext
from newsletter.editions.page_languages import PageLanguage, list_page_languages
from newsletter.subscribers.consent_words import digest_words
from newsletter.web.public.reader_pages import PageDesign, ReaderPages
from newsletter.workspace import Workspace

SCRIPT = "proof.js"
_FILLED = ("email", "name", "source", "stamp", "challenge")


class FormState(StrEnum):
    """The state of the page with the form, which its template knows as `state`."""

    ASK = "ask"
    AGAIN = "again"  # the form was not this service's own, or was sent too fast, or is too old
    ADDRESS = "address"  # no mail can go there
    SENT = "sent"
    MANY = "many"  # from one network
    LATER = "later"  # from all, or nothing can be written down now
    CLOSED = "closed"


FORMS = (FormState.ASK, FormState.AGAIN, FormState.ADDRESS)


class SignUpPages(ReaderPages):
    """The page with the form, in each state and language."""

    def __init__(self, workspace: Workspace) -> None:
        nonces = {name: f"filled{token_hex(16)}" for name in _FILLED}
        self._nonces = nonces
        self._names = {nonce: name for name, nonce in nonces.items()}
        self._nonce = re.compile("|".join(self._names).encode())
        needed = ("email", "words", "stamp")
        design = PageDesign(
            "subscribe.html.j2", "The page for readers who join", tuple(FormState), fields=dict.fromkeys(FORMS, needed)
        )
        super().__init__(design, workspace)

    def fill(self, state: FormState, language: str, **filled: str) -> bytes:
        """Return the page with its form filled in: email, name, source, stamp and challenge, each of them any text."""

        def write(found: re.Match[bytes]) -> bytes:
            text = filled.get(self._names[found[0].decode("ascii")], "")
            return escape(text).encode("utf-8", "replace")

        return self._nonce.sub(write, self.find(state, language))

    def _list_fields(self, context: EditionContext, state: str) -> Iterable[str]:
        fields = tuple(super()._list_fields(context, state))
        return (*fields, "altcha") if fields and context.config.signup.proof_of_work else fields

    def _values(self, context: EditionContext, found: Mapping[str, object]) -> Mapping[str, object]:
        config = context.config
        settings = config.signup
        return {
            **found,
            "languages": _list_languages(context),
            "consent": config.consent_words,
            "words": digest_words(config.consent_words),
            "language": config.publication.language,
            "ask_name": settings.ask_name,
            "join_mail": settings.mail,
            "proof": settings.proof_of_work,
            "script": f"{config.service.url}/subscribe/{SCRIPT}",
            "filled": self._nonces,
        }


class ConfirmState(StrEnum):
    """The state of the page that a mailed link opens, which its template knows as `state`."""

    JOIN = "join"  # does the reader want to?
    STAY = "stay"  # does a reader still want to, who was asked because it is long ago that they joined?
    JOINED = "joined"
    HELD = "held"  # nothing is sent, for a reason that only an editor can lift
    CHANGE = "change"  # is the address to change?
    WAITING = "waiting"  # for the other address
    CHANGED = "changed"
    UNKNOWN = "unknown"  # no link of ours, or one that is used up
    LATER = "later"  # nothing can be written down now


class ConfirmPages(ReaderPages):
    """The page that a mailed link opens, in each state and language."""

    def __init__(self, workspace: Workspace) -> None:
        design = PageDesign(
            "confirm.html.j2",
            "The page for readers who confirm",
            tuple(ConfirmState),
            needed={ConfirmState.JOIN: "confirm"},
            offered={ConfirmState.CHANGE: "confirm", ConfirmState.STAY: "confirm"},
        )
        super().__init__(design, workspace)

    def _values(self, context: EditionContext, found: Mapping[str, object]) -> Mapping[str, object]:
        config = context.config
        return {
            **found,
            "subscribe": f"{config.service.url}/subscribe" if config.takes_sign_ups else "",
            "consent": config.consent_words,
            "words": digest_words(config.consent_words),
        }


def list_consents(config: Config) -> list[str]:
    """Return what readers agree to, in each of the publication's languages."""
    return [config.in_language(tag).consent_words for tag in config.languages]


def _list_languages(context: EditionContext) -> Sequence[PageLanguage]:
    return list_page_languages(context.config, context.config.languages, "subscribe")
