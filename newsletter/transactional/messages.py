"""Messages to one reader: a queued mail as a signed message, in the reader's language and the publication's look."""

import logging
from contextlib import suppress
from datetime import UTC, datetime
from functools import cached_property
from secrets import token_hex
from time import time

from newsletter.address import EmailAddress, domain_of
from newsletter.campaigns.issue_texts import IssueTexts
from newsletter.editions import EditionContext, Picture
from newsletter.editions.reader_links import find_preferences_link, list_unsubscribe_links
from newsletter.editions.shipped_look import use_shipped_look
from newsletter.errors import ConfigError, DeliveryError, NewsletterError, TemplateError
from newsletter.field import UNSUBSCRIBE_FIELD
from newsletter.issue_name import NO_ISSUE, IssueName
from newsletter.mail.headers import HeaderFault, format_notice_headers
from newsletter.mail.message import Message
from newsletter.mail.message_template import MessageTemplate, MissingValue
from newsletter.mail.mime_body import build_body
from newsletter.sending.rules import load_signature
from newsletter.store import Store
from newsletter.subscribers.configured_source import open_configured_source
from newsletter.subscribers.purpose_tokens import PurposeTokenSigner, TokenPurpose
from newsletter.subscribers.reader_requests import VALID_DAYS, RequestKind
from newsletter.subscribers.secret_keys import SecretKeys
from newsletter.subscribers.subscriber import unlisted_subscriber
from newsletter.subscribers.tokens import TokenSigner
from newsletter.transactional.mail_kinds import MailKind
from newsletter.transactional.notice_rendering import render_notice_html, render_notice_text
from newsletter.transactional.notices import NoticeLinks, make_notice
from newsletter.transactional.queue import QueuedMail, take_issue_out
from newsletter.transactional.welcome_message import build_issue_welcome, read_welcome_issue
from newsletter.workspace import Workspace

_DAY_S = 86_400
# Purpose of the link that confirms a kind of request; a notice says for how long it does, where that matters.
_CONFIRMING = {
    MailKind.CONFIRM_JOIN: (TokenPurpose.CONFIRM, RequestKind.JOIN),
    MailKind.CONFIRM_NEW_ADDRESS: (TokenPurpose.CONFIRM, RequestKind.CHANGE_ADDRESS),
    MailKind.CONFIRM_OLD_ADDRESS: (TokenPurpose.OLD_ADDRESS, RequestKind.CHANGE_ADDRESS),
    MailKind.RECONFIRM: (TokenPurpose.CONFIRM, RequestKind.RECONFIRM),
}
_ACCESS_DAYS = 1
_LOG = logging.getLogger(__name__)


