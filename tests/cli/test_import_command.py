"""newsletter subscribers import: its options, what it shows before it asks, and what keeps a file out."""

from contextlib import closing
from pathlib import Path

import pytest
from click.testing import Result
from conftest import Publication, Run

from newsletter.errors import DecisionNeeded, ListError, NewsletterError
from newsletter.store import find_store
from newsletter.subscribers.secret_keys import create_secret_keys
from newsletter.subscribers.store_source import StoreSource
from newsletter.subscribers.subscriber import Subscriber

ADA, BEN, ZOE = "ada@example.org", "ben@example.org", "zoe@example.org"
NOT_YET = 'Issues still go to subscribers.csv. To send to the imported list: source = "store"'


@pytest.fixture
def kept(digest: Publication, run: Run, monkeypatch: pytest.MonkeyPatch) -> Publication:
    """Return the publication with two people in the store, which is its list."""
    monkeypatch.setenv("NEWSLETTER_LIST__SOURCE", "store")
    _write(digest, "two.csv", f"email,name,tags\n{ADA},Ada,board\n{BEN},Ben,\n")
    done = run("subscribers", "import", "two.csv", "--yes")
    assert done.exit_code == 0, done.output
    return digest


def _write(publication: Publication, name: str, text: str | bytes) -> Path:
    path = publication.root / name
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def _stored(publication: Publication) -> dict[str, Subscriber]:
    store = find_store(publication.workspace.database)
    if store is None:
        return {}
    with closing(store):
        return {row.address: row for row in StoreSource(store).read_subscribers() if isinstance(row, Subscriber)}


def _refusal(done: Result) -> NewsletterError:
    assert isinstance(done.exception, NewsletterError), done.output
    return done.exception


def test_the_plan_is_shown_and_then_the_question(digest: Publication, run: Run) -> None:
    _write(digest, "two.csv", f"email,name\n{ADA},Ada\n{BEN},Ben\n")
    done = run("subscribers", "import", "two.csv", input="y\n")
    assert done.exit_code == 0, done.output
    assert done.output.splitlines()[:6] == [
        "two.csv into the list in the store",
        "  New         2",
        "  Changed     0",
        "  Unchanged   0",
        "Import it? [y/N]: y",
        "Imported: 2 new, 0 changed.",
    ]
    assert list(_stored(digest)) == [ADA, BEN]


@pytest.mark.parametrize("typed", ["n\n", "\n", "perhaps\n\n", ""])
def test_whatever_is_not_yes_imports_nothing(digest: Publication, run: Run, typed: str) -> None:
    _write(digest, "two.csv", f"email\n{ADA}\n")
    done = run("subscribers", "import", "two.csv", input=typed)
    assert done.exit_code == 1
    assert "Imported:" not in done.output
    assert _stored(digest) == {}


def test_yes_asks_nothing(digest: Publication, run: Run) -> None:
    _write(digest, "two.csv", f"email\n{ADA}\n")
    done = run("subscribers", "import", "--yes", "two.csv")
    assert done.exit_code == 0, done.output
    assert "  New         1" in done.output
    assert "Import it?" not in done.output
    assert list(_stored(digest)) == [ADA]


def test_a_file_that_brings_nothing_new_is_not_asked_about(kept: Publication, run: Run) -> None:
    done = run("subscribers", "import", "two.csv")
    assert done.exit_code == 0, done.output
    assert done.output.splitlines() == [
        "two.csv into the list in the store",
        "  New         0",
        "  Changed     0",
        "  Unchanged   2",
        "Nothing has to be imported: the list has all of it.",
    ]
    assert len(_stored(kept)) == 2


def test_what_differs_is_changed_and_who_is_missing_stays(kept: Publication, run: Run) -> None:
    _write(kept, "ada.csv", f"email,city\n{ADA},Lagos\n")
    done = run("subscribers", "import", "ada.csv", "--yes")
    assert done.exit_code == 0, done.output
    assert "  Changed     1" in done.output
    assert "  Kept        1 who are on the list and not in ada.csv" in done.output
    assert "Imported: 0 new, 1 changed." in done.output
    people = _stored(kept)
    assert list(people) == [ADA, BEN]
    assert (people[ADA].fields["name"], people[ADA].fields["city"], people[ADA].tags) == ("Ada", "Lagos", {"board"})


