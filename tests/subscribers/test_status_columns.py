"""Columns that say who has left: ours are honoured, those of other programs are asked about, and no other is."""

from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.clock import parse_instant
from newsletter.config import SubscriberListSettings
from newsletter.errors import DecisionNeeded, ListError
from newsletter.store import Store, open_store, suppressions
from newsletter.subscribers import suppression
from newsletter.subscribers.csv_source import CsvSource
from newsletter.subscribers.feedback_events import SuppressionKind
from newsletter.subscribers.status_columns import StatusColumns, read_own_status_columns, read_status_columns
from newsletter.subscribers.status_words import StatusMeaning, interpret_cell
from newsletter.subscribers.subscriber import Subscriber

Write = Callable[[bytes | str], Path]

# The forms in which other programs export, each with a reader who is mailed (in@) and those who are not (out…@).
_EXPORTS = {
    "listmonk": (
        "status",
        "uuid,email,name,attributes,status,created_at,updated_at\n"
        'u1,in@example.org,In,"{""city"": ""Riga""}",enabled,2024-01-01,2024-01-01\n'
        "u2,out1@example.org,Out,{},blocklisted,2024-01-01,2024-01-01\n"
        "u3,out2@example.org,Out,{},disabled,2024-01-01,2024-01-01\n",
    ),
    "Ghost": (
        "subscribed_to_emails",
        "id,email,name,note,subscribed_to_emails,complimentary_plan,stripe_customer_id,created_at,deleted_at,labels,tiers\n"
        "1,in@example.org,In,,true,false,,2024-01-15T10:00:00.000Z,,,\n"
        "2,out1@example.org,Out,,false,true,,2024-01-15T10:00:00.000Z,,,\n",
    ),
    "Substack": (
        "email_disabled",
        "email,active_subscription,expiry,plan,email_disabled,created_at,first_payment_at\n"
        "in@example.org,false,,other,false,2025-01-01,\n"
        "out1@example.org,true,2027-07-01,yearly,true,2025-01-01,2025-06-01\n",
    ),
    "Substack's words": (
        "email_disabled",
        "Email,Name,Email disabled\nin@example.org,In,FALSE\nout1@example.org,Out,TRUE\n",
    ),
    "Keila": (
        "status",
        "Email,First name,Last name,Data,Status\nin@example.org,I,N,,active\nout1@example.org,O,U,,unsubscribed\n"
        "out2@example.org,O,U,,unreachable\n",
    ),
    "Buttondown": (
        "subscriber_type",
        "email,notes,subscriber_type,creation_date\nin@example.org,,regular,2024-01-01\nin2@example.org,,premium,\n"
        "out1@example.org,,unactivated,2024-01-01\n",
    ),
    "Buttondown's dates": (
        "unsubscription_date",
        "email,unsubscription_date,churn_date\nin@example.org,,2024-01-01\nout1@example.org,2024-05-01,\n",
    ),
    "Mailchimp": (
        "unsub_time",
        "email,First Name,MEMBER_RATING,OPTIN_TIME,UNSUB_TIME,UNSUB_REASON,LEID\n"
        "in@example.org,In,2,2020-02-03 04:05:06,,,1\n"
        'out1@example.org,Out,2,2020-02-03 04:05:06,2021-01-01 00:00:00,"N/A",2\n',
    ),
    "by hand": ("vermerk", "email,Vermerk\nin@example.org,\nout1@example.org,Abgemeldet\n"),
}
_FORMS = pytest.mark.parametrize(("column", "text"), _EXPORTS.values(), ids=_EXPORTS)


