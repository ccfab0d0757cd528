"""The mail that came back, processed: bounces, complaints and mails to leave take effect; and a processing undone."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from newsletter.actions.join_by_mail import join_by_mail
from newsletter.actions.reader_erasures import finish_erasures
from newsletter.address import SubscriberKey
from newsletter.config.system_keyring import read_stored_password
from newsletter.errors import ConfigError, DeliveryError, NewsletterError, Problem
from newsletter.feedback.mail.confirmation_message import ConfirmationSender
from newsletter.feedback.mail.processing import (
    DecideSpike,
    FeedbackContext,
    defer_decision,
    process_mails,
)
from newsletter.feedback.mail.recording import ProcessedMail
from newsletter.feedback.mail.sign_up_request import SignUpOutcome, SignUpRequest
from newsletter.feedback.mail.sources import MailSource, open_source
from newsletter.feedback.mail.suppression_batches import SuppressionBatch, list_batches, undo_batches
from newsletter.issue_name import NO_ISSUE
from newsletter.ledger.reader_language import find_reader_language
from newsletter.mail.recipient_tags import RecipientTags
from newsletter.publication import OpenPublication
from newsletter.store import Busy, Store
from newsletter.workspace import PublicationId
from newsletter.workspace_search import list_publications


@dataclass(frozen=True, kw_only=True)
class FeedbackOptions:
    """Options of a processing: `mailbox` is a Maildir, an mbox or an imaps:// URL, [inbox] source if None.

    `move` says whether processed mails are moved into a folder, [inbox] after if None. `again` looks at mails, too,
    that were processed before. A dry run changes nothing.
    """

    mailbox: str | None = None
    move: bool | None = None
    again: bool = False
    dry_run: bool = False


@dataclass(frozen=True, kw_only=True)
class FeedbackRun:
    """A processing under way: `mails` processes one after another as it is iterated over."""

    mails: Iterator[ProcessedMail]
    source: MailSource

    @property
    def unread(self) -> Sequence[Problem]:
        """Mails that could not be read, known when all were iterated over."""
        return self.source.unread


@contextmanager
def process_feedback(
    publication: OpenPublication, options: FeedbackOptions, decide: DecideSpike = defer_decision
) -> Iterator[FeedbackRun]:
    """Open the mailbox and yield what processes it, mail by mail; ten thousand need no memory.

    `decide` is asked whether to believe it when so many bounce, or want to leave, at once that it may be a fault or a
    forgery. Raises ConfigError when no mailbox is named or a key is missing, and DeliveryError while another
    processing is under way.
    """
    config = publication.config
    if options.move is not None:
        inbox = config.inbox.model_copy(update={"after": "move" if options.move else "leave"})
        config = config.model_copy(update={"inbox": inbox})
    mailbox = options.mailbox or find_mailbox(publication)
    if mailbox is None:
        raise ConfigError(
            "No mailbox is named.",
            next_step="Name one: newsletter inbox read ~/Maildir\n"
            'Or write it into newsletter.toml, under [inbox]: source = "..."',
        )

    def find_password(host: str, username: str) -> str | None:
        known = config.inbox.password
        return known.get_secret_value() if known else read_stored_password(host, username)

    after = "leave" if options.dry_run else config.inbox.after
    with ExitStack() as held:
        store = publication.store
        if not options.dry_run:
            held.enter_context(_sole_processing(store))
            finish_erasures(publication)  # that a reader's page was still at when its service ended
        source = held.enter_context(open_source(mailbox, after=after, password=find_password))
        RecipientTags.from_workspace(publication.workspace)  # without the keys that it asks for, nothing is proved
        publication.refuse_without_erasure_keys()
        keys = publication.keys
        find_language = partial(_find_language, store, config.languages)
        others = {
            one.publication_id: one.config
            for one in list_publications(publication.workspace)
            if one.publication_id != store.publication and one.database == publication.workspace.database
        }

        def join(name: PublicationId, request: SignUpRequest, dry_run: bool) -> SignUpOutcome:
            theirs = store if name == store.publication else store.of(name)
            return join_by_mail(theirs, keys, others.get(name, config), request, dry_run=dry_run)

        context = FeedbackContext(
            store=store,
            keys=keys,
            config=config,
            source=publication.subscriber_source(),
            join=join,
            confirmation=ConfirmationSender(publication.workspace, keys, find_language) if keys else None,
            others=others,
        )
        mails = process_mails(context, source, dry_run=options.dry_run, again=options.again, decide=decide)
        yield FeedbackRun(mails=mails, source=source)


def _find_language(store: Store, languages: Sequence[str], subscriber: SubscriberKey) -> str:
    return find_reader_language(store, NO_ISSUE, subscriber, languages)


def list_undoable(publication: OpenPublication, since: str | None = None) -> list[SuppressionBatch]:
    """Return the processings whose suppressions for bounces can be undone: the last one, or all since a moment.

    `since` has the form of a batch's name.
    """
    publication.refuse_without_erasure_keys()
    batches = list_batches(publication.store)
    return batches[-1:] if since is None else [batch for batch in batches if batch.name >= since]


def undo_processing(publication: OpenPublication, batches: Sequence[SuppressionBatch]) -> int:
    """Lift the suppressions for bounces that these processings made; return how many subscribers get mail again."""
    return undo_batches(publication.store, publication.keys, batches)


@contextmanager
def _sole_processing(store: Store) -> Iterator[None]:
    """Let no other processing begin: neither would count the other's bounces, and each would move the other's mails."""
    with ExitStack() as held:
        try:
            held.enter_context(store.sole("inbox"))
        except Busy as error:
            raise DeliveryError(
                "Another reading of the inbox is under way.",
                next_step="Wait until it has ended. Then run the same command again.",
            ) from error
        yield


def choose_readers(publications: Sequence[OpenPublication], source: str | None = None) -> list[OpenPublication]:
    """Return the publications by which to read each mailbox once: what comes to it counts for whichever it is about.

    `source` is a mailbox that is read in place of those that the publications name.
    """
    chosen: dict[object, OpenPublication] = {}
    for publication in publications:
        try:
            place = source or find_mailbox(publication), publication.workspace.database
        except NewsletterError:  # it is told when it is read
            chosen[publication.workspace.folder] = publication
        else:
            chosen.setdefault(place, publication)
    return list(chosen.values())


def find_mailbox(publication: OpenPublication) -> str | None:
    """Return [inbox] source; a path begins where newsletter.toml is, as every other path there does."""
    source = publication.config.inbox.source
    if source is None or "://" in source:
        return source
    return str(publication.workspace.root / Path(source).expanduser())
