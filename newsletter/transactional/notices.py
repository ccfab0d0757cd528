"""Notices: what each kind of mail to one reader says, and where its button leads.

Whoever asked for one may be a stranger who typed somebody else's address, so nothing that they typed is in it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from newsletter.config import Config
from newsletter.transactional.mail_kinds import MailKind


@dataclass(frozen=True, slots=True, kw_only=True)
class Button:
    """A button, and the address that it opens."""

    words: str
    link: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """One notice in one language, as its templates show it.

    `heading` is its subject as well. `paragraphs` come before the button, `after` below it. `unsubscribe` and
    `preferences` are the reader's own links, only in what somebody gets who is on the list.
    """

    heading: str
    paragraphs: Sequence[str]
    button: Button | None = None
    after: Sequence[str] = ()
    unsubscribe: str | None = None
    preferences: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NoticeLinks:
    """Links of one notice: what its button opens, and the reader's own for unsubscribing and for their preferences.

    None is one that leads nowhere. Of those for unsubscribing the first is the best one, as `list_unsubscribe_links`
    has them.
    """

    action: str | None
    unsubscribe: Sequence[str]
    preferences: str | None


def make_notice(config: Config, kind: MailKind, links: NoticeLinks) -> Notice:
    """Return the notice of a kind, in the language of `config`."""
    translate = config.translator.translate
    title, contact = isolate_name(config, config.publication.title), config.publication.contact
    ignore = translate("If it was not you, do nothing: you will hear no more of this.")
    match kind:
        case MailKind.CONFIRM_JOIN:
            return Notice(
                heading=translate("Please confirm that you want {title}", title=title),
                paragraphs=[
                    translate(
                        "Somebody, we hope it was you, has asked us to send {title} to this address. "
                        "With the link below you tell us that you want it. Until then nothing is sent to you.",
                        title=title,
                    )
                ],
                button=_make_button(translate("Yes, send it to me"), links),
                after=[translate("The link works for seven days."), ignore],
            )
        case MailKind.ALREADY_JOINED:
            return Notice(
                heading=translate("You already get {title}", title=title),
                paragraphs=[
                    translate(
                        "Somebody, perhaps you, has asked us to send {title} to this address. You already get it, so "
                        "nothing has changed.",
                        title=title,
                    ),
                    translate(
                        "If it does not reach you, look in your spam folder, or write to {address}.",
                        address=contact,
                    ),
                ],
                button=_make_button(translate("Your preferences"), links),
            )
        case MailKind.WELCOME:
            return Notice(
                heading=translate("Welcome to {title}", title=title),
                paragraphs=[
                    translate("Thank you for joining. From now on {title} comes to you by email.", title=title),
                    translate("If you have a question or an idea, write to {address}. We read it.", address=contact),
                ],
                button=_make_button(translate("Read earlier issues"), links),
                unsubscribe=links.unsubscribe[0],
                preferences=links.preferences,
            )
        case MailKind.ACCESS_LINK:
            return Notice(
                heading=translate("Your own page at {title}", title=title),
                paragraphs=[
                    translate(
                        "Here is the link that you asked for. On its page you see what we know about you, and can "
                        "change or erase it. Please keep the link to yourself."
                    )
                ],
                button=_make_button(translate("Open my page"), links),
                after=[
                    translate("The link works for 24 hours."),
                    translate("If it was not you who asked, do nothing: nobody but you has this link."),
                ],
            )
        case MailKind.CONFIRM_NEW_ADDRESS:
            return Notice(
                heading=translate("Please confirm your new address"),
                paragraphs=[
                    translate(
                        "Somebody, we hope it was you, wants to get {title} at this address from now on. Please tell "
                        "us that it is yours. We have written to the old address, too, and need an answer from both.",
                        title=title,
                    )
                ],
                button=_make_button(translate("Yes, this is my address"), links),
                after=[translate("The link works for seven days."), ignore],
            )
        case MailKind.CONFIRM_OLD_ADDRESS:
            return Notice(
                heading=translate("Please confirm that your address changes"),
                paragraphs=[
                    translate(
                        "Somebody, we hope it was you, wants {title} to go to another address and no longer to this "
                        "one. Please tell us that this is right. We have written to the other address, too, and need "
                        "an answer from both.",
                        title=title,
                    )
                ],
                button=_make_button(translate("Yes, change my address"), links),
                after=[translate("The link works for seven days."), ignore],
            )
        case MailKind.ADDRESS_CHANGED:
            return Notice(
                heading=translate("Your address has been changed"),
                paragraphs=[
                    translate("As you asked, {title} goes to your new address from now on.", title=title),
                    translate("If it was not you who asked, write to {address}.", address=contact),
                ],
            )
        case MailKind.RECONFIRM:
            return Notice(
                heading=translate("Do you still want {title}?", title=title),
                paragraphs=[
                    translate(
                        "You joined {title} some time ago. We write to nobody who does not want it, so we ask you.",
                        title=title,
                    )
                ],
                button=_make_button(translate("Yes, keep sending it"), links),
                after=[translate("If we hear nothing from you, we stop sending it.")],
                unsubscribe=links.unsubscribe[0],
                preferences=links.preferences,
            )


def isolate_name(config: Config, name: str) -> str:
    """Return a name between two signs that keep its direction within a right-to-left line (UAX 9); nobody sees them.

    In a line that runs from left to right it stays as it is.
    """
    is_rtl = "rtl" in (config.publication.direction, config.translator.direction)
    return f"\u2068{name}\u2069" if is_rtl else name


def _make_button(words: str, links: NoticeLinks) -> Button | None:
    return Button(words=words, link=links.action) if links.action else None
