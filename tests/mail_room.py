"""A publication's mails to single readers: the queue, and what sends them."""

from dataclasses import dataclass, field
from functools import partial

from conftest import Publication
from sqlalchemy import insert, update

from newsletter import backends
from newsletter.address import EmailAddress, SubscriberKey
from newsletter.store import Store
from newsletter.store.engine import now
from newsletter.store.schema import reader_requests, transactional_mails
from newsletter.subscribers.secret_keys import require_secret_keys
from newsletter.transactional.mail_kinds import WITH_REQUEST, MailKind, MailState
from newsletter.transactional.messages import MessageWriter
from newsletter.transactional.queue import count_mails, queue_mail
from newsletter.transactional.sender import SentMails, TransactionalSender


@dataclass
class MailRoom:
    """A publication's queue and its sender."""

    publication: Publication
    store: Store
    sender: TransactionalSender = field(init=False)

    def __post_init__(self) -> None:
        self.sender = TransactionalSender(self.store)

    def queue(self, kind: MailKind = MailKind.ACCESS_LINK, address: str = "ada@example.org", **what: object) -> int:
        """Queue a mail, with the request that it is about where it needs one."""
        if kind in WITH_REQUEST:
            what.setdefault("request", self.request(address))
        with self.store.transaction() as connection:
            return queue_mail(connection, kind, SubscriberKey(address.lower()), EmailAddress(address), **what)

    def request(self, address: str, state: str = "asked") -> int:
        with self.store.transaction() as connection:
            row = {
                "publication": self.store.publication, "kind": "join", "subscriber": address.lower(),
                "address": address, "fields": "{}", "tags": "[]", "language": "", "source": "page", "state": state,
                "requested_at": now(),
            }  # fmt: skip
            return connection.execute(insert(reader_requests).values(row).returning(reader_requests.c.id)).scalar_one()

    def send(self, sender: TransactionalSender | None = None, **how: object) -> SentMails:
        workspace = self.publication.workspace
        return (sender or self.sender).send_due(
            lambda: MessageWriter(workspace, self.store, require_secret_keys(workspace)),
            partial(backends.load_backend, "smtp", workspace.config, workspace.root),
            **how,
        )

    def counts(self) -> dict[MailState, int]:
        with self.store.reading() as connection:
            return dict(count_mails(connection))

    def end_leases(self) -> None:
        """Let the leases of all claims be over, as they are after half an hour."""
        with self.store.transaction() as connection:
            connection.execute(update(transactional_mails).values(lease_until=0.0))
