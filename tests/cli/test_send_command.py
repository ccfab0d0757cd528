"""`newsletter send`, `retry`, `status` and `cancel` as an editor sees them: the plan, the question, how it ended."""

import json
import re
from datetime import datetime, timedelta

import pytest
from conftest import Publication
from smtp_server import Server
from translated import list_readers, translate

ADA, SECOND, THIRD = "ada.okafor@example.org", "b@example.org", "c@example.org"
NO_MAILBOX = "550 5.1.1 No such mailbox"


def _shown(publication: Publication, *args: str, typed: str = "") -> str:
    """Return what a terminal shows, without its colours."""
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", publication.run_on_terminal(*args, typed=typed).stdout)


def _list(publication: Publication, text: str) -> None:
    (publication.root / "subscribers.csv").write_text(text)


@pytest.fixture
def three(digest: Publication) -> Publication:
    _list(digest, f"email,name,tags\n{ADA},Ada,board\n{SECOND},Bo,\n{THIRD},Cy,members\n")
    return digest


def test_before_it_is_sent_the_plan_is_shown_and_no_is_an_answer(three: Publication, server: Server) -> None:
    shown = _shown(three, "send", "2.10", typed="n\n")
    assert shown.splitlines()[1:] == [
        "Pacific Alliance Digest Vol. 2.10",
        "  Subject   Leaders align on coercion and deterrence ahead of the Hiroshima summit",
        "  From      Pacific Alliance Digest <digest@example.org>",
        "  To        3 readers of subscribers.csv",
        "  To leave  by mail",
        "  Through   smtp at 127.0.0.1",
        "  Dated     Wednesday, 2023-05-31",
        "Send it now? [y/N]: Nothing was sent.",
    ]
    assert three.run_on_terminal("send", "2.10", typed="n\n").returncode == 1
    assert server.stored == []
    assert not (three.root / "drafts/2.10.sent.toml").exists()


def test_yes_sends_it_and_the_balance_is_shown(three: Publication, server: Server) -> None:
    done = three.run_on_terminal("send", "2.10", typed="y\n")
    assert done.returncode == 0
    assert "3 on the list = 3 accepted + 0 refused" in done.stdout
    assert set(server.copies()) == {ADA, SECOND, THIRD}


def test_with_nobody_at_the_terminal_nothing_is_sent_unasked(three: Publication, server: Server) -> None:
    done = three.run("send", "2.10")
    assert done.returncode == 1
    assert "Send it now?" in done.stdout
    assert server.stored == []


@pytest.mark.slow
def test_problems_of_the_draft_are_part_of_the_question(three: Publication, server: Server) -> None:
    path = three.root / "drafts/2.10.yaml"
    path.write_text(path.read_text().replace("coercion and", "TODO coercion and"))
    refused = three.run("send", "2.10", "--yes")
    assert refused.returncode == 1
    assert server.stored == []
    shown = _shown(three, "send", "2.10", typed="y\n")
    assert "Send it now all the same, with 1 problem?" in shown
    assert len(server.stored) == 3


def test_despite_problems_goes_with_yes(three: Publication, server: Server) -> None:
    path = three.root / "drafts/2.10.yaml"
    path.write_text(path.read_text().replace("coercion and", "TODO coercion and"))
    assert three.run("send", "2.10", "--yes", "--despite-problems").returncode == 0
    assert len(server.stored) == 3


@pytest.mark.slow
@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("https://news.example.org", "  To leave  https://news.example.org (one click), and by mail"),
        ("http://localhost:8600", "  To leave  http://localhost:8600, which only this machine can open: for a trial"),
    ],
)
def test_the_plan_says_how_readers_leave(three: Publication, url: str, words: str) -> None:
    three.environ["NEWSLETTER_SERVICE__URL"] = url
    assert three.run("keys", "new").returncode == 0
    assert words in _shown(three, "send", "2.10", typed="n\n")


def test_whoever_is_left_out_of_the_list_is_counted_by_reason(three: Publication, server: Server) -> None:
    _list(
        three,
        f"email,name,tags,status\n{ADA},Ada,,active\n{SECOND},Bo,,unsubscribed\n{THIRD},Cy,,\nnobody,,,\n{ADA},Ada,,\n"
        + "".join(f"reader{number}@example.org,R,,\n" for number in range(60)),
    )
    three.environ |= {"NEWSLETTER_LIST__HONOUR": "status"}
    three.run("subscribers", "suppress", THIRD)
    shown = _shown(three, "send", "2.10", typed="n\n")
    assert "  To        61 readers of subscribers.csv" in shown
    assert "  Left out  1 who must not be mailed: newsletter subscribers list --suppressed" in shown
    assert "  Left out  1 by what subscribers.csv itself says (status: unsubscribed 1)" in shown
    assert "  Left out  1 row that can't be used; see them: newsletter subscribers check subscribers.csv" in shown
    assert "  Left out  1 row with an address that is in an earlier row" in shown
    assert server.stored == []


