"""One issue in several languages: each reader gets one copy, in their own or in what stands in for it."""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field

import pytest
from conftest import Publication
from frozen import Pigeons
from messages import parsed, texts
from translated import SENDERS, WORDS, list_readers, translate, write_draft

from newsletter.actions.dry_run import dry_run
from newsletter.actions.freeze_plan import SendTime
from newsletter.actions.list_outbox import list_outbox
from newsletter.actions.send import Proposal, SendOutcome, SendResult, send
from newsletter.address import EmailAddress
from newsletter.backends import Feed, Limits
from newsletter.campaigns.options import Changes, SendOptions
from newsletter.campaigns.sent_issues import find_changed_issues
from newsletter.campaigns.sent_record import read_record
from newsletter.clock import parse_instant
from newsletter.errors import ConfigError, DecisionNeeded, DraftError
from newsletter.ledger.deliveries import count_languages, stream_deliveries
from newsletter.ledger.states import State
from newsletter.ledger.templates import list_current_templates
from newsletter.mail.message import Message, Outcome, Result
from newsletter.publication import OpenPublication
from newsletter.subscribers.stored_subscribers import StoredSubscriber, save_subscribers

READERS = {
    "anna": "en",
    "ben": "",
    "chie": "JA_jp",
    "dalia": "ar-EG",
    "xenia": "xx",
    "fumi": "ja",
    "evil": "<script>",
}
GOT = {"anna": "", "ben": "", "chie": "ja", "dalia": "ar", "xenia": "", "fumi": "ja", "evil": ""}
ALL_THE_SAME = SendOptions(despite_problems=True)


@dataclass
class Sender:
    """A publication in several languages, what each reader got, and who is put off until they are not any more."""

    publication: Publication
    opened: ExitStack
    mails: dict[str, Message] = field(default_factory=dict)
    copies: Counter[str] = field(default_factory=Counter)
    put_off: set[str] = field(default_factory=set)
    proposals: list[Proposal] = field(default_factory=list)

    def open(self) -> OpenPublication:
        async def carry(_pigeons: Pigeons, feed: Feed, message: Message) -> None:
            name = message.recipient.partition("@")[0]
            if name in self.put_off:
                feed.answer(Result(key=message.key, outcome=Outcome.DEFERRED, stage="rcpt", code=450, reply="later"))
                return
            self.copies[name] += 1
            self.mails[name] = message
            feed.answer(Result(key=message.key, outcome=Outcome.ACCEPTED, stage="text", code=250, reply="ok"))

        workspace = self.publication.workspace
        backend = Pigeons(carry, Limits(connections=1, window=4))
        return self.opened.enter_context(OpenPublication(workspace, backend=backend))

    def send(self, changes: Changes = Changes.ASK, *, to_new: bool = False, **how: SendTime) -> SendResult:
        opened = self.open()
        options = SendOptions(despite_problems=True, changes=changes, to_new=to_new)
        return send(
            opened,
            opened.draft("3.8"),
            options,
            confirm=lambda proposal: self.proposals.append(proposal) is None,
            **how,
        )

    def languages(self) -> dict[str, str]:
        """Return by reader the language that their copy says it is in, and check that its words are."""
        found = {}
        for name, message in self.mails.items():
            mail = parsed(message.data)
            language = "" if mail["Content-Language"] == "en" else mail["Content-Language"]
            first, second, _ = WORDS[language]
            plain, html = texts(message.data)
            assert second in plain
            assert first in html
            assert str(mail["Subject"]).startswith(first)
            others = [words for tag, words in WORDS.items() if tag != language]
            assert not any(word in plain + html for words in others for word in words)
            found[name] = language
        return found


@pytest.fixture
def sender(publication: Publication, monkeypatch: pytest.MonkeyPatch) -> Iterator[Sender]:
    publication.environ["NEWSLETTER_SEND__RETRIES"] = ""
    translate(publication, "ja", "ar")
    list_readers(publication, **READERS)
    with ExitStack() as opened:
        yield Sender(publication, opened)


