"""Messages of an IMAP mailbox (RFC 9051, and servers as old as RFC 3501), by imap-tools.

imap-tools fetches messages whole, expunges whatever else is marked as deleted, and looks for MOVE among what the server
said before the login; so it opens the connection and names folders here, and its client is asked for the rest.
"""

import imaplib
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, NamedTuple

from imap_tools.errors import ImapToolsError, MailboxFolderSelectError
from imap_tools.mailbox import BaseMailBox

from newsletter.errors import ConfigError, DeliveryError, Problem
from newsletter.feedback.mail.sources.imap_connection import describe_reply, open_connection
from newsletter.feedback.mail.sources.imap_url import ImapUrl, parse_imap_url
from newsletter.feedback.mail.sources.mail_source import MOST, IsKnown, StoredMail
from newsletter.redaction import Redactor
from newsletter.text import escape_controls, suggest_nearest

_AT_ONCE = 500  # UIDs in a command: RFC 7162, section 4 wants clients to stay below 8,192 octets
_MESSAGES = 100
_OCTETS = 4_000_000  # of messages that are fetched together, unless one alone has more
_UID = re.compile(rb"\bUID (\d{1,10})\b")
_SIZE = re.compile(rb"\bRFC822\.SIZE (\d{1,19})\b")
_DATED = re.compile(rb'\bINTERNALDATE "([^"]{1,40})"')
_NO_LITERAL = re.compile(rb'BODY\[\](?:<0>)? (?:NIL|"((?:[^"\\]|\\.)*)")')


@contextmanager
def open_mailbox(
    source: str, *, move_to: str | None, password: Callable[[str, str], str | None], timeout: float, deadline: float
) -> Iterator["ImapSource"]:
    """Open the folder that `source` names; handled messages go into the folder `move_to`, if any.

    Raises ConfigError for an address or folder that is wrong, DeliveryError for a server that is not as expected.
    """
    address = parse_imap_url(source)
    secret = password(address.host, address.user)
    address = replace(address, redactor=Redactor([secret] if secret else [], address.user))
    with open_connection(address, secret, timeout, deadline) as box:
        with _explaining_failure(address):
            mailbox = ImapSource(box, address, move_to)
        yield mailbox
        mailbox.move_filed()


@contextmanager
def _explaining_failure(address: ImapUrl) -> Iterator[None]:
    try:
        yield
    except imaplib.IMAP4.readonly as error:
        raise ConfigError(
            f"Messages can't be moved out of {address.place}: the server lets us read it alone.",
            next_step='Leave them there: [inbox] after = "leave". Each message is handled once all the same.',
        ) from error
    except (imaplib.IMAP4.abort, OSError) as error:
        raise DeliveryError(
            f"The connection to {address.server} was lost: {describe_reply(error, address)}",
            next_step="What was handled stays so. Run the same command again, and it goes on from there.",
        ) from error
    # ValueError is a number that is none, or of more digits than Python reads.
    except (imaplib.IMAP4.error, ImapToolsError, ValueError) as error:
        raise DeliveryError(
            f"{address.server} could not do what it was asked to: {describe_reply(error, address)}",
            next_step="Run the same command again; ask whoever runs the server if it stays so.",
        ) from error


