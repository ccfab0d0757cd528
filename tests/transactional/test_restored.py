"""A backup that is restored sends no mail to a single reader that may have been sent since it was made."""

from datetime import UTC, datetime, timedelta

import smtp_server
from mail_room import MailRoom

from newsletter.actions.restore_state import replace_state
from newsletter.address import EmailAddress
from newsletter.clock import make_instant
from newsletter.store.copying import back_up
from newsletter.subscribers.reader_requests import ReaderRequest, RequestKind, RequestState, add_requests
from newsletter.transactional.mail_kinds import MailKind, MailState
from newsletter.transactional.reconfirmations import count_asked_mails, count_unanswered, queue_reconfirmations


def test_what_waited_in_a_backup_is_unknown_and_stays_where_it_is(room: MailRoom, server: smtp_server.Server) -> None:
    room.queue(MailKind.CONFIRM_JOIN)
    workspace = room.publication.workspace
    backup = workspace.root / "backup.db"
    back_up(room.store, backup)
    assert room.send().counts == {MailState.ACCEPTED: 1}
    replace_state(backup, workspace.database, None, workspace.state_folder)
    assert room.send().counts == {}
    assert room.counts() == {MailState.UNKNOWN: 1}
    assert server.copies().total() == 1


def test_who_may_have_answered_since_a_backup_was_made_is_not_taken_to_be_silent(
    room: MailRoom, server: smtp_server.Server
) -> None:
    request = ReaderRequest(
        kind=RequestKind.RECONFIRM, address=EmailAddress("ada@example.org"), state=RequestState.ASKED
    )
    with room.store.transaction() as connection:
        queue_reconfirmations(connection, dict(zip(add_requests(connection, [request]), [request], strict=True)))
    assert room.send().counts == {MailState.ACCEPTED: 1}
    workspace = room.publication.workspace
    back_up(room.store, workspace.root / "backup.db")
    later = make_instant(datetime.now(UTC) + timedelta(days=1))
    with room.store.reading() as connection:
        assert count_unanswered(connection, later) == 1
    replace_state(workspace.root / "backup.db", workspace.database, None, workspace.state_folder)
    with room.store.reading() as connection:
        assert count_unanswered(connection, later) == 0
        assert count_asked_mails(connection) == {MailState.UNKNOWN: 1}
    assert server.copies().total() == 1