class MessageWriter:
    """Writer of a publication's mails to single readers, by settings, templates and keys as they are when it is made.

    `without_issue` are the mails that were to carry an issue which could not be made. Raises ConfigError when none can
    be written: without a service, say, their links would lead nowhere.
    """

    def __init__(self, workspace: Workspace, store: Store, keys: SecretKeys) -> None:
        if workspace.config.service.url is None:
            raise ConfigError(
                "Mails to single readers have links to the service, and it is not known where that is.",
                next_step='Write it into newsletter.toml: [service] and below it url = "https://news.example.org".',
            )
        self._workspace = workspace
        self._store = store
        self._sign = load_signature(workspace)
        self.without_issue: set[int] = set()
        list_id = workspace.config.subscriber_list.id
        self._tokens, self._purpose_tokens = TokenSigner(keys, list_id), PurposeTokenSigner(keys, list_id)

    def write(self, mail: QueuedMail) -> Message:
        """Return the message, signed where the publication signs; its key is the mail's id.

        A broken template of one's own, or a logo that is gone, keeps no mail back: the program's own look takes its
        place; and a welcome goes without its issue where that can't be made. Raises HeaderFault for a value that no
        header may hold, and DeliveryError for the store.
        """
        message = self._write_issue(mail, mail.issue) if mail.issue else None
        message = message or self._write_notice(mail)
        return self._sign(message) if self._sign else message

    def _write_notice(self, mail: QueuedMail) -> Message:
        context = self._find_context(mail.language)
        links = self._make_links(context, mail)
        seed = self._tokens.derive_notice_seeds(mail.subscriber)[0]
        try:
            return build_notice_message(context, mail.kind, links, mail.id, mail.address, seed)
        except (TemplateError, ConfigError) as error:
            _LOG.error("Mails to single readers have the program's own look: %s", _describe(error))
            return build_notice_message(use_shipped_look(context), mail.kind, links, mail.id, mail.address, seed)

    def _write_issue(self, mail: QueuedMail, issue: IssueName) -> Message | None:
        """Return the issue that a mail is to carry; None when it can't be made, and then it is to carry none.

        Raises DeliveryError for the store, which says nothing about the issue.
        """
        try:
            if issue not in self._issues:
                self._issues[issue] = read_welcome_issue(self._workspace, self._context, issue)
            source = open_configured_source(self._workspace, lambda: self._store)
            reader = source.find([mail.subscriber]).get(mail.subscriber) or unlisted_subscriber(mail.address)
            token = self._tokens.write(issue, mail.subscriber)
            return build_issue_welcome(self._issues[issue], mail.language, reader, token, str(mail.id))
        except DeliveryError:
            raise
        except (NewsletterError, MissingValue, HeaderFault) as error:
            why = _describe(error) if isinstance(error, NewsletterError) else type(error).__name__
            _LOG.error("A welcome goes without the issue %s: %s", issue, why)
            with self._store.transaction() as connection:
                take_issue_out(connection, mail.id)
            self.without_issue.add(mail.id)
            return None

    @cached_property
    def _issues(self) -> dict[IssueName, IssueTexts]:
        return {}

    @cached_property
    def _context(self) -> EditionContext:
        return EditionContext.from_workspace(self._workspace)

    def _find_context(self, language: str) -> EditionContext:
        with suppress(KeyError):  # a language that is declared no more
            return self._context.in_language(language)
        return self._context

    def _make_links(self, context: EditionContext, mail: QueuedMail) -> NoticeLinks:
        url = context.config.service.url
        token = self._tokens.write(NO_ISSUE, mail.subscriber)

        def fill(name: str, default: str) -> str:
            return token if name == UNSUBSCRIBE_FIELD else default

        action: str | None = None
        if mail.kind in _CONFIRMING:
            purpose, request = _CONFIRMING[mail.kind]
            ends = time() + VALID_DAYS[request] * _DAY_S
            action = f"{url}/confirm/{self._purpose_tokens.write(purpose, mail.subscriber, str(mail.request), ends)}"
        elif mail.kind is MailKind.ACCESS_LINK:
            ends = time() + _ACCESS_DAYS * _DAY_S
            access = self._purpose_tokens.write(TokenPurpose.ACCESS, mail.subscriber, "", ends)
            action = f"{url}/p/access/{access}"
        elif mail.kind is MailKind.ALREADY_JOINED:
            action = find_preferences_link(context.config, fill)
        elif mail.kind is MailKind.WELCOME:
            action = context.config.publication.website
        return NoticeLinks(
            action=action,
            unsubscribe=list_unsubscribe_links(context.config, fill),
            preferences=find_preferences_link(context.config, fill),
        )


def build_notice_message(
    context: EditionContext, kind: MailKind, links: NoticeLinks, key: object, address: EmailAddress, seed: str = ""
) -> Message:
    """Return the message of a kind, not signed; its Message-ID is made of `seed` and `key`.

    Raises TemplateError, ConfigError for the logo, and HeaderFault.
    """
    config = context.config
    notice = make_notice(config, kind, links)
    boundary = token_hex(8)
    domain = domain_of(config.sender.from_.address)
    logo = context.logo() if config.email.images == "attach" else None

    def place(picture: Picture) -> str:
        return f"cid:{_name_content(boundary, domain)}" if logo else config.publication.address(picture.name) or ""

    template = MessageTemplate(
        seed=seed or token_hex(16),
        sender=config.sender.envelope,
        domain=domain,
        header=format_notice_headers(
            config,
            kind,
            datetime.now(UTC).replace(microsecond=0),
            notice.heading,
            links.unsubscribe if notice.unsubscribe else [],
        ),
        body=build_body(
            [render_notice_text(context, notice)],
            [render_notice_html(context, notice, place)],
            images=[(logo, _name_content(boundary, domain))] if logo else [],
            boundary=boundary,
        ),
    )
    return template.render(str(key), address, {})


def _name_content(boundary: str, domain: str) -> str:
    return f"logo.{boundary}@{domain}"


def _describe(error: NewsletterError) -> str:
    return " ".join([error.message, *(f"{problem.place}: {problem.message}" for problem in error.problems)])