@pytest.mark.slow
def test_whoever_was_erased_is_left_out_and_the_row_is_to_go(three: Publication) -> None:
    text = (three.root / "subscribers.csv").read_text()
    assert three.run("keys", "new").returncode == 0
    assert three.run("subscribers", "forget", ADA, "--yes").returncode == 0
    _list(three, text)  # an old copy of the list
    shown = _shown(three, "send", "2.10", typed="n\n")
    assert "  Left out  1 who asked to be erased; take them out of subscribers.csv, too" in shown


@pytest.mark.slow
def test_a_tag_that_items_are_for_and_nobody_has_is_a_note(three: Publication) -> None:
    path = three.root / "drafts/2.10.yaml"
    text = path.read_text()
    first = text.index("  - headline:")
    path.write_text(f"{text[:first]}  - only_for: [trustees]\n    headline:{text[first + len('  - headline:') :]}")
    shown = _shown(three, "send", "2.10", typed="n\n")
    assert "  Note      no reader here has the tag 'trustees', which items are only for" in shown


@pytest.mark.slow
def test_a_tag_sends_to_those_who_have_it_and_the_others_can_follow(three: Publication, server: Server) -> None:
    shown = _shown(three, "send", "2.10", "--tag", "board", typed="y\n")
    assert "  To        1 reader of subscribers.csv tagged board" in shown
    assert set(server.copies()) == {ADA}
    assert three.run("send", "2.10", "--yes").returncode == 0
    assert sorted(server.copies()) == sorted([ADA, SECOND, THIRD])


@pytest.mark.slow
def test_another_list_is_named(three: Publication, server: Server) -> None:
    (three.root / "board.csv").write_text("email\nd@example.org\n")
    shown = _shown(three, "send", "2.10", "--list", "board.csv", typed="y\n")
    assert "  To        1 reader of board.csv" in shown
    assert set(server.copies()) == {"d@example.org"}


def test_a_test_goes_to_the_addresses_named_and_is_marked(three: Publication, server: Server) -> None:
    done = three.run("send", "2.10", "--test", "me@example.org", "--test", "testers")
    assert done.returncode == 0
    assert done.stdout.splitlines() == [
        "[TEST] 2.10 to me@example.org: accepted (250 2.0.0 Ok: stored)",
        "[TEST] 2.10 to editor@example.org: accepted (250 2.0.0 Ok: stored)",
    ]
    assert set(server.copies()) == {"me@example.org", "editor@example.org"}
    assert b"Subject: [TEST] Leaders align" in server.message("me@example.org")
    server.refuse["me@example.org"] = NO_MAILBOX
    refused = three.run("send", "2.10", "--test", "me@example.org")
    assert refused.returncode == 1
    assert "refused (550 5.1.1 No such mailbox)" in refused.stdout


@pytest.mark.slow
def test_a_dry_run_writes_messages_and_says_which_rows_have_none(three: Publication, server: Server) -> None:
    done = three.run("send", "2.10", "--dry-run", "--tag", "members")
    assert done.returncode == 0
    assert done.stdout == "1 message in build/2.10/dry-run. Nothing was sent.\n"
    three.environ["NEWSLETTER_LIST__UNUSABLE"] = "50"
    _list(three, f"email\n{ADA}\nnobody\n{SECOND}\n")
    partly = three.run("send", "2.10", "--dry-run")
    assert partly.returncode == 1
    assert "2 messages in build/2.10/dry-run. Nothing was sent." in partly.stdout
    assert "1 row can't be used; see them: newsletter subscribers check subscribers.csv" in partly.stdout
    assert server.stored == []


@pytest.mark.slow
def test_a_moment_puts_it_into_the_outbox(three: Publication, server: Server) -> None:
    shown = _shown(three, "send", "2.10", "--at", "in 2 hours", "--expires", "30m", typed="y\n")
    assert re.search(r"  At        20\S+ \d\d:\d\d America/New_York, in 2 hours; not after 20", shown)
    assert "Put it into the outbox? [y/N]: It is in the outbox, and it leaves when `newsletter outbox run`" in shown
    assert server.stored == []
    (waiting,) = json.loads(three.run("outbox", "list", "--json").stdout)
    assert (waiting["issue"], waiting["state"]) == ("2.10", "waiting")
    taken_out = three.run("outbox", "cancel", "2.10")
    assert taken_out.returncode == 0
    assert "2.10 is out of the outbox." in taken_out.stdout
    assert "2.10.sent.toml is removed, since nothing had been sent." in taken_out.stdout