def test_while_the_list_is_a_file_it_is_said_how_to_send_to_the_store(digest: Publication, run: Run) -> None:
    _write(digest, "two.csv", f"email\n{ADA}\n")
    for status, typed in ((1, "n\n"), (0, "y\n"), (0, "")):
        done = run("subscribers", "import", "two.csv", input=typed)
        assert done.exit_code == status, done.output
        assert (NOT_YET in done.output) is (status == 0)


def test_with_the_list_in_the_store_nothing_is_said_of_a_file(kept: Publication, run: Run) -> None:
    _write(kept, "zoe.csv", f"email\n{ZOE}\n")
    assert "Issues still go to" not in run("subscribers", "import", "zoe.csv", "--yes").output


def test_rows_that_cannot_be_used_are_shown_and_make_the_status_1(digest: Publication, run: Run) -> None:
    _write(digest, "bad.csv", f"email\n{ADA}\nnowhere\n{ADA.upper()}\nno one@example.org\n")
    done = run("subscribers", "import", "bad.csv", "--yes")
    assert done.exit_code == 1
    assert "2 rows that can't be used; see them: newsletter subscribers check bad.csv" in done.output
    assert "bad.csv:3: no mail can be sent to this address" in done.output
    assert "bad.csv:5: no mail can be sent to this address" in done.output
    assert "  Left out    1 row with an address that is in an earlier row" in done.output
    assert "Imported: 1 new, 0 changed." in done.output
    assert list(_stored(digest)) == [ADA]


def test_of_many_unusable_rows_the_first_three_are_shown(digest: Publication, run: Run) -> None:
    _write(digest, "bad.csv", "email\n" + "".join(f"nowhere{number}\n" for number in range(20)))
    done = run("subscribers", "import", "bad.csv")
    assert done.exit_code == 1
    assert "20 rows that can't be used" in done.output
    assert done.output.count("no mail can be sent to this address") == 3
    assert "Import it?" not in done.output


@pytest.mark.parametrize(
    ("cell", "line", "mailed"),
    [
        ("unsubscribed", "  Inactive    1 of these are pending, paused or left by the list itself", False),
        ("paused", "  Inactive    1 of these are pending, paused or left by the list itself", False),
        ("active", "  New         1", True),
    ],
)
def test_a_status_in_the_file_is_heeded_once_it_is_said_what_it_means(
    kept: Publication, run: Run, cell: str, line: str, mailed: bool
) -> None:
    config = kept.root / "newsletter.toml"
    config.write_text(config.read_text().replace("[list]\n", '[list]\nhonour = ["status"]\n'))
    _write(kept, "zoe.csv", f"email,status\n{ZOE},{cell}\n")
    done = run("subscribers", "import", "zoe.csv", "--yes")
    assert done.exit_code == 0, done.output
    assert line in done.output
    listed = run("subscribers", "list", "--mailable").output
    assert (ZOE in listed) is mailed


def test_a_column_that_may_say_who_left_is_asked_about_first(digest: Publication, run: Run) -> None:
    _write(digest, "two.csv", f"email,unsubscribed\n{ADA},yes\n{BEN},no\n")
    refused = _refusal(run("subscribers", "import", "two.csv", "--yes"))
    assert isinstance(refused, DecisionNeeded)
    assert refused.message == "Does two.csv itself say who must not be mailed?"
    (question,) = refused.problems
    assert 'honour = ["unsubscribed"]' in question.next_step
    assert _stored(digest) == {}


def test_who_left_stays_away(kept: Publication, run: Run) -> None:
    assert run("subscribers", "suppress", ADA).exit_code == 0
    _write(kept, "ada.csv", f"email,city\n{ADA},Lagos\n")
    done = run("subscribers", "import", "ada.csv", "--yes")
    assert "  Suppressed  1 of these left, or must not be mailed: they still get nothing" in done.output
    assert ADA not in run("subscribers", "list", "--mailable").output


def test_who_was_erased_is_left_out(kept: Publication, run: Run) -> None:
    create_secret_keys(kept.root)
    assert run("subscribers", "forget", BEN, "--yes").exit_code == 0
    done = run("subscribers", "import", "two.csv", "--yes")
    assert done.exit_code == 0, done.output
    assert "  Left out    1 who asked to be erased; take them out of two.csv, too" in done.output
    assert list(_stored(kept)) == [ADA]