def test_each_reader_gets_one_copy_in_their_language(sender: Sender) -> None:
    result = sender.send()
    assert result.complete
    assert set(sender.copies.values()) == {1}
    assert sender.languages() == GOT
    opened = sender.open()
    store = opened.store
    assert count_languages(store, result.issue) == {"": 4, "ja": 2, "ar": 1}
    assert sorted(template.language for template in list_current_templates(store, result.issue)) == ["", "ar", "ja"]
    mail = parsed(sender.mails["chie"].data)
    assert SENDERS["ja"] in str(mail["From"])
    assert "digest@example.org" in str(mail["From"])
    plain, html = texts(sender.mails["chie"].data)
    assert "https://example.org/digest/3.8.ja.html" in plain
    assert 'lang="ja"' in html
    ids = [parsed(message.data)["Message-ID"] for message in sender.mails.values()]
    assert len(set(ids)) == len(READERS)
    record = opened.record(result.issue).read_text()
    assert '[translations.ja]\ndraft_sha256 = "' in record
    assert "readers = 2" in record
    noted = read_record(opened.record(result.issue))
    assert noted is not None
    assert noted.draft_sha256 == result.plan.campaign.draft_sha256


def test_the_question_counts_who_gets_which_language_and_who_falls_back(sender: Sender) -> None:
    sender.send()
    batch = sender.proposals[0].plan.batch
    assert batch is not None
    told = {(row.language, row.asked): row.recipients for row in batch.languages}
    assert told == {("", ""): 1, ("", None): 1, ("ja", ""): 2, ("ar", ""): 1, ("", "xx"): 1, ("", "<script>"): 1}
    assert sum(told.values()) == len(READERS)


def test_default_and_fallback_are_what_the_settings_say(publication: Publication) -> None:
    more = 'default_language = "ja"\nfallback_language = "ar"\n'
    translate(publication, "ja", "ar", more=more)
    list_readers(publication, **READERS)
    with ExitStack() as opened:
        sender = Sender(publication, opened)
        sender.send()
        assert sender.languages() == GOT | {"ben": "ja", "xenia": "ar", "evil": "ar"}


@pytest.mark.slow
def test_an_issue_without_a_draft_in_the_fallback_language_goes_out_by_its_main_draft(publication: Publication) -> None:
    translate(publication, "ja", "ar", more='default_language = "ja"\nfallback_language = "ar"\n')
    (publication.root / "drafts/3.8.ar.yaml").unlink()
    list_readers(publication, **READERS)
    with ExitStack() as opened:
        sender = Sender(publication, opened)
        sender.send()
        assert sender.languages() == GOT | {"ben": "ja", "dalia": ""}


def test_a_language_that_is_not_declared_is_told_with_its_line(publication: Publication) -> None:
    translate(publication, "ja", more='fallback_language = "de"\n')
    with pytest.raises(ConfigError) as raised:
        _ = publication.workspace.config
    (problem,) = raised.value.problems
    lines = (publication.root / "newsletter.toml").read_text().splitlines()
    assert "fallback_language" in lines[problem.line - 1]
    assert "'fallback_language' is de, which is not one of the publication's languages" in problem.message


@pytest.mark.slow
def test_a_list_without_the_column_gets_the_default(sender: Sender) -> None:
    sender.publication.readers(2)
    sender.send()
    assert set(sender.languages().values()) == {""}
    batch = sender.proposals[0].plan.batch
    assert batch is not None
    assert [(row.asked, row.recipients) for row in batch.languages] == [(None, 2)]


def test_a_list_in_the_store_has_the_language_of_its_own_column(sender: Sender) -> None:
    sender.publication.environ["NEWSLETTER_LIST__SOURCE"] = "store"
    rows = [
        StoredSubscriber(address=EmailAddress("fumi@example.org"), language="ja"),
        StoredSubscriber(address=EmailAddress("dalia@example.org"), language="ar", fields={"language": ""}),
        StoredSubscriber(address=EmailAddress("chie@example.org"), fields={"language": "JA_jp"}),
    ]
    with sender.open().store.transaction() as connection:
        save_subscribers(connection, rows)
    sender.put_off = {"fumi"}
    sender.send()
    sender.put_off = set()
    assert sender.send().complete
    assert sender.languages() == {"fumi": "ja", "dalia": "ar", "chie": "ja"}


