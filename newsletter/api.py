"""The Python API's class: an open publication with what can be done with it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Literal, Self

from newsletter import scaffold
from newsletter.actions.add_subscriber import add_subscriber
from newsletter.actions.back_up_state import back_up_state
from newsletter.actions.cancel import cancel, cancel_schedule
from newsletter.actions.check import check_draft
from newsletter.actions.check_links import check_links
from newsletter.actions.cite import Citation, FailedCitation, cite
from newsletter.actions.create_draft import create_correction, create_draft, create_translation
from newsletter.actions.deliver import ConfirmRefusals
from newsletter.actions.dry_run import DryRun, dry_run
from newsletter.actions.erase import Erasure, ErasureEverywhere, erase_everywhere, erase_subscriber
from newsletter.actions.export import export, export_site
from newsletter.actions.format_draft import format_draft
from newsletter.actions.freeze_plan import SendTime
from newsletter.actions.import_back_issues import ImportedBackIssue, import_back_issues
from newsletter.actions.import_subscribers import ImportResult, import_subscribers
from newsletter.actions.list_subscribers import SubscriberFilter, SubscriberListing, list_subscribers
from newsletter.actions.observer import SILENT, SendObserver
from newsletter.actions.probe import Probe, probe_server
from newsletter.actions.process_feedback import FeedbackOptions, process_feedback
from newsletter.actions.reconcile import Evidence, Reconciliation, reconcile
from newsletter.actions.remove_subscriber import remove_subscriber
from newsletter.actions.report import report
from newsletter.actions.restore_state import RestoredState, restore_state
from newsletter.actions.run_outbox import run_outbox
from newsletter.actions.send import Confirm, SendResult, read_draft_to_send, send
from newsletter.actions.send_test import SentTest, send_test
from newsletter.actions.status import find_status
from newsletter.actions.suppress import suppress, unsuppress
from newsletter.actions.write_snippet import write_snippet
from newsletter.campaigns.options import SendOptions
from newsletter.checks.draft_report import DraftReport
from newsletter.editions.site import Site
from newsletter.errors import DecisionNeeded, NewsletterError
from newsletter.feedback.mail.processing import DecideSpike, defer_decision
from newsletter.feedback.mail.recording import ProcessedMail
from newsletter.issue.draft import Draft
from newsletter.issue.model import Issue
from newsletter.issue_name import IssueName
from newsletter.ledger.states import State
from newsletter.link_check import LinkReport
from newsletter.publication import OpenPublication
from newsletter.reports.campaign_report import CampaignReport
from newsletter.reports.issue_status import CampaignStatus
from newsletter.schedule.scheduler import OnResult, ScheduleResult
from newsletter.subscribers.import_plan import ImportPlan
from newsletter.subscribers.subscriber import parse_subscriber_key


def _ignore_result(_issue: str, _result: ScheduleResult, _error: NewsletterError | None) -> None:
    """Pass over what the caller gave no callback for; `run_outbox` returns whether all is well."""


# One class, longer than a file is elsewhere: it is what a script holds, and each method is one call of an action.
class Publication:
    """A publication on disk, opened: its drafts, its subscribers, and the record of what was sent to whom.

    `Publication.open` finds it, and `Publication.create` makes a new one. Use it in a `with` statement, which closes
    the store at the end. It belongs to the thread that opened it. All methods without an underscore are public.
    """

    def __init__(self, opened: OpenPublication) -> None:
        self._opened = opened

    @classmethod
    def open(
        cls, folder: Path | str = ".", environ: Mapping[str, str] | None = None, publication: str | None = None
    ) -> Self:
        """Open the publication that a folder lies in; `environ` holds its NEWSLETTER_ variables (os.environ, if None).

        `publication` names one of a workspace that has several. Raises ConfigError where there is none.
        """
        return cls(OpenPublication.open(folder, environ, publication))

    @classmethod
    def create(cls, folder: Path | str, title: str) -> Self:
        """Make a new workspace and open it. Never overwrites: raises DecisionNeeded."""
        scaffold.make_workspace(Path(folder), title)
        return cls.open(folder)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    def close(self) -> None:
        """Release the store."""
        self._opened.close()

    def issue(self, name: str | None = None, *, language: str = "") -> Issue:
        """Read the issue in a draft, 2.10 or a path, or the newest; with `language`, its translation into that.

        Raises DraftError with every problem.
        """
        return self._opened.issue(name, language)

    @property
    def languages(self) -> tuple[str, ...]:
        """The tags of the languages that issues are written in, the publication's own first. Raises ConfigError."""
        return self._opened.config.languages

    def new_draft(
        self,
        name: str | None = None,
        *,
        kind: Literal["issue", "announcement"] = "issue",
        volume: int | None = None,
        number: int | None = None,
        date: date | None = None,
    ) -> Path:
        """Write the series' next draft, or an announcement, with example texts to replace; return its path.

        Raises DraftError, also for what the publication's numbering has no place for.
        """
        return create_draft(self._opened, name, kind=kind, volume=volume, number=number, date=date).path

    def new_correction(self, issue: str, *, date: date | None = None) -> Path:
        """Write the draft of a correction to an issue, dated today if no date is given; return its path.

        Raises DraftError when there is no such issue.
        """
        return create_correction(self._opened, issue, date=date).path

    def new_translation(self, issue: str | None, language: str) -> Path:
        """Write the draft of an issue's translation, each text marked with TK; return its path.

        Raises DraftError for a language that newsletter.toml does not declare, and for an issue that has problems.
        """
        return create_translation(self._opened, issue, language).path

    def import_back_issues(
        self,
        files: Sequence[Path | str],
        *,
        volume: int | None = None,
        number: int | None = None,
        date: date | None = None,
    ) -> list[ImportedBackIssue]:
        """Write a draft for each file with a back issue in another form; return what became of each file.

        Nothing is overwritten, and no error is raised for a single file: each result has its own. Volume, number and
        date are those of a file whose text does not say them.
        """
        paths = [Path(file) for file in files]
        return list(import_back_issues(self._opened, paths, volume=volume, number=number, date=date))

    def cite(self, source: Path | str, into: Issue | str | None = None) -> Citation:
        """Return who wrote a page, where and when, with a link to paste: of an address, or of a saved page's file.

        With `into` it is added to that issue's draft as an item whose text is still to be written. It runs an event
        loop of its own, as `send` does. Raises UnreadableArticle, DraftError and ConfigError.
        """
        (cited,) = cite(self._opened, [str(source)], _name(into) if into is not None else None)
        if isinstance(cited, FailedCitation):
            raise cited.error
        return cited

    def check(self, issue: Issue | str | None = None) -> DraftReport:
        """Return problems and notes of an issue's draft and its translations, or of an Issue that is one of these.

        It is the newest when none is named. Raises ConfigError.
        """
        return check_draft(self._opened, self._read(issue))

    def check_links(self, issue: Issue | str | None = None) -> LinkReport:
        """Ask where the links of an issue's draft lead, of the newest when none is named. Raises ConfigError.

        It runs an event loop of its own, so call it from another thread inside of a coroutine.
        """
        return check_links(self._opened, self._read(issue))

    def format_draft(self, name: str | None = None) -> bool:
        """Write a draft, 2.10 or a path, or the newest, as `draft fmt` has it; return whether anything changed.

        Raises DraftError for a draft with problems, and DecisionNeeded for one that has been sent.
        """
        return format_draft(self._opened, name).is_changed

    def export(
        self, issue: Issue, editions: Sequence[str] = ("html", "text", "pdf", "web"), to: Path | str | None = None
    ) -> Mapping[str, Path]:
        """Write editions (html, text, pdf, web, png, eml) into a folder, build/ISSUE if None; return where each is.

        Those of a translation are named 2.10.ja.html and so on, and can be in the same folder. Raises DraftError,
        TemplateError, ConfigError and DecisionNeeded.
        """
        return export(self._opened, issue, editions, Path(to) if to is not None else None)

    def export_site(self, to: Path | str | None = None, *, sent_only: bool = False) -> Site:
        """Write every issue's page and PDF with an index, a feed and a sitemap; build/site if no folder is named."""
        return export_site(self._opened, Path(to) if to is not None else None, sent_only=sent_only)

    def send(
        self,
        issue: Issue | str,
        options: SendOptions | None = None,
        *,
        confirm: Confirm,
        confirm_refusals: ConfirmRefusals | None = None,
        observer: SendObserver = SILENT,
        time: SendTime | None = None,
    ) -> SendResult:
        """Send an issue to everyone who is to get it and has not; nobody gets it twice.

        `confirm` is given a Proposal, and nothing is sent unless it returns True. With `time` the campaign is frozen
        for the outbox instead. Stopped and called again, it goes on. On the main thread, SIGINT and SIGTERM end it with
        the messages in hand. It runs an event loop of its own, so call it from another thread inside of a coroutine.

        Raises DraftError, ListError, TemplateError, ConfigError and DecisionNeeded before anything is sent, and
        DeliveryError when it had to stop; by then it is recorded who got the issue.
        """
        options = options or SendOptions()
        return send(
            self._opened,
            self._read(issue) if isinstance(issue, Issue) else read_draft_to_send(self._opened, issue, options),
            options,
            confirm=confirm,
            confirm_refusals=confirm_refusals,
            observer=observer,
            time=time,
        )

    def retry(
        self,
        issue: Issue | str,
        states: Sequence[State] = (State.REFUSED, State.DEFERRED),
        options: SendOptions | None = None,
        *,
        confirm: Confirm,
        observer: SendObserver = SILENT,
    ) -> SendResult:
        """Try recipients in these states again, refused or deferred, and those who still wait, as `send` does."""
        options = replace(options or SendOptions(), retried=tuple(states))
        return self.send(issue, options, confirm=confirm, observer=observer)

    def dry_run(self, issue: Issue | str, options: SendOptions | None = None, *, probe: bool = False) -> DryRun:
        """Write every message of a first send as a file into build/ISSUE/dry-run, and send nothing.

        With `probe` the mail server is asked what it takes, over a connection with a login as a send has it.
        """
        return dry_run(self._opened, self._read(issue), options or SendOptions(), probe=probe)

    def probe(self) -> Probe:
        """Open a connection to the mail server, log in, and ask what it announces. Raises DeliveryError."""
        return probe_server(self._opened)

    def send_test(self, issue: Issue | str, addresses: Sequence[str], *, language: str = "") -> SentTest:
        """Send an issue, marked [TEST], in all its languages or in one, to a few addresses; no campaign knows of it."""
        return send_test(self._opened, self._read(issue), addresses, language=language)

    def status(self, issue: Issue | str) -> CampaignStatus | None:
        """Return where an issue's campaign is; None when it has not been sent from here."""
        return find_status(self._opened, _name(issue))

    def report(self, issue: Issue | str) -> CampaignReport:
        """Return what became of an issue: counts, replies, domains and times. Raises DraftError before it is sent."""
        return report(self._opened, _name(issue))

    def run_outbox(self, on_result: OnResult = _ignore_result, *, observer: SendObserver = SILENT) -> bool:
        """Send what is due in the outbox, and nothing that has expired or is late by more than an hour.

        `on_result` is given each issue, what came of it, and the error where there was one; an error keeps no other
        issue back. Returns False when something is left to a person or to a later run. Raises DeliveryError when the
        store can't be used.
        """
        return run_outbox(self._opened, on_result, observer=observer)

    def reconcile(
        self, issue: Issue | str, evidence: Evidence, *, confirm: Callable[[Reconciliation], bool]
    ) -> Reconciliation:
        """Settle who of an issue's unknown recipients has it, by the evidence, if `confirm` agrees to what it says.

        Raises DraftError when the issue has not been sent, ListError and DecisionNeeded for evidence that can't be
        used, and DeliveryError while the issue is being sent.
        """
        return reconcile(self._opened, _name(issue), evidence, confirm)

    def cancel(self, issue: Issue | str) -> int:
        """Cancel an issue's campaign for those who wait or are unknown; return for how many. Raises DraftError."""
        return cancel(self._opened, _name(issue), lambda _counts: True) or 0

    def cancel_schedule(self, issue: Issue | str) -> None:
        """Take an issue out of the outbox. Raises DraftError when it is not in there."""
        cancel_schedule(self._opened, _name(issue))

    def subscribers(
        self, words: Sequence[str] = (), *, tag: str = "", mailable: bool | None = None
    ) -> SubscriberListing:
        """Return the subscribers to iterate over, each with what is known of them; a long list needs no memory.

        All `words` are in their row. `mailable` is True for those who get the next issue, False for those who must not
        be mailed. Raises ListError when there is no list.
        """
        return list_subscribers(self._opened, SubscriberFilter(words=words, tag=tag, mailable=mailable))

    def add_subscriber(
        self,
        address: str,
        fields: Mapping[str, str] | None = None,
        tags: Sequence[str] = (),
        *,
        evidence: str = "",
        again: bool = False,
    ) -> bool:
        """Put an address on the list; return False when its row was there and it was only let back.

        `evidence` says how they asked for it. `again` lifts what kept them from being mailed. Raises DecisionNeeded
        when they are on the list or must not be mailed.
        """
        return add_subscriber(self._opened, address, fields, tags, evidence=evidence, again=again)

    def sign_up_form(self, name: str = "website", *, language: str = "") -> str:
        """Return the HTML of a form by which readers join, for a website of one's own, as `signup snippet` prints it.

        `name` is what the form is called where it is noted who joined by which. Raises ConfigError where readers can't
        join by themselves.
        """
        return write_snippet(self._opened, name, language)

    def import_subscribers(self, file: Path, *, confirm: Callable[[ImportPlan], bool]) -> ImportResult:
        """Bring the subscribers of a CSV into the store's list, as `confirm` agrees to; nobody who left comes back.

        Those who are on the list and not in the file stay. Raises ListError for a file that can't be read, and
        DecisionNeeded while it is not said what one of its columns means.
        """
        return import_subscribers(self._opened, file, confirm=confirm)

    def remove_subscriber(self, address: str) -> bool:
        """Take an address off the list; return whether it was on it. It may be added again: `suppress` prevents it."""
        return bool(remove_subscriber(self._opened, address))

    def suppress(self, address: str, reason: str = "unsubscribed", *, everywhere: bool = False) -> None:
        """Never mail an address again, whatever the list says; `everywhere`, no publication of the database does."""
        suppress(self._opened, address, reason, everywhere=everywhere)

    def unsuppress(self, address: str, *, everywhere: bool = False) -> bool:
        """Lift all that keeps this publication, or `everywhere` each of the database, from mailing an address.

        Return whether anything did.
        """
        return unsuppress(self._opened, address, everywhere=everywhere)

    def erase(self, address: str) -> Erasure:
        """Erase a person from the list and the store, and keep a keyed hash, by which no list brings them back.

        It can't be undone. Raises ConfigError without keys, and DeliveryError while a copy is under way to them.
        """
        return erase_subscriber(self._opened, parse_subscriber_key(address))

    def erase_everywhere(self, address: str) -> ErasureEverywhere:
        """Erase a person from every publication of the database, and from the lists of those in this workspace.

        Raises what `erase` does, and ConfigError where a publication of another folder has other keys.
        """
        return erase_everywhere(self._opened, parse_subscriber_key(address))

    def process_feedback(
        self, options: FeedbackOptions | None = None, *, decide: DecideSpike = defer_decision
    ) -> list[ProcessedMail]:
        """Act on the mail that came back, bounces, complaints and mails to leave; return what was done about each.

        `decide` is asked when so many bounce at once that it may be a provider's fault. Raises ConfigError when no
        mailbox is named.
        """
        with process_feedback(self._opened, options or FeedbackOptions(), decide) as run:
            return list(run.mails)

    def back_up(self, to: Path | str) -> None:
        """Write the whole state into a new file, also while something is sent. Raises DecisionNeeded if it exists."""
        if not back_up_state(self._opened, Path(to), lambda: False):
            raise DecisionNeeded(f"{to} is there already.", next_step="Name another file.")

    def restore(self, file: Path | str, *, confirm: Callable[[], bool]) -> RestoredState | None:
        """Put a backup in the place of the state, which is kept, if `confirm` agrees; return None if it does not.

        Everybody who left since the backup stays suppressed, and what was in the outbox is held. Raises DeliveryError
        for a file that is no backup and while an issue is being sent, and DecisionNeeded for the state's own file.
        """
        return restore_state(self._opened, Path(file), confirm)

    def _read(self, issue: Issue | str | None) -> Draft:
        """Return an issue's draft. Raises DecisionNeeded for an Issue whose draft says something else by now."""
        if not isinstance(issue, Issue):
            return self._opened.draft(issue)
        draft = self._opened.read_draft(issue.path)
        if draft.issue is not None and draft.issue != issue:
            raise DecisionNeeded(
                f"{issue.path.name} was saved again since it was read.",
                next_step="Read it again, look at it, and then send that.",
            )
        return draft


def _name(issue: Issue | str) -> IssueName:
    return issue.name if isinstance(issue, Issue) else IssueName(issue)