def test_consents_are_counted_and_kept(kept: Publication, run: Run) -> None:
    columns = "email,name,tags,consent_at,consent_source,consent_words"
    _write(kept, "agreed.csv", f"{columns}\n{ADA},Ada,board,2026-03-01,the form,Yes please\n")
    done = run("subscribers", "import", "agreed.csv", "--yes")
    assert done.exit_code == 0, done.output
    assert "  Consents    1" in done.output
    shown = run("subscribers", "show", ADA).output
    assert "the form" in shown
    assert "Yes please" in shown


def test_a_consent_without_its_time_is_a_row_that_cannot_be_used(kept: Publication, run: Run) -> None:
    _write(kept, "agreed.csv", f"email,consent_at,consent_source\n{ZOE},last spring,the form\n")
    done = run("subscribers", "import", "agreed.csv", "--yes")
    assert done.exit_code == 1
    assert "'last spring' is no moment" in done.output
    assert ZOE not in _stored(kept)


def test_a_language_that_is_none_is_kept_as_a_field(kept: Publication, run: Run) -> None:
    _write(kept, "zoe.csv", f"email,language,time_zone\n{ZOE},Klingon!,Mars/Olympus\n")
    done = run("subscribers", "import", "zoe.csv", "--yes")
    assert done.exit_code == 0, done.output
    assert "  Note        1 row with a language or time zone that is not known: kept as a field alone" in done.output
    assert _stored(kept)[ZOE].fields["language"] == "Klingon!"


@pytest.mark.parametrize(
    ("args", "words"),
    [
        ((), "Missing argument 'FILE'"),
        (("nothing.csv",), "File 'nothing.csv' does not exist."),
        (("drafts",), "File 'drafts' is a directory."),
        (("subscribers.csv", "newsletter.toml"), "unexpected extra argument"),
        (("subscribers.csv", "--force"), "No such option"),
        (("subscribers.csv", "--yes=no"), "does not take a value"),
    ],
)
def test_a_wrong_use_is_refused(digest: Publication, run: Run, args: tuple[str, ...], words: str) -> None:
    done = run("subscribers", "import", *args)
    assert done.exit_code == 2
    assert words in " ".join(done.output.split())
    assert not (digest.root / ".newsletter").exists()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", "is empty"),
        ("name,city\nAda,Lagos\n", "email"),
        (f"email,name\n{ADA},Zo\u00eb\n".encode("latin-1"), "is not in UTF-8"),
    ],
    ids=["empty", "no column email", "Latin-1"],
)
def test_a_file_that_is_no_list_is_refused_with_the_reason(
    digest: Publication, run: Run, content: str | bytes, words: str
) -> None:
    _write(digest, "odd.csv", content)
    refused = _refusal(run("subscribers", "import", "odd.csv", "--yes"))
    assert isinstance(refused, ListError)
    told = " ".join([refused.message, *map(str, refused.problems)])
    assert "odd.csv" in told
    assert words in told
    assert _stored(digest) == {}


def test_a_name_that_a_terminal_obeys_is_shown_escaped(digest: Publication, run: Run) -> None:
    _write(digest, "\x1b[31mred.csv", f"email\n{ADA}\n")
    done = run("subscribers", "import", "\x1b[31mred.csv", "--yes")
    assert done.exit_code == 0
    assert "\x1b" not in done.output
    assert "\\x1b[31mred.csv into the list in the store" in done.output


def test_an_export_is_named_and_who_left_by_it_gets_nothing_from_any_list(digest: Publication, run: Run) -> None:
    head = "id,email,name,subscribed_to_emails,complimentary_plan,created_at,labels\n"
    _write(digest, "members.csv", f"{head}1,{ADA},Ada,true,false,2024-01-15T10:00:00Z,\n2,{BEN},Ben,false,false,,\n")
    done = run("subscribers", "import", "members.csv", input="y\n")
    assert done.exit_code == 0, done.output
    assert "  Recognised  Ghost\n  New         2\n" in done.output
    assert "  Stay away   1 who left, and 0 whose mail came back: no list brings them back\n" in done.output
    assert NOT_YET in done.output
    assert "unsubscribed" in run("subscribers", "show", BEN).output
    shown = run("subscribers", "show", ADA, env={"NEWSLETTER_LIST__SOURCE": "store"}).output
    assert "created_at 2024-01-15T10:00:00Z" in shown