@pytest.mark.slow
def test_without_a_name_it_is_the_only_one_that_was_not_sent(three: Publication, server: Server) -> None:
    several = three.run_on_terminal("send", typed="y\n")
    assert several.returncode == 1
    assert "3 drafts have not been sent: 1.4, 2.10, 3.7." in several.stdout
    assert "Name one: newsletter send 3.7" in several.stdout
    for name in ("1.4", "2.10"):
        (three.root / f"drafts/{name}.yaml").unlink()
    assert "Vol. 3.7" in _shown(three, "send", typed="y\n")
    assert len(server.stored) == 3


def test_sent_is_sent_and_a_change_since_belongs_into_a_correction(three: Publication, server: Server) -> None:
    three.run("send", "2.10", "--yes")
    again = three.run("send", "2.10", "--yes")
    assert again.returncode == 0
    assert "2.10 has been sent already; nothing is sent now." in again.stdout
    path = three.root / "drafts/2.10.yaml"
    path.write_text(path.read_text().replace("coercion and", "coercion, and"))
    changed = three.run("send", "2.10", "--yes", "--continue")
    assert "newsletter draft new --correction " in changed.stdout
    assert len(server.stored) == 3


@pytest.mark.slow
def test_new_readers_are_sent_it_when_there_are_any(three: Publication, server: Server) -> None:
    three.run("send", "2.10", "--yes")
    nobody = three.run("send", "2.10", "--to-new", "--yes")
    assert nobody.returncode == 0
    assert "2.10: nobody came onto the list since. Nothing is sent." in nobody.stdout
    with (three.root / "subscribers.csv").open("a") as file:
        file.write("new@example.org,Neu,\n")
    assert three.run("send", "2.10", "--to-new", "--yes").returncode == 0
    assert server.copies()["new@example.org"] == 1
    assert len(server.stored) == 4


@pytest.mark.slow
def test_refused_readers_are_tried_again_when_asked(three: Publication, server: Server) -> None:
    server.refuse[ADA] = NO_MAILBOX
    first = three.run("send", "2.10", "--yes")
    assert first.returncode == 1
    assert "  1 refused: 550 5.1.1 No such mailbox" in first.stdout
    assert "  Each of them: build/2.10/not-accepted.csv" in first.stdout
    assert "can be tried again: newsletter retry 2.10 --state refused" in first.stdout
    none = three.run("retry", "2.10", "--state", "deferred", "--yes")
    assert none.returncode == 0
    assert "2.10: nobody is deferred, or waits. Nothing is sent." in none.stdout
    server.refuse.clear()
    shown = _shown(three, "retry", "2.10", "--state", "refused", typed="y\n")
    assert "3 on the list = 3 accepted" in shown
    assert server.copies()[ADA] == 1


@pytest.mark.slow
def test_what_is_deferred_waits_for_another_send_which_is_named(three: Publication, server: Server) -> None:
    server.refuse[ADA] = "450 4.2.1 Try again later"
    done = three.run("send", "2.10", "--yes")
    assert done.returncode == 1
    assert "To go on: newsletter send 2.10" in done.stdout
    shown = _shown(three, "send", "2.10", typed="n\n")
    assert "  To        the list as it was frozen, without those who left it since" in shown
    assert "  Going on  1 reader of the frozen list still to be tried" in shown
    path = three.root / "drafts/2.10.yaml"
    path.write_text(path.read_text().replace("coercion and", "coercion, and"))
    assert "as it was when the sending began" in _shown(three, "send", "2.10", "--continue", typed="n\n")
    assert "  Text      as it is now" in _shown(three, "send", "2.10", "--with-changes", typed="n\n")


@pytest.mark.slow
def test_cancel_asks_and_leaves_the_rest_without(three: Publication, server: Server) -> None:
    server.refuse[ADA] = "450 4.2.1 Try again later"
    three.run("send", "2.10", "--yes")
    declined = three.run_on_terminal("cancel", "2.10", typed="n\n")
    assert declined.returncode == 1
    assert "1 readers still wait for 2.10. Cancel it?" in declined.stdout
    done = three.run("cancel", "2.10", "--yes")
    assert done.returncode == 0
    assert "2.10 is cancelled for 1 reader." in done.stdout
    over = three.run("send", "2.10", "--yes")
    assert re.search(r"2\.10 was cancelled on \d{4}-\d\d-\d\d; nothing is sent now\.", over.stdout)
    assert ADA not in server.copies()
    nothing = three.run("cancel", "2.10", "--yes")
    assert nothing.returncode == 1
    assert "There is nothing to cancel." in nothing.stderr


