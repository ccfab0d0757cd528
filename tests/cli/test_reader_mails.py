"""What the command line says of mails to single readers, and how an editor sees them."""

import re
from contextlib import closing

import pytest
from conftest import Publication, Run
from mail_room import MailRoom
from PIL import Image

from newsletter.store import open_store
from newsletter.store.engine import now
from newsletter.transactional.mail_kinds import MailKind
from newsletter.transactional.queue import claim_mail


def test_every_mail_is_written_in_each_language_and_opens_nothing(digest: Publication, run: Run) -> None:
    (digest.root / "templates").mkdir()
    Image.new("RGB", (300, 100)).save(digest.root / "templates/logo.png")
    settings = digest.root / "newsletter.toml"
    with_logo = re.sub(r"(?m)^\[theme\].*\n", '[theme]\nlogo = "logo.png"\n', settings.read_text())
    settings.write_text(f'{with_logo}\n[languages.ja]\ntitle = "政策ダイジェスト"\n')
    done = run("signup", "mails", "-o", "seen")
    assert done.exit_code == 0, done.output
    names = {f"{kind}{language}.{form}" for kind in MailKind for language in ("", ".ja") for form in ("html", "txt")}
    assert {path.name for path in (digest.root / "seen").iterdir()} == names | {"logo.png"}
    page = (digest.root / "seen/confirm-join.ja.html").read_text()
    assert "政策ダイジェスト" in page
    assert "/confirm/sample" in page
    assert not (digest.root / ".newsletter").exists()


@pytest.mark.slow
def test_status_says_what_waits_and_what_became_of_the_others(digest: Publication) -> None:
    with closing(open_store(digest.workspace.database)) as store:
        room = MailRoom(digest, store)
        room.queue(MailKind.CONFIRM_JOIN)
        lost = room.queue()
        with store.transaction() as connection:
            claim_mail(connection, lost, "a worker that was killed", lease_s=-1.0)
        shown = " ".join(digest.run_on_terminal("status").stdout.split())
    assert f"1 mail to a reader waits, the oldest since {now()[:4]}" in shown
    assert "In the last 30 days, 1 access-link mail is unknown: it may have arrived or not" in shown
    assert "ada@example.org" not in shown
