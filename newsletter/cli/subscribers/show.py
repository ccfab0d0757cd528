"""The command `newsletter subscribers show`: everything that is known of one address, for a person or for a script."""

from collections.abc import Mapping
from datetime import datetime, timedelta

import click

from newsletter.actions.record_document import make_record_document
from newsletter.actions.subscriber_record import RecordElsewhere, SubscriberRecord, read_subscriber_record
from newsletter.cli.context import open_publication
from newsletter.cli.output import print_as_json, say, shorten
from newsletter.cli.subscribers.event_words import EVENT_WORDS, OF_EDITORS
from newsletter.cli.subscribers.list_hints import say_if_kept_out, suggest_nearest
from newsletter.ledger.deliveries import Delivery
from newsletter.ledger.departures import LIST_STAGE
from newsletter.ledger.states import State
from newsletter.mail.message import join_reply
from newsletter.store.events import StoredEvent
from newsletter.subscribers.feedback_events import EventSource
from newsletter.subscribers.list_changes import describe_suppression
from newsletter.subscribers.preferences import Preferences
from newsletter.subscribers.source import SubscriberSource
from newsletter.subscribers.subscriber import parse_subscriber_key
from newsletter.subscribers.suppression_status import SuppressionStatus
from newsletter.subscribers.token_seal import hide_tokens
from newsletter.text import format_count

_BY: Mapping[str, str] = {
    EventSource.ONE_CLICK: "by the button of the mail program (one-click)",
    EventSource.PAGE: "on the page of the link in a mail",
    EventSource.MAIL: "by mail",
    EventSource.EDITOR: "noted by an editor",
    EventSource.TIME: "by itself",
}
_STATES = {State.PENDING: "waits to be sent", State.SENDING: "is being sent", State.UNKNOWN: "may have arrived or not"}
_AT_ONCE = timedelta(minutes=1)


@click.command()
@click.argument("address")
@click.option("--json", "json_", is_flag=True, help="For scripts, and to hand to the person who asked.")
def show(address: str, json_: bool) -> None:
    """Show all that is known of one address.

    For a person who asks what is kept of them.
    """
    key = parse_subscriber_key(address)
    publication = open_publication()
    publication.refuse_without_erasure_keys()
    source = publication.subscriber_source()
    known = read_subscriber_record(publication, key)
    if json_:
        print_as_json(make_record_document(publication, known))
        return
    show_known(known, source)
    say_if_kept_out(source, key)
    if not known.is_known and not known.status.erased and (near := suggest_nearest(source, key)):
        say(near)


def show_known(known: SubscriberRecord, source: SubscriberSource) -> None:
    """Print all of it for a person."""
    list_name = shorten(source.place)
    if not known.is_known:
        if known.status.erased:
            erased = f"{known.status.erased:%Y-%m-%d}"
            say(f"{known.key}: erased on record: only a keyed hash is left, since {erased}.", style="bold")
        else:
            say(f"Nothing is known of {known.key}.", style="bold")
    else:
        on_list = "on the list" if known.rows else "not on the list"
        against = "not suppressed" if known.status.mailable else describe_suppression(known.status)
        say(f"{known.key}: {on_list}, {against}", style="bold")
    for row in known.rows:
        say(f"\n{list_name}{f', line {row.line}' if row.line else ''}", style="bold")
        _print_fields(row.cells)
    if not known.chosen.is_empty:
        say("\nWhat they chose themselves, whatever the list says", style="bold")
        _print_fields(_describe_choice(known.chosen))
    _show_history(known)
    for request in known.requests:
        confirmed = f", confirmed {_format_minute(request.confirmed_at)}" if request.confirmed_at else ""
        say(f"\nAsked for: {request.kind} {request.address}  {_format_minute(request.requested_at)}{confirmed}")
    for mail in known.mails:
        say(f"Mailed: {mail.kind}  {_format_minute(mail.created_at)}  {mail.state}")
    for address in known.other_addresses:
        say(f"\nAlso known by another address: newsletter subscribers show {address}")
    for other in known.elsewhere:
        on_list = ", on its list" if other.is_listed else ""
        against = "" if other.status.mailable else f", {describe_suppression(other.status)}"
        say(f"\nIn another newsletter of yours, {other.publication}{on_list}{against}", style="bold")
        _show_history(other)
    if known.other_lines:
        lines = ", ".join(map(str, known.other_lines))
        say(f"\nThe address is also in rows about others: {list_name}, line {lines}")
    if known.other_rows:
        say(f"\nThe address is also in {format_count(known.other_rows, 'row')} of the state about others.")
    histories: list[SubscriberRecord | RecordElsewhere] = [known, *known.elsewhere]
    if any(one.consents or one.events or one.deliveries for one in histories):
        say("\nTimes are in UTC.")