class ImapSource:
    """Source of an IMAP folder's messages, in the order of their UIDs. Nothing is marked as seen."""

    def __init__(self, box: BaseMailBox, address: ImapUrl, move_to: str | None) -> None:
        self.place = address.place
        self.unread: list[Problem] = []
        self._address = address
        self._box = box
        self._client = box.client
        self._capabilities = self._read_capabilities()
        self._move_to = self._prefix_folder(move_to) if move_to else None
        self._made = False
        self._filed: list[str] = []
        self._select()
        validity = self._client.response("UIDVALIDITY")[1][-1]
        self._prefix = f"imap:{address.user}@{address.host}/{address.folder}:{int(validity or 0)}:"
        self._uids = sorted({int(uid) for uid in box.uids("UNDELETED", charset=None)})

    def __len__(self) -> int:
        return len(self._uids)

    def _read_capabilities(self) -> set[str]:
        """Return what the server offers after the login, which may be more than it said in its greeting."""
        answer = self._client.capability()[1][-1] or b""
        return set(answer.decode("ascii", "replace").upper().split())

    def _prefix_folder(self, folder: str) -> str:
        """Return the folder's name with the server's prefix: some keep all folders below `INBOX.` (RFC 2342)."""
        if "NAMESPACE" not in self._capabilities:
            return folder
        answer = self._client.namespace()[1][-1] or b""
        personal = re.match(rb'\(\("([A-Za-z0-9._/-]*)" ', answer)
        return f"{personal[1].decode() if personal else ''}{folder}"

    def _select(self) -> None:
        if self._address.folder == self._move_to:
            raise ConfigError(
                f"Handled messages are moved into {self.place}, so they can't be read from there.",
                next_step="Name the folder that bounces come into, such as INBOX.",
            )
        try:
            self._box.folder.set(self._address.folder, readonly=self._move_to is None)
        except MailboxFolderSelectError as error:
            names = sorted(folder.name for folder in self._box.folder.list())
            shown = ", ".join(names[:20]) + (", ..." if len(names) > 20 else "")
            raise ConfigError(
                f"{self._address.server} does not open {self.place}: {describe_reply(error, self._address)}",
                next_step=escape_controls(f"{suggest_nearest(self._address.folder, names)} There are: {shown}").strip(),
            ) from error

    def mails(self, known: IsKnown) -> Iterator[StoredMail]:
        """Yield each message whose key is not `known`, fetched a few megabytes at a time."""
        for start in range(0, len(self._uids), _AT_ONCE):
            new_uids = []
            for uid in map(str, self._uids[start : start + _AT_ONCE]):
                if not known(self._prefix + uid):
                    new_uids.append(uid)
                elif self._move_to:
                    self._filed.append(uid)
            for group in self._group_by_size(new_uids):
                for uid, octets in self._fetch([uid for uid, _ in group]):
                    yield StoredMail(
                        name=f"{escape_controls(self._address.folder)}:{uid}",
                        key=self._prefix + uid,
                        data=octets[:MOST],
                        cut_off=len(octets) > MOST,
                        at=uid,
                        received_at=dict(group)[uid],
                    )
                self.move_filed()
        self.move_filed()

    def _group_by_size(self, uids: Sequence[str]) -> Iterator[list[tuple[str, str]]]:
        """Yield the messages that are still there, each with its moment, as many together as may be in memory."""
        group: list[tuple[str, str]] = []
        octets = 0
        for uid, size, received_at in self._fetch_sizes(uids):
            if group and (octets + size > _OCTETS or len(group) >= _MESSAGES):
                yield group
                group, octets = [], 0
            group.append((uid, received_at))
            octets += size
        if group:
            yield group

    def _fetch_sizes(self, uids: Sequence[str]) -> list[tuple[str, int, str]]:
        """Return UID, size and moment of receipt (RFC 9051, section 2.3.3) of those that are there."""
        if not uids:
            return []
        with _explaining_failure(self._address):
            done, items = self._client.uid("FETCH", ",".join(uids), "(UID RFC822.SIZE INTERNALDATE)")
        known = {answer.uid: answer for answer in _parse_fetch(items) if answer.size is not None}
        # A server that gives no size says when the message is fetched what is wrong with it.
        unknown = _FetchResponse("", None, MOST, "")
        answers = ((uid, known.get(uid, unknown)) for uid in uids if uid in known or done != "OK")
        return [(uid, min(answer.size or 0, MOST), answer.received_at) for uid, answer in answers]

    def _fetch(self, uids: list[str]) -> Iterator[tuple[str, bytes]]:
        with _explaining_failure(self._address):
            # One octet more than is wanted shows that there are more; sizes are wrong on some servers.
            done, items = self._client.uid("FETCH", ",".join(uids), f"(UID BODY.PEEK[]<0.{MOST + 1}>)")
        if done == "OK":
            octets_by_uid = {answer.uid: answer.octets for answer in _parse_fetch(items) if answer.octets is not None}
            for uid in uids:
                if uid in octets_by_uid:
                    yield uid, octets_by_uid.pop(uid)
        elif len(uids) > 1:
            for uid in uids:
                yield from self._fetch([uid])
        else:
            response = self._address.redactor((items[-1] or b"").decode("utf-8", "replace"))
            why = escape_controls(" ".join(response.split()))
            self.unread.append(
                Problem(
                    path=f"{self.place}:{uids[0]}",
                    code="unreadable",
                    message=f"the server does not give this message: {why}",
                    next_step="Look at it in a mail program, and ask whoever runs the server.",
                )
            )

    def file(self, mail: StoredMail) -> None:
        """Note a handled mail for the next `move_filed`, where mails are moved."""
        if self._move_to:
            self._filed.append(mail.at)

    def move_filed(self) -> None:
        """Move what was filed since the last time, together: a round trip for each would take most of the run."""
        filed, self._filed = self._filed, []
        for start in range(0, len(filed), _AT_ONCE):
            with _explaining_failure(self._address):
                self._move(filed[start : start + _AT_ONCE])

    def _move(self, filed: list[str]) -> None:
        try:
            self._move_at_once(",".join(filed))
        except imaplib.IMAP4.abort:
            raise
        except imaplib.IMAP4.error:
            # RFC 9051, section 7.1 (EXPUNGEISSUED): no message is moved when another program has removed one of them.
            left = sorted(set(filed) & set(self._box.uids(f"UID {','.join(filed)}", charset=None)))
            if len(left) == len(set(filed)):
                raise
            if left:
                self._move_at_once(",".join(left))

    def _move_at_once(self, uids: str) -> None:
        folder = self._move_to or ""
        if not self._made:
            if not self._box.folder.exists(folder):
                self._box.folder.create(folder)
                with suppress(imaplib.IMAP4.error, ImapToolsError):
                    self._box.folder.subscribe(folder, True)  # so that mail programs show it
            self._made = True
        if "MOVE" in self._capabilities:
            _check_ok(self._client.uid("MOVE", uids, f'"{folder}"'))
            return
        # RFC 6851, section 3.3. An EXPUNGE without UIDPLUS would remove what other programs have marked as deleted.
        _check_ok(self._client.uid("COPY", uids, f'"{folder}"'))
        _check_ok(self._client.uid("STORE", uids, "+FLAGS.SILENT", r"(\Deleted)"))
        if "UIDPLUS" in self._capabilities:
            _check_ok(self._client.uid("EXPUNGE", uids))