def test_rows_of_an_export_that_cannot_be_used_are_all_named_since_check_does_not_read_it(
    digest: Publication, run: Run
) -> None:
    head = "id,email,name,subscribed_to_emails,complimentary_plan\n"
    _write(digest, "members.csv", head + f"1,{ADA},Ada,true,false\n" + "2,nowhere,No,true,false\n" * 9)
    done = run("subscribers", "import", "members.csv", "--yes")
    assert done.exit_code == 1
    assert "  Left out    9 rows that can't be used; all are below\n" in done.output
    assert [f"members.csv:{line}:" in done.output for line in range(2, 12)] == [False] + [True] * 9


def test_an_import_is_undone_when_it_is_agreed_to_and_only_once(kept: Publication, run: Run) -> None:
    _write(kept, "more.csv", f"email,name,consent_at\n{ADA},Ada L.,\n{ZOE},Zoe,2026-03-01\n")
    done = run("subscribers", "import", "more.csv", "--yes")
    assert done.output.endswith("To undo it: newsletter subscribers import --undo\n")
    declined = run("subscribers", "import", "--undo", input="n\n")
    assert (declined.exit_code, list(_stored(kept))) == (1, [ADA, BEN, ZOE])
    undone = run("subscribers", "import", "--undo", input="y\n")
    assert undone.exit_code == 0, undone.output
    named, *lines = undone.output.splitlines()
    assert named.startswith("The import of more.csv (2")
    assert lines == [
        "  Removed     1 whom it brought",
        "  As before   1 whose row it changed",
        "  Consents    1 that it brought go",
        "Undo it? [y/N]: y",
        "Undone: 1 removed, 1 as before.",
    ]
    assert {key: row.fields["name"] for key, row in _stored(kept).items()} == {ADA: "Ada", BEN: "Ben"}
    again = run("subscribers", "import", "--undo", "--yes")
    assert again.exit_code == 0
    assert "nothing is undone now" in again.output
    assert list(_stored(kept)) == [ADA, BEN], "the import before it is not undone in its stead"


def test_an_older_import_is_undone_by_its_moment(kept: Publication, run: Run) -> None:
    _write(kept, "zoe.csv", f"email\n{ZOE}\n")
    assert run("subscribers", "import", "zoe.csv", "--yes").exit_code == 0
    assert run("subscribers", "import", "--undo", "--yes").exit_code == 0
    refused = _refusal(run("subscribers", "import", "--undo", "1999"))
    assert refused.message == "1999: no import has a moment that begins so."
    ((moment, file),) = [line.split() for line in (refused.next_step or "").splitlines()[1:]]
    assert file == "two.csv"
    done = run("subscribers", "import", "--undo", moment, "--yes")
    assert "Undone: 2 removed, 0 as before." in done.output
    assert _stored(kept) == {}
    assert "None can be undone any more." in (_refusal(run("subscribers", "import", "--undo", "1999")).next_step or "")


def test_without_an_import_nothing_can_be_undone_and_a_file_is_no_moment(digest: Publication, run: Run) -> None:
    assert _refusal(run("subscribers", "import", "--undo")).message == "No import can be undone: there was none."
    both = run("subscribers", "import", "subscribers.csv", "--undo")
    assert both.exit_code == 2
    assert "--undo reads no file" in both.output


def test_progress_is_shown_on_a_terminal_and_not_in_a_pipe(
    digest: Publication, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    _write(digest, "many.csv", "email\n" + "".join(f"r{number}@example.org\n" for number in range(600)))
    piped = run("subscribers", "import", "many.csv", input="n\n")
    assert "Comparing" not in piped.output + piped.stderr
    monkeypatch.setenv("FORCE_COLOR", "1")
    shown = run("subscribers", "import", "many.csv", input="y\n")
    for stage in ("Reading", "Comparing", "Writing"):
        assert stage in shown.stderr
    assert "600/600" in shown.stderr
    undone = run("subscribers", "import", "--undo", "--yes")
    assert "Undoing" in undone.stderr