@pytest.mark.slow
def test_status_tells_of_each_issue_and_of_one(three: Publication, server: Server) -> None:
    assert three.run("status").stdout == "Nothing has been sent from here yet.\n"
    assert three.run("status", "2.10").stdout == "2.10 has not been sent from here.\n"
    assert json.loads(three.run("status", "--json").stdout) == []
    assert not (three.root / ".newsletter").exists()
    server.refuse[ADA] = NO_MAILBOX
    three.run("send", "2.10", "--yes")
    three.run("send", "3.7", "--at", "in 2 hours", "--yes")
    heads, *rows = [line.split("\t") for line in three.run("status").stdout.splitlines()]
    assert heads == ["Issue", "State", "Begun", "List", "pending", "accepted", "refused"]
    assert {row[0]: (row[1], row[3:]) for row in rows} == {
        "3.7": ("scheduled", ["3", "3", "0", "0"]),
        "2.10": ("sent", ["3", "0", "2", "1"]),
    }
    one = three.run("status", "2.10").stdout
    assert re.match(r"2\.10: sent, begun \d{4}-\d\d-\d\d \d\d:\d\d America/New_York\n3 on the list = ", one)
    assert "3 on the list = 2 accepted + 1 refused" in one
    assert "To go on:" not in one
    (found,) = json.loads(three.run("status", "2.10", "--json").stdout)
    keys = {"issue", "state", "campaign", "subject", "begun", "finished", "list", "readers", "since", "languages"}
    assert found.keys() == keys | {"sending"}
    assert found["readers"]["refused"] == 1


@pytest.mark.slow
def test_status_names_the_next_step_of_what_waits(three: Publication, server: Server) -> None:
    server.refuse[ADA] = "450 4.2.1 Come back later"
    assert "To go on: newsletter send 2.10" in three.run("send", "2.10", "--yes").stdout
    three.run("send", "3.7", "--at", "in 2 hours", "--yes")
    to_go_on = "2.10: 1 reader still to be tried. To go on: newsletter send 2.10"
    in_outbox = "3.7: in the outbox for 3 readers. When it leaves: newsletter outbox list"
    assert three.run("status", "2.10").stdout.splitlines()[-1] == to_go_on
    assert three.run("status", "3.7").stdout.splitlines()[-1] == in_outbox
    on_terminal = three.run_on_terminal("status").stdout
    assert to_go_on in on_terminal
    assert in_outbox in on_terminal
    assert "To go on" not in three.run("status").stdout, "a program may read the table"
    del server.refuse[ADA]
    assert three.run("send", "2.10", "--yes").returncode == 0
    assert "To go on" not in three.run("status", "2.10").stdout


@pytest.mark.slow
def test_a_status_and_a_report_have_the_times_of_the_same_clock(three: Publication) -> None:
    three.environ["NEWSLETTER_PUBLICATION__TIMEZONE"] = "Asia/Kathmandu"
    three.run("send", "2.10", "--yes")
    begun = re.search(r"begun (\d{4}-\d\d-\d\d \d\d:\d\d) Asia/Kathmandu", three.run("status", "2.10").stdout)
    first = re.search(r"Begun +(\d{4}-\d\d-\d\d \d\d:\d\d):\d\d Asia/Kathmandu", three.run("report", "2.10").stdout)
    assert begun
    assert first
    apart = datetime.fromisoformat(first[1]) - datetime.fromisoformat(begun[1])
    assert abs(apart) <= timedelta(minutes=10)


@pytest.mark.slow
def test_what_was_frozen_in_a_language_that_is_declared_no_more_goes_on(digest: Publication, server: Server) -> None:
    before = (digest.root / "newsletter.toml").read_text()
    translate(digest, "ja")
    readers = list_readers(digest, anna="en", chie="ja")
    server.answer = dict.fromkeys(readers, "450 4.7.1 Later")
    assert digest.run("send", "3.8", "--yes", "--despite-problems").returncode == 1
    server.answer.clear()
    (digest.root / "newsletter.toml").write_text(before)
    done = digest.run("send", "3.8", "--yes", "--continue")
    assert done.returncode == 0, done.stderr
    assert "Japanese: 関税が引き下げられた" in done.stdout
    assert server.copies() == dict.fromkeys(readers, 1)