def _show_history(known: SubscriberRecord | RecordElsewhere) -> None:
    if known.consents:
        say("\nWhat they agreed to", style="bold")
        for consent in known.consents:
            say(f"  {_format_minute(consent.given_at)}  {consent.source}")
            _print_fields({"words": consent.words, **consent.evidence}, "      ")
    if known.events:
        say("\nWhat was said", style="bold")
        for event in known.events:
            say(f"  {_describe_event(event)}")
            _print_fields(event.evidence, "      ")
    if known.deliveries:
        say("\nWhat was sent", style="bold")
        for delivery in known.deliveries:
            say(f"  {delivery.issue}  {_describe_delivery(delivery, known)}")
            _print_fields({**delivery.fields, "tags": " ".join(sorted(delivery.tags))}, "      ")


def _describe_choice(chosen: Preferences) -> dict[str, str]:
    tags = {
        wanted: " ".join(sorted(tag for tag, is_wanted in chosen.tags.items() if is_wanted is wanted))
        for wanted in (True, False)
    }
    return {
        "name": chosen.name or "",
        "language": chosen.language or "",
        "with": tags[True],
        "without": tags[False],
        "frequency": chosen.frequency or "",
    }


def _print_fields(words: Mapping[str, str], indent: str = "  ") -> None:
    for name, value in words.items():
        if value:
            say(f"{indent}{name}: {hide_tokens(' '.join(value.split()))}")


def _describe_event(event: StoredEvent) -> str:
    said = EVENT_WORDS.get(event.kind, event.kind)
    by = "by an editor" if event.kind in OF_EDITORS else _BY.get(event.source, f"by {event.source}")
    about = f", about issue {event.issue}" if event.issue else ""
    later = datetime.fromisoformat(event.at) - datetime.fromisoformat(event.said_at) > _AT_ONCE
    noted = f" (written down {_format_minute(event.at)})" if later else ""
    return f"{_format_minute(event.said_at)}  {said}, {by}{about}{noted}"


def _describe_delivery(delivery: Delivery, known: SubscriberRecord | RecordElsewhere) -> str:
    """Return what became of one delivery."""
    if delivery.state is State.SUPPRESSED:
        # Only a suppression from before the end can have been why; of one that was lifted since, nothing is left.
        ended = known.finished_at.get(delivery.issue)
        held = [one for one in known.status.suppressions if ended is None or one.since is None or one.since <= ended]
        why = describe_suppression(SuppressionStatus(suppressions=held)) if held else "they were not to be mailed then"
        if delivery.stage == LIST_STAGE:
            return f"not sent: {delivery.reply}  {_format_minute(delivery.at or '')}"
        became = f"not sent: {why}"
    else:
        became = _STATES.get(delivery.state, delivery.state.value)
    if delivery.at is None:
        return became  # nobody has tried
    answer = join_reply(delivery.code, delivery.enhanced, delivery.reply)
    return f"{became}  {_format_minute(delivery.at)}  to {delivery.address}{f': {answer}' if answer else ''}"


def _format_minute(moment: str) -> str:
    return moment[:16].replace("T", " ")
