"""One valid state of a draft with its editions, each rendered once, when it is first asked for."""

import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from threading import RLock
from typing import TypeVar, cast

from newsletter.checks import EmailReport, check_rendered
from newsletter.checks.draft_checks import check_file
from newsletter.checks.draft_report import DraftReport
from newsletter.editions import EditionContext, FieldWriter, Picture, render_html, render_pages, render_pdf, render_text
from newsletter.editions.pdf import try_pdf
from newsletter.editions.web import render_web
from newsletter.errors import NewsletterError, TemplateError, explain
from newsletter.issue.draft import Draft
from newsletter.issue.model import Issue
from newsletter.link_check import LinkAnswer, LinkPlan, LinkReport, plan_link_check, report_links
from newsletter.mail.compiler import NOBODY, render_single_message
from newsletter.subscribers.subscriber import Subscriber
from newsletter.workspace import Workspace

_LOG = logging.getLogger(__name__)
T = TypeVar("T")
_DOTS = 110  # an inch: a letter's page is then 935 pixels wide
_READERS = 8  # whose emails are kept, so that going back and forth between a few is quick


@dataclass(frozen=True)
class RenderedEmail:
    """The email as one reader gets it. `lacking` names the fields with neither a value nor a default."""

    subject: str
    preheader: str
    html: str
    text: str
    lacking: tuple[str, ...]


class RenderedDraft:
    """An issue with its editions, as the preview shows them.

    Its editions are made by whichever thread asks first, while the others wait. Each raises what rendering
    raises: TemplateError, and DraftError for glyphs that no typeface has.
    """

    def __init__(self, number: int, workspace: Workspace, issue: Issue, source: str) -> None:
        self.number = number
        self.workspace = workspace
        self.context = EditionContext.from_workspace(workspace).in_language(issue.language)
        self.issue = issue
        self.source = source  # the draft's text
        self.report: EmailReport | None = None  # of the checks, once they have been made
        self.draft_report = DraftReport()  # of the check of the draft
        self.links: LinkReport | None = None  # of its links as far as is known; None where they are not looked at
        self.page_count: int | None = None  # of the PDF, once it has been set
        self.finished = False
        self.faults: dict[str, NewsletterError] = {}  # by edition: those that can't be made, while the mail can
        self._link_plan: LinkPlan | None = None
        self._made: dict[tuple[str, str], object] = {}
        self._locks = {form: RLock() for form in ("email", "pdf", "pages", "web")}

    def email(self, reader: Subscriber | None = None) -> RenderedEmail:
        """Return the email as that reader gets it; without one, fields show their defaults."""
        return self._once("email", reader.key if reader else "", lambda: self._email(reader))

    def lacking(self, reader: Subscriber | None) -> tuple[str, ...]:
        """Return the fields that show their own names to that reader."""
        return self.email(reader).lacking

    def pdf(self) -> bytes:
        return self._once("pdf", "", lambda: render_pdf(self.context, self.issue))

    def pages(self) -> list[bytes]:
        """Return the PDF's pages as PNG pictures."""
        return self._once("pages", "", lambda: render_pages(self.context, self.issue, dots=_DOTS))

    def web(self) -> str:
        return self._once("web", "", lambda: render_web(self.context, self.issue, try_pdf(self.pdf)[0], place=address))

    def message(self, reader: Subscriber | None) -> bytes:
        """Return the MIME message as it would be sent now."""
        date = datetime.now(UTC).replace(microsecond=0)
        return render_single_message(
            self.context, self.issue, reader or NOBODY, f"preview.{self.issue.name}", date
        ).data

    def picture(self, name: str) -> Picture | None:
        return next((picture for picture in self.context.pictures(self.issue) if picture.name == name), None)

    def check(self, answers: Mapping[str, LinkAnswer] | None = None) -> None:
        """Check the draft and the rendered email. It is slower than rendering, and done after the email is shown.

        `answers` are those that are known about links, by their addresses. Nobody is asked here.
        """
        with self._noting("Checks"):
            draft = Draft(self.issue.path, self.source, self.issue, (), self.issue.date, self.issue.language)
            self.draft_report = check_file(self.workspace, draft)
            self.report = check_rendered(self.context, self.issue)
            # A sent issue's links can't be mended any more.
            if self.context.config.links.preview and not self.workspace.sending_has_begun(self.issue.name):
                self._link_plan = plan_link_check(self.workspace, draft)
                self.report_links(answers or {})

    @property
    def link_addresses(self) -> tuple[str, ...]:
        """Return the addresses of the web pages that the issue links to; none where links are not looked at."""
        return self._link_plan.addresses if self._link_plan else ()

    def report_links(self, answers: Mapping[str, LinkAnswer]) -> None:
        """Take what is known about links into `links`."""
        if self._link_plan:
            self.links = report_links(self._link_plan, answers)

    def print(self) -> None:
        """Render the PDF and the web page. One that can't be made is noted in `faults`."""
        with self._noting("PDF"):
            self.pdf()
        if not isinstance(self.faults.get("PDF"), TemplateError):
            with self._noting("Web page"):
                self.web()
        if "PDF" not in self.faults:
            with self._noting("PDF"):
                self.page_count = len(self.pages())
        self.finished = True

    @contextmanager
    def _noting(self, form: str) -> Iterator[None]:
        """Note an error for this edition, so that it keeps no other from being made."""
        try:
            yield
        except Exception as error:  # noqa: BLE001  # whatever it is, the page shows it
            _LOG.debug("the %s can't be made", form, exc_info=True)
            self.faults[form] = explain(error)

    def _email(self, reader: Subscriber | None) -> RenderedEmail:
        lacking: dict[str, None] = {}
        fields = _fields_of(reader.fields if reader else {}, lacking)
        issue = self.issue.seen_by(reader.tags if reader else frozenset())
        html = render_html(self.context, issue, fields, address)
        text = render_text(self.context, issue, fields)
        subject, preheader = self.context.subject(issue, fields), self.context.preheader(issue, fields)
        return RenderedEmail(subject, preheader, html, text, tuple(lacking))

    def _once(self, form: str, reader: str, make: Callable[[], T]) -> T:
        with self._locks[form]:
            key = form, reader
            if key not in self._made:
                if len(self._made) >= _READERS + len(self._locks):
                    del self._made[next(key for key in self._made if key[1])]
                self._made[key] = make()
            return cast(T, self._made[key])


def address(picture: Picture) -> str:
    """Return a picture's relative address, which changes with its content: browsers keep what an address gave."""
    return f"{picture.name}?{sha256(picture.data).hexdigest()[:12]}"


def _fields_of(values: Mapping[str, str], lacking: dict[str, None]) -> FieldWriter:
    def write(name: str, default: str) -> str:
        if value := values.get(name) or default:
            return value
        lacking[name] = None
        return f"[{name}]"

    return write
