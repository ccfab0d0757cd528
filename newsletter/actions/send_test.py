"""The test that an editor sends, to a few addresses and outside of every campaign."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from secrets import token_hex

from newsletter.address import normalise_address
from newsletter.backends import Backend
from newsletter.editions import EditionContext
from newsletter.errors import ListError
from newsletter.issue.model import Issue
from newsletter.mail.marks import Marks
from newsletter.mail.message import Message, Result, reply_line
from newsletter.mail.template import single_message
from newsletter.sending.unrecorded import send_unrecorded
from newsletter.subscribers.csv_source import Subscriber, read_subscribers, unlisted_subscriber


def testers(addresses: Sequence[str], list_path: Path) -> list[Subscriber]:
    """Who gets a test. One who is on the list gets the mail as that reader; another gets the defaults.

    Raises ListError for what is no address.
    """
    readers = []
    for text in addresses:
        try:
            readers.append(unlisted_subscriber(normalise_address(text)))
        except ValueError as error:
            raise ListError(
                f"{text!r} is no address to send a test to: {error}", next_step="Write it as name@example.org."
            ) from error
    # What stands before the @ is written the same in the list; the rest may be in other letters.
    names = {reader.reader.partition("@")[0] for reader in readers}
    listed = {}
    if list_path.is_file():
        rows = read_subscribers(list_path, lambda _number, line: any(name in line.casefold() for name in names))
        listed = {row.reader: row for row in rows if isinstance(row, Subscriber)}
    return [listed.get(reader.reader, reader) for reader in readers]


async def send_test(
    context: EditionContext,
    issue: Issue,
    backend: Backend,
    readers: Sequence[Subscriber],
    marks: Marks,
    sign: Callable[[Message], Message] | None = None,
) -> list[Result]:
    """Send the issue, marked [TEST], to a few addresses; no campaign knows of it.

    `sign` is the last hand on each message, as in a sending. Returns
    a result for each, in their order. Raises Unreachable when there is no session.
    """
    date = datetime.now(UTC).replace(microsecond=0)
    messages = [
        single_message(
            context, issue, reader, token_hex(8), date, mark="[TEST] ", token=marks.token(issue.name, reader.address)
        )
        for reader in readers
    ]
    if sign:
        messages = [sign(message) for message in messages]
    results = await send_unrecorded(backend, messages)
    return [results[reader.reader] for reader in readers]


def told(issue: Issue, result: Result) -> str:
    """What became of a test, in a line."""
    reply = reply_line(result.code, result.enhanced, result.reply)
    return f"[TEST] {issue.name} to {result.key}: {result.outcome.value} ({reply})"