def _check_ok(answer: tuple[str, list[Any]]) -> None:
    if answer[0] != "OK":
        raise imaplib.IMAP4.error(*answer[1])


class _FetchResponse(NamedTuple):
    """Data of one message out of a FETCH response, as far as the server gave it."""

    uid: str
    octets: bytes | None
    size: int | None
    received_at: str


def _parse_fetch(items: Sequence[Any]) -> Iterator[_FetchResponse]:
    """Yield the data of FETCH responses out of what imaplib makes of them, message by message.

    A response with a literal is a tuple of what comes before it and the literal, and then the rest; the UID may be
    in either. A server may also say by the way what changed about a message.
    """
    head, text = b"", None
    for item in items:
        if isinstance(item, tuple):
            head, text = item
            continue
        response = head + b" " + (item or b"")
        quoted = _NO_LITERAL.search(response) if text is None else None
        if quoted:
            text = re.sub(rb"\\(.)", rb"\1", quoted[1] or b"")
            response = response[: quoted.start()] + response[quoted.end() :]
        if uid := _UID.search(response):
            size, dated = _SIZE.search(response), _DATED.search(response)
            yield _FetchResponse(
                uid[1].decode(), text, int(size[1]) if size else None, _parse_internal_date(dated[1] if dated else b"")
            )
        head, text = b"", None


def _parse_internal_date(text: bytes) -> str:
    """Return a date-time of RFC 9051, ` 7-Feb-2026 09:30:00 +0100`, as ISO 8601 in UTC; empty for what is none."""
    try:
        told = datetime.strptime(text.decode("ascii").strip(), "%d-%b-%Y %H:%M:%S %z")
        return told.astimezone(UTC).isoformat()
    except (ValueError, OverflowError):
        return ""