@_FORMS
def test_a_foreign_column_that_says_left_is_asked_about_once(write_list: Write, column: str, text: str) -> None:
    path = write_list(text)
    asked = read_status_columns(path)
    assert [problem.message.split()[2] for problem in asked.questions] == [column]
    assert asked.suppressed == {}
    with pytest.raises(DecisionNeeded) as stopped:
        asked.require_answers()
    assert f'honour = ["{column}"]' in str(stopped.value.problems[0])
    assert f'ignore = ["{column}"]' in str(stopped.value.problems[0])
    honoured = read_status_columns(path, honour=[column])
    assert honoured.questions == []
    out = {f"out{number}@example.org" for number in (1, 2) if f"out{number}@" in text}
    assert set(honoured.suppressed) == out
    ignored = read_status_columns(path, ignore=[column])
    assert (ignored.questions, ignored.suppressed) == ([], {})


@_FORMS
def test_suppressing_from_an_export_leaves_those_whom_it_says_to_mail(
    store: Store, write_list: Write, column: str, text: str
) -> None:
    if column == "vermerk":
        text = text.replace("Vermerk", "Status").replace("in@example.org,", "in@example.org,aktiv")
    brought = suppression.import_suppressions(store, None, write_list(text), "unsubscribed")
    with store.reading() as connection:
        held = {reader: cause for reader, cause, *_ in suppressions.stream_suppressions(connection)}
    assert {reader[:3] for reader in held} == {"out"}
    assert brought.mailed == text.count("in@") + text.count("in2@")
    if "unreachable" in text:
        assert held["out2@example.org"] == SuppressionKind.BOUNCED


def test_a_plain_list_of_addresses_is_suppressed_whole(tmp_path: Path, write_list: Write) -> None:
    with closing(open_store(tmp_path / "state.db")) as store:
        text = "email,name,tags,active_subscription,state\na@example.org,A,board,true,Ohio\n"
        brought = suppression.import_suppressions(store, None, write_list(text), "bounced")
    assert (brought.new, brought.mailed) == (1, 0)


def test_a_status_that_nobody_knows_suppresses_nobody(tmp_path: Path, write_list: Write) -> None:
    path = write_list("email,Status\na@example.org,VIP\nb@example.org,unsubscribed\n")
    with closing(open_store(tmp_path / "state.db")) as store:
        with pytest.raises(ListError) as refused:
            suppression.import_suppressions(store, None, path, "bounced")
        assert [(problem.line, "status" in problem.message) for problem in refused.value.problems] == [(2, True)]
        assert suppression.import_suppressions(store, None, path, "bounced", ignore=["Status"]).new == 2


def test_columns_about_other_things_are_not_asked_about(write_list: Write) -> None:
    path = write_list(
        "email,name,tags,state,membership,active_subscription,note,status,OPTIN_TIME,churn_date,last_open\n"
        "a@example.org,Disabled,blocked,Ohio,paid,false,asked to be unsubscribed from the other list,,,2024-01-01,\n"
        "b@example.org,Bounced,,Maine,none,true,,active,2020-01-01,,2024-01-01\n"
    )
    assert read_status_columns(path).questions == []


def test_the_columns_of_an_export_of_ours_are_honoured_unasked(write_list: Write) -> None:
    path = write_list(
        "email,newsletter_state,newsletter_since,newsletter_words\n"
        "a@example.org,mailable,,\nB@example.org,unsubscribed,2026-03-01T09:30:00+00:00,too many\n"
        'c@example.org,"bounced, complained",2026-03-01T09:30:00+00:00,550\nd@example.org,,,\ne@example.org,typo,,\n'
        "a@EXAMPLE.org,bounced,,\n"
    )
    found = read_status_columns(path)
    assert found.questions == []
    assert {reader: each.kind for reader, each in found.suppressed.items()} == {
        "a@example.org": "bounced", "b@example.org": "unsubscribed", "c@example.org": "bounced",
        "e@example.org": "suppressed",
    }  # fmt: skip
    assert found.suppressed["b@example.org"].words == "too many"


def test_a_column_that_is_to_be_honoured_must_be_in_the_publication_s_own_list(write_list: Write) -> None:
    path = write_list("email,name\na@example.org,A\n")
    settings = SubscriberListSettings(
        file="list.csv", id="list.example.org", unsubscribe="mailto:leave@example.org", honour=("Email disabled",)
    )
    with pytest.raises(ListError, match="has no column Email disabled"):
        read_own_status_columns(path, settings)
    board = path.rename(path.with_name("board.csv"))
    assert read_own_status_columns(board, settings) == StatusColumns(board, questions=[])


