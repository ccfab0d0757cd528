"""A backup that is restored sends no mail to a single reader that may have been sent since it was made."""

import smtp_server
from mail_room import MailRoom

from newsletter.actions.restore_state import replace_state
from newsletter.store.copying import back_up
from newsletter.transactional.mail_kinds import MailKind, MailState


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
