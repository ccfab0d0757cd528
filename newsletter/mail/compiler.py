"""Compilation of an issue's two email editions into a message template: MIME bytes with placeholders.

Stages: render with a nonce in each placeholder's place, split there, encode each piece, wrap it all in MIME.
A recipient's message is then the pieces with the recipient's values between them, and a header of its own.
"""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, time

from newsletter.address import EmailAddress, domain_of
from newsletter.editions import EditionContext, Picture, render_html, render_text
from newsletter.editions.html import TEMPLATE as HTML_TEMPLATE
from newsletter.editions.plaintext import TEMPLATE as TEXT_TEMPLATE
from newsletter.editions.reader_links import list_unsubscribe_links
from newsletter.editions.template_engine import find_template, template_error
from newsletter.field import SAMPLE_TOKEN, UNSUBSCRIBE_FIELD, TextWithFields
from newsletter.issue.model import Issue
from newsletter.mail.headers import format_campaign_headers
from newsletter.mail.message import Message
from newsletter.mail.message_template import HeaderLine, MessageTemplate, Placeholder
from newsletter.mail.mime_body import build_body
from newsletter.mail.placeholders import MisplacedPlaceholder, PlaceholderNonces
from newsletter.subscribers.subscriber import Subscriber, unlisted_subscriber

# A reader of whom nothing is known.
NOBODY = unlisted_subscriber(EmailAddress("reader@example.org"))


def compile_message(
    context: EditionContext,
    issue: Issue,
    campaign: str,
    date: datetime | None,
    subject_prefix: str = "",
    seed: str = "",
) -> MessageTemplate:
    """Return the template of one campaign's messages; `subject_prefix` stands before the subject, as in "[TEST] ".

    Without a `date` each batch of the campaign is given its own when it is sent.
    The campaign's id is seen in the message; Message-IDs are made of the `seed` instead, where there is one.
    Raises what rendering raises, and TemplateError for a placeholder where no value is safe.
    """
    config = context.config
    domain = domain_of(config.sender.from_.address)
    nonces = PlaceholderNonces()
    text = render_text(context, issue, nonces.write_nonce)
    attached = context.pictures(issue) if config.email.images == "attach" else []

    def content_id(picture: Picture) -> str:
        return f"{picture.stem}.{campaign}@{domain}"

    def place(picture: Picture) -> str:
        return f"cid:{content_id(picture)}" if attached else config.publication.address(picture.name) or picture.name

    html = render_html(context, issue, nonces.write_nonce, place)
    subject = HeaderLine("Subject", True, _map_placeholders(subject_prefix, context.subject_pieces(issue)))
    # RFC 2369, section 3.2
    links = ", ".join(f"<{link}>" for link in list_unsubscribe_links(config, nonces.write_nonce))
    unsubscribe = HeaderLine("List-Unsubscribe", False, tuple(nonces.split_text(links)))
    header = format_campaign_headers(config, issue.name, date, _write_fixed(subject), _write_fixed(unsubscribe))
    body = build_body(
        _split(context, TEXT_TEMPLATE, nonces.split_text, text),
        _split(context, HTML_TEMPLATE, nonces.split_html, html),
        images=[(picture, content_id(picture)) for picture in attached],
        boundary=campaign,
    )
    return MessageTemplate(
        seed=seed or campaign,
        sender=config.sender.envelope,
        domain=domain,
        header=header,
        lines=tuple(line for line in (subject, unsubscribe) if line.differs),
        body=body,
        undated=date is None,
    )


def render_single_message(
    context: EditionContext,
    issue: Issue,
    reader: Subscriber,
    campaign: str,
    date: datetime,
    subject_prefix: str = "",
    token: str = SAMPLE_TOKEN,
) -> Message:
    """Return the issue for one reader outside of a campaign: a field with neither value nor default shows its name."""
    template = compile_message(context, issue.seen_by(reader.tags), campaign, date, subject_prefix)
    fields = {**template.fill_with_names(reader.fields), UNSUBSCRIBE_FIELD: token}
    return template.render(reader.key, reader.address, fields)


def render_sample(context: EditionContext, issue: Issue, reader: Subscriber, token: str = SAMPLE_TOKEN) -> Message:
    """Return the issue for one reader outside of a campaign, dated as the issue is."""
    date = datetime.combine(issue.date, time(), UTC)
    return render_single_message(context, issue, reader, f"sample.{issue.name}", date, token=token)


def render_eml(context: EditionContext, issue: Issue) -> dict[str, bytes]:
    """Return the message as a file, by its name: to a reader without values, so that every field shows its default."""
    return {f"{issue.edition_name}.eml": render_sample(context, issue, NOBODY).data}


def _split(
    context: EditionContext, template: str, split: Callable[[str], Sequence[str | Placeholder]], rendered: str
) -> Sequence[str | Placeholder]:
    try:
        return split(rendered)
    except MisplacedPlaceholder as misplaced:
        raise template_error(
            find_template(template, context.template_path), 0, f"reader(...) {misplaced}"
        ) from misplaced


def _map_placeholders(prefix: str, pieces: TextWithFields) -> tuple[str | Placeholder, ...]:
    """Return a header's text as words and placeholders by turns, words at both ends."""
    words, turns = prefix, list[str | Placeholder]()
    for piece in pieces:
        if isinstance(piece, str):
            words += piece
        else:
            turns += [words, Placeholder(piece.name, piece.default, "text")]
            words = ""
    return (*turns, words)


def _write_fixed(line: HeaderLine) -> bytes:
    """Return a line that is the same for every reader; nothing for one that differs."""
    return b"" if line.differs else line.fill({})