def test_in_an_honoured_column_a_word_that_nobody_knows_keeps_its_reader_out(write_list: Write) -> None:
    path = write_list("email,Abo\na@example.org,ja\nb@example.org,aktiv\nc@example.org,\n")
    assert set(read_status_columns(path, honour=["Abo"]).suppressed) == {"a@example.org"}


@pytest.mark.parametrize(
    ("column", "cell", "said"),
    [
        ("subscribed", "", "left"), ("subscribed", "yes", "mailed"), ("opt_in", "2020-01-01", "mailed"),
        ("accepts_email_marketing", "no", "left"), ("unsubscribed_at", "", "mailed"), ("bounced", "1", "left"),
        ("unsubscribed_at", "0000-00-00 00:00:00", "mailed"), ("deleted_at", "2024-01-01", "left"),
        ("email_status", "Unsubscribed", "left"), ("status", "", "nothing"), ("status", "1", "unclear"),
        ("city", "Bounced", "left"), ("city", "Subscribed", "nothing"), ("paid", "yes", "nothing"),
    ],
)  # fmt: skip
def test_what_a_cell_says(column: str, cell: str, said: str) -> None:
    assert interpret_cell(column, cell) is StatusMeaning(said)


@pytest.mark.parametrize("row", ["unsubscribed", "", " , ", '"unsubscribed"'])
def test_a_row_without_an_address_says_nothing_of_anybody(write_list: Write, row: str) -> None:
    path = write_list(f"newsletter_state,email,name\n{row}\nunsubscribed,out@example.org,Out\n")
    assert list(read_status_columns(path).suppressed) == ["out@example.org"]


def test_a_blank_row_is_no_reason_to_ask_what_a_column_means(write_list: Write) -> None:
    assert not read_status_columns(write_list("email,subscribed\nin@example.org,true\n\n,\n")).questions
    assert read_status_columns(write_list("email,subscribed\nin@example.org,true\nout@example.org,\n")).questions


@pytest.mark.parametrize(
    ("column", "cell"),
    [
        ("Unsubscribed from all email", "true"), ("Opted out of email: News", "true"), ("HasOptedOutOfEmail", "1"),
        ("Do not allow Bulk Emails", "Yes"), ("state", "cancelled"), ("Email Marketing Consent", "NEVER_SUBSCRIBED"),
        ("Email Suppressions", "UNSUBSCRIBE"), ("emailBlacklisted", "true"), ("Blocklisted email", "yes"),
        ("nomail", "1"), ("date_unsubscribed", "2024-01-01"), ("removed_at", "2024-01-01"), ("Hard bounces", "3"),
        ("cancelled_at", "2024-01-01"), ("Last bounced", "2024-01-01"), ("Delivery", "disabled by bounces"),
        ("Group status", "banned"), ("Newsletter", "no"), ("Send newsletter", "0"), ("GDPR consent", "no"),
        ("Abgemeldet", "ja"), ("Abgemeldet am", "1.5.2024"), ("Désinscrit", "oui"), ("Dado de baja", "x"),
        ("配信停止", "1"), ("備考", "配信停止"), ("Inactive since", "2024"), ("DND", "x"),
        ("Tags", "board;unsubscribed"), ("TAGS", '"board","Unsubscribed"'), ("", "unsubscribed"),
        ("", "asked, unsubscribed"), ("note", "Désabonnée"), ("status", "Opted out by admin"),
    ],
)  # fmt: skip
def test_a_column_that_says_left_in_other_words_is_asked_about(write_list: Write, column: str, cell: str) -> None:
    quoted = '"{}"'.format(cell.replace('"', '""'))
    path = write_list(f"email,{column},x\nin@example.org,,\nout@example.org,{quoted},\n")
    assert [problem.line for problem in read_status_columns(path).questions] == [3]
    if column:
        honoured = read_status_columns(path, honour=[column])
        assert (list(honoured.suppressed), honoured.questions) == (["out@example.org"], [])
        assert read_status_columns(path, ignore=[column]).questions == []