def test_rubbish_in_the_column_is_harmless(sender: Sender) -> None:
    path = sender.publication.root / "subscribers.csv"
    path.write_text(
        f'email,Language\nlong@example.org,{"ja" * 5000}\nlow@example.org,j\0a\nsql@example.org,"ja\'; --"\n'
        "formula@example.org,'=ja\nfine@example.org, Ja \n" + "".join(f"r{n}@example.org,ja\n" for n in range(110)),
        encoding="utf-8",
    )
    result = sender.send()
    assert result.unusable == 2
    got = sender.languages()
    assert (got["sql"], got["formula"], got["fine"], got["r7"]) == ("", "", "ja", "ja")
    assert not {"long", "low"} & got.keys()


def _stop_halfway(sender: Sender) -> None:
    """Send to all but two readers of each language, who are put off."""
    sender.put_off = {"ben", "fumi", "dalia"}
    assert sender.send().counts[State.DEFERRED] == 3
    sender.put_off = set()


CHANGES: list[tuple[str, Callable[[Publication], object], str]] = [
    ("added", lambda publication: None, "its translation into Arabic is new"),
    ("changed", lambda publication: write_draft(publication, "ja", NEW), "its translation into Japanese has changed"),
    ("gone", lambda publication: (publication.root / "drafts/3.8.ja.yaml").unlink(), "Japanese is gone"),
]
FIRST = ("added", Changes.TAKE_OVER)
NEW = ("新しい見出し", "新しい本文。", "会員限定：新しい議事録。")


@pytest.mark.parametrize(
    ("kind", "change", "told", "changes"),
    [
        pytest.param(*change, changes, marks=[pytest.mark.slow] if (change[0], changes) != FIRST else [])
        for change in CHANGES
        for changes in (Changes.CONTINUE, Changes.TAKE_OVER)
    ],
)
def test_a_translation_that_changes_meanwhile_is_asked_about(
    sender: Sender, monkeypatch: pytest.MonkeyPatch, kind: str, change: Callable[[Publication], object], told: str,
    changes: Changes,
) -> None:  # fmt: skip
    arabic = sender.publication.root / "drafts/3.8.ar.yaml"
    text = arabic.read_text()
    if kind == "added":
        arabic.unlink()
    _stop_halfway(sender)
    change(sender.publication)
    if kind == "added":
        arabic.write_text(text)
    with pytest.raises(DecisionNeeded, match=told):
        sender.send()
    if kind == "changed":
        monkeypatch.setitem(WORDS, "ja", NEW if changes is Changes.TAKE_OVER else WORDS["ja"])
        del sender.mails["chie"]  # who had the old text
    assert sender.send(changes).complete
    expected = {
        ("added", Changes.CONTINUE): GOT | {"dalia": ""},
        ("gone", Changes.TAKE_OVER): GOT | {"fumi": ""},
    }.get((kind, changes), GOT)
    assert sender.languages() == {name: expected[name] for name in sender.mails}
    assert set(sender.copies.values()) == {1}
    counts = count_languages(sender.open().store, sender.proposals[-1].plan.campaign.issue)
    assert counts == dict(Counter(expected.values()))


@pytest.mark.slow
def test_a_new_reader_of_a_language_that_was_not_frozen_wants_a_decision(sender: Sender) -> None:
    sender.send()
    write_draft(sender.publication, "", ("Another headline", "Another text.", "Another."))
    (sender.publication.root / "drafts/3.8.ar.yaml").unlink()
    list_readers(sender.publication, **READERS, gita="ja")
    sender.send(Changes.CONTINUE, to_new=True)
    assert sender.languages()["gita"] == "ja"


@pytest.mark.slow
def test_a_draft_of_a_translation_that_is_gone_leaves_what_was_frozen(sender: Sender) -> None:
    _stop_halfway(sender)
    for path in (sender.publication.root / "drafts").glob("3.8*.yaml"):
        path.unlink()
    from newsletter.actions.send import read_draft_to_send

    opened = sender.open()
    options = SendOptions(changes=Changes.CONTINUE)
    result = send(opened, read_draft_to_send(opened, "3.8", options), options, confirm=lambda _: True)
    assert result.complete
    assert sender.languages() == GOT