@pytest.mark.parametrize(
    ("column", "cell"),
    [
        ("state", "California"), ("country", "NO"), ("note", "no newsletter in August, said he"), ("Hard bounces", "0"),
        ("removed_at", ""), ("Newsletter", "yes"), ("Newsletter", "weekly"), ("Email Suppressions", "[]"),
        ("GDPR consent", "yes"), ("Group status", "member"), ("Delivery", "by mail"), ("HasOptedOutOfEmail", "FALSE"),
        ("tags", "board;staff"), ("", "x"), ("organisation", "Left Party"), ("subscriber_count", "0"),
        ("bounce_rate", "0.00%"), ("Inactive since", "-"), ("title", "Opt-out officer"), ("city", "Baja"),
    ],
)  # fmt: skip
def test_a_column_that_says_nothing_of_leaving_is_not_asked_about(write_list: Write, column: str, cell: str) -> None:
    path = write_list(f'email,{column},x\na@example.org,"{cell}",\n')
    assert read_status_columns(path).questions == []
    if column:
        assert interpret_cell(column.casefold().replace(" ", "_"), cell) is StatusMeaning.NOTHING


def test_a_column_that_may_mean_something_else_takes_nobody_out_of_a_list_to_suppress(
    store: Store, write_list: Write
) -> None:
    path = write_list("email,removed_at,Newsletter,Group status\na@example.org,,yes,member\n")
    assert suppression.import_suppressions(store, None, path, "unsubscribed").new == 1


@pytest.mark.parametrize(
    ("cell", "since"),
    [
        ("2026-03-01T10:30:00+01:00", "2026-03-01T09:30:00+00:00"),
        ("2026-03-01", "2026-03-01T00:00:00+00:00"),
        ("", None),
        ("01.03.26 09:30", None),
        ("0001-01-01T00:00:00+23:00", None),
    ],
)
def test_a_moment_that_a_spreadsheet_has_rewritten_is_not_known(
    write_list: Write, cell: str, since: str | None
) -> None:
    path = write_list(f"email,newsletter_state,newsletter_since\nout@example.org,bounced,{cell}\n")
    (suppressed,) = read_status_columns(path).suppressed.values()
    assert suppressed.kind == SuppressionKind.BOUNCED
    assert suppressed.since == (since and parse_instant(since))


_CELLS = st.sampled_from(
    ["unsubscribed", "Left", "", " ", "x", "0", "false", "yes", "a@example.org", "Riga", '"', '"a,b"']
)
_NAMES = st.lists(
    st.sampled_from(["status", "opt_out", "city", "", "notes", "newsletter_state"]), max_size=4, unique=True
)


@given(
    names=_NAMES, rows=st.lists(st.lists(_CELLS, max_size=6), max_size=12), ignore=st.sampled_from([(), ("status",)])
)
def test_a_list_that_is_read_once_says_what_it_says_when_read_twice(
    names: list[str], rows: list[list[str]], ignore: tuple[str, ...]
) -> None:
    lines = [["email", *names], *([f"r{number}@example.org", *row] for number, row in enumerate(rows))]
    with TemporaryDirectory() as folder:
        path = Path(folder) / "subscribers.csv"
        path.write_text("\n".join(",".join(line) for line in lines) + "\n", encoding="utf-8")
        settings = SubscriberListSettings(id="list.example.org", unsubscribe="mailto:leave@example.org", ignore=ignore)
        source = CsvSource(path, settings)
        reading = source.read_list()
        read = list(reading.rows)
        own = source.read_statuses()
        assert read == list(source.read_rows())
        assert reading.statuses.questions == own.questions
        for row in read:
            if isinstance(row, Subscriber):
                assert reading.statuses.describe(row) == own.describe(row)