@pytest.mark.slow
def test_a_broken_translation_keeps_the_issue_back_and_what_was_frozen_goes_on(sender: Sender) -> None:
    path = sender.publication.draft("3.8.ja", "volume: 3\nnumber: 8\nitems: [\n")
    with pytest.raises(DraftError, match=r"3\.8\.ja\.yaml"):
        sender.send()
    assert not sender.mails
    write_draft(sender.publication, "ja")
    _stop_halfway(sender)
    path.write_text("items: [\n")
    with pytest.raises(DecisionNeeded, match="Japanese has changed"):
        sender.send()
    assert sender.send(Changes.CONTINUE).complete
    assert sender.languages() == GOT


def test_the_main_draft_says_who_sees_what_in_every_language(sender: Sender) -> None:
    path = sender.publication.root / "subscribers.csv"
    path.write_text(
        "email,tags,language\nanna@example.org,,ja\nboss@example.org,members,ja\nchie@example.org,members,en\n"
    )
    sender.send()
    seen = {name: texts(message.data)[0] for name, message in sender.mails.items()}
    minutes = {language: words[2] for language, words in WORDS.items()}
    assert minutes["ja"] in seen["boss"]
    assert minutes[""] in seen["chie"]
    assert not any(words in seen["anna"] for words in minutes.values())
    frozen = list_current_templates(sender.open().store, sender.open().draft("3.8").name)
    languages = [(template.variant.partition("@")[0], template.language) for template in frozen]
    assert sorted(languages) == [("10", ""), ("10", "ja"), ("11", ""), ("11", "ja")]


def test_a_translation_that_may_show_members_items_to_others_is_refused(sender: Sender) -> None:
    text = write_draft(sender.publication, "ja").read_text()
    (sender.publication.root / "drafts/3.8.ja.yaml").write_text(text.replace("id: minutes", "id: minute"))
    with pytest.raises(DraftError) as raised:
        sender.send()
    assert "its id 'minute' is not in the main draft" in raised.value.problems[0].message
    write_draft(sender.publication, "ja", only_for="board")
    with pytest.raises(DraftError) as raised:
        sender.send()
    assert "only for [board]; in the main draft it is only for [members]" in raised.value.problems[0].message


@pytest.mark.slow
def test_an_issue_in_the_outbox_tells_that_a_translation_has_changed(sender: Sender) -> None:
    time = SendTime(due=parse_instant("2100-01-01"), expires=parse_instant("2100-01-02"))
    assert sender.send(time=time).outcome is SendOutcome.SCHEDULED
    now = parse_instant("2099-01-01")
    (scheduled,) = list_outbox(sender.open(), now)
    assert not scheduled.draft_changed
    write_draft(sender.publication, "ja", NEW)
    (scheduled,) = list_outbox(sender.open(), now)
    assert scheduled.draft_changed


@pytest.mark.slow
def test_a_changed_translation_is_a_changed_issue_and_one_added_later_is_none(sender: Sender) -> None:
    (sender.publication.root / "drafts/3.8.ar.yaml").rename(sender.publication.root / "later")
    sender.send()
    opened = sender.open()
    draft = opened.draft("3.8")

    def find() -> frozenset[str]:
        return frozenset(find_changed_issues(opened.workspace, opened.known_store, [draft]))

    assert find() == frozenset()
    (sender.publication.root / "later").rename(sender.publication.root / "drafts/3.8.ar.yaml")
    assert find() == frozenset()
    write_draft(sender.publication, "ja", NEW)
    assert find() == {"3.8"}


@pytest.mark.slow
def test_a_dry_run_writes_each_reader_s_language(sender: Sender) -> None:
    opened = sender.open()
    done = dry_run(opened, opened.draft("3.8"), SendOptions())
    assert done.languages == {"": 4, "ja": 2, "ar": 1}
    written = Counter(parsed(path.read_bytes())["Content-Language"] for path in done.folder.iterdir())
    assert written == {"en": 4, "ja": 2, "ar": 1}


def test_a_publication_in_one_language_sends_as_before(publication: Publication) -> None:
    write_draft(publication)
    list_readers(publication, **READERS)
    with ExitStack() as opened:
        sender = Sender(publication, opened)
        result = sender.send()
        batch = sender.proposals[0].plan.batch
        assert batch is not None
        assert not batch.languages
        assert parsed(sender.mails["chie"].data)["Content-Language"] is None
        assert " " not in result.plan.campaign.draft_sha256
        rows = list(stream_deliveries(sender.open().store, result.issue))
        assert {row.language for row in rows} == {""}
        assert "translations" not in sender.open().record(result.issue).read_text()
